// How many changes wait for the server: a number that fits beside a title.

import type { ReactNode } from 'react'
import type { DocumentStore, SavingState } from '@dovetail/client'
import { useWords } from '../context'
import { useHeld } from '../hooks/useHeld'
import { SAVING_SHOWN_FOR_MS } from '../hooks/useStatus'
import { useWatched } from '../hooks/useWatched'

/** Numbers above it are "999+": a badge has no room for more, and the details have the number. */
const SHOWN_MAX = 999

/** Nothing while nothing waits. */
export function PendingOperationsBadge({
  store,
}: {
  readonly store: Pick<DocumentStore<unknown>, 'saving'>
}): ReactNode {
  const words = useWords()
  const pending = useHeld(useWatched(store.saving, pendingOf), SAVING_SHOWN_FOR_MS)
  const kept = useWatched(store.saving, isKept)
  if (pending === 0) return null
  return (
    <span className="dovetail-badge" data-tone={kept ? 'info' : 'warn'} title={words.badge(pending)}>
      <span aria-hidden="true">{pending > SHOWN_MAX ? `${SHOWN_MAX}+` : pending}</span>
      <span className="dovetail-unseen">{words.badge(pending)}</span>
    </span>
  )
}

function pendingOf(saving: SavingState): number {
  return saving.pending
}

function isKept(saving: SavingState): boolean {
  return saving.status !== 'unkept'
}
