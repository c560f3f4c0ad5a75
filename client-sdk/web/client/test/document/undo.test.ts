// One's own edits are taken back and made again, and what others did stays.

import '@automerge/automerge'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Automerge, Counter, ImmutableString, Repo, type DocHandle } from '../../src/automerge'
import { assignRoot, type Draft } from '../../src/document/assign'
import { Copy } from '../../src/document/copy'
import { TabOrder } from '../../src/document/order'
import { plain, type PlainObject } from '../../src/document/plain'
import { Undo } from '../../src/document/undo'
import { documentOf, keptAs, objects } from './values'

/** One person at one document, and what others do to it. */
class Desk {
  readonly handle: DocHandle<Draft>
  readonly copy = new Copy(
    () => undefined,
    () => Infinity,
  )
  readonly undo = new Undo(new TabOrder())

  constructor(first: Draft | DocHandle<Draft>) {
    this.handle = 'documentId' in first ? (first as DocHandle<Draft>) : new Repo({}).create<Draft>(first)
    this.copy.start(this.handle)
  }

  edit(change: (draft: never) => void, label = 'edit'): void {
    const made = this.copy.change(label, change as (draft: Draft) => void, 'small')
    if (made) this.undo.made(made)
  }

  /** Somebody else edits what they see here now. */
  other(change: (draft: never) => void): void {
    this.others(change)()
  }

  /** Somebody else edits what they see here now; it arrives when that is called. */
  others(change: (draft: never) => void, actor = 'ff'.repeat(16)): () => void {
    const copy = Automerge.clone(this.handle.doc(), { actor })
    const edited = Automerge.change(copy, change as (draft: Draft) => void)
    return () => this.handle.update((doc) => Automerge.merge(doc, edited))
  }

  get value(): unknown {
    return plain(this.handle.doc())
  }
}

const text = (value: string) => new ImmutableString(value)
type Board = { title: unknown; widgets: Record<string, { title: unknown; n: Counter; note: string }> }

test('CL64 an edit is taken back and made again, as often as one likes', () => {
  const desk = new Desk({ title: text('a') })
  desk.edit((draft: Board) => (draft.title = text('b')), 'Renamed')
  desk.edit((draft: Board) => (draft.title = text('c')), 'Renamed again')
  expect(desk.undo.state.getState()).toEqual({ undo: 'Renamed again', redo: undefined })
  for (let n = 0; n < 3; n++) {
    desk.undo.undo(desk.copy)
    desk.undo.undo(desk.copy)
    expect(desk.value).toEqual({ title: 'a' })
    expect(desk.undo.state.getState()).toEqual({ undo: undefined, redo: 'Renamed' })
    desk.undo.redo(desk.copy)
    desk.undo.redo(desk.copy)
    expect(desk.value).toEqual({ title: 'c' })
  }
  desk.undo.undo(desk.copy)
  desk.edit((draft: Board) => (draft.title = text('d')))
  expect(desk.undo.state.getState().redo).toBeUndefined()
})

test('CL64 what was undone says so in the history', () => {
  const desk = new Desk({ title: text('a') })
  desk.edit((draft: Board) => (draft.title = text('b')), 'Renamed')
  desk.undo.undo(desk.copy)
  desk.undo.redo(desk.copy)
  const messages = Automerge.getChangesMetaSince(desk.handle.doc(), []).map(({ message }) => message)
  expect(messages.slice(-2)).toEqual(['Undid: Renamed', 'Did again: Renamed'])
})

test('CL64 of many edits the last hundred can be taken back', () => {
  const desk = new Desk({ n: 0 })
  for (let n = 1; n <= 120; n++) desk.edit((draft: { n: number }) => (draft.n = n))
  for (let n = 0; n < 120; n++) desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ n: 20 })
})

test('CL64 whatever is edited: taken back it is as before, made again as after', () => {
  fc.assert(
    fc.property(fc.array(objects, { minLength: 1, maxLength: 4 }), keptAs, (values, as) => {
      const desk = new Desk({})
      desk.handle.update(() => documentOf(values[0] ?? {}, as))
      const seen = [desk.value]
      for (const value of values) {
        desk.edit((draft: Draft) => assignRoot(draft, value, []))
        if (desk.undo.state.getState().undo !== undefined) seen.push(desk.value)
      }
      const steps = seen.slice(1).length
      for (let round = 0; round < 2; round++) {
        for (let n = 0; n < steps; n++) desk.undo.undo(desk.copy)
        expect(desk.value).toEqual(seen[0])
        for (let n = 0; n < steps; n++) desk.undo.redo(desk.copy)
        expect(desk.value).toEqual(seen.at(-1))
      }
    }),
  )
})

test('CL65 a register that another wrote to since stays theirs', () => {
  const desk = new Desk({ title: text('a'), other: 1 })
  desk.edit((draft: Draft) => Object.assign(draft, { title: text('b'), other: 2 }))
  desk.other((draft: Board) => (draft.title = text('theirs')))
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ title: 'theirs', other: 1 })
  desk.undo.redo(desk.copy)
  expect(desk.value).toEqual({ title: 'theirs', other: 2 })
})

test.each(['00', 'ff'])('CL65 of two registers written at the same time the other is left (%s)', (actor) => {
  const desk = new Desk({ title: text('a') })
  const arrives = desk.others((draft: Board) => (draft.title = text('theirs')), actor.repeat(16))
  desk.edit((draft: Board) => (draft.title = text('mine')))
  arrives()
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ title: 'theirs' })
})

test('CL65 a widget that was removed comes back with all that is in it, each of its kind', () => {
  const widget = {
    title: text('CPU'),
    n: new Counter(3),
    note: 'a note',
    l: [text('x'), 1, { at: new Date(5) }],
  }
  const desk = new Desk({ widgets: { cpu: widget } })
  const before = desk.value
  desk.edit(({ widgets }: Board) => delete widgets['cpu'])
  desk.other(({ widgets }: Board) => (widgets['ram'] = { title: text('RAM'), n: new Counter(1), note: '' }))
  desk.undo.undo(desk.copy)
  const { widgets } = desk.handle.doc() as unknown as Board
  expect(plain(widgets['cpu'])).toEqual((before as { widgets: { cpu: unknown } }).widgets.cpu)
  expect(widgets['cpu']?.n).toBeInstanceOf(Counter)
  expect(widgets['cpu']?.title).toBeInstanceOf(ImmutableString)
  expect(widgets['cpu']?.note).toBe('a note')
  expect(Object.keys(widgets)).toHaveLength(2)
  desk.undo.redo(desk.copy)
  expect(Object.keys((desk.value as { widgets: object }).widgets)).toEqual(['ram'])
})

test('CL65 a widget that was added and that another has edited stays', () => {
  const desk = new Desk({ widgets: {} })
  desk.edit(({ widgets }: Board) => (widgets['cpu'] = { title: text('CPU'), n: new Counter(0), note: '' }))
  desk.other(({ widgets }: Board) => (widgets['cpu']!.title = text('Load')))
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ widgets: { cpu: { title: 'Load', n: 0, note: '' } } })
})

test('CL65 what another removed since stays removed', () => {
  const desk = new Desk({ widgets: { cpu: { title: text('CPU'), n: new Counter(0), note: 'n' } } })
  desk.edit(({ widgets }: Board) => {
    widgets['cpu']!.title = text('Load')
    widgets['cpu']!.n.increment(2)
  })
  desk.edit(({ widgets }: Board) => (widgets['cpu']!.note = 'no'))
  desk.other(({ widgets }: Board) => delete widgets['cpu'])
  desk.undo.undo(desk.copy)
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ widgets: {} })
  expect(desk.undo.state.getState()).toEqual({ undo: undefined, redo: undefined })
})

test('CL65 a counter counts back, whatever others counted', () => {
  const desk = new Desk({ n: new Counter(5) })
  desk.edit(({ n }: { n: Counter }) => n.increment(2))
  desk.other(({ n }: { n: Counter }) => n.increment(10))
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ n: 15 })
  desk.undo.redo(desk.copy)
  expect(desk.value).toEqual({ n: 17 })
})

test('CL65 of a text one’s own letters go and come back, also where others type', () => {
  const desk = new Desk({ note: 'one three' })
  desk.edit((draft: Draft) => Automerge.splice(draft, ['note'], 4, 0, 'two '))
  desk.other((draft: Draft) => Automerge.splice(draft, ['note'], 0, 0, 'zero '))
  desk.other((draft: Draft) => Automerge.splice(draft, ['note'], 'zero one two '.length, 0, 'and a half '))
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ note: 'zero one and a half three' })
  desk.undo.redo(desk.copy)
  expect(desk.value).toEqual({ note: 'zero one two and a half three' })
})

test('CL65 letters that were deleted come back where they were', () => {
  const desk = new Desk({ note: 'one two three' })
  desk.edit((draft: Draft) => Automerge.splice(draft, ['note'], 4, 4))
  desk.other((draft: Draft) => Automerge.splice(draft, ['note'], 0, 4, 'ONE '))
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ note: 'ONE two three' })
})

type Table = {
  rows: unknown[][] & { deleteAt(at: number, n?: number): void; insertAt(at: number, ...i: unknown[]): void }
}

test('CL65 rows are found where they are by now', () => {
  const desk = new Desk({ rows: [[1], [2], [3]] })
  desk.edit(({ rows }: Table) => (rows[1]![0] = 22))
  desk.edit(({ rows }: Table) => rows.deleteAt(2))
  desk.other(({ rows }: Table) => rows.insertAt(0, [0]))
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ rows: [[0], [1], [22], [3]] })
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ rows: [[0], [1], [2], [3]] })
})

test('CL65 a cell that another wrote to stays theirs, though the list is another one by now', () => {
  const desk = new Desk({ rows: [[1, 1]] })
  desk.edit(({ rows }: Table) => rows[0]!.splice(0, 2, 5, 6))
  desk.other(({ rows }: Table) => {
    rows.insertAt(0, [9, 9])
    rows[1]!.splice(0, 0, 8)
    rows[1]![1] = 'theirs'
  })
  desk.undo.undo(desk.copy)
  expect((desk.value as { rows: unknown[][] }).rows[1]).toContain('theirs')
})

test('CL65 a row that was added and that another has filled stays, and those beside it go', () => {
  const desk = new Desk({ rows: [] })
  desk.edit(({ rows }: Table) => rows.push(['a'], ['b'], ['c']))
  desk.other(({ rows }: Table) => (rows[1]![0] = 'theirs'))
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ rows: [['theirs']] })
})

test('CL65 what came back after it was removed is edited as before', () => {
  const desk = new Desk({
    widgets: { cpu: { title: text('a'), n: new Counter(0), note: 'n' } },
    rows: [[1], [2]],
  })
  const all = [desk.value]
  const edits: ((draft: Board & Table) => void)[] = [
    ({ widgets }) => (widgets['cpu']!.title = text('b')),
    ({ widgets }) => (widgets['cpu']!.note = 'another'),
    ({ rows }) => (rows[1]![0] = 22),
    ({ rows }) => rows.deleteAt(1),
    ({ widgets }) => delete widgets['cpu'],
  ]
  for (const edit of edits) {
    desk.edit(edit)
    all.push(desk.value)
  }
  for (const seen of all.slice(0, -1).reverse()) {
    desk.undo.undo(desk.copy)
    expect(desk.value).toEqual(seen)
  }
  for (const seen of all.slice(1)) {
    desk.undo.redo(desk.copy)
    expect(desk.value).toEqual(seen)
  }
})

test('CL65 a widget that came back is found, also when others edit elsewhere', () => {
  const desk = new Desk({
    title: text('a'),
    widgets: { cpu: { title: text('a'), n: new Counter(0), note: '' } },
  })
  desk.edit(({ widgets }: Board) => (widgets['cpu']!.title = text('b')))
  desk.edit(({ widgets }: Board) => delete widgets['cpu'])
  desk.other((draft: Board) => (draft.title = text('theirs')))
  desk.undo.undo(desk.copy)
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ title: 'theirs', widgets: { cpu: { title: 'a', n: 0, note: '' } } })
})

test('CL65 items that are no objects are known by where they were', () => {
  const desk = new Desk({ l: [text('a'), text('b'), text('c')] })
  desk.edit(({ l }: { l: unknown[] }) => (l[1] = text('B')))
  desk.other(({ l }: { l: unknown[] & { deleteAt(n: number): void } }) => l.deleteAt(0))
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ l: ['b', 'c'] })
  desk.edit(({ l }: { l: unknown[] }) => (l[0] = text('mine')))
  desk.other(({ l }: { l: unknown[] }) => {
    l[0] = text('theirs')
    l.splice(0, 0, text('new'))
  })
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ l: ['new', 'theirs', 'c'] })
})

test('CL66 whatever others do elsewhere meanwhile is there after undoing, and one’s own is undone', () => {
  fc.assert(
    fc.property(objects, objects, fc.boolean(), (mine, theirs, isLater) => {
      const desk = new Desk({ mine: {}, theirs: {} })
      const at = (place: string, value: PlainObject) => (draft: Draft) =>
        assignRoot(draft[place] as Draft, value, [])
      const arrives = desk.others(at('theirs', theirs))
      if (!isLater) arrives()
      desk.edit(at('mine', mine))
      arrives()
      const after = desk.value as PlainObject
      desk.undo.undo(desk.copy)
      expect(desk.value).toEqual({ mine: {}, theirs: after['theirs'] })
      desk.undo.redo(desk.copy)
      expect(desk.value).toEqual(after)
    }),
  )
})

test('CL66 two people type into one text, and one takes all of theirs back: the other’s letters are there', () => {
  const places = fc.array(fc.nat(20), { maxLength: 6 })
  fc.assert(
    fc.property(places, places, (mine, theirs) => {
      const desk = new Desk({ note: 'a text' })
      const type = (at: readonly number[], letter: string) => (draft: Draft) => {
        for (const n of at)
          Automerge.splice(draft, ['note'], Math.min(n, String(draft['note']).length), 0, letter)
      }
      for (const step of mine) desk.edit(type([step], 'm'))
      desk.other(type(theirs, 't'))
      const count = (letter: string) => (desk.value as { note: string }).note.split(letter).length - 1
      const before = count('t')
      mine.forEach(() => desk.undo.undo(desk.copy))
      expect([count('m'), count('t')]).toEqual([0, before])
      mine.forEach(() => desk.undo.redo(desk.copy))
      expect([count('m'), count('t')]).toEqual([mine.length, before])
    }),
  )
})

test('CL66 what is not in the document any more cannot be taken back', () => {
  const desk = new Desk({ title: text('a') })
  desk.edit((draft: Board) => (draft.title = text('b')))
  desk.undo.rebuilt(Automerge.init())
  expect(desk.undo.state.getState()).toEqual({ undo: undefined, redo: undefined })
  desk.undo.undo(desk.copy)
  expect(desk.value).toEqual({ title: 'b' })
})
