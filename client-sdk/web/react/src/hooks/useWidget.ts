// One widget, and which there are: what a page of many widgets is made of, so that a change in one renders one.

import { useCallback } from 'react'
import type { Dashboard, DashboardStore, DocumentState, Widget } from '@dovetail/client'
import { sameItems, useWatched } from './useWatched'

/** One widget; nothing while there is none. Renders anew only when this widget changed. */
export function useWidget(store: DashboardStore, widgetId: string): Widget | undefined {
  const select = useCallback((state: DocumentState<Dashboard>) => widgetOf(state, widgetId), [widgetId])
  return useWatched(store, select)
}

/** The ids of all widgets, in the order of reading. Renders anew only when one came or went, or the order changed. */
export function useWidgetIds(store: DashboardStore): readonly string[] {
  return useWatched(store, widgetIds, sameItems)
}

function widgetOf(state: DocumentState<Dashboard>, widgetId: string): Widget | undefined {
  if (state.status !== 'ready' || !Object.hasOwn(state.value.widgets, widgetId)) return undefined
  return state.value.widgets[widgetId]
}

function widgetIds(state: DocumentState<Dashboard>): readonly string[] {
  if (state.status !== 'ready') return []
  return Object.entries(state.value.widgets)
    .sort(([oneId, one], [otherId, other]) => byText(one.order, other.order) || byText(oneId, otherId))
    .map(([id]) => id)
}

/** `order` sorts by its letters' codes, whatever the reader's language. */
function byText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
