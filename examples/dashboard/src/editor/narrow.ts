// The narrow layout: all widgets in one column, in the order of their keys.
//
// Always true: looking at a dashboard on a phone writes nothing; who drags a widget there changes its order key alone, never its
// place on the grid.

import type { Dashboard, Widget } from '@dovetail/client'
import { heldBy, ROW_KIND, type RowState } from './rows'

/** One widget of the column. */
export interface Entry {
  readonly id: string
  readonly widget: Widget
}

/** The column, and what its rows hold, when the rows in `turned` are the other way round than the document has them. */
export function column(
  dashboard: Pick<Dashboard, 'widgets'>,
  turned: ReadonlySet<string>,
): { readonly entries: readonly Entry[]; readonly rows: ReadonlyMap<string, RowState> } {
  const { widgets } = dashboard
  const all = inOrder(widgets)
  const rows = new Map<string, RowState>()
  const entries: Entry[] = []
  let open = true
  const openRows = all.filter(
    ({ id, widget }) => heldBy(widgets, id) === undefined || widget.kind === ROW_KIND,
  )
  for (const [at, entry] of openRows.entries()) {
    if (entry.widget.kind !== ROW_KIND) {
      if (open) entries.push(entry)
      continue
    }
    const kept = all.filter(({ id }) => heldBy(widgets, id) === entry.id)
    const rest = openRows.slice(at + 1)
    const end = rest.findIndex(({ widget }) => widget.kind === ROW_KIND)
    const below = end < 0 ? rest.length : end
    const holds = kept.length > 0 ? kept.length : below
    const expanded = kept.length > 0 ? turned.has(entry.id) : !turned.has(entry.id) || below === 0
    rows.set(entry.id, { expanded, holds })
    entries.push(entry)
    if (kept.length > 0 && expanded) entries.push(...kept)
    open = kept.length > 0 || expanded
  }
  return { entries, rows }
}

/**
 * Behind which widget one comes to stand that is moved to the place `to` among the entries (0: in front of all). Nothing when it
 * stays where it is.
 */
export function behindWhom(
  entries: readonly { readonly id: string }[],
  id: string,
  to: number,
): { readonly after: string | undefined } | undefined {
  const from = entries.findIndex((entry) => entry.id === id)
  const others = entries.filter((entry) => entry.id !== id)
  const at = Math.min(Math.max(0, to), others.length)
  if (from < 0 || at === from) return undefined
  return { after: others[at - 1]?.id }
}

/** Where a dragged entry would go: before the first other one whose middle is below `y`. All in pixels. */
export function indexAt(middles: readonly number[], y: number): number {
  const at = middles.findIndex((middle) => y < middle)
  return at < 0 ? middles.length : at
}

/** The widgets by order key; equal keys by id. */
export function inOrder(widgets: Readonly<Record<string, Widget>>): readonly Entry[] {
  return Object.entries(widgets)
    .map(([id, widget]) => ({ id, widget }))
    .sort((one, other) => compare(one.widget.order, other.widget.order) || compare(one.id, other.id))
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
