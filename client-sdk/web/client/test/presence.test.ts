// Who is there, and where: what is said, how often, and what is made of what others say.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DocHandle } from '../src/automerge'
import { resolveConfig } from '../src/config'
import { browserEnvironment } from '../src/environment'
import { colorOf, DocumentPresence } from '../src/presence'
import type { LinkState } from '../src/types'
import { Watched } from '../src/watch'

const GONE_MS = 3_000

type Hear = (heard: { senderId: string; message: unknown }) => void

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
})

afterEach(() => {
  vi.useRealTimers()
})

/** Somebody at a document, who hears the others at once. */
class Person {
  static readonly all = new Set<Person>()
  readonly presence: DocumentPresence
  readonly said: unknown[] = []
  isReady = true
  /** What happens when the page is left, and when it is shown again. */
  readonly goes = new Set<() => void>()
  readonly comesBack = new Set<() => void>()
  readonly link = new Watched<{ readonly status: LinkState['status'] }>({ status: 'live' })
  #hear: Hear | undefined

  readonly key: string

  constructor(key: string, goneMs = GONE_MS) {
    this.key = key
    const { presence } = resolveConfig({ url: 'http://h', presence: { everyMs: 100, goneMs } })
    const me = () => ({ key, id: key, name: key.toUpperCase() })
    const page = {
      onGo: (listener: () => void) => this.#listen(this.goes, listener),
      onShow: (listener: () => void) => this.#listen(this.comesBack, listener),
    }
    const ways = { link: this.link, isTab: (senderId: string) => senderId === 'tab' }
    this.presence = new DocumentPresence(presence, { ...browserEnvironment(), ...page }, me, ways)
    Person.all.add(this)
  }

  open(): this {
    this.presence.start({
      on: (_: string, hear: Hear) => (this.#hear = hear),
      off: () => (this.#hear = undefined),
      isReady: () => this.isReady,
      broadcast: (message: unknown) => {
        this.said.push(message)
        for (const other of Person.all) if (other !== this) other.hear(message, this.key)
      },
    } as unknown as DocHandle<unknown>)
    return this
  }

  hear(message: unknown, senderId = 'somebody'): void {
    this.#hear?.({ senderId, message })
  }

  #listen(to: Set<() => void>, listener: () => void): () => void {
    to.add(listener)
    return () => void to.delete(listener)
  }

  get others(): string[] {
    return this.presence.getState().map(({ key }) => key)
  }
}

beforeEach(() => Person.all.clear())

test('CL87 of one’s own state the newest is sent, and no more often than wanted', () => {
  const ana = new Person('ana').open()
  for (let n = 0; n < 50; n++) {
    ana.presence.set({ widget: `w${n}` })
    vi.advanceTimersByTime(10)
  }
  vi.advanceTimersByTime(100)
  expect(ana.said.length).toBeLessThanOrEqual(6)
  expect(ana.said.at(-1)).toMatchObject({ type: 'presence', sessionId: 'ana', state: { widget: 'w49' } })
})

test('CL87 whose page goes is gone at once, and there again when the browser brings the page back', () => {
  const [ana, bo] = [new Person('ana').open(), new Person('bo').open()]
  ana.presence.set({ widget: 'cpu' })
  vi.advanceTimersByTime(100)
  expect(bo.others).toEqual(['ana'])
  for (const person of [ana, bo]) for (const go of person.goes) go()
  expect(bo.others).toEqual([])
  expect(bo.said).toEqual([])
  for (const come of ana.comesBack) come()
  vi.advanceTimersByTime(100)
  expect(bo.presence.getState()).toMatchObject([{ key: 'ana', state: { widget: 'cpu' } }])
  ana.presence.stop()
  expect([ana.goes.size, ana.comesBack.size]).toEqual([0, 0])
})

test('CL87 who comes is told where everybody is, at once', () => {
  const ana = new Person('ana').open()
  ana.presence.set({ widget: 'cpu' })
  vi.advanceTimersByTime(500)
  const bo = new Person('bo').open()
  bo.presence.set({})
  vi.advanceTimersByTime(1)
  expect(ana.presence.getState()).toMatchObject([{ key: 'bo', user: { id: 'bo', name: 'BO' }, state: {} }])
  vi.advanceTimersByTime(100)
  expect(bo.presence.getState()).toMatchObject([
    { key: 'ana', state: { widget: 'cpu' }, color: colorOf('ana') },
  ])
})

test('CL87 who leaves is gone at once, and who is not heard of after a while', () => {
  const [ana, bo, cy] = ['ana', 'bo', 'cy'].map((key) => new Person(key).open()) as [Person, Person, Person]
  for (const each of [ana, bo, cy]) each.presence.set({})
  vi.advanceTimersByTime(200)
  expect(ana.others).toEqual(['bo', 'cy'])
  bo.presence.clear()
  expect(ana.others).toEqual(['cy'])
  Person.all.delete(cy)
  cy.isReady = false
  vi.advanceTimersByTime(4_000)
  expect(ana.others).toEqual([])
})

test('CL87 who stays is heard of often enough to stay', () => {
  const [ana, bo] = ['ana', 'bo'].map((key) => new Person(key).open()) as [Person, Person]
  bo.presence.set({ widget: 'a' })
  for (let n = 0; n < 20; n++) {
    vi.advanceTimersByTime(1_000)
    expect(ana.others).toEqual(['bo'])
  }
})

test('CL87 what was set before the document came is told when it has', () => {
  const ana = new Person('ana')
  ana.presence.set({ widget: 'a' })
  vi.advanceTimersByTime(500)
  ana.open()
  vi.advanceTimersByTime(100)
  expect(ana.said).toMatchObject([{ state: { widget: 'a' } }])
})

test('CL87 after the end nothing is said, heard or waited for', () => {
  const ana = new Person('ana').open()
  ana.presence.set({})
  vi.advanceTimersByTime(100)
  ana.presence.stop()
  expect(ana.said.at(-1)).toMatchObject({ state: null })
  ana.hear({ type: 'presence', sessionId: 'x', userId: 'x', state: {} })
  expect(ana.others).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
})

test('CL326 without a connection for some seconds nobody is shown but the tabs of this device, and who is there again when it is back', () => {
  const ana = new Person('ana', 60_000).open()
  const hear = (key: string, senderId: string) =>
    ana.hear({ type: 'presence', sessionId: key, userId: key, state: {} }, senderId)
  hear('bo', 'bo')
  hear('own', 'tab')
  ana.link.set({ status: 'waiting' })
  vi.advanceTimersByTime(4_900)
  ana.link.set({ status: 'connecting' })
  expect(ana.others).toEqual(['bo', 'own'])
  vi.advanceTimersByTime(200)
  expect(ana.others).toEqual(['own'])
  // By another tab that has a connection.
  hear('cy', 'cy')
  expect(ana.others).toEqual(['cy', 'own'])
  ana.link.set({ status: 'live' })
  expect(ana.others).toEqual(['bo', 'cy', 'own'])
  ana.link.set({ status: 'offline' })
  vi.advanceTimersByTime(61_000)
  ana.link.set({ status: 'live' })
  expect(ana.others).toEqual([])
})

test('CL326 who is back before anybody would be missed has missed nobody', () => {
  const ana = new Person('ana').open()
  ana.hear({ type: 'presence', sessionId: 'bo', userId: 'bo', state: {} })
  let told = 0
  ana.presence.subscribe(() => told++)
  ana.link.set({ status: 'connecting' })
  vi.advanceTimersByTime(1_000)
  ana.link.set({ status: 'live' })
  vi.advanceTimersByTime(1_000)
  expect([ana.others, told]).toEqual([['bo'], 0])
})

test.each([
  ['nothing', null],
  ['a text', 'presence'],
  ['a list', [1]],
  ['another type', { type: 'message', state: {} }],
  ['no state', { type: 'presence' }],
  ['a state that is none', { type: 'presence', state: 5 }],
  ['a large number for a state', { type: 'presence', state: 2n ** 60n }],
])('CL88 what is not understood is stepped over: %s', (_, message) => {
  const ana = new Person('ana').open()
  ana.hear(message)
  expect(ana.others).toEqual([])
})

test('CL88 of what others say what fits is taken, and nothing else', () => {
  const ana = new Person('ana').open()
  const say = (state: unknown, more: object = {}) => {
    ana.hear({ type: 'presence', sessionId: 'x', userId: 'u', state, ...more }, 'tab-9')
    return ana.presence.getState()[0]
  }
  const ghost = { widget: 'w', x: 1, y: -2, w: 3, h: 4 }
  expect(say({ widget: 'a', editing: true, ghost, more: 1 })?.state).toEqual({
    widget: 'a',
    editing: true,
    ghost,
  })
  const odd = [
    { ...ghost, x: 1.5 },
    { ...ghost, y: 10n },
    { ...ghost, w: 1e300 },
    { ...ghost, h: undefined },
    { ...ghost, widget: 5 },
    { ...ghost, widget: 'w'.repeat(257) },
    'ghost',
  ]
  for (const each of odd) expect(say({ widget: 7, editing: 'yes', ghost: each })?.state).toEqual({})
  expect(say({}, { userId: 5, name: '' })?.user).toEqual({ id: 'tab-9', name: 'tab-9' })
  expect(say({}, { sessionId: undefined })?.key).toBe('tab-9')
})

test('CL88 nobody is ourselves, and a crowd is remembered up to a number', () => {
  const ana = new Person('ana').open()
  ana.presence.set({})
  vi.advanceTimersByTime(200)
  ana.hear({ type: 'presence', sessionId: 'ana', userId: 'x', state: {} })
  expect(ana.others).toEqual([])
  const before = ana.said.length
  for (let n = 0; n < 1_000; n++) ana.hear({ type: 'presence', sessionId: `s${n}`, userId: 'x', state: {} })
  expect(ana.others).toHaveLength(200)
  ana.hear({ type: 'presence', sessionId: 's7', userId: 'x', state: { widget: 'w' } })
  expect(ana.presence.getState().find(({ key }) => key === 's7')?.state).toEqual({ widget: 'w' })
  vi.advanceTimersByTime(100)
  expect(ana.said.length).toBeLessThanOrEqual(before + 1)
})
