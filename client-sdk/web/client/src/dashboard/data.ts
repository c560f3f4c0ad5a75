// What a widget shows, as a document of its own: points, a table, or a text.
//
// Edit path: ← a person types into a cell or a note; → one change of that document, never of the dashboard's.

import { Automerge, type DocHandle } from '../automerge'
import type { DocumentId } from '../ids'
import { assign, insert, type Draft, type DraftList } from '../document/assign'
import { LiveDocument } from '../document/store'
import { listId } from '../document/plain'
import type { Surroundings } from '../document/surroundings'
import type { Point, WidgetData, WidgetDataStore } from '../types'
import { planPoints, writePoints } from './points'
import { readWidgetData } from './read'

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
    this.flush()
    const root = this.rootAsStored()
    const { retention } = readWidgetData(root)
    const plan = planPoints(root, points, retention, this.surroundings.environment.now())
    const add = (draft: Draft) => writePoints(listIn(draft, 'points'), draft, plan)
    this.write(label, add, bytesOf(points))
  }

  rowId(row: WidgetData['rows'][number]): string | undefined {
    return listId(row)
  }

  setCell(row: string | number, column: number, value: Cell): boolean {
    const at = this.#placeOf(row)
    if (at === undefined) return false
    const set = (draft: Draft) => {
      const cells = listIn(draft, 'rows')[at] as DraftList
      // Cells that a short row does not have yet are empty.
      while (cells.length < column) cells.push(null)
      assign(draft, ['rows', at, column], value)
    }
    this.write('Changed a cell', set, bytesOf(value))
    return true
  }

  addRow(cells: readonly Cell[] = []): void {
    const add = (draft: Draft) => {
      const rows = listIn(draft, 'rows')
      insert(rows, rows.length, [cells])
    }
    this.write('Added a row', add, bytesOf(cells))
  }

  removeRow(row: string | number): boolean {
    const at = this.#placeOf(row)
    if (at === undefined) return false
    this.write('Removed a row', (draft) => listIn(draft, 'rows').deleteAt(at), SMALL)
    return true
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

  /** Where it is in the document, which may hold more among its rows than those that are shown. */
  #placeOf(row: string | number): number | undefined {
    const { rows } = this.doc()
    if (!Array.isArray(rows)) return undefined
    const places = rows.flatMap((each: unknown, at) => (Array.isArray(each) ? [{ each, at }] : []))
    const found =
      typeof row === 'number' ? places[row] : places.find(({ each }) => Automerge.getObjectId(each) === row)
    return found?.at
  }
}

/** About how large a change with it will be. */
function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length
}

function listIn(draft: Draft, name: string): DraftList {
  if (!Array.isArray(draft[name])) draft[name] = []
  return draft[name] as DraftList
}
