// How many changes wait for the server: a number that fits beside a title.

import type { ReactNode } from 'react'
import type { DocumentStore, SavingState } from '@dovetail/client'
import { useWords } from '../context'
import { useLasting } from '../hooks/useLasting'
import { SAVING_SHOWN_AFTER_MS } from '../hooks/useStatus'
import { useWatched } from '../hooks/useWatched'

/** Numbers above it are "999+": a badge has no room for more, and the details have the number. */
const SHOWN_MAX = 999

/** Nothing while nothing waits, or only for a moment. */
export function PendingOperationsBadge({
  store,
}: {
  readonly store: Pick<DocumentStore<unknown>, 'saving'>
}): ReactNode {
  const words = useWords()
  const pending = useWatched(store.saving, pendingOf)
  const kept = useWatched(store.saving, isKept)
  const shown = useLasting(pending > 0, SAVING_SHOWN_AFTER_MS)
  if (!shown) return null
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
