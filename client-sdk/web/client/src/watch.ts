// A value that can be watched: what every state of this package is made of.
//
// Always true: a listener is called after the value changed, never for the same value again; one that fails does not keep
// the others from being called; who ends a subscription while others are called is not called any more.

import type { Watchable } from './types'

/** A `Watchable` with the way to change it. */
export class Watched<T> implements Watchable<T> {
  #value: T
  readonly #listeners = new Set<() => void>()

  constructor(value: T) {
    this.#value = value
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    // A function of its own for each subscription, so that the same listener may be there twice.
    const call = () => listener()
    this.#listeners.add(call)
    return () => void this.#listeners.delete(call)
  }

  readonly getState = (): T => this.#value

  /** Puts another value in its place; the same one (`Object.is`) is no change. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const call of [...this.#listeners]) if (this.#listeners.has(call)) safely(call)
  }
}

/** Two lists as one, the entries of the first in front; the same list for as long as both are. */
export function joined<T>(
  first: Watchable<readonly T[]>,
  second: Watchable<readonly T[]>,
): Watchable<readonly T[]> {
  let known: readonly [readonly T[], readonly T[], readonly T[]] | undefined
  return {
    subscribe: (listener) => {
      const ends = [first.subscribe(listener), second.subscribe(listener)]
      return () => {
        for (const end of ends) end()
      }
    },
    getState: () => {
      const [one, other] = [first.getState(), second.getState()]
      if (known?.[0] !== one || known[1] !== other)
        known = [one, other, other.length === 0 ? one : [...one, ...other]]
      return known[2]
    },
  }
}

/** Calls it; what it throws is told as an error of the page, and stops nobody. */
export function safely(call: () => void): void {
  try {
    call()
  } catch (error) {
    // Told as an error of the page, where whoever wrote the listener sees it.
    queueMicrotask(() => {
      throw error
    })
  }
}

/** Waits until `test` says yes, which is asked whenever one of these changes, and no longer than `msMax`. */
export function untilAny(
  watched: readonly Watchable<unknown>[],
  test: () => boolean,
  msMax?: number,
): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(giveUp)
      for (const end of ends) end()
      resolve()
    }
    const look = () => {
      if (test()) over()
    }
    const ends = watched.map(({ subscribe }) => subscribe(look))
    const giveUp = msMax === undefined ? undefined : setTimeout(over, msMax)
    look()
  })
}

/** Waits until `test` says yes of the value, which may be at once. */
export function until<T, S extends T>(watched: Watchable<T>, test: (value: T) => value is S): Promise<S>
export function until<T>(watched: Watchable<T>, test: (value: T) => boolean): Promise<T>
export function until<T>(watched: Watchable<T>, test: (value: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    const look = () => {
      const value = watched.getState()
      if (!test(value)) return
      end()
      resolve(value)
    }
    const end = watched.subscribe(look)
    look()
  })
}
