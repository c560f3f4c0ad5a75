// Notes survive a reload where the browser lets them, and are never in anybody's way where it does not.

import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { OPEN_MS_MAX } from '../../src/storage/database'
import { memoryNotes, openNotes } from '../../src/storage/notes'

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** Makes the next `put` fail as a full disk does. */
function fillDisk() {
  return vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
    throw new DOMException('no room', 'QuotaExceededError')
  })
}

describe('notes', () => {
  test('CL32 a note survives a reload, and other names do not see it', async () => {
    const indexedDb = new IDBFactory()
    const before = await openNotes({ indexedDb }, 'a')
    await before.set('label/1', { words: 'Rename', bytes: new Uint8Array([1, 2]) })
    before.close()
    const after = await openNotes({ indexedDb }, 'a')
    expect(await after.get('label/1')).toEqual({ words: 'Rename', bytes: new Uint8Array([1, 2]) })
    expect(after.state.getState()).toEqual({ status: 'kept' })
    expect(await (await openNotes({ indexedDb }, 'b')).get('label/1')).toBeUndefined()
  })

  test('CL32 two tabs share their notes', async () => {
    const indexedDb = new IDBFactory()
    const [one, other] = [await openNotes({ indexedDb }, 'a'), await openNotes({ indexedDb }, 'a')]
    await one.set('k', 1)
    expect(await other.get('k')).toBe(1)
    await other.delete('k')
    expect(await one.get('k')).toBeUndefined()
  })

  test.each([
    ['on disk', async () => openNotes({ indexedDb: new IDBFactory() }, 'a')],
    ['in memory', async () => Promise.resolve(memoryNotes('wanted so'))],
  ])('CL32 entries are those that begin so, by key: %s', async (_, open) => {
    const notes = await open()
    for (const key of ['b/2', 'a/1', 'b/1', 'b', 'c/1']) await notes.set(key, key)
    await notes.delete('c/1')
    expect(await notes.entries('b/')).toEqual([
      ['b/1', 'b/1'],
      ['b/2', 'b/2'],
    ])
    expect((await notes.entries('')).map(([key]) => key)).toEqual(['a/1', 'b', 'b/1', 'b/2'])
  })

  test.each([
    ['no IndexedDB', undefined],
    [
      'one that throws',
      {
        open: () => {
          throw new DOMException('denied', 'SecurityError')
        },
      } as unknown as IDBFactory,
    ],
  ])('CL33 without a database notes are in memory, and say so: %s', async (_, indexedDb) => {
    const notes = await openNotes({ indexedDb }, 'a')
    expect(notes.state.getState().status).toBe('memory')
    const value = { n: 1 }
    await notes.set('k', value)
    value.n = 2
    expect(await notes.get('k')).toEqual({ n: 1 })
  })

  test('CL33 a database that never answers is not waited for', async () => {
    vi.useFakeTimers()
    const never = new IDBFactory()
    vi.spyOn(never, 'open').mockReturnValue(
      // A request on which nothing ever happens.
      Object.assign(Object.create(IDBOpenDBRequest.prototype) as IDBOpenDBRequest, {
        addEventListener: () => undefined,
        removeEventListener: () => undefined,
      }),
    )
    const opening = openNotes({ indexedDb: never }, 'a')
    await vi.advanceTimersByTimeAsync(OPEN_MS_MAX)
    expect((await opening).state.getState()).toEqual({
      status: 'memory',
      reason: 'IndexedDB does not answer',
    })
  })

  test('CL33 on a full disk the new value is found here, the old one after a reload, until there is room again', async () => {
    const indexedDb = new IDBFactory()
    const notes = await openNotes({ indexedDb }, 'a')
    await notes.set('k', 'old')
    const full = fillDisk()
    await notes.set('k', 'new')
    expect(notes.state.getState().status).toBe('full')
    expect(await notes.get('k')).toBe('new')
    expect(await notes.entries('k')).toEqual([['k', 'new']])
    expect(await (await openNotes({ indexedDb }, 'a')).get('k')).toBe('old')
    full.mockRestore()
    await notes.set('k', 'newest')
    expect(notes.state.getState()).toEqual({ status: 'kept' })
    expect(await (await openNotes({ indexedDb }, 'a')).get('k')).toBe('newest')
  })

  test('CL33 what did not fit is written with the next note for which there is room', async () => {
    const indexedDb = new IDBFactory()
    const notes = await openNotes({ indexedDb }, 'a')
    const full = fillDisk()
    await notes.set('k', 1)
    full.mockRestore()
    await notes.set('other', 2)
    expect(await (await openNotes({ indexedDb }, 'a')).get('k')).toBe(1)
    expect(notes.state.getState()).toEqual({ status: 'kept' })
  })

  test('CL33 a database that the browser closed is opened again', async () => {
    const indexedDb = new IDBFactory()
    const notes = await openNotes({ indexedDb }, 'a')
    await notes.set('k', 1)
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementationOnce(() => {
      throw new DOMException('closing', 'InvalidStateError')
    })
    expect(await notes.get('k')).toBe(1)
    expect(notes.state.getState()).toEqual({ status: 'kept' })
  })
})
