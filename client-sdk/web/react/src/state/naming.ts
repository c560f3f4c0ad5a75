// What people are called, out of the ids that the server files under and the names that they tell of themselves.
//
// Always true: the id of a link is no name to anybody: whoever holds one and was not asked for more is somebody with a link. Where
// there are several links, each has the beginning of its name beside it, as whoever shares the document reads it in the list.

import type { Words } from './words'

/** What the ids of those begin with who hold a link and were not asked for more. No person's id does. */
const LINK = 'link:'

/** Enough of the name of a link to tell those of a document apart. */
const MARK_LENGTH = 6

/** Somebody, as far as they are known. */
interface Told {
  readonly id: string
  /** What they call themselves: their id where they do not. */
  readonly name: string
}

/** What somebody is called. `several`: those with a link stand beside others, with other links. */
export function calledBy(words: Words, { id, name }: Told, several: boolean): string {
  if (name !== id || !id.startsWith(LINK)) return name
  return words.presence.byLink(several ? id.slice(LINK.length, LINK.length + MARK_LENGTH) : undefined)
}

/** Whether there are different links among these ids. */
export function areSeveralLinks(ids: Iterable<string | null | undefined>): boolean {
  let first: string | undefined
  for (const id of ids) {
    if (id?.startsWith(LINK) !== true) continue
    if (first !== undefined && id !== first) return true
    first = id
  }
  return false
}

/** A sentence of the rules: what somebody did with a link ends with `by` and the id of that. */
export function withNames(sentence: string, words: Words, nameOf: (id: string) => string): string {
  return sentence.replace(
    / by (link:[0-9a-f]+)/g,
    (_, id: string) => ` by ${words.presence.inside(nameOf(id))}`,
  )
}
