// The present time, for what changes by itself.

import { useState, useSyncExternalStore } from 'react'
import { clock } from '../state/clock'

/** How often a time in words ("2 min ago") may be wrong for: it counts minutes. */
const WORDS_EVERY_MS = 20_000

/** How often a count-down looks; it renders only when another second has begun. */
const SECONDS_EVERY_MS = 200

/** Milliseconds since 1970, renewed every 20 s; nothing on a server, whose time is not the reader's. */
export function useNow(): number | undefined {
  const [time] = useState(() => clock(WORDS_EVERY_MS))
  return useSyncExternalStore<number | undefined>(time.subscribe, time.getState, never)
}

/** Whole seconds until `atMs`, down to 0; nothing on a server. */
export function useSecondsUntil(atMs: number): number | undefined {
  const [time] = useState(() => clock(SECONDS_EVERY_MS))
  const seconds = () => Math.max(0, Math.ceil((atMs - time.getState()) / 1000))
  return useSyncExternalStore<number | undefined>(time.subscribe, seconds, never)
}

function never(): undefined {
  return undefined
}
