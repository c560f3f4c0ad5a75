// Taking back what one did last on a dashboard, be it of the dashboard or of what its widgets show.

import { beforeEach, describe, expect, test, vi, afterEach } from 'vitest'
import { Automerge, type Doc } from '../../src/automerge'
import type { Draft } from '../../src/document/assign'
import type { DashboardStore, Dovetail, WidgetData, WidgetDataStore } from '../../src/types'
import { offline, shown } from '../live/tabs'
import { Device } from '../live/tab'

const PAUSE_MS = 400

let dovetail: Dovetail
let board: DashboardStore
let note: WidgetDataStore
let table: WidgetDataStore

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  dovetail = offline(new Device(), { storage: { kind: 'memory' } })
  note = dovetail.createWidgetData('text')
  table = dovetail.createWidgetData('table')
  board = dovetail.createDashboard({
    title: 'Hosts',
    widgets: {
      note: { kind: 'note', title: 'Notes', data: note.url },
      table: { kind: 'table', title: '', data: table.url },
    },
  })
})

afterEach(() => {
  vi.useRealTimers()
})

function content(store: WidgetDataStore): WidgetData {
  const state = store.getState()
  if (state.status !== 'ready') throw new Error(`it is ${state.status}`)
  return state.value
}

/** What can be seen: the title, the text, the rows. */
const screen = () => [shown(board).title, content(note).text, content(table).rows]

const rename = (title: string) => board.edit({ edit: 'setTitle', title })

/** Somebody else does it, as from another tab. */
function other(store: WidgetDataStore, edit: (draft: Draft) => void): void {
  const { surroundings } = store as unknown as {
    surroundings: {
      repo: { handles: Record<string, { update(next: (doc: Doc<Draft>) => Doc<Draft>): void }> }
    }
  }
  surroundings.repo.handles[store.id]?.update((doc) => {
    return Automerge.merge(doc, Automerge.change(Automerge.clone(doc, { actor: 'ee'.repeat(16) }), edit))
  })
}

/** Types letter by letter, with a pause at the end. */
function type(text: string): void {
  for (const letter of text) note.setText(content(note).text + letter)
  vi.advanceTimersByTime(PAUSE_MS + 1)
}

describe('one order', () => {
  test('CL186 what was done last on the screen is taken back first, in whichever document, and made again', () => {
    const seen = [screen()]
    const steps = [
      () => rename('All hosts'),
      () => type('first'),
      () => table.addRow(['a', 1]),
      () => type(' second'),
      () => table.setCell(0, 1, 2),
      () => rename('Every host'),
    ]
    for (const step of steps) {
      step()
      seen.push(screen())
    }
    for (let round = 0; round < 2; round++) {
      for (const before of seen.slice(0, -1).reverse()) {
        board.undoing.undo()
        expect(screen()).toEqual(before)
      }
      expect(board.undoing.getState().undo).toBeUndefined()
      for (const after of seen.slice(1)) {
        board.undoing.redo()
        expect(screen()).toEqual(after)
      }
      expect(board.undoing.getState().redo).toBeUndefined()
    }
  })

  test('CL186 it says what would be taken back, and in which widget', () => {
    type('a')
    expect(board.undoing.getState()).toEqual({ undo: 'Typed in “Notes”', redo: undefined })
    table.addRow()
    expect(board.undoing.getState().undo).toBe('Added a row')
    board.undoing.undo()
    expect(board.undoing.getState()).toEqual({ undo: 'Typed in “Notes”', redo: 'Added a row' })
    expect(note.undoing.getState().undo).toBe('Typed')
  })

  test('CL186 whoever watches is told, though the words stay the same', () => {
    type('a')
    rename('b')
    type('c')
    let told = 0
    board.undoing.subscribe(() => (told += 1))
    board.undoing.undo()
    expect(board.undoing.getState().undo).toBe('Called the dashboard “b”')
    expect(told).toBe(1)
  })

  test('CL186 the next edit of any document on the screen ends making again', () => {
    rename('b')
    board.undoing.undo()
    type('a')
    expect(board.undoing.getState().redo).toBeUndefined()
    board.undoing.redo()
    expect(shown(board).title).toBe('Hosts')
    board.undoing.undo()
    rename('c')
    board.undoing.redo()
    expect(content(note).text).toBe('')
  })

  test('CL242 a certain step is taken back, and nothing that was done after it', () => {
    board.edit({ edit: 'removeWidget', id: 'table' })
    const removed = board.undoing.latest()
    rename('b')
    type('a')
    expect(removed?.label).toBe('Removed a table without a title')
    expect(removed?.takeBack()).toBe(true)
    expect(Object.keys(shown(board).widgets).sort()).toEqual(['note', 'table'])
    expect(screen().slice(0, 2)).toEqual(['b', 'a'])
    expect(removed?.takeBack()).toBe(false)
    board.undoing.redo()
    expect(Object.keys(shown(board).widgets)).toEqual(['note'])
    board.undoing.undo()
    board.undoing.undo()
    expect(screen().slice(0, 2)).toEqual(['b', ''])
  })

  test('CL242 a row that was removed comes back where it was, whatever was done in others', () => {
    for (const name of ['a', 'b', 'c']) table.addRow([name])
    table.removeRow(0)
    const removed = table.undoing.latest()
    table.setCell(0, 0, 'B')
    rename('b')
    expect(removed?.takeBack()).toBe(true)
    expect(content(table).rows).toEqual([['a'], ['B'], ['c']])
    expect(shown(board).title).toBe('b')
  })

  test('CL242 typing that went on is no longer the step that it was', () => {
    type('a')
    const typed = board.undoing.latest()
    rename('b')
    expect(typed?.takeBack()).toBe(true)
    expect(typed?.takeBack()).toBe(false)
    expect(content(note).text).toBe('')
    expect(board.undoing.latest()?.label).toBe('Called the dashboard “b”')
  })

  test('CL321 what a document begins with is not offered, also what was still being typed of it, and what comes later is', () => {
    type('a')
    note.setText('ab')
    note.undoing.forget()
    expect(board.undoing.getState().undo).toBeUndefined()
    rename('b')
    board.undoing.forget()
    expect([board.undoing.getState().undo, board.undoing.latest()]).toEqual([undefined, undefined])
    board.undoing.undo()
    type('c')
    rename('c')
    for (let n = 0; n < 5; n++) board.undoing.undo()
    expect(screen().slice(0, 2)).toEqual(['b', 'ab'])
  })

  test('CL186 what is no longer on the dashboard is not taken back, until it is there again', () => {
    type('a')
    board.edit({ edit: 'removeWidget', id: 'note' })
    rename('b')
    board.undoing.undo()
    expect(board.undoing.getState().undo).toBe('Removed “Notes”')
    board.edit({ edit: 'removeWidget', id: 'table' })
    board.undoing.undo()
    board.undoing.undo()
    expect(Object.keys(shown(board).widgets).sort()).toEqual(['note', 'table'])
    board.undoing.undo()
    expect(content(note).text).toBe('')
    expect(board.undoing.getState().undo).toBeUndefined()
  })

  test('CL186 a document of another dashboard is none of this one', () => {
    const away = dovetail.createWidgetData('text')
    away.setText('a')
    expect(board.undoing.getState().undo).toBeUndefined()
    board.undoing.undo()
    expect(content(away).text).toBe('a')
  })

  test('CL186 a document that may only be looked at is passed over', () => {
    rename('b')
    type('a')
    ;(note as unknown as { hear(message: object): void }).hear({
      type: 'dovetail-permission',
      documentId: note.id,
      role: 'read',
    })
    expect(board.undoing.getState().undo).toBe('Called the dashboard “b”')
    board.undoing.undo()
    expect(screen()).toEqual(['Hosts', 'a', []])
  })

  test('CL186 what is typed into the dashboard and goes on is taken back first', () => {
    type('a')
    board.edit({ edit: 'setTitle', title: 'typing' }, { typing: true })
    board.undoing.undo()
    expect(screen()).toEqual(['Hosts', 'a', []])
  })

  test('CL186 what was done in a document that is drawn no more can be taken back as long as the dashboard is open', () => {
    type('a')
    note.release()
    board.undoing.undo()
    const again = dovetail.openWidgetData(note.url)
    expect(content(again).text).toBe('')
    expect(again.undoing.getState().redo).toBe('Typed')
    again.release()
    rename('b')
    board.release()
    expect(dovetail.openWidgetData(note.url)).not.toBe(again)
    expect(dovetail.openDashboard(board.url)).not.toBe(board)
  })
})

describe('text', () => {
  test('CL187 what is typed without a pause is one step, in however many changes', () => {
    type('first')
    type(' second')
    expect(content(note).text).toBe('first second')
    board.undoing.undo()
    expect(content(note).text).toBe('first')
    board.undoing.undo()
    expect(content(note).text).toBe('')
    board.undoing.redo()
    expect(content(note).text).toBe('first')
  })

  test('CL187 long typing is several steps, and so is what another edit is between', () => {
    for (let n = 0; n < 60; n++) {
      note.setText('a'.repeat(n + 1))
      vi.advanceTimersByTime(100)
    }
    board.undoing.undo()
    expect(content(note).text.length).toBeGreaterThan(0)
    note.setText('x')
    rename('b')
    note.setText('xy')
    board.undoing.undo()
    expect([shown(board).title, content(note).text]).toEqual(['b', 'x'])
  })

  test('CL187 the letters of others stay, and the text stays one that several may type in', () => {
    type('mine')
    other(note, (draft) => Automerge.splice(draft, ['text'], 2, 0, 'THEIRS'))
    board.undoing.undo()
    expect(content(note).text).toBe('THEIRS')
    board.undoing.redo()
    expect(content(note).text.replace('THEIRS', '')).toBe('mine')
    const doc = Automerge.load<{ text: unknown }>(note.exportAutomerge())
    expect(typeof doc.text).toBe('string')
  })

  test('CL187 others who type in between end a step, so that their letters are never in it', () => {
    note.setText('a')
    other(note, (draft) => Automerge.splice(draft, ['text'], 0, 0, 'Z'))
    note.setText('Zab')
    board.undoing.undo()
    board.undoing.undo()
    expect(content(note).text).toBe('Z')
  })
})
