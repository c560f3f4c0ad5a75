// A function that stays the same while what it does changes: for those who write their callbacks in place.

import { useCallback, useEffect, useRef } from 'react'

/** Calls what `call` was at the last rendering; nothing where there is none. Not to be called while rendering. */
export function useStable<A extends unknown[]>(
  call: ((...args: A) => void) | undefined,
): (...args: A) => void {
  const latest = useRef(call)
  useEffect(() => {
    latest.current = call
  })
  return useCallback((...args: A) => latest.current?.(...args), [])
}
