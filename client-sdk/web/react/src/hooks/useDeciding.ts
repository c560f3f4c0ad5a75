// A decision about a conflict while it is made: one at a time, and what went wrong is told where it was pressed.

import { useState } from 'react'

/** How a decision stands. */
export interface Deciding {
  readonly busy: boolean
  /** Why the last one did not work. */
  readonly failed: string | undefined
  /** Makes a decision, and calls `then` when it was made. */
  readonly decide: (decision: () => Promise<void>, then: () => void) => void
}

/** Follows the decisions of one conflict. */
export function useDeciding(): Deciding {
  const [state, setState] = useState<Omit<Deciding, 'decide'>>({ busy: false, failed: undefined })
  const decide = async (decision: () => Promise<void>, then: () => void) => {
    setState({ busy: true, failed: undefined })
    try {
      await decision()
      setState({ busy: false, failed: undefined })
      then()
    } catch (error) {
      setState({ busy: false, failed: error instanceof Error ? error.message : String(error) })
    }
  }
  return { ...state, decide: (decision, then) => void decide(decision, then) }
}
