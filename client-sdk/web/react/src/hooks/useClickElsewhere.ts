// Closes what is open when somebody clicks beside it.

import { useEffect, type RefObject } from 'react'

/** Calls when a pointer goes down outside of all of `within`. Both may be written in place. */
export function useClickElsewhere(
  within: readonly RefObject<HTMLElement | null>[],
  onElsewhere: () => void,
): void {
  useEffect(() => {
    const look = (event: PointerEvent) => {
      const at = event.target
      if (at instanceof Node && !within.some((element) => element.current?.contains(at))) onElsewhere()
    }
    document.addEventListener('pointerdown', look)
    return () => document.removeEventListener('pointerdown', look)
  })
}
