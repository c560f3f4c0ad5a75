// What waits for the server is counted as it is made, and from what the server says.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Automerge, ImmutableString, type Doc } from '../../src/automerge'
import type * as Actual from '../../src/automerge'
import { resolveConfig } from '../../src/config'
import { Pending } from '../../src/outbox/pending'

type Draft = Record<string, unknown>

const limits = (more: object = {}) => resolveConfig({ url: 'http://h', limits: more }).limits
const heads = (doc: Doc<Draft>) => Automerge.getHeads(doc).sort()

// Counting is watched: how often it is done is what matters.
vi.mock('../../src/automerge', async (original) => {
  const actual = await original<typeof Actual>()
  const getChangesMetaSince = vi.fn(actual.Automerge.getChangesMetaSince)
  return { ...actual, Automerge: { ...actual.Automerge, getChangesMetaSince } }
})
const counting = vi.mocked(Automerge.getChangesMetaSince)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: 1_000_000 })
})

afterEach(() => {
  vi.useRealTimers()
  counting.mockClear()
})

class Desk {
  doc: Doc<Draft> = Automerge.init<Draft>()
  keepsAll = true
  readonly pending: Pending
  #n = 0

  constructor(more: object = {}) {
    this.pending = new Pending(
      limits(more),
      () => Date.now(),
      () => this.keepsAll,
    )
  }

  get saving() {
    return this.pending.state.getState()
  }

  /** An edit of this tab. */
  edit(label = `edit ${this.#n}`, bytes = 100): void {
    this.doc = Automerge.change(this.doc, { message: label }, (draft) => (draft['n'] = this.#n++))
    const [hash] = heads(this.doc)
    this.pending.made(this.doc, { hash: hash ?? '', label, madeAtMs: Date.now() }, bytes)
  }

  /** A change that comes from elsewhere. */
  comes(label = 'theirs'): void {
    const copy = Automerge.clone(this.doc, { actor: 'ee'.repeat(16) })
    const theirs = Automerge.change(copy, { message: label }, (draft) => (draft['m'] = this.#n++))
    this.doc = Automerge.merge(this.doc, theirs)
    this.pending.came(this.doc)
  }
}

test('CL81 an edit waits with its label until the server has it', () => {
  const desk = new Desk()
  desk.pending.start(desk.doc, [], undefined)
  expect(desk.saving).toMatchObject({ status: 'saved', pending: 0 })
  desk.edit('one')
  desk.edit('two')
  expect(desk.saving).toMatchObject({ status: 'kept', pending: 2, bytes: 200, room: 'enough' })
  expect(desk.saving.changes.map(({ label }) => label)).toEqual(['one', 'two'])
  vi.advanceTimersByTime(5_000)
  expect(desk.pending.heard(heads(desk.doc), 'server')).toBe(true)
  vi.runAllTimers()
  expect(desk.saving).toMatchObject({ status: 'saved', pending: 0, changes: [], bytes: 0 })
  expect(desk.saving.savedAtMs).toBeGreaterThanOrEqual(1_005_000)
})

test('CL81 after a reload the labels are those of the changes', () => {
  const desk = new Desk()
  desk.edit('one')
  const server = heads(desk.doc)
  desk.edit('two')
  const pending = new Pending(
    limits(),
    () => Date.now(),
    () => true,
  )
  pending.start(Automerge.load(Automerge.save(desk.doc)), server, 5)
  expect(pending.state.getState()).toMatchObject({ pending: 1, savedAtMs: 5, changes: [{ label: 'two' }] })
})

test('CL81 ten thousand edits are counted one by one, and from scratch not once', () => {
  const desk = new Desk({ pendingChangesMax: 20_000 })
  desk.pending.start(desk.doc, [], undefined)
  counting.mockClear()
  for (let n = 0; n < 10_000; n++) desk.edit()
  expect(desk.saving.pending).toBe(10_000)
  expect(desk.saving.changes).toHaveLength(100)
  expect(desk.saving.changes[0]?.label).toBe('edit 0')
  expect(counting).not.toHaveBeenCalled()
})

test('CL81 what others do is counted four times a second at most', () => {
  const desk = new Desk()
  desk.pending.start(desk.doc, [], undefined)
  counting.mockClear()
  for (let n = 0; n < 100; n++) {
    desk.comes()
    vi.advanceTimersByTime(10)
  }
  vi.runAllTimers()
  expect(counting.mock.calls.length).toBeLessThanOrEqual(5)
  expect(desk.saving.pending).toBe(100)
})

test('CL81 counting that takes long is done less often', () => {
  const desk = new Desk()
  desk.pending.start(desk.doc, [], undefined)
  counting.mockClear()
  const count = counting.getMockImplementation()
  counting.mockImplementation((...asked) => {
    vi.setSystemTime(Date.now() + 500)
    return count?.(...asked) ?? []
  })
  for (let n = 0; n < 100; n++) {
    desk.comes()
    vi.advanceTimersByTime(100)
  }
  if (count) counting.mockImplementation(count)
  expect(counting.mock.calls.length).toBeLessThanOrEqual(4)
})

test('CL82 heads whose changes have not come yet say nothing until they have', () => {
  const desk = new Desk()
  desk.edit()
  const ahead = Automerge.change(Automerge.clone(desk.doc), (draft) => (draft['x'] = 1))
  desk.pending.start(desk.doc, [], undefined)
  expect(desk.pending.heard(heads(ahead), 'server')).toBe(true)
  expect(desk.pending.heard(heads(ahead), 'server')).toBe(false)
  vi.runAllTimers()
  expect(desk.saving.pending).toBe(1)
  desk.doc = Automerge.merge(desk.doc, ahead)
  desk.pending.came(desk.doc)
  vi.runAllTimers()
  expect(desk.saving.status).toBe('saved')
})

test('CL82 what a tab says too late makes nothing wait again; what the server says does', () => {
  const desk = new Desk()
  desk.edit()
  const first = heads(desk.doc)
  desk.edit()
  desk.pending.start(desk.doc, heads(desk.doc), undefined)
  expect(desk.saving.status).toBe('saved')
  expect(desk.pending.heard(first, 'tab')).toBe(false)
  vi.runAllTimers()
  expect(desk.saving.status).toBe('saved')
  // The server was set back to what it had yesterday.
  expect(desk.pending.heard(first, 'server')).toBe(true)
  vi.runAllTimers()
  expect(desk.saving.pending).toBe(1)
  expect(desk.pending.heard(heads(desk.doc), 'tab')).toBe(true)
  vi.runAllTimers()
  expect(desk.saving.status).toBe('saved')
})

test('CL82 what was refused waits no more', () => {
  const desk = new Desk()
  desk.edit()
  const clean = desk.doc
  desk.pending.start(clean, heads(clean), undefined)
  desk.doc = Automerge.clone(clean)
  desk.edit('refused')
  expect(desk.saving.pending).toBe(1)
  desk.pending.rebuilt(clean)
  expect(desk.saving.pending).toBe(0)
})

test('CL83 where the device keeps nothing what waits is unkept, and kept once it does', () => {
  const desk = new Desk()
  desk.keepsAll = false
  desk.pending.start(desk.doc, [], undefined)
  desk.edit()
  expect(desk.saving.status).toBe('unkept')
  desk.keepsAll = true
  desk.pending.look()
  expect(desk.saving.status).toBe('kept')
})

test('CL83 the room ends by number and by bytes', () => {
  const byBytes = new Desk({ pendingBytesMax: 1_024 })
  byBytes.edit('a', 800)
  expect(byBytes.saving.room).toBe('enough')
  byBytes.edit('b', 100)
  expect([byBytes.saving.room, byBytes.pending.hasRoom]).toEqual(['near', true])
  byBytes.edit('c', 200)
  expect([byBytes.saving.room, byBytes.pending.hasRoom]).toEqual(['full', false])
})

test('CL83 nobody is told when nothing is new', () => {
  const desk = new Desk()
  desk.edit()
  desk.pending.start(desk.doc, heads(desk.doc), 5)
  const told = vi.fn()
  desk.pending.state.subscribe(told)
  desk.comes()
  desk.pending.heard(heads(desk.doc), 'server')
  vi.runAllTimers()
  desk.pending.look()
  expect(told).not.toHaveBeenCalled()
})

test('CL83 the time of the last saving is that of the moment when nothing waited any more', () => {
  const desk = new Desk()
  desk.doc = Automerge.change(desk.doc, (draft) => (draft['t'] = new ImmutableString('a')))
  desk.pending.start(desk.doc, undefined, undefined)
  expect(desk.saving.savedAtMs).toBeUndefined()
  desk.pending.heard(heads(desk.doc), 'server')
  vi.runAllTimers()
  const at = desk.saving.savedAtMs
  vi.advanceTimersByTime(60_000)
  desk.comes()
  desk.pending.heard(heads(desk.doc), 'server')
  vi.runAllTimers()
  expect(desk.saving.savedAtMs).toBe(at)
})
