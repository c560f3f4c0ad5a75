// What was: pages of the server and of this device, earlier states, and the way back.

import { expect, test } from 'vitest'
import { Automerge, Counter, ImmutableString } from '../src/automerge'
import type { Draft } from '../src/document/assign'
import type { Environment } from '../src/environment'
import { HISTORY_MESSAGES_MAX } from '../src/generated/constants'
import { sameHeads } from '../src/ids'
import { codeOf, offline, shown } from './live/tabs'
import { Device } from './live/tab'
import { until } from '../src/watch'

const answering = (answer: () => Response): Partial<Environment> => ({
  fetch: () => Promise.resolve(answer()),
})

function edited(environment: Partial<Environment> = {}) {
  const store = offline(new Device(), {}, environment).createDashboard({ title: 'one' })
  const first = heads()
  store.edit({ edit: 'setTitle', title: 'two' })
  store.edit({ edit: 'createWidget', id: 'cpu', widget: { kind: 'stat', title: 'CPU' } })
  function heads() {
    const state = store.getState()
    return state.status === 'ready' ? state.heads : []
  }
  return { store, first, heads }
}

test('CL92 without the server the device tells what it has, its own as its own', async () => {
  const { store, heads } = edited()
  const { groups, next, from } = await store.history.page()
  expect([from, next]).toEqual(['here', undefined])
  expect(groups).toMatchObject([{ changes: 3, mine: true, heads: heads(), author: undefined }])
  expect(groups[0]?.messages).toEqual(['Made it', 'Called the dashboard “two”', 'Added “CPU”'])
})

test('CL92 a page of the server is told as the server tells it', async () => {
  const group = { heads: ['h'], from: 1, to: 2, actor: 'x', author: 'ana', changes: 3, messages: ['m'] }
  const nobodys = { ...group, actor: '646f76657461696c3a66697273743a31' }
  const next = '/api/docs/x/history?limit=50&cursor=abc'
  const { store } = edited(answering(() => Response.json({ groups: [group, nobodys], next })))
  expect(await store.history.page()).toEqual({
    groups: [
      {
        heads: ['h'],
        fromMs: 1,
        toMs: 2,
        author: 'ana',
        mine: false,
        changes: 3,
        messages: ['m'],
        messagesLeftOut: 0,
      },
    ],
    next: 'abc',
    from: 'server',
  })
})

test('CL319 of many edits in one go the newest are told, by the device as by the server, each where it was done last', async () => {
  const { store, heads } = edited()
  const count = HISTORY_MESSAGES_MAX + 15
  for (let n = 0; n < count; n++) store.edit({ edit: 'setTitle', title: `title ${n}` })
  store.edit({ edit: 'setTitle', title: `title ${count - 5}` })
  const titles = Array.from({ length: count }, (_, n) => n).filter((n) => n !== count - 5)
  const newest = [...titles, count - 5].slice(-HISTORY_MESSAGES_MAX)
  const [group] = (await store.history.page()).groups
  expect(group?.messages).toEqual(newest.map((n) => `Called the dashboard “title ${n}”`))
  // The other titles, and what `edited` does: made it, one title, one widget.
  expect(group?.messagesLeftOut).toBe(count - HISTORY_MESSAGES_MAX + 3)
  expect(group?.heads).toEqual(heads())
})

test('CL319 how many lines the server left out is told on', async () => {
  const group = { heads: ['h'], from: 1, to: 2, actor: 'x', author: null, changes: 9, messages: ['m'] }
  const { store } = edited(answering(() => Response.json({ groups: [{ ...group, messages_left_out: 8 }] })))
  expect((await store.history.page()).groups[0]).toMatchObject({ messages: ['m'], messagesLeftOut: 8 })
})

test.each([
  ['it has not got the document yet', 404, 'document_not_found'],
  ['it has it no more', 410, 'document_deleted'],
  ['it starts', 503, 'not_ready'],
])('CL92 where the server does not tell, the device does: %s', async (_, status, code) => {
  const { store } = edited(answering(() => Response.json({ code }, { status })))
  expect((await store.history.page()).from).toBe('here')
  expect(await codeOf(() => store.history.page('more'))).toBe(code)
})

test('CL92 an earlier state is shown and compared, and one that is not here is refused', async () => {
  const { store, first } = edited()
  expect(store.history.at(first).title).toBe('one')
  expect(store.history.at(first).widgets).toEqual({})
  expect(
    store.history
      .difference(first)
      .map(({ op, path }) => `${op} ${path}`)
      .sort(),
  ).toEqual(['add /widgets/cpu', 'replace /title'])
  expect(store.history.difference(first, first)).toEqual([])
  expect(await codeOf(() => store.history.at(['ab'.repeat(32)]))).toBe('unknown_heads')
})

test('CL92 going back is one change, which can be taken back, and keeps what came between', async () => {
  const { store, first, heads } = edited()
  const later = heads()
  await store.history.restore(first)
  expect(shown(store)).toMatchObject({ title: 'one', widgets: {} })
  expect(store.saving.getState().changes.at(-1)?.label).toBe('Went back to an earlier state')
  expect(store.history.at(later).title).toBe('two')
  store.undoing.undo()
  expect(shown(store)).toMatchObject({ title: 'two', widgets: { cpu: { title: 'CPU' } } })
  expect(sameHeads(heads(), later)).toBe(false)
})

test('CL190 what an earlier state had comes back as what it was: text that several may type in, registers, counters', async () => {
  const store = offline(new Device()).create<Record<string, unknown>>({
    note: 'a note',
    register: new ImmutableString('a'),
    n: new Counter(3),
    at: new Date(5),
    list: ['text in a list', { inside: 'text', title: new ImmutableString('t'), bytes: new Uint8Array([1]) }],
  })
  const read = () => Automerge.load<Draft>(store.exportAutomerge())
  const [before, heads] = [read(), Automerge.getHeads(read())]
  store.change('Emptied it', (draft) => {
    for (const name of ['note', 'register', 'n', 'at']) delete draft[name]
    ;(draft['list'] as unknown[]).splice(0, 2)
  })
  await store.history.restore(heads)
  const after = read()
  expect(after).toEqual(before)
  expect(typeof after['note']).toBe('string')
  expect(after['register']).toBeInstanceOf(ImmutableString)
  expect(after['n']).toBeInstanceOf(Counter)
  const list = after['list'] as [string, { inside: string; title: unknown }]
  expect([typeof list[0], typeof list[1].inside]).toEqual(['string', 'string'])
  expect(list[1].title).toBeInstanceOf(ImmutableString)
  const [ana, bo] = [0, 5].map((n) =>
    Automerge.change(Automerge.clone(after), (draft) => Automerge.splice(draft, ['note'], n, 0, `${n}`)),
  )
  expect(Automerge.merge(ana ?? after, bo ?? after)['note']).toBe('0a not5e')
})

test('CL190 where only parts differ only those are written, and what others type at the same time stays', async () => {
  const store = offline(new Device()).create<{ note: string; other: string }>({ note: 'one two', other: 'x' })
  const heads = Automerge.getHeads(Automerge.load(store.exportAutomerge()))
  store.change('Typed', (draft) => Automerge.splice(draft, ['note'], 3, 0, ' and a half'))
  const theirs = Automerge.change(Automerge.load<Draft>(store.exportAutomerge()), (draft) =>
    Automerge.splice(draft, ['note'], 0, 0, 'zero '),
  )
  await store.history.restore(heads)
  const merged = Automerge.merge(Automerge.load<Draft>(store.exportAutomerge()), theirs)
  expect(merged).toEqual({ note: 'zero one two', other: 'x' })
})

test('CL92 named states are read from the document, whatever else stands there', async () => {
  const dovetail = offline()
  const versions = {
    old: { heads: ['a', 5], at: 1, by: 'ana', note: 'n' },
    new: { heads: ['b'], at: 2 },
    odd: 5,
    odder: { heads: 'x', at: 3 },
  }
  const store = dovetail.create<object>({ _dovetail: { versions } })
  expect(await store.history.versions()).toEqual([
    { name: 'new', heads: ['b'], atMs: 2, by: undefined, note: undefined },
    { name: 'old', heads: ['a'], atMs: 1, by: 'ana', note: 'n' },
  ])
  expect(store.exportJson()).toEqual({})
  expect(await dovetail.create<object>({ a: 1 }).history.versions()).toEqual([])
})

test('CL93 updates tell what others did, where, and who; nothing while nobody listens', async () => {
  const device = new Device()
  const ana = offline(device)
  const store = ana.createDashboard({ title: 'one', widgets: { cpu: { kind: 'stat', title: 'CPU' } } })
  // Bo keeps other notes, so that what he does is another device's.
  const bo = offline(device, {}, new Device().environment())
  const theirs = bo.openDashboard(store.id)
  await until(theirs, ({ status }) => status === 'ready')
  const heard = new Promise((resolve) => store.updates.listen(resolve))
  theirs.edit([
    { edit: 'setTitle', title: 'two' },
    { edit: 'createWidget', id: 'ram', widget: { kind: 'stat', title: 'RAM' } },
  ])
  expect(await heard).toMatchObject({
    places: [['title'], ['widgets', 'ram']],
    changes: [{ label: 'Called the dashboard “two”, and 1 more' }],
  })
})
