// A number that is told at once when there is one, and for a moment longer than there is: what comes and goes would only flicker.

import { useEffect, useRef, useState } from 'react'

/** `now` while it is above 0, and the last such number until `forMs` have passed since it rose from 0. */
export function useHeld(now: number, forMs: number): number {
  const [held, setHeld] = useState(0)
  const roseAtMs = useRef(0)
  const isUp = now > 0
  if (isUp && held !== now) setHeld(now)
  useEffect(() => {
    if (isUp) roseAtMs.current = Date.now()
  }, [isUp])
  useEffect(() => {
    if (isUp || held === 0) return
    const timer = setTimeout(() => setHeld(0), Math.max(0, roseAtMs.current + forMs - Date.now()))
    return () => clearTimeout(timer)
  }, [isUp, held, forMs])
  return isUp ? now : held
}
