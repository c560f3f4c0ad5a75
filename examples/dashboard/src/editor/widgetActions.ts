// What can be done with a widget from its menu and its keys, as edits.

import type { Dashboard, DashboardStore, Dovetail, Edit, Layout, NewWidget, Widget } from '@dovetail/client'
import { whenSaved } from '../app/duplicate'
import { inOrder } from './narrow'
import { bottom, drawn, firstFree, inside, nearestFree } from './placing'
import { heldBy } from './rows'
import { COUNT_PATH, COUNTER } from '../widgets/count'
import { sizeOn, type ROW, type WidgetKind } from '../widgets/registry'

/** The places that are taken on the grid. What lies in a row takes none. */
export function takenPlaces(dashboard: Dashboard, except?: string): readonly Layout[] {
  return Object.entries(dashboard.widgets)
    .filter(([id]) => id !== except && heldBy(dashboard.widgets, id) === undefined)
    .map(([, widget]) => inside(widget.layout, dashboard.grid.columns))
}

/** The edits that add a widget of a kind at the first place with room, at the end of the order. */
export function addition(
  store: Placing,
  dashboard: Dashboard,
  id: string,
  kind: WidgetKind | typeof ROW,
  data: string | undefined,
): readonly Edit[] {
  const grid = drawn(dashboard.grid)
  const taken = takenPlaces(dashboard)
  const isRow = !('size' in kind)
  const widget: NewWidget = {
    kind: kind.kind,
    title: titleFor(dashboard, kind.label),
    layout: isRow
      ? { x: 0, y: bottom(taken), w: grid.columns, h: 1 }
      : firstFree(sizeOn(kind.size, grid), taken, grid.columns),
    options: isRow ? {} : kind.options,
    ...(kind.kind === COUNTER ? { counters: [COUNT_PATH] } : {}),
    ...(data === undefined ? {} : { data }),
  }
  return inserted(store, id, widget, inOrder(dashboard.widgets).at(-1)?.id)
}

/** The edits that make a copy of a widget, as near to it as there is room, and behind it in the order. */
export function copy(
  store: Placing,
  dashboard: Dashboard,
  of: string,
  id: string,
  widget: Widget,
  data: string | undefined,
): readonly Edit[] {
  const beside = { ...widget.layout, x: widget.layout.x + widget.layout.w }
  const { kind, options, dataSource, parent } = widget
  const copied: NewWidget = {
    kind,
    title: titleFor(dashboard, widget.title),
    layout: nearestFree(beside, takenPlaces(dashboard), dashboard.grid.columns),
    options,
    // A copy counts from the beginning.
    ...(kind === COUNTER ? { counters: [COUNT_PATH] } : {}),
    ...(dataSource === undefined ? {} : { dataSource }),
    ...(parent === undefined ? {} : { parent }),
    ...(data === undefined ? {} : { data }),
  }
  return inserted(store, id, copied, of)
}

type Placing = Pick<DashboardStore, 'place'>

/** A widget that is made behind another one in the order: its key is the one that it would be moved to. */
function inserted(store: Placing, id: string, widget: NewWidget, after: string | undefined): readonly Edit[] {
  const moves = store.place(id, after)
  const own = moves.find((edit) => edit.edit === 'reorder' && edit.id === id)
  const others = moves.filter((edit) => edit !== own)
  const order = own?.edit === 'reorder' ? { order: own.order } : {}
  return [{ edit: 'createWidget', id, widget: { ...widget, ...order } }, ...others]
}

/** Makes the document of a new widget of this dashboard that shows one; its address. Tables begin with something to write into. */
export function newData(dovetail: Dovetail, dashboard: string, kind: WidgetKind): string | undefined {
  if (kind.shape === undefined) return undefined
  const store = dovetail.createWidgetData(kind.shape, { follows: dashboard })
  void store.settled().then(() => {
    if (kind.shape === 'table') {
      store.setColumns(['Name', 'Value'])
      for (const row of [1, 2, 3]) store.addRow([`Item ${row}`, kind.kind === 'bargauge' ? row * 10 : null])
    }
    whenSaved(store)
  })
  return store.url
}

/** A title that no other widget has: "Counter", "Counter 2", … */
export function titleFor(dashboard: Pick<Dashboard, 'widgets'>, wanted: string): string {
  const taken = new Set(Object.values(dashboard.widgets).map(({ title }) => title))
  if (wanted === '' || !taken.has(wanted)) return wanted
  const stem = wanted.replace(/ \d+$/, '')
  let number = 2
  while (taken.has(`${stem} ${number}`)) number++
  return `${stem} ${number}`
}

/** The edits that take a widget away. What lies in a row that goes stands in the open then, below everything. */
export function removal(dashboard: Dashboard, id: string): readonly Edit[] {
  const freed = Object.keys(dashboard.widgets).filter((other) => heldBy(dashboard.widgets, other) === id)
  const edits: Edit[] = freed.map((child) => ({ edit: 'setParent', id: child, parent: null }))
  return [...edits, { edit: 'removeWidget', id }]
}
