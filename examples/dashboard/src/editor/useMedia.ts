// Whether a media query holds.

import { useCallback, useSyncExternalStore } from 'react'

/** Below this width the grid is one column, and the side panel a sheet. The style sheets have the same. */
export const NARROW = '(max-width: 899px)'

/** Follows a media query. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const list = matchMedia(query)
      list.addEventListener('change', listener)
      return () => list.removeEventListener('change', listener)
    },
    [query],
  )
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches)
}
