// What the changes of a history did, in words: those that say nothing of it, or not enough, are looked at.
//
// Edit path: ← the hashes of some changes, and what they say of themselves; → what stands in the history.
//
// Always true: only decisions and names, which are below the reserved key, are found out so; what else a change did stands in its
// message or nowhere. What is not here, or is beyond `LOOKED_AT_MAX`, is told as far as its message goes. Each line stands once, where it
// was true last: the newest is the last one.

import { Automerge, type Doc, type Patch } from './automerge'
import { ENTRY_ACTOR, RESERVED_KEY } from './generated/constants'
import { inWords, settledBy, settledWords } from './rules/said'
import type { Heads } from './types'

/** So many are looked at for a page: it has fifty groups, and few are decisions. */
const LOOKED_AT_MAX = 30

/** Looking at one takes a millisecond for each thousand changes of the document; a page may take a tenth of a second for it. */
const CHANGES_READ_MAX = 100_000

type Backend = ReturnType<typeof Automerge.getBackend>
type Change = NonNullable<ReturnType<Backend['getChangeMetaByHash']>>

/** One thing that was done, and which of the changes did it. */
interface Line {
  readonly at: number
  readonly words: string
}

/** Each line once, where it stands last. */
export function eachLast(lines: readonly string[]): string[] {
  return [...new Set(lines.toReversed())].reverse()
}

/** Words for groups of changes of one document. */
export class Deeds {
  readonly #doc: Doc<unknown>
  /** So many more may be looked at. */
  #left: number

  constructor(doc: Doc<unknown>) {
    this.#doc = doc
    const { numChanges } = Automerge.stats(doc)
    this.#left = Math.min(LOOKED_AT_MAX, Math.floor(CHANGES_READ_MAX / Math.max(1, numChanges)))
  }

  /** What a group did; `messages`: what its changes say of themselves, as far as that is listed; `hashes`: the oldest first. */
  of(messages: readonly string[], hashes: readonly string[]): string[] {
    const changes = hashes.map((hash) => this.#change(hash))
    let at = -1
    const said = messages.flatMap((message): Line[] => {
      // What is not among the changes stands behind what it is listed behind.
      at = Math.max(
        at,
        changes.findLastIndex((change) => change?.message === message),
      )
      const plain = { at, words: inWords(message) }
      if (settledBy(message) === undefined) return [plain]
      const each = changes.flatMap((change, at) =>
        change?.message === message ? [{ at, words: this.#decision(change) ?? plain.words }] : [],
      )
      return each.length === 0 ? [plain] : each
    })
    const silent = changes.flatMap((change, at): Line[] => {
      if (!change || change.message || !this.#isReserved(change.hash)) return []
      const words = this.#decision(change)
      return words === undefined ? [] : [{ at, words }]
    })
    return eachLast([...said, ...silent].sort((one, other) => one.at - other.at).map(({ words }) => words))
  }

  #change(hash: string): Change | undefined {
    const change = Automerge.getBackend(this.#doc).getChangeMetaByHash(hash) ?? undefined
    return change?.actor === ENTRY_ACTOR ? undefined : change
  }

  /** Whether it wrote into what the entry change has made. */
  #isReserved(hash: string): boolean {
    const { ops = [] } = Automerge.getBackend(this.#doc).getDecodedChangeByHash(hash) ?? {}
    return ops.some(({ obj }) => obj.endsWith(`@${ENTRY_ACTOR}`))
  }

  /** What a change decided or named; nothing where it did neither. */
  #decision({ hash, deps, message }: Change): string | undefined {
    if (this.#left <= 0) return undefined
    this.#left--
    const patches = Automerge.diff(this.#doc, deps, [hash])
    const before: TextAt = (path) => this.#textAt(path, deps)
    const after: TextAt = (path) => this.#textAt(path, [hash])
    const proposal = settledBy(message ?? '')
    return proposal === undefined ? reserved(patches, after) : settled(proposal, patches, before, after)
  }

  /** The text that stood somewhere at these heads. Read for itself: all of a large document would take its time. */
  #textAt(path: readonly string[], heads: Heads): string | undefined {
    const handle = Automerge.getBackend(this.#doc)
    const at = [...heads]
    const found = path.reduce<FullValue | undefined>(
      (place, step) =>
        place?.[0] === 'map' ? (handle.getWithType(place[1], step, at) ?? undefined) : undefined,
      ['map', '_root'],
    )
    if (found?.[0] === 'text') return handle.text(found[1], at)
    return found?.[0] === 'str' ? found[1] : undefined
  }
}

type FullValue = NonNullable<ReturnType<Backend['getWithType']>>

type TextAt = (path: readonly string[]) => string | undefined

function settled(proposal: string, patches: readonly Patch[], before: TextAt, after: TextAt): string {
  const [, id] = patches.find(({ path }) => path[0] === 'widgets')?.path ?? []
  const [was, is] = [before, after].map((textAt) => textAt(['widgets', String(id), 'title']))
  if (proposal === 'number_title' && was && is) return `Settled: renamed “${was}” to “${is}”`
  return settledWords(proposal, is || undefined)
}

function reserved(patches: readonly Patch[], after: TextAt): string | undefined {
  for (const { action, path } of patches) {
    const [root, section, name] = path.map(String)
    if (root !== RESERVED_KEY || name === undefined) continue
    const isGone = action === 'del' && path.length === 3
    if (section === 'versions') return isGone ? `Took the name “${name}” away` : `Named a version “${name}”`
    if (section !== 'waived') continue
    if (isGone) return 'Brought a conflict up again'
    const reason = after([RESERVED_KEY, 'waived', name, 'reason'])
    return `Allowed a conflict to stay${reason ? `: ${reason}` : ''}`
  }
  return undefined
}
