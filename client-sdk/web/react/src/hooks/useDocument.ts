// Documents of other shapes in a component: one's own, and what a widget shows.

import { useCallback } from 'react'
import type { DocumentState, DocumentStore, WidgetData, WidgetDataStore } from '@dovetail/client'
import { useStore } from './useStore'
import { useWatched } from './useWatched'

/** Makes one change, with words for it. Throws as `DocumentStore.change` does. */
export type ChangeDocument<T> = (label: string, edit: (draft: T) => void) => void

/** Opens a document, by id or `automerge:` URL. Throws while rendering: `bad_document_id`. */
export function useDocument<T>(id: string): readonly [DocumentState<T>, ChangeDocument<T>, DocumentStore<T>] {
  const store = useStore(`document:${id}`, (client) => client.open<T>(id))
  const state = useWatched(store)
  const change = useCallback<ChangeDocument<T>>((label, edit) => store.change(label, edit), [store])
  return [state, change, store]
}

/** Opens what a widget shows: `Widget.data`. Throws while rendering: `bad_document_id`. */
export function useWidgetData(id: string): readonly [DocumentState<WidgetData>, WidgetDataStore] {
  const store = useStore(`widget-data:${id}`, (client) => client.openWidgetData(id))
  return [useWatched(store), store]
}
