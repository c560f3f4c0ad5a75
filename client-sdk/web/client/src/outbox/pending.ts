// What of a document is not on the server's disk yet.
//
// Edit path: ← an edit was made here, or came from another tab; ← the server's heads, as it tells them with each sync message,
// with `dovetail-ack`, or to another tab; → how many changes wait, and what they are.
//
// Always true: the server tells nobody of a change that is not on disk, so what its heads include is durable. An edit costs one
// entry; all that waits is counted from scratch only when the server's heads are news or something came from elsewhere, no more
// often than COUNT_EVERY_MS, and a tenth of the time at most.

import { Automerge, type Doc } from '../automerge'
import type { ResolvedConfig } from '../config'
import { sameHeads } from '../ids'
import { inWords } from '../rules/said'
import type { Heads, PendingChange, SavingState } from '../types'
import { Watched } from '../watch'

/** Counting takes 22 ms with 900 changes that wait (measured in Chromium). */
const COUNT_EVERY_MS = 250

/** When counting takes longer, it is done less often: this many times as long goes by in between. */
const REST_TIMES = 10

/** How many of those that wait are named. */
const NAMED_MAX = 100

/** Where `near` begins. */
const NEAR = 0.8

/** About what a change takes beside its contents. */
const CHANGE_BYTES = 120

export class Pending {
  readonly state = new Watched<SavingState>({
    status: 'saved',
    pending: 0,
    changes: [],
    bytes: 0,
    savedAtMs: undefined,
    room: 'enough',
  })
  readonly #limits: ResolvedConfig['limits']
  readonly #now: () => number
  readonly #keepsAll: () => boolean
  #doc: Doc<unknown> | undefined
  /** The newest heads of the server that are in our document. */
  #server: Heads | undefined
  /** Newer ones, whose changes have not come yet. */
  #ahead: Heads | undefined
  #waiting = new Map<string, PendingChange>()
  #bytes = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #countedAtMs = -Infinity
  /** How long it took. */
  #countMs = 0
  /** How much is being done that is no change yet. */
  #goingOn = 0

  constructor(limits: ResolvedConfig['limits'], now: () => number, keepsAll: () => boolean) {
    this.#limits = limits
    this.#now = now
    this.#keepsAll = keepsAll
  }

  /** The document is here; `server` is what the server had when it was last heard, `savedAtMs` when. */
  start(doc: Doc<unknown>, server: Heads | undefined, savedAtMs: number | undefined): void {
    this.#doc = doc
    this.state.set({ ...this.state.getState(), savedAtMs })
    if (server) this.#take(server)
    this.#count()
  }

  /** A change was made here. `bytes`: how large it is. */
  made(doc: Doc<unknown>, change: PendingChange, bytes: number): void {
    this.#doc = doc
    this.#waiting.set(change.hash, change)
    this.#bytes += bytes
    this.#tell()
  }

  /** Changes came from elsewhere: from the server, or from another tab, which may not be durable either. */
  came(doc: Doc<unknown>): void {
    this.#doc = doc
    if (this.#ahead) this.#take(this.#ahead)
    this.#countSoon()
  }

  /** The document was put together anew, without what was refused. */
  rebuilt(doc: Doc<unknown>): void {
    this.#doc = doc
    if (this.#server && !Automerge.hasHeads(doc, [...this.#server])) this.#server = undefined
    this.#count()
  }

  /**
   * The server has all up to these heads on its disk. Whether that was news. What the server says itself counts, also when it has
   * less than before, as after it was set back; what a tab says may be outdated by the time that it comes.
   */
  heard(heads: Heads, from: 'server' | 'tab'): boolean {
    if ([this.#server, this.#ahead].some((known) => known && sameHeads(known, heads))) return false
    if (from === 'tab' && this.#isOld(heads)) return false
    this.#take(heads)
    this.#countSoon()
    return true
  }

  /** So much is being done that will be a change. */
  goesOn(count: number): void {
    if (this.#goingOn === count) return
    this.#goingOn = count
    this.#tell()
  }

  /** Whether it is kept here may have changed. */
  look(): void {
    if (this.state.getState().pending > 0) this.#tell()
  }

  /** Whether there is room for one more change. */
  get hasRoom(): boolean {
    return this.state.getState().room !== 'full'
  }

  /** What the server is known to have of what is here. */
  get server(): Heads | undefined {
    return this.#server
  }

  /** Counts what came and was not counted yet. */
  count(): void {
    if (this.#timer !== undefined) this.#count()
  }

  /** Whether one of these waits, as far as it was counted. */
  waitsFor(hashes: Heads): boolean {
    return hashes.some((hash) => this.#waiting.has(hash))
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** All up to these heads is known to be on the server. */
  #isOld(heads: Heads): boolean {
    if (!this.#server || !this.#doc || !Automerge.hasHeads(this.#doc, [...heads])) return false
    this.count()
    return !this.waitsFor(heads)
  }

  #take(heads: Heads): void {
    if (this.#doc && Automerge.hasHeads(this.#doc, [...heads])) {
      this.#server = heads
      this.#ahead = undefined
    } else this.#ahead = heads
  }

  #countSoon(): void {
    if (this.#timer !== undefined) return
    const sinceMs = this.#now() - this.#countedAtMs
    const restMs = Math.max(COUNT_EVERY_MS, REST_TIMES * this.#countMs)
    this.#timer = setTimeout(() => this.#count(), Math.max(0, restMs - sinceMs))
  }

  #count(): void {
    this.stop()
    if (!this.#doc) return
    const beganAtMs = this.#now()
    const known = this.#waiting
    const changes = Automerge.getChangesMetaSince(this.#doc, [...(this.#server ?? [])])
    this.#waiting = new Map(
      changes.map(({ hash, message, time }) => [
        hash,
        known.get(hash) ?? { hash, label: inWords(message ?? ''), madeAtMs: time * 1000 },
      ]),
    )
    this.#bytes = changes.reduce(
      (sum, { startOp, maxOp }) => sum + CHANGE_BYTES + 10 * (maxOp - startOp + 1),
      0,
    )
    this.#countedAtMs = this.#now()
    this.#countMs = this.#countedAtMs - beganAtMs
    this.#tell()
  }

  #tell(): void {
    const pending = this.#waiting.size + this.#goingOn
    const before = this.state.getState()
    const isSaved = pending === 0
    const changes = isSaved ? [] : firstOf(this.#waiting.values(), NAMED_MAX)
    const bytes = isSaved ? 0 : this.#bytes
    const savedAtMs =
      isSaved && (before.pending > 0 || before.savedAtMs === undefined) && this.#server
        ? this.#now()
        : before.savedAtMs
    const status = isSaved ? 'saved' : this.#keepsAll() ? 'kept' : 'unkept'
    const now = {
      status,
      pending,
      changes,
      bytes,
      savedAtMs,
      room: this.#room(this.#waiting.size, bytes),
    } as const
    if (!isSame(before, now)) this.state.set(now)
  }

  #room(pending: number, bytes: number): SavingState['room'] {
    const part = Math.max(pending / this.#limits.pendingChangesMax, bytes / this.#limits.pendingBytesMax)
    if (part >= 1) return 'full'
    return part >= NEAR ? 'near' : 'enough'
  }
}

function isSame(one: SavingState, other: SavingState): boolean {
  const { changes, ...rest } = one
  return (
    Object.entries(rest).every(([name, value]) => other[name as keyof SavingState] === value) &&
    changes.length === other.changes.length &&
    changes.every((change, at) => change === other.changes[at])
  )
}

function firstOf<V>(values: Iterable<V>, most: number): V[] {
  const taken: V[] = []
  for (const value of values) {
    if (taken.length === most) break
    taken.push(value)
  }
  return taken
}
