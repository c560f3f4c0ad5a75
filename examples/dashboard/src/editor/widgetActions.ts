// What can be done with a widget from its menu and its keys, as edits.

import type { Dashboard, Dovetail, Edit, Layout, NewWidget, Widget } from '@dovetail/client'
import { whenSaved } from '../app/duplicate'
import { firstFree, inside, nearestFree } from './placing'
import { heldBy, ROW_KIND } from './rows'
import { ROW, sizeOn, type WidgetKind } from '../widgets/registry'

/** The places that are taken on the grid. What lies in a row takes none. */
export function takenPlaces(dashboard: Dashboard, except?: string): readonly Layout[] {
  return Object.entries(dashboard.widgets)
    .filter(([id]) => id !== except && heldBy(dashboard.widgets, id) === undefined)
    .map(([, widget]) => inside(widget.layout, dashboard.grid.columns))
}

/** The edits that add a widget of a kind at the first place with room, at the end of the order. */
export function addition(
  dashboard: Dashboard,
  id: string,
  kind: WidgetKind | typeof ROW,
  data: string | undefined,
): Edit {
  const { grid } = dashboard
  const taken = takenPlaces(dashboard)
  const isRow = kind.kind === ROW_KIND
  const layout = isRow
    ? { x: 0, y: lowest(taken), w: grid.columns, h: 1 }
    : firstFree(sizeOn((kind as WidgetKind).size, grid), taken, grid.columns)
  const widget: NewWidget = {
    kind: kind.kind,
    title: titleFor(dashboard, kind.label),
    layout,
    options: isRow ? {} : (kind as WidgetKind).options,
    ...(data === undefined ? {} : { data }),
  }
  return { edit: 'createWidget', id, widget }
}

/** The edit that makes a copy of a widget, as near to it as there is room. */
export function copy(dashboard: Dashboard, id: string, widget: Widget, data: string | undefined): Edit {
  const beside = { ...widget.layout, x: widget.layout.x + widget.layout.w }
  const layout = nearestFree(beside, takenPlaces(dashboard), dashboard.grid.columns)
  const { kind, options, dataSource, parent } = widget
  return {
    edit: 'createWidget',
    id,
    widget: {
      kind,
      title: titleFor(dashboard, widget.title),
      layout,
      options,
      ...(dataSource === undefined ? {} : { dataSource }),
      ...(parent === undefined ? {} : { parent }),
      ...(data === undefined ? {} : { data }),
    },
  }
}

/** Makes the document of a new widget that shows one; its address. Texts and tables begin with something to write into. */
export function newData(dovetail: Dovetail, kind: WidgetKind): string | undefined {
  if (kind.shape === undefined) return undefined
  const store = dovetail.createWidgetData(kind.shape)
  if (kind.shape === 'table') {
    store.setColumns(['Name', 'Value'])
    for (const row of [0, 1, 2])
      store.addRow([`Item ${row + 1}`, kind.kind === 'bargauge' ? (row + 1) * 10 : null])
  }
  whenSaved(store)
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

function lowest(taken: readonly Layout[]): number {
  return Math.max(0, ...taken.map((place) => place.y + place.h))
}
