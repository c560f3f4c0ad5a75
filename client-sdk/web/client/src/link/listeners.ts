// Who is called with each of something, as `Watched` is for values that stay.
//
// Always true: a listener that fails does not keep the others, or the connection, from going on.

import { safely } from '../watch'

/** Listeners of one kind of thing. */
export class Listeners<T> {
  readonly #listeners = new Set<(told: T) => void>()

  /** Calls `listener` with each; what is returned ends that. */
  add(listener: (told: T) => void): () => void {
    const call = (told: T) => listener(told)
    this.#listeners.add(call)
    return () => void this.#listeners.delete(call)
  }

  tell(told: T): void {
    for (const call of [...this.#listeners]) {
      if (this.#listeners.has(call)) safely(() => call(told))
    }
  }

  clear(): void {
    this.#listeners.clear()
  }
}
