// Rows that collapse: which widgets the grid shows, and where.
//
// A row holds widgets in one of two ways, as in Grafana: those that name it as `parent` lie hidden in it, until somebody expands
// it to look; otherwise it holds what stands below it up to the next row, until somebody collapses it.
//
// Always true: looking changes no document. What is shown is moved down below what was expanded, and up below what was
// collapsed; `toDocument` takes a place on the screen back to the document, so that a widget dropped there is written where it
// belongs.

import type { Dashboard, Layout, Widget } from '@dovetail/client'
import { drawn, inside, overlap } from './placing'

export const ROW_KIND = 'row'

/** A widget that is shown. */
export interface Shown {
  readonly id: string
  readonly widget: Widget
  /** On the screen. */
  readonly place: Layout
}

/** What a row shows on its bar. */
export interface RowState {
  readonly expanded: boolean
  /** How many widgets it holds. */
  readonly holds: number
}

export interface Arrangement {
  readonly shown: readonly Shown[]
  readonly rows: ReadonlyMap<string, RowState>
  /** Where a widget is in the document, when it is at `place` on the screen. */
  readonly toDocument: (id: string, place: Layout) => Layout
}

/** A row with what it holds. `delta`: how far what stands below moves. */
interface Block {
  readonly id: string
  readonly bottom: number
  readonly delta: number
  readonly hidden: readonly string[]
  readonly opened: readonly string[]
}

/** What is shown, when the rows in `turned` are the other way round than the document has them. */
export function arrange(
  dashboard: Pick<Dashboard, 'widgets' | 'grid'>,
  turned: ReadonlySet<string>,
): Arrangement {
  const { columns } = drawn(dashboard.grid)
  const widgets = Object.entries(dashboard.widgets)
  const places = new Map(widgets.map(([id, widget]) => [id, inside(widget.layout, columns)]))
  const placeOf = (id: string): Layout => places.get(id) ?? { x: 0, y: 0, w: 1, h: 1 }
  const children = childrenOf(dashboard.widgets)
  const rowIds = widgets
    .filter(([id, widget]) => widget.kind === ROW_KIND && !heldBy(dashboard.widgets, id))
    .map(([id]) => id)
    .sort((one, other) => placeOf(one).y - placeOf(other).y || (one < other ? -1 : 1))

  const rows = new Map<string, RowState>()
  const blocks = rowIds.map((id, at): Block => {
    const place = placeOf(id)
    const bottom = place.y + place.h
    const kept = children.get(id) ?? []
    const next = rowIds[at + 1]
    const end = next === undefined ? Infinity : placeOf(next).y
    if (kept.length > 0) {
      const expanded = turned.has(id)
      rows.set(id, { expanded, holds: kept.length })
      const height =
        Math.max(...kept.map((child) => placeOf(child).y + placeOf(child).h)) - topOf(kept, placeOf)
      return {
        id,
        bottom,
        delta: expanded ? height : 0,
        hidden: expanded ? [] : kept,
        opened: expanded ? kept : [],
      }
    }
    const below = widgets
      .filter(([other, widget]) => {
        const { y } = placeOf(other)
        return widget.kind !== ROW_KIND && !heldBy(dashboard.widgets, other) && y >= bottom && y < end
      })
      .map(([other]) => other)
    const expanded = !turned.has(id) || below.length === 0
    rows.set(id, { expanded, holds: below.length })
    const shrink = Number.isFinite(end) ? bottom - end : 0
    return { id, bottom, delta: expanded ? 0 : shrink, hidden: expanded ? [] : below, opened: [] }
  })

  const hidden = new Set(blocks.flatMap((block) => block.hidden))
  // What lies in a row is shown only where the row opens it.
  for (const kept of children.values()) for (const id of kept) hidden.add(id)
  for (const block of blocks) for (const id of block.opened) hidden.delete(id)
  const offsets = new Map<string, number>()
  for (const block of blocks) {
    const screenBottom = block.bottom + shiftAt(block.bottom - 1, blocks)
    const top = topOf(block.opened, placeOf)
    for (const id of block.opened) offsets.set(id, screenBottom - top)
  }
  const offsetOf = (id: string): number => offsets.get(id) ?? shiftAt(placeOf(id).y, blocks)
  const shown = widgets
    .filter(([id]) => !hidden.has(id))
    .map(([id, widget]) => ({ id, widget, place: { ...placeOf(id), y: placeOf(id).y + offsetOf(id) } }))
  return {
    shown,
    rows,
    toDocument: (id, place) => {
      const opened = offsets.get(id)
      const y = opened === undefined ? fromScreen(place.y, blocks) : place.y - opened
      return { ...place, y: Math.max(0, y) }
    },
  }
}

/** By row, the widgets that name it as their parent. One whose row is not there, or is no row, stands in the open. */
function childrenOf(widgets: Readonly<Record<string, Widget>>): ReadonlyMap<string, readonly string[]> {
  const children = new Map<string, string[]>()
  for (const id of Object.keys(widgets)) {
    const row = heldBy(widgets, id)
    if (row === undefined) continue
    const list = children.get(row)
    if (list) list.push(id)
    else children.set(row, [id])
  }
  return children
}

/** The row that a widget lies in. */
export function heldBy(widgets: Readonly<Record<string, Widget>>, id: string): string | undefined {
  const parent = widgets[id]?.parent
  if (parent === undefined || parent === id) return undefined
  const row = widgets[parent]
  // A row in a row would never be seen: it counts as standing in the open.
  return row?.kind === ROW_KIND && widgets[id]?.kind !== ROW_KIND ? parent : undefined
}

/** Those whose place a widget would share at this one of the document: what lies in another row is not in the way. */
export function coveredAt(
  { widgets, grid }: Pick<Dashboard, 'widgets' | 'grid'>,
  id: string,
  place: Layout,
): readonly Widget[] {
  const { columns } = drawn(grid)
  const row = heldBy(widgets, id)
  return Object.entries(widgets)
    .filter(([other]) => other !== id && heldBy(widgets, other) === row)
    .map(([, widget]) => widget)
    .filter(({ layout }) => overlap(place, inside(layout, columns)))
}

function topOf(ids: readonly string[], placeOf: (id: string) => Layout): number {
  return ids.length === 0 ? 0 : Math.min(...ids.map((id) => placeOf(id).y))
}

/** How far what stands at `y` in the document moves on the screen. */
function shiftAt(y: number, blocks: readonly Block[]): number {
  return blocks.reduce((sum, block) => (block.bottom <= y ? sum + block.delta : sum), 0)
}

/** The row of the document for a row of the screen. What is dropped among opened widgets goes right below their row. */
function fromScreen(y: number, blocks: readonly Block[]): number {
  let shift = 0
  for (const block of blocks) {
    const top = block.bottom + shift
    if (y < top) break
    if (y < top + block.delta) return block.bottom
    shift += block.delta
  }
  return y - shift
}
