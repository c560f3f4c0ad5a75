// A decision about a conflict while it is made: one at a time, and what went wrong is told where it was pressed.

import { useRef, useState } from 'react'

/** How a decision stands. */
export interface Deciding {
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
  const busy = useRef(false)
  const decide = async (decision: () => Promise<void>, then: () => void) => {
    if (busy.current) return
    busy.current = true
    setFailed(undefined)
    try {
      await decision()
      then()
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error))
    } finally {
      busy.current = false
    }
  }
  return { failed, decide: (decision, then) => void decide(decision, then) }
}
