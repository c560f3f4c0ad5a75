// How large a change is: one that is larger than the server takes is never made.

import { expect, test } from 'vitest'
import { Automerge, ImmutableString, Repo } from '../../src/automerge'
import { Copy, type Made } from '../../src/document/copy'
import type { Draft } from '../../src/document/assign'
import type { DocumentStore } from '../../src/types'
import { codeOf, offline } from '../live/tabs'
import { Device } from '../live/tab'

const TOO_LONG = 'ä'.repeat(600_000)

interface Shape {
  title: string
  list: string[]
}

const made = () => offline(new Device()).create<Shape>({ title: 'a', list: ['x'] })

function value(store: DocumentStore<Shape>): Shape {
  const state = store.getState()
  if (state.status !== 'ready') throw new Error(`it is ${state.status}`)
  return state.value
}

test('CL189 a change that is too large is refused, and nothing of it is shown, kept or told', async () => {
  const store = made()
  const [state, saving] = [store.getState(), store.saving.getState()]
  const history = store.exportAutomerge()
  const heard: unknown[] = []
  store.subscribe(() => heard.push('state'))
  store.saving.subscribe(() => heard.push('saving'))
  store.undoing.subscribe(() => heard.push('undoing'))
  const edit = (draft: Shape) => {
    draft.list.push('y')
    draft.title = TOO_LONG
  }
  expect(await codeOf(() => store.change('Wrote a book', edit))).toBe('change_too_large')
  expect([store.getState(), store.saving.getState()]).toEqual([state, saving])
  expect(store.getState()).toBe(state)
  expect(store.exportAutomerge()).toEqual(history)
  expect(heard).toEqual([])
  store.change('Wrote a word', (draft) => (draft.title = 'word'))
  expect(value(store)).toEqual({ title: 'word', list: ['x'] })
  expect(store.saving.getState().changes.at(-1)?.label).toBe('Wrote a word')
})

test('CL189 changes follow each other as if none had been measured, by one actor', () => {
  const store = made()
  const actorsOf = () =>
    Automerge.getChangesMetaSince(Automerge.load<Draft>(store.exportAutomerge()), []).map(
      ({ actor }) => actor,
    )
  const list = value(store).list
  for (let n = 1; n <= 3; n++) store.change(`${n}`, (draft) => (draft.title = `${n}`))
  expect(value(store)).toEqual({ title: '3', list: ['x'] })
  expect(value(store).list).toBe(list)
  expect(new Set(actorsOf()).size).toBe(1)
  store.undoing.undo()
  store.change('4', (draft) => draft.list.push('y'))
  expect(value(store)).toEqual({ title: '2', list: ['x', 'y'] })
  expect(store.saving.getState().pending).toBe(actorsOf().length)
  store.change('nothing', () => undefined)
  expect(store.saving.getState().changes.at(-1)?.label).toBe('4')
})

test('CL189 an edit runs once; one that throws changes nothing, and neither does one inside of another', async () => {
  const store = made()
  let runs = 0
  store.change('once', (draft) => (draft.title = `${++runs}`))
  expect(runs).toBe(1)
  const before = store.getState()
  const throwing = (draft: Shape) => {
    draft.title = 'half'
    throw new RangeError('no')
  }
  expect(await codeOf(() => store.change('throws', throwing))).toContain('RangeError')
  const inside = () => store.change('outer', () => store.change('inner', (draft) => (draft.title = 'inner')))
  expect(await codeOf(inside)).toBe('bad_edit')
  expect(store.getState()).toBe(before)
  store.change('after', (draft) => (draft.title = 'after'))
  expect(value(store).title).toBe('after')
})

test('CL189 going back to a state that is too far away is refused, too', async () => {
  const store = offline(new Device()).createDashboard({ title: 'a' })
  const state = store.getState()
  const extra = (n: number) => ({ edit: 'setDescription', description: `${n}`.repeat(500_000) }) as const
  store.edit(extra(1))
  store.edit([
    { edit: 'createWidget', id: 'w', widget: { kind: 'note', options: { text: '2'.repeat(900_000) } } },
  ])
  const full = store.getState()
  store.edit([
    { edit: 'removeWidget', id: 'w' },
    { edit: 'setDescription', description: '' },
  ])
  const now = store.getState()
  const heads = full.status === 'ready' ? full.heads : []
  expect(await codeOf(() => store.history.restore(heads))).toBe('change_too_large')
  expect(store.getState()).toBe(now)
  await store.history.restore(state.status === 'ready' ? state.heads : [])
})

test('CL189 the bytes that count are those of the change, whatever was in the document', () => {
  const handle = new Repo({}).create<Draft>({ text: 'b'.repeat(5_000) })
  const all: Made[] = []
  const copy = new Copy(
    (one) => all.push(one),
    () => 1_000,
  )
  copy.start(handle)
  copy.change('small', (draft) => (draft['title'] = new ImmutableString('c')), 'unknown')
  expect(all[0]?.bytes).toBeLessThan(200)
  expect(all[0]?.bytes).toBe(
    Automerge.getChangesSince(handle.doc(), [...(all[0]?.before ?? [])])[0]?.byteLength,
  )
})
