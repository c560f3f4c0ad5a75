// The broadcast channels of one origin, in memory: what is posted arrives at all others of that name, later, in order.
//
// Always true: what arrives is a copy, as in a browser, and nobody gets what they posted themselves. Whoever is closed gets
// nothing, also not what was on its way.

import type { Environment, TabChannel } from '../../src/environment'

type Listener = (event: { readonly data: unknown }) => void

/** All channels of an origin. */
export class Channels {
  readonly #open = new Set<MemoryChannel>()
  #onItsWay = 0
  #posted = 0
  readonly #delayMs: () => number

  /** `delayMs` is asked for each message; one never overtakes another of the same channel. */
  constructor(delayMs: () => number = () => 0) {
    this.#delayMs = delayMs
  }

  /** Messages that did not arrive yet. */
  get onItsWay(): number {
    return this.#onItsWay
  }

  /** How many messages were posted so far. */
  get posted(): number {
    return this.#posted
  }

  open(name: string): MemoryChannel {
    const channel: MemoryChannel = new MemoryChannel(
      name,
      (data) => this.#post(channel, data),
      () => this.#open.delete(channel),
    )
    this.#open.add(channel)
    return channel
  }

  environment(): Pick<Environment, 'channel'> {
    return { channel: (name) => this.open(name) }
  }

  /** Resolves when nothing is on its way. */
  async delivered(): Promise<void> {
    while (this.#onItsWay > 0) await new Promise((resolve) => setTimeout(resolve))
  }

  #post(from: MemoryChannel, data: unknown): void {
    this.#posted += 1
    for (const to of this.#open) {
      if (to === from || to.name !== from.name) continue
      const copy: unknown = structuredClone(data)
      this.#onItsWay += 1
      to.queue(copy, this.#delayMs(), () => (this.#onItsWay -= 1))
    }
  }
}

/** One end of a channel; enough of `BroadcastChannel` for those who use one. */
export class MemoryChannel implements TabChannel {
  readonly name: string
  readonly #listeners = new Set<Listener>()
  readonly #post: (data: unknown) => void
  readonly #left: () => void
  #isClosed = false
  #isDead = false
  #last = Promise.resolve()

  constructor(name: string, post: (data: unknown) => void, left: () => void) {
    this.name = name
    this.#post = post
    this.#left = left
  }

  postMessage(message: unknown): void {
    if (this.#isDead) return
    if (this.#isClosed) throw new DOMException('the channel is closed', 'InvalidStateError')
    this.#post(message)
  }

  addEventListener(_type: 'message', listener: Listener): void {
    this.#listeners.add(listener)
  }

  removeEventListener(_type: 'message', listener: Listener): void {
    this.#listeners.delete(listener)
  }

  close(): void {
    this.#isClosed = true
    this.#left()
  }

  /** Its tab is gone: nothing is said and nothing heard, and nobody is told so. */
  die(): void {
    this.#isDead = true
    this.close()
  }

  /** Brings a message after what is on its way already. */
  queue(data: unknown, delayMs: number, arrived: () => void): void {
    const wait = new Promise<void>((resolve) => setTimeout(resolve, delayMs))
    this.#last = this.#last.then(async () => {
      await wait
      arrived()
      if (this.#isClosed) return
      for (const listener of [...this.#listeners]) listener({ data })
    })
  }
}
