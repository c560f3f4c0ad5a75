// A browser with some tabs, and a server: edits, faults, and a way to run until nothing happens any more.
//
// The clock is vitest's: nobody sleeps. The disk works in turns of the event loop, so each step of the clock is followed by some.
//
// Always true: whatever was drawn comes from the seed, so that a failing run can be made again.

import { vi } from 'vitest'
import { Automerge, generateAutomergeUrl, parseAutomergeUrl, type DocumentId } from '../../src/automerge'
import { Origin } from './origin'
import { FakeServer } from './server'
import { Tab, type TabKind } from './tab'

/** The clock goes on by so much at a time. */
const STEP_MS = 10

/** How many turns of the event loop the disk gets after each step: more than any of its operations takes. */
const TURNS = 6

/** Longer than everything that waits without being due: throttles, new connections, the first looks for other tabs. */
const QUIET_MS = 400

/** Whatever lasts longer than this does not end. */
const ENDS_MS_MAX = 120_000

/** Replaces the clock. Call it first, and `vi.useRealTimers` at the end. */
export function stopClock(): void {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'],
    now: Date.UTC(2030, 0, 1),
  })
}

export class World {
  readonly server: FakeServer
  readonly origin: Origin
  readonly tabs: Tab[] = []
  readonly documentId: DocumentId

  constructor(seed: number) {
    const random = randomFrom(seed)
    this.server = new FakeServer(() => 1 + Math.floor(random() * 8))
    this.origin = new Origin(this.server.dial, random)
    this.documentId = parseAutomergeUrl(generateAutomergeUrl()).documentId
  }

  /** Puts a document on the server, as the first change of somebody else. */
  begin(value: Record<string, unknown>): void {
    this.server.documents.set(this.documentId, Automerge.from(value))
  }

  open(kind: TabKind = 'usual'): Tab {
    const tab = new Tab(this.origin, this.documentId, kind)
    this.tabs.push(tab)
    return tab
  }

  /** The tab is closed in the middle of whatever it does. */
  crash(tab: Tab): void {
    tab.crash()
    this.tabs.splice(this.tabs.indexOf(tab), 1)
  }

  /** Lets some time pass. */
  async run(forMs: number): Promise<void> {
    for (let ms = 0; ms < forMs; ms += STEP_MS) {
      await vi.advanceTimersByTimeAsync(STEP_MS)
      for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Lets time pass until nobody says, writes or waits for anything any more. Throws when that does not come. */
  async runUntilQuiet(): Promise<void> {
    let last = this.#activity
    let quietMs = 0
    for (let ms = 0; quietMs < QUIET_MS; ms += STEP_MS) {
      if (ms > ENDS_MS_MAX) throw new Error(`still busy after ${ENDS_MS_MAX} ms: ${this.#busy}`)
      await this.run(STEP_MS)
      const now = this.#activity
      quietMs = now === last && !this.#isBusy ? quietMs + STEP_MS : 0
      last = now
    }
  }

  get #activity(): number {
    return this.origin.activity + this.server.wire.sent
  }

  get #isBusy(): boolean {
    return this.origin.isBusy || this.server.wire.onItsWay > 0 || this.tabs.some(({ isOpen }) => !isOpen)
  }

  get #busy(): string {
    const open = this.tabs.map(({ name, isOpen }) => `${name} ${isOpen ? 'open' : 'opening'}`).join(', ')
    return `${this.server.wire.onItsWay} frames, ${this.origin.channels.onItsWay} messages; ${open}`
  }
}

/** Numbers from 0 to below 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
