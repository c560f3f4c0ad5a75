// A dashboard in a component.

import { useCallback } from 'react'
import type { Dashboard, DashboardStore, DocumentState, Edit, EditOptions } from '@dovetail/client'
import { useStore } from './useStore'
import { useWatched } from './useWatched'

/** Makes edits as one change. Throws as `DashboardStore.edit` does. */
export type EditDashboard = (edits: Edit | readonly Edit[], options?: EditOptions) => void

/**
 * Opens a dashboard, by id or `automerge:` URL: how it is, how to edit it, and its store for the other hooks. Renders at every
 * change of it; a page of many widgets takes the store from `useDashboardStore` and lets each `useWidget` follow its own.
 * Throws while rendering: `bad_document_id`.
 */
export function useDashboard(id: string): readonly [DocumentState<Dashboard>, EditDashboard, DashboardStore] {
  const store = useDashboardStore(id)
  const state = useWatched(store)
  const edit = useCallback<EditDashboard>((edits, options) => store.edit(edits, options), [store])
  return [state, edit, store]
}

/** Opens a dashboard without following it. Throws while rendering: `bad_document_id`. */
export function useDashboardStore(id: string): DashboardStore {
  return useStore(`dashboard:${id}`, (client) => client.openDashboard(id))
}
