// A value of the page itself that can be watched, in the shape in which the client shows its own.
//
// Always true: `getState` gives the same object until `set` was called with another.

import type { Watchable } from '@dovetail/client'

/** A `Watchable` with the way to change it. */
export interface Settable<T> extends Watchable<T> {
  readonly set: (value: T) => void
}

/** Makes one. Listeners are called after each change. */
export function watched<T>(first: T): Settable<T> {
  let value = first
  const listeners = new Set<() => void>()
  return {
    getState: () => value,
    subscribe: (listener) => {
      const call = () => listener()
      listeners.add(call)
      return () => void listeners.delete(call)
    },
    set: (next) => {
      if (Object.is(next, value)) return
      value = next
      for (const call of [...listeners]) call()
    },
  }
}
