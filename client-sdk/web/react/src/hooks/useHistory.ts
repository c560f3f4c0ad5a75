// The history of a document in a component.

import { useEffect, useMemo } from 'react'
import type { DocumentState, DocumentStore } from '@dovetail/client'
import { HistoryPages, type HistoryPagesState } from '../state/historyPages'
import { useWatched } from './useWatched'

/** What of the history was read, and how to read more. */
export interface HistoryNow extends HistoryPagesState {
  /** The document changed since the newest page was read: `refresh` reads that anew. */
  readonly behind: boolean
  readonly more: () => Promise<void>
  readonly refresh: () => Promise<void>
}

/** Reads the newest page of a history when the component comes, and more when asked to. */
export function useHistory(
  store: Pick<DocumentStore<unknown>, 'history' | 'getState' | 'subscribe'>,
): HistoryNow {
  const pages = useMemo(() => new HistoryPages(store.history), [store])
  const read = useWatched(pages)
  const heads = useWatched(store, headsOf)
  useEffect(() => void pages.refresh(), [pages])
  const newest = read.groups[0]
  const behind = read.status === 'ready' && newest !== undefined && newest.heads.join() !== heads
  return { ...read, behind, more: pages.more, refresh: pages.refresh }
}

function headsOf(state: DocumentState<unknown>): string | undefined {
  return state.status === 'ready' ? state.heads.join() : undefined
}
