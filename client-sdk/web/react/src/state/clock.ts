// A clock that can be watched, for what changes by itself: count-downs, and "2 min ago".
//
// Always true: it ticks only while somebody watches, and between ticks it gives the same time, as React demands of a state.

import type { Watchable } from '@dovetail/client'

/** Milliseconds since 1970, renewed every `everyMs`. */
export function clock(everyMs: number): Watchable<number> {
  const listeners = new Set<() => void>()
  let nowMs = Date.now()
  let timer: ReturnType<typeof setInterval> | undefined
  const tick = () => {
    nowMs = Date.now()
    for (const listener of listeners) listener()
  }
  return {
    getState: () => nowMs,
    subscribe: (listener) => {
      // Nobody watched: the time is old, and whoever subscribes looks once more right after.
      if (listeners.size === 0) nowMs = Date.now()
      listeners.add(listener)
      timer ??= setInterval(tick, everyMs)
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
