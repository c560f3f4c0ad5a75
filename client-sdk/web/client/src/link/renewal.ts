// Has a newer token at hand before the present one ends, so that a connection outlives its token.
//
// Edit path: ← the server says when the token ends, → the token source is asked a minute before, → a newer token for the
// server, ← which says when that one ends.
//
// Always true: one question to the token source at a time, and some seconds between two, however short tokens are.

/** How long before its end a token is renewed: the server asks for it then as well. */
const BEFORE_MS = 60_000

/** Between two tries. Tokens that end sooner than they can be renewed are for tests; a source that fails is asked again. */
const APART_MS = 5_000

/** Browsers take a longer timer for none at all. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Renews the token of one connection, until `stop`. */
export class Renewal {
  readonly #now: () => number
  readonly #newer: () => Promise<string | undefined>
  readonly #send: (token: string) => void
  #token: string | undefined
  #lastMs: number | undefined
  #endsAtMs: number | undefined
  #isAsking = false
  #isOver = false
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `token` is the one in use, `newer` asks for another one, `send` shows it to the server. */
  constructor(
    token: string | undefined,
    now: () => number,
    newer: () => Promise<string | undefined>,
    send: (token: string) => void,
  ) {
    this.#token = token
    this.#now = now
    this.#newer = newer
    this.#send = send
  }

  /** The token in use. */
  get token(): string | undefined {
    return this.#token
  }

  /** The token ends then, by our own clock. */
  endsAt(endsAtMs: number): void {
    this.#endsAtMs = endsAtMs
    this.#plan()
  }

  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  #plan(): void {
    clearTimeout(this.#timer)
    if (this.#isOver || this.#isAsking || this.#endsAtMs === undefined) return
    const dueMs = this.#endsAtMs - BEFORE_MS
    const earliestMs = this.#lastMs === undefined ? dueMs : Math.max(dueMs, this.#lastMs + APART_MS)
    const waitMs = Math.min(TIMER_MS_MAX, Math.max(0, earliestMs - this.#now()))
    this.#timer = setTimeout(() => void this.#due(), waitMs)
  }

  async #due(): Promise<void> {
    if (this.#endsAtMs !== undefined && this.#endsAtMs - BEFORE_MS > this.#now()) {
      this.#plan()
      return
    }
    this.#isAsking = true
    this.#lastMs = this.#now()
    // One that cannot be had now may be had in a moment; when it cannot, the server ends the connection and says why.
    const token = await this.#newer().catch(() => undefined)
    this.#isAsking = false
    if (this.#isOver) return
    if (token !== undefined && token !== this.#token) {
      this.#token = token
      this.#send(token)
    }
    this.#plan()
  }
}
