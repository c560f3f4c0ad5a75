// What a widget shows, as a document of its own: points, a table, or a text.
//
// Edit path: ← a person types into a cell or a note; → one change of that document, never of the dashboard's.

import { Automerge, type DocHandle } from '../automerge'
import type { DocumentId } from '../ids'
import { assign, insert, type Draft, type DraftList } from '../document/assign'
import { LiveDocument } from '../document/store'
import { listId, plainOfDraft, type Plain } from '../document/plain'
import { rebased, stretch } from '../document/stretch'
import type { Surroundings } from '../document/surroundings'
import type { Heads, Point, WidgetData, WidgetDataStore } from '../types'
import { planPoints, writePoints } from './points'
import { readWidgetData } from './read'
import { lostRows } from './rows'
import { Typing } from './typing'

/** What writes so few bytes that nobody counts them. */
const SMALL = 0

/** What a letter of a text takes at most in a change, with what is written beside it. */
const LETTER_BYTES_MAX = 16

type Cell = string | number | boolean | null

export class LiveWidgetData extends LiveDocument<WidgetData> implements WidgetDataStore {
  #typing: Typing | undefined
  /** How many fields show the text in which letters are being composed. */
  #held = 0

  constructor(surroundings: Surroundings, id: DocumentId, made?: DocHandle<Draft>) {
    super(surroundings, id, readWidgetData, made)
    const { order } = surroundings
    this.onEnd(order.enter(id, this.undoable))
    this.onCame((before) => this.#tellLostRows(before))
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
      fill(listIn(draft, 'rows')[at] as DraftList, column, null)
      assign(draft, ['rows', at, column], value)
    }
    this.write('Changed a cell', set, bytesOf(value))
    return true
  }

  addRow(cells: readonly Cell[] = []): void {
    // Two who write into cells that are there write into those; cells that both had to add first would come to stand side by side.
    const empty = Array<null>(Math.max(0, this.#width() - cells.length)).fill(null)
    const row = [...cells, ...empty]
    const add = (draft: Draft) => {
      const rows = listIn(draft, 'rows')
      insert(rows, rows.length, [row])
    }
    this.write('Added a row', add, bytesOf(row))
  }

  removeRow(row: string | number): boolean {
    const at = this.#placeOf(row)
    if (at === undefined) return false
    this.write('Removed a row', (draft) => listIn(draft, 'rows').deleteAt(at), SMALL)
    return true
  }

  addColumn(name: string): void {
    const at = this.#width()
    const add = (draft: Draft) => {
      setName(draft, at, name)
      for (const row of listIn(draft, 'rows')) if (Array.isArray(row)) fill(row as DraftList, at + 1, null)
    }
    this.write('Added a column', add)
  }

  renameColumn(column: number, name: string): void {
    const rename = (draft: Draft) => setName(draft, column, name)
    this.write('Renamed a column', rename, bytesOf(name))
  }

  setColumns(columns: readonly string[]): void {
    this.write('Changed the columns', (draft) => assign(draft, ['columns'], columns), bytesOf(columns))
  }

  setShape(shape: WidgetData['shape']): void {
    this.write('Changed what is shown', (draft) => assign(draft, ['shape'], shape), SMALL)
  }

  setText(text: string): void {
    this.mayWrite()
    const typing = this.#typing ?? this.#newTyping(this.heads, this.#text())
    if (text === typing.text) return
    const { start, end, put } = stretch(typing.before, text)
    if ((end - start + put.length) * LETTER_BYTES_MAX > this.surroundings.changeBytesMax()) {
      this.#paste(typing.text, text)
      return
    }
    typing.type(text)
    this.#typing = typing
    this.show(typing)
  }

  holdText(): () => void {
    this.#held += 1
    this.#typing ??= this.#newTyping(this.heads, this.#text())
    this.showOn(this.#typing)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#held -= 1
      if (this.#held === 0) this.#letGo()
    }
  }

  /** What others typed meanwhile shows; while something of ours waits, with that. */
  #letGo(): void {
    const typing = this.#typing
    if (!typing || typing.isWaiting) return
    this.#typing = undefined
    this.drop(typing)
  }

  /** So much at once that it may be too large: that shows when it is made, and it is shown only then. */
  #paste(shown: string, text: string): void {
    this.flush()
    this.#letGo()
    const pasted = rebased(shown, text, this.#text())
    this.write('Typed', (draft) => assign(draft, ['text'], pasted))
  }

  #newTyping(into: Heads, text: string): Typing {
    const { config, environment } = this.surroundings
    return new Typing(into, text, {
      batching: config.batching,
      now: environment.now,
      end: () => this.flush(),
      make: (typing) => this.#make(typing),
    })
  }

  #make(typing: Typing): void {
    this.#typing = undefined
    let after: Heads | undefined = typing.into
    if (typing.isWaiting) {
      after = undefined
      this.finishing('Typed', () => (after = this.#write(typing)))
    }
    if (this.#held === 0 || !after) return
    this.#typing = this.#newTyping(after, typing.text)
    this.showOn(this.#typing)
  }

  /** The state in which the text is what was typed, as far as there is one. */
  #write(typing: Typing): Heads | undefined {
    const write = (text: string, into: Heads) => {
      const { beganAtMs, lastAtMs } = typing
      return this.writeTyped('Typed', (draft) => assign(draft, ['text'], text), { into, beganAtMs, lastAtMs })
    }
    if (this.has(typing.into)) return write(typing.text, typing.into)
    // That state has gone: something in it was refused.
    write(typing.in(this.#text()), this.heads)
    return undefined
  }

  /** What was written into a row that somebody removed meanwhile is said, and stands in `refused` for whoever wants it back. */
  #tellLostRows(before: Heads): void {
    const state = this.getState()
    if (state.status !== 'ready') return
    const { rows } = readWidgetData(this.rootAsStored())
    if (rows === state.value.rows) return
    const there = new Set(rows.map((row) => listId(row)))
    const gone = state.value.rows.flatMap((cells) => {
      const id = listId(cells)
      return id === undefined || there.has(id) ? [] : [{ id, cells }]
    })
    if (gone.length === 0) return
    for (const row of lostRows(this.doc(), before, gone, (actor) => this.isMine(actor))) {
      this.surroundings.tellUndone(this.id, {
        // The same in all tabs that had the row.
        id: `${this.id} row ${row.id}`,
        atMs: this.surroundings.environment.now(),
        code: 'row_removed',
        reason: 'Somebody removed the row at the same time.',
        labels: ['Changed a cell'],
        remade: 0,
        lost: 0,
        patch: [{ op: 'add', path: `/rows/${rows.length}`, value: row.cells }],
        setAside: false,
      })
    }
  }

  /** As many columns as the table has, by their names or by the cells of its rows. */
  #width(): number {
    const { columns, rows } = readWidgetData(this.rootAsStored())
    return rows.reduce((widest, { length }) => Math.max(widest, length), columns.length)
  }

  /** As it is stored. */
  #text(): string {
    return readWidgetData(this.rootAsStored()).text
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

/** The document may hold more among the names of its columns than those that are shown. */
function setName(draft: Draft, column: number, name: string): void {
  const columns = listIn(draft, 'columns')
  const there = plainOfDraft(columns) as readonly Plain[]
  const places = there.flatMap((each, at) => (typeof each === 'string' ? [at] : []))
  const at = places[column] ?? columns.length + column - places.length
  fill(columns, at, '')
  assign(draft, ['columns', at], name)
}

/** What a short list does not have yet is empty. */
function fill(list: DraftList, length: number, empty: Plain): void {
  const missing = length - list.length
  if (missing > 0) insert(list, list.length, Array<Plain>(missing).fill(empty))
}

function listIn(draft: Draft, name: string): DraftList {
  if (!Array.isArray(draft[name])) draft[name] = []
  return draft[name] as DraftList
}
