// A WebSocket that is tried while plain requests go on, so that nobody notices where none gets through.
//
// Always true: it says once whether it has opened, unless it was closed before; from `goOn` on it is a line like any other.

import type { Line, LineEvents } from './line'

/** See the top of the file. */
export class Trial {
  readonly token: string | undefined
  readonly #tried: (hasOpened: boolean) => void
  readonly #late: ReturnType<typeof setTimeout>
  #line: Line | undefined
  #next: LineEvents | undefined

  /** `open` makes the socket; it has `limitMs` to open. */
  constructor(
    token: string | undefined,
    limitMs: number,
    open: (events: LineEvents) => Line,
    tried: (hasOpened: boolean) => void,
  ) {
    this.token = token
    this.#tried = tried
    this.#late = setTimeout(() => this.#failed(), limitMs)
    this.#line = open({
      opened: () => {
        clearTimeout(this.#late)
        this.#tried(true)
      },
      frame: (frame) => this.#next?.frame(frame),
      ended: (closeCode, words) => {
        if (this.#next) this.#next.ended(closeCode, words)
        else this.#failed()
      },
    })
  }

  /** The line is somebody else's now, who hears of it from here on: that it is open, first. */
  goOn(talk: { readonly events: LineEvents; use(line: Line): void }): void {
    const line = this.#line
    if (line === undefined) return
    this.#line = undefined
    this.#next = talk.events
    talk.use(line)
    talk.events.opened()
  }

  close(): void {
    clearTimeout(this.#late)
    this.#line?.close()
    this.#line = undefined
  }

  #failed(): void {
    if (this.#line === undefined) return
    this.close()
    this.#tried(false)
  }
}
