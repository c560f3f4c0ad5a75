// Typing into a text that goes on: shown at once, and one change when it pauses.
//
// Edit path: ← every letter (data.ts); → the text that is shown; → one change in the state that was typed into.
//
// Always true: it is a difference against that state. What others write meanwhile is beside it, and Automerge merges the letters of both
// and keeps those of each together. Until then the text shows what is typed here alone; a text that is held does so after it, too.

import type { ResolvedConfig } from '../config'
import type { Going } from '../document/ongoing'
import type { Typed } from '../document/store'
import { rebased } from '../document/stretch'
import type { Write } from '../document/writes'
import type { Heads } from '../types'

/**
 * Typing into a text without a pause becomes a change after so long, also where `batching` has longer for other typing: somebody may be
 * reading along. An hour of it is 3,600 changes, a third of those that may wait.
 */
const UNSEEN_MS_MAX = 1_000

/** What typing needs of the document. */
export interface TypingNeed {
  readonly batching: ResolvedConfig['batching']
  readonly now: () => number
  /** It is over. */
  readonly end: () => void
  /** Makes a change of it. */
  readonly make: (typing: Typing) => void
}

/** See the top of the file. */
export class Typing implements Going, Typed {
  readonly into: Heads
  /** What the text was in that state. */
  readonly before: string
  readonly #need: TypingNeed
  #text: string
  #beganAtMs: number
  #lastAtMs: number
  #longestMs: number
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `into`: the state that is typed into, and the text that it has. */
  constructor(into: Heads, before: string, need: TypingNeed) {
    this.into = into
    this.before = before
    this.#beganAtMs = need.now()
    this.#need = need
    this.#text = before
    this.#lastAtMs = this.#beganAtMs
    this.#longestMs = Math.min(need.batching.longestMs, UNSEEN_MS_MAX)
  }

  /** What it is by now. */
  get text(): string {
    return this.#text
  }

  /** Whether something was typed. */
  get isWaiting(): boolean {
    return this.#text !== this.before
  }

  get beganAtMs(): number {
    return this.#beganAtMs
  }

  get lastAtMs(): number {
    return this.#lastAtMs
  }

  /** The text becomes this one. */
  type(text: string): void {
    this.#lastAtMs = this.#need.now()
    if (!this.isWaiting) this.#beganAtMs = this.#lastAtMs
    this.#text = text
    this.#setTimer()
  }

  writes(): readonly Write[] {
    return [{ path: ['text'], value: this.#text }]
  }

  /** What others write shows together with what is typed here, so this takes no longer than a pause would. */
  met(): void {
    if (!this.isWaiting) return
    this.#longestMs = Math.min(this.#longestMs, this.#need.batching.pauseMs)
    this.#setTimer()
  }

  commit(): void {
    clearTimeout(this.#timer)
    this.#need.make(this)
  }

  /** What was typed, in a text that does not come from the state that it was typed into. */
  in(text: string): string {
    return rebased(this.before, this.#text, text)
  }

  #setTimer(): void {
    const endsAtMs = Math.min(this.#lastAtMs + this.#need.batching.pauseMs, this.#beganAtMs + this.#longestMs)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#need.end(), endsAtMs - this.#need.now())
  }
}
