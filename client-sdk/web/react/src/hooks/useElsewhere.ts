// Closes what is open when somebody goes on beside it, by pointer or by keyboard.

import { useEffect, type RefObject } from 'react'

/** Calls when a pointer goes down, or the focus goes, outside of all of `within`. Both may be written in place. */
export function useElsewhere(
  within: readonly RefObject<HTMLElement | null>[],
  onElsewhere: () => void,
): void {
  useEffect(() => {
    const look = (event: Event) => {
      const at = event.target
      if (at instanceof Node && !within.some((element) => element.current?.contains(at))) onElsewhere()
    }
    document.addEventListener('pointerdown', look)
    document.addEventListener('focusin', look)
    return () => {
      document.removeEventListener('pointerdown', look)
      document.removeEventListener('focusin', look)
    }
  })
}
