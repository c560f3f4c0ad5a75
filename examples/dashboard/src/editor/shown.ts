// What the grid shows: the dashboard, or something else in its place for as long as a panel previews it.
//
// Always true: a preview changes no document; while there is one, nothing on the grid can be edited.

import type { Dashboard, DashboardStore, DocumentState } from '@dovetail/client'
import { staticWatchable } from '@dovetail/react'
import type { Preview } from './slots'

/** The store as the tiles see it: its state and what does not fit in it are those of the preview, all else is its own. */
export function withPreview(store: DashboardStore, preview: Preview | undefined): DashboardStore {
  if (!preview) return store
  const state: DocumentState<Dashboard> = {
    status: 'ready',
    value: preview.dashboard,
    heads: [],
    gone: undefined,
  }
  const conflicts = preview.conflicts ?? []
  const judged = { ...store.conflicts.getState(), conflicts, open: conflicts.length }
  return overlaid(store, {
    ...staticWatchable(state),
    conflicts: { ...store.conflicts, ...staticWatchable(judged) },
  })
}

/** A store with some of its parts replaced; all else is its own. */
export function overlaid(store: DashboardStore, parts: Partial<DashboardStore>): DashboardStore {
  return new Proxy(store, {
    get(target, name) {
      if (Object.hasOwn(parts, name)) return Reflect.get(parts, name) as unknown
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** The dashboard of a state that is known to be there. */
export function dashboardOf(state: DocumentState<Dashboard>): Dashboard {
  return state.status === 'ready' ? state.value : NOTHING
}

/** Whether two dashboards put the same widgets in the same places; what is in them may differ. */
export function sameShape(one: Dashboard, other: Dashboard): boolean {
  if (one.widgets === other.widgets && one.grid === other.grid) return true
  if (one.grid.columns !== other.grid.columns || one.grid.rowHeight !== other.grid.rowHeight) return false
  const ids = Object.keys(one.widgets)
  if (ids.length !== Object.keys(other.widgets).length) return false
  return ids.every((id) => {
    const [before, now] = [one.widgets[id], other.widgets[id]]
    if (before === now) return true
    if (!before || !now) return false
    return (
      before.layout === now.layout &&
      before.kind === now.kind &&
      before.parent === now.parent &&
      before.locked === now.locked &&
      before.order === now.order
    )
  })
}

const NOTHING: Dashboard = {
  schemaVersion: 1,
  title: '',
  description: '',
  grid: { columns: 24, rowHeight: 30 },
  widgets: {},
  extra: {},
}
