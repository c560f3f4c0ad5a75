// What a widget shows, as a document of its own: points, a table, or a text.
//
// Edit path: ← a person types into a cell or a note; → one change of that document, never of the dashboard's.

import type { DocHandle } from '../automerge'
import type { DocumentId } from '../ids'
import { assign, insert, type Draft, type DraftList } from '../document/assign'
import { LiveDocument } from '../document/store'
import type { Surroundings } from '../document/surroundings'
import type { Point, WidgetData, WidgetDataStore } from '../types'
import { readWidgetData } from './read'
import { POINTS_KEPT } from '../generated/constants'

/** What writes so few bytes that nobody counts them. */
const SMALL = 0

/** What a letter of a text takes at most in a change, with what is written beside it. */
const LETTER_BYTES_MAX = 16

type Cell = string | number | boolean | null

export class LiveWidgetData extends LiveDocument<WidgetData> implements WidgetDataStore {
  constructor(surroundings: Surroundings, id: DocumentId, made?: DocHandle<Draft>) {
    super(surroundings, id, readWidgetData, made)
    const { order } = surroundings
    this.onEnd(order.enter(id, this.undoable))
    this.onEnd(this.permission.subscribe(() => order.changed()))
  }

  addPoints(points: readonly Point[]): void {
    const label = points.length === 1 ? 'Added a point' : `Added ${points.length} points`
    const add = (draft: Draft) => {
      const list = listIn(draft, 'points')
      for (const { t, v } of [...points].sort((one, other) => one.t - other.t)) {
        const at = lastUpTo(list, t)
        if (at >= 0 && timeOf(list[at]) === t) assign(draft, ['points', at, 'v'], v)
        else list.insertAt(at + 1, { t, v })
      }
      if (list.length > POINTS_KEPT) list.deleteAt(0, list.length - POINTS_KEPT)
    }
    this.write(label, add, bytesOf(points))
  }

  setCell(row: number, column: number, value: Cell): void {
    const set = (draft: Draft) => {
      const cells = listIn(draft, 'rows')[row] as DraftList | undefined
      if (!cells) return
      // Cells that a short row does not have yet are empty.
      while (cells.length < column) cells.push(null)
      assign(draft, ['rows', row, column], value)
    }
    this.write('Changed a cell', set, bytesOf(value))
  }

  addRow(cells: readonly Cell[] = []): void {
    const add = (draft: Draft) => {
      const rows = listIn(draft, 'rows')
      insert(rows, rows.length, [cells])
    }
    this.write('Added a row', add, bytesOf(cells))
  }

  removeRow(row: number): void {
    this.write(
      'Removed a row',
      (draft) => {
        const rows = listIn(draft, 'rows')
        if (row < rows.length) rows.deleteAt(row)
      },
      SMALL,
    )
  }

  setColumns(columns: readonly string[]): void {
    this.write('Changed the columns', (draft) => assign(draft, ['columns'], columns), bytesOf(columns))
  }

  setShape(shape: WidgetData['shape']): void {
    this.write('Changed what is shown', (draft) => assign(draft, ['shape'], shape), SMALL)
  }

  setText(text: string): void {
    // Of a long text only what differs is written, and how much that is shows when it is made.
    const isLong = text.length * LETTER_BYTES_MAX > this.surroundings.changeBytesMax()
    this.write('Typed', (draft) => assign(draft, ['text'], text), isLong ? undefined : SMALL, 'typing')
  }
}

/** Where the last point is that is no later; in front of all when there is none. Nearly always it is the last of all. */
function lastUpTo(list: DraftList, t: number): number {
  let at = list.length - 1
  while (at >= 0 && !(timeOf(list[at]) <= t)) at--
  return at
}

/** What is no point has no time. */
function timeOf(item: unknown): number {
  const t = typeof item === 'object' && item !== null ? (item as Partial<Point>).t : undefined
  return typeof t === 'number' ? t : NaN
}

/** About how large a change with it will be. */
function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length
}

function listIn(draft: Draft, name: string): DraftList {
  if (!Array.isArray(draft[name])) draft[name] = []
  return draft[name] as DraftList
}
