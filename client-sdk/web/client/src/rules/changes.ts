// Which change made an operation, and which change knew of which.
//
// Edit path: ← the history of a document; → the causes of conflicts, first values.
//
// Always true: what is kept here never changes, because history only grows. So it is kept for as long as the document is in
// memory, and only what is new is read again.

import type { Automerge } from '../automerge'
import { parts, type OperationId } from './operation'

/** The document below all copies of it: what Automerge itself works on. */
export type Handle = ReturnType<typeof Automerge.getBackend>

interface Span {
  readonly hash: string
  readonly startOp: number
  readonly maxOp: number
}

const known = new WeakMap<Handle, Changes>()

/** The changes of a document. */
export function changesOf(handle: Handle): Changes {
  const found = known.get(handle)
  if (found) return found
  const made = new Changes(handle)
  known.set(handle, made)
  return made
}

/** Histories with more changes are not read for the sake of causes: at 7 µs each that would hold a screen up. */
const CHANGES_MAX = 20_000

export class Changes {
  readonly #handle: Handle
  /** By actor, in the order of their operations. */
  readonly #spans = new Map<string, Span[]>()
  readonly #answers = new Map<string, boolean>()
  #heads: string[] = []

  constructor(handle: Handle) {
    this.#handle = handle
  }

  /** Whether there are more changes than are worth reading to say how something came about. */
  get areTooMany(): boolean {
    return this.#heads.length === 0 && this.#handle.stats().numChanges > CHANGES_MAX
  }

  /** The hash of the change that made an operation; nothing for the root. */
  hashOf(id: OperationId): string | undefined {
    const { counter, actor } = parts(id)
    if (actor === '') return undefined
    return this.#find(actor, counter) ?? (this.#readOn() ? this.#find(actor, counter) : undefined)
  }

  /** The answer to whether the maker of `one` knew of `other`, found out once. */
  knows(one: string, other: string, findOut: () => boolean): boolean {
    const pair = `${one} ${other}`
    const answer = this.#answers.get(pair) ?? findOut()
    this.#answers.set(pair, answer)
    return answer
  }

  #find(actor: string, counter: number): string | undefined {
    const spans = this.#spans.get(actor) ?? []
    let [low, high] = [0, spans.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const { hash, startOp, maxOp } = spans[middle] as Span
      if (counter < startOp) high = middle
      else if (counter > maxOp) low = middle + 1
      else return hash
    }
    return undefined
  }

  /** Reads the changes that came since the last time. Whether there were any. */
  #readOn(): boolean {
    const heads = this.#handle.getHeads()
    if (heads.join() === this.#heads.join()) return false
    for (const { actor, hash, startOp, maxOp } of this.#handle.getChangesMeta(this.#heads)) {
      const spans = this.#spans.get(actor)
      if (spans) spans.push({ hash, startOp, maxOp })
      else this.#spans.set(actor, [{ hash, startOp, maxOp }])
    }
    this.#heads = heads
    return true
  }
}
