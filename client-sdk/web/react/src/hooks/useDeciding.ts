// A decision about a conflict while it is made: one at a time, and what went wrong is told where it was pressed.

import { useEffect, useRef, useState } from 'react'

/** What is decided on this device is over by then. What the server decides may take its time, and that is said. */
const SAID_AFTER_MS = 300

/** How a decision stands. */
export interface Deciding {
  /** One is being made, and takes so long that it is said. */
  readonly takesLong: boolean
  /** Why the last one did not work. */
  readonly failed: string | undefined
  /** Makes a decision, and calls `then` when it was made. Nothing while another one is being made. */
  readonly decide: (decision: () => Promise<void>, then: () => void) => void
}

/**
 * Follows the decisions of one conflict. Buttons stay as they are meanwhile: one that is disabled under somebody's finger takes
 * the keyboard's focus with it.
 */
export function useDeciding(): Deciding {
  const [failed, setFailed] = useState<string>()
  const [takesLong, setTakesLong] = useState(false)
  const busy = useRef(false)
  const soon = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(soon.current), [])
  const decide = async (decision: () => Promise<void>, then: () => void) => {
    if (busy.current) return
    busy.current = true
    setFailed(undefined)
    soon.current = setTimeout(() => setTakesLong(true), SAID_AFTER_MS)
    try {
      await decision()
      then()
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error))
    } finally {
      busy.current = false
      clearTimeout(soon.current)
      setTakesLong(false)
    }
  }
  return { takesLong, failed, decide: (decision, then) => void decide(decision, then) }
}
