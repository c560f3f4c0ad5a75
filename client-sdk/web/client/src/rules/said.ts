// What a change says of itself, in words for people: whoever shows a message of a change shows what comes from here.
//
// Edit path: ← the message that a change carries; → the history, what waits, causes, what others did, what was undone.
//
// Always true: a message that is in words already stays as it is, and one of an older version is worded as one of this. Those that
// must be the same bytes wherever they are made, or that programs write, name things as programs do:
//
// | message | who writes it |
// |---|---|
// | `settled: push_down` | a decision about a conflict, here and on the server |
// | `restored an earlier state`, `restored the version v1` | the server, for who went back by HTTP |
// | `accepted for ana` | the server, for who accepted what it had refused |

import { isProposal, type Proposal } from './proposal'

/** What was done, in words; `{one}`: what the change was about. */
const SETTLED = {
  push_down: 'pushed {one} down',
  first_free: 'moved {one} to the first free place',
  clamp: 'took the nearest allowed value',
  number_title: 'numbered {one}',
  clear_reference: 'removed the reference',
  keep_earlier: 'kept the earlier value',
  keep_later: 'kept the later value',
  unset_later: 'kept what was set first',
} as const satisfies Readonly<Record<Proposal, string>>

/** How it is called where nobody knows which it is. */
const LATER = 'the later one'

/** Those that say what was done to a message of their own. */
const AROUND = /^(Undid|Did again): ([^]*)$/

/** The message in words. */
export function inWords(message: string): string {
  const [, around, inside] = AROUND.exec(message) ?? []
  if (around !== undefined && inside !== undefined) return `${around}: ${inWords(inside)}`
  const proposal = settledBy(message)
  if (proposal !== undefined) return settledWords(proposal)
  if (message === 'restored an earlier state') return 'Went back to an earlier state'
  const [, version] = /^restored the version ([^]*)$/.exec(message) ?? []
  if (version !== undefined) return `Went back to the version “${version}”`
  const [, author] = /^accepted for ([^]*)$/.exec(message) ?? []
  if (author === undefined) return message
  return `Accepted what ${author.startsWith('link:') ? 'somebody with a link' : author} had made`
}

/** The proposal that a message says was made, as it is called: perhaps one of a later version. */
export function settledBy(message: string): string | undefined {
  return /^settled: ([a-z_]+)$/.exec(message)?.[1]
}

/** That it was made; `title`: of what it changed, where that is known and has one. */
export function settledWords(proposal: string, title?: string): string {
  if (!isProposal(proposal)) return `Settled a conflict${title === undefined ? '' : ` about “${title}”`}`
  const words: string = SETTLED[proposal]
  const said = words.replace('{one}', () => (title === undefined ? LATER : `“${title}”`))
  return `Settled: ${said}${title === undefined || words.includes('{one}') ? '' : ` for “${title}”`}`
}
