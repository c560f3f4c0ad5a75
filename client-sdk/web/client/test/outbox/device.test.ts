// What a device remembers of its documents, written by several tabs at once.

import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DocumentId } from '../../src/ids'
import { DeviceNotes } from '../../src/outbox/device'
import { memoryNotes, openNotes, type Notes } from '../../src/storage/notes'
import { Locks } from '../world/locks'

const ID = '4NMNnkMhL8jXrdJ9jamS58PAVdXu' as DocumentId

const OTHER = 'a4o8NGZ91yg8V1XkTuANGnS8B6W' as DocumentId

class Origin {
  readonly #disk = new IDBFactory()
  readonly #locks = new Locks()
  #tabs = 0

  tab(notes: Promise<Notes> = openNotes({ indexedDb: this.#disk }, 'a')) {
    const self = {}
    const device = new DeviceNotes(notes, { withLock: this.#locks.of(self) }, 'a', `tab-${this.#tabs++}`)
    return { device, notes, crash: () => this.#locks.forget(self) }
  }
}

test('CL84 what was noted is at hand at once, and on the next visit', async () => {
  const origin = new Origin()
  const one = origin.tab()
  const [ana, bo] = ['ana', 'bo'].map((user) => ({ user, link: null }))
  const may = (whose: { user: string; link: null }, role: 'read' | 'write') => ({
    whose,
    role,
    paths: undefined,
  })
  one.device.note(ID, { title: 'a', rights: [may(ana!, 'write')], actors: ['x'] })
  one.device.note(ID, { title: 'b', openedAtMs: 5, actors: ['y'], rights: [may(bo!, 'read')] })
  expect(await one.device.read(ID)).toMatchObject({
    title: 'b',
    rights: [may(ana!, 'write'), may(bo!, 'read')],
    actors: ['x', 'y'],
  })
  await one.device.close()
  expect(await origin.tab().device.all()).toMatchObject([
    [ID, { title: 'b', openedAtMs: 5, actors: ['x', 'y'], rights: [{ role: 'write' }, { role: 'read' }] }],
  ])
})

test('CL84 two tabs lose nothing of each other’s, in whatever order they write', async () => {
  const notes = fc.array(
    fc.tuple(
      fc.boolean(),
      fc.oneof(
        fc.record({ actors: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 1 }) }),
        fc.record({ pending: fc.constantFrom(0, 1, 2) }),
        fc.record({ openedAtMs: fc.nat() }),
      ),
    ),
    { maxLength: 12 },
  )
  await fc.assert(
    fc.asyncProperty(notes, async (all) => {
      const origin = new Origin()
      const [one, other] = [origin.tab(), origin.tab()]
      for (const [isOne, noted] of all) (isOne ? one : other).device.note(ID, noted)
      await Promise.all([one.device.written(), other.device.written()])
      const { actors, pending } = await origin.tab().device.read(ID)
      const last = (isOne: boolean) =>
        all.flatMap(([who, noted]) => (who === isOne && 'pending' in noted ? [noted.pending] : [])).at(-1) ??
        0
      expect([...actors].sort()).toEqual(
        [...new Set(all.flatMap(([, noted]) => ('actors' in noted ? noted.actors : [])))].sort(),
      )
      expect(pending).toBe(Math.max(last(true), last(false)))
    }),
    { numRuns: 40 },
  )
})

test('CL84 a tab that has nothing waiting does not say so for another; one that crashed is taken over', async () => {
  const origin = new Origin()
  const [one, other] = [origin.tab(), origin.tab()]
  one.device.note(ID, { pending: 3 })
  await one.device.written()
  other.device.note(ID, { pending: 0 })
  await other.device.written()
  expect((await other.device.read(ID)).pending).toBe(3)
  one.crash()
  expect((await other.device.read(ID)).pending).toBe(3)
  // Whoever took it over has counted.
  other.device.note(ID, { pending: 0 })
  await other.device.written()
  expect((await origin.tab().device.read(ID)).pending).toBe(0)
})

test('CL262 what is noted while another tab is taken over is not lost', async () => {
  const origin = new Origin()
  const crashed = origin.tab()
  crashed.device.note(ID, { pending: 3 })
  await crashed.device.written()
  crashed.crash()
  const notes = await origin.tab().notes
  const { device } = origin.tab(Promise.resolve(notes))
  const get = notes.get.bind(notes)
  let reads = 0
  notes.get = async (key) => {
    const found = await get(key)
    if (++reads === 2) device.note(ID, { title: 'a' })
    return found
  }
  expect((await device.read(ID)).pending).toBe(3)
  await device.written()
  expect(await origin.tab().device.read(ID)).toMatchObject({ title: 'a', pending: 3 })
})

test('CL260 of what was deleted each tab notes again what it knows of documents that are here, and of gone tabs what waits', async () => {
  const origin = new Origin()
  const [one, other, crashed] = [origin.tab(), origin.tab(), origin.tab()]
  crashed.device.note(ID, { pending: 3, actors: ['x'], follows: OTHER })
  await crashed.device.written()
  crashed.crash()
  one.device.note(ID, { saved: { heads: ['a'], atMs: 1 }, title: 'a', openedAtMs: 5 })
  await one.device.written()
  other.device.note(ID, { saved: { heads: ['b'], atMs: 2 }, openedAtMs: 3, pending: 1 })
  other.device.note(OTHER, { title: 'not here' })
  await other.device.written()
  for (const [key] of await (await one.notes).entries('')) await (await one.notes).delete(key)
  other.device.note(ID, { pending: 0 })
  for (const { device } of [other, one]) await device.noteAgain((id) => id === ID)
  expect(await origin.tab().device.all()).toMatchObject([
    [
      ID,
      {
        saved: { heads: ['b'] },
        title: 'a',
        openedAtMs: 5,
        actors: ['x'],
        follows: OTHER,
        pending: 3,
      },
    ],
  ])
})

test('CL260 a note that meets the deletion takes nothing from what was known', async () => {
  const { device, notes } = new Origin().tab()
  for (const id of [ID, OTHER]) device.note(id, { title: 'a', follows: ID })
  await device.written()
  for (const [key] of await (await notes).entries('')) await (await notes).delete(key)
  const noting = device.noteAgain(() => true)
  device.note(OTHER, { pending: 1 })
  await Promise.all([noting, device.written()])
  expect(await device.read(OTHER)).toMatchObject({ title: 'a', follows: ID, pending: 1 })
})

test('CL84 what is forgotten is forgotten', async () => {
  const { device } = new Origin().tab()
  device.note(ID, { title: 'a', pending: 1 })
  await device.forget(ID)
  expect(await device.all()).toEqual([])
  expect((await device.read(ID)).title).toBeUndefined()
})

test('CL84 whatever another version of the app noted is read', async () => {
  const notes = memoryNotes('a test')
  const { device } = new Origin().tab(Promise.resolve(notes))
  const odd = [null, 5, 'text', [], { saved: 1, rights: [1, { role: 'king', whose: {} }, { role: 'read' }] }]
  for (const value of [
    ...odd,
    { actors: [1, 'a'], pendingIn: { t: 'x', u: -1 }, saved: { atMs: 1, heads: 5 } },
  ]) {
    await notes.set(`document/${ID}`, value)
    expect((await device.read(ID)).pending).toBe(0)
  }
  expect(await device.read(ID)).toMatchObject({ actors: ['a'], rights: [], saved: { atMs: 1, heads: [] } })
})
