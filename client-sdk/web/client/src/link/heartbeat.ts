// Finds out that a connection is dead though nobody said so: a cable that was pulled, a laptop that slept, a proxy that forgot.
//
// ```text
//  heard ──askMs of nothing──▶ asked ──silenceMs of nothing──▶ silent
//    ▲                           │
//    └─────── anything ──────────┘
// ```
// Always true: whatever comes counts as life, and so does that what waits to be sent gets less. Silence is counted in steps,
// each a timer of its own, so that a page which stood still (a large document, a hidden tab, a lid that was closed) gets to
// read what waits for it before it calls the server silent: however long it stood, that was one step.

/** When to ask, and when to give up. */
export interface Patience {
  readonly askMs: number
  readonly silenceMs: number
}

/** Steps in which silence is counted. */
const STEPS = 4

/** What it watches, and what becomes of that. */
export interface Watching {
  /** Milliseconds since 1970. */
  now(): number
  /** Bytes that wait to be sent. */
  unsentBytes(): number
  /** Asks the other side for a sign of life. */
  ask(): void
  /** None came. Called once. */
  silent(): void
}

/** Watches one connection, from its making until `stop`. */
export class Heartbeat {
  readonly #patience: Patience
  readonly #watching: Watching
  #unsentBytes = 0
  /** When something came last, if it did since the timer was set. */
  #heardAtMs: number | undefined
  #stepsLeft: number | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(patience: Patience, watching: Watching) {
    this.#patience = patience
    this.#watching = watching
    this.#wait(patience.askMs)
  }

  /** Something came. Cheap: it is called for each frame. */
  heard(): void {
    this.#heardAtMs = this.#watching.now()
    if (this.#stepsLeft === undefined) return
    this.#stepsLeft = undefined
    this.#wait(this.#patience.askMs)
  }

  /** Asks now, where timers may have slept: the page is shown again, or the network is back. */
  look(): void {
    if (this.#timer !== undefined && this.#stepsLeft === undefined) this.#asked()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#due(), ms)
  }

  #due(): void {
    if (this.#stepsLeft !== undefined) {
      const before = this.#unsentBytes
      this.#unsentBytes = this.#watching.unsentBytes()
      this.#step(this.#unsentBytes < before ? STEPS : this.#stepsLeft - 1)
      return
    }
    const heardAtMs = this.#heardAtMs
    this.#heardAtMs = undefined
    // However the clock was set meanwhile, it waits no longer than it would have.
    const quietMs =
      heardAtMs === undefined ? this.#patience.askMs : Math.max(0, this.#watching.now() - heardAtMs)
    if (quietMs < this.#patience.askMs) this.#wait(this.#patience.askMs - quietMs)
    else this.#asked()
  }

  #asked(): void {
    this.#unsentBytes = this.#watching.unsentBytes()
    this.#step(STEPS)
    this.#watching.ask()
  }

  #step(left: number): void {
    this.#stepsLeft = left
    if (left > 0) {
      this.#wait(this.#patience.silenceMs / STEPS)
      return
    }
    this.stop()
    this.#watching.silent()
  }
}
