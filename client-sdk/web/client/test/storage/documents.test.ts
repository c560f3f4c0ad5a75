// Documents on the device: whatever the browser does, the repo gets its answers.

import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, expect, test, vi } from 'vitest'
import { browserEnvironment, type Environment } from '../../src/environment'
import { DocumentStorage } from '../../src/storage/documents'
import { until } from '../../src/watch'

const bytes = (...all: number[]) => new Uint8Array(all)

function storage(environment: Partial<Environment> = {}, kind: 'indexeddb' | 'memory' = 'indexeddb') {
  const estimate = () => Promise.resolve({ usage: 10, quota: 100 })
  return new DocumentStorage(
    { ...browserEnvironment(), storageEstimate: estimate, ...environment },
    kind,
    'a',
  )
}

async function contents(kept: DocumentStorage): Promise<number[][]> {
  return (await kept.loadRange(['a'])).map(({ data }) => [...(data ?? [])])
}

function fillDisk() {
  return vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
    throw new DOMException('no room', 'QuotaExceededError')
  })
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

test.each([
  ['on disk', 'indexeddb'],
  ['in memory', 'memory'],
] as const)('CL85 what is kept is found by its key and by what its key begins with: %s', async (_, kind) => {
  const kept = storage({ indexedDb: new IDBFactory() }, kind)
  const keys = [
    ['a', 'snapshot', '1'],
    ['a', 'snapshot', '2'],
    ['a', 'incremental', '1'],
    ['ab', 'snapshot', '1'],
    ['b'],
  ]
  for (const [n, key] of keys.entries()) await kept.save(key, bytes(n))
  const found = async (prefix: string[]) =>
    (await kept.loadRange(prefix)).map(({ key }) => key.join('/')).sort()
  expect(await found(['a'])).toEqual(['a/incremental/1', 'a/snapshot/1', 'a/snapshot/2'])
  expect(await found(['a', 'snapshot'])).toEqual(['a/snapshot/1', 'a/snapshot/2'])
  expect(await found(['a', 'snap'])).toEqual([])
  expect(await found([])).toHaveLength(5)
  expect(await kept.load(['b'])).toEqual(bytes(4))
  expect(await kept.load(['c'])).toBeUndefined()
  await kept.save(['b'], bytes(9))
  expect(await kept.load(['b'])).toEqual(bytes(9))
  await kept.removeRange(['a', 'snapshot'])
  await kept.remove(['b'])
  expect(await found([])).toEqual(['a/incremental/1', 'ab/snapshot/1'])
})

test('CL85 it says how it keeps, and survives a reload', async () => {
  const indexedDb = new IDBFactory()
  const kept = storage({ indexedDb, askToPersist: () => Promise.resolve(true) })
  expect(kept.state.getState()).toEqual({ status: 'opening' })
  await kept.save(['a'], bytes(1))
  const state = await until(kept.state, (now) => now.status === 'kept' && now.persistent)
  expect(state).toEqual({ status: 'kept', bytes: 10, bytesMax: 100, persistent: true })
  expect(kept.keepsAll).toBe(true)
  await kept.close()
  expect(await storage({ indexedDb }).load(['a'])).toEqual(bytes(1))
})

test('CL85 nobody waits for a person who is asked whether it may be kept', async () => {
  const never = () => new Promise<never>(() => undefined)
  const kept = storage({ indexedDb: new IDBFactory(), askToPersist: never, storageEstimate: never })
  await kept.save(['a'], bytes(1))
  expect(await kept.load(['a'])).toEqual(bytes(1))
  expect(kept.state.getState().status).toBe('kept')
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
])('CL86 where the browser gives no storage it is in memory, and said: %s', async (_, indexedDb) => {
  const kept = storage({ indexedDb })
  await kept.save(['a'], bytes(1))
  expect(await kept.load(['a'])).toEqual(bytes(1))
  expect(await kept.loadRange([])).toHaveLength(1)
  expect(kept.state.getState().status).toBe('memory')
  expect(kept.keepsAll).toBe(false)
})

test('CL86 what does not fit is found here, and written with the next that does', async () => {
  const indexedDb = new IDBFactory()
  const kept = storage({ indexedDb })
  await kept.save(['a', '1'], bytes(1))
  const full = fillDisk()
  await kept.save(['a', '1'], bytes(11))
  await kept.save(['a', '2'], bytes(2))
  expect(kept.state.getState().status).toBe('full')
  expect(kept.keepsAll).toBe(false)
  expect(await contents(kept)).toEqual([[11], [2]])
  expect(await storage({ indexedDb }).load(['a', '1'])).toEqual(bytes(1))
  full.mockRestore()
  await kept.save(['a', '3'], bytes(3))
  expect(kept.state.getState().status).toBe('kept')
  expect(kept.keepsAll).toBe(true)
  expect(await contents(storage({ indexedDb }))).toEqual([[11], [2], [3]])
})

test('CL86 what does not fit is tried again though nothing else is written, and not what was removed', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const indexedDb = new IDBFactory()
  const kept = storage({ indexedDb })
  await kept.save(['before'], bytes(0))
  const full = fillDisk()
  await kept.save(['a'], bytes(1))
  await kept.save(['b'], bytes(2))
  await kept.remove(['b'])
  vi.advanceTimersByTime(10_000)
  expect(kept.state.getState().status).toBe('full')
  full.mockRestore()
  await vi.waitFor(async () => {
    vi.advanceTimersByTime(10_000)
    expect(await storage({ indexedDb }).loadRange([])).toHaveLength(2)
  })
  expect(await storage({ indexedDb }).load(['b'])).toBeUndefined()
  await until(kept.state, ({ status }) => status === 'kept')
  await kept.close()
  expect(vi.getTimerCount()).toBe(0)
})

test('CL86 a database that the browser closed is opened again, once for all who find it so', async () => {
  const indexedDb = new IDBFactory()
  const kept = storage({ indexedDb })
  await kept.save(['a'], bytes(1))
  const open = vi.spyOn(indexedDb, 'open')
  vi.spyOn(IDBDatabase.prototype, 'transaction')
    .mockImplementationOnce(() => {
      throw new DOMException('closing', 'InvalidStateError')
    })
    .mockImplementationOnce(() => {
      throw new DOMException('closing', 'InvalidStateError')
    })
  expect(await Promise.all([kept.load(['a']), kept.load(['a'])])).toEqual([bytes(1), bytes(1)])
  expect(open).toHaveBeenCalledTimes(1)
  expect(kept.state.getState().status).toBe('kept')
})

test('CL86 storage that the browser cleared is used anew', async () => {
  const indexedDb = new IDBFactory()
  const kept = storage({ indexedDb })
  await kept.save(['a'], bytes(1))
  await new Promise((resolve) => indexedDb.deleteDatabase('a-documents').addEventListener('success', resolve))
  expect(await kept.load(['a'])).toBeUndefined()
  await kept.save(['a'], bytes(2))
  expect(await storage({ indexedDb }).load(['a'])).toEqual(bytes(2))
})

test('CL260 who had the database that was deleted writes what it has before it says that all is kept, in each tab', async () => {
  const indexedDb = new IDBFactory()
  const told: string[] = []
  const tab = (name: string) => {
    const kept: DocumentStorage = new DocumentStorage(
      { ...browserEnvironment(), indexedDb },
      'indexeddb',
      'a',
      async () => {
        told.push(`${name} ${kept.state.getState().status}`)
        await kept.save([name], bytes(1))
      },
    )
    return kept
  }
  const [one, other] = [tab('one'), tab('other')]
  await Promise.all([one.save(['a'], bytes(1)), other.save(['b'], bytes(1))])
  await new Promise((resolve) => indexedDb.deleteDatabase('a-documents').addEventListener('success', resolve))
  // The first finds nothing, and the second one that the first has made.
  expect(await one.load(['a'])).toBeUndefined()
  expect(one.state.getState().status).toBe('opening')
  await until(one.state, ({ status }) => status === 'kept')
  await vi.waitFor(() => expect(told).toEqual(['one opening', 'other opening']))
  await until(other.state, ({ status }) => status === 'kept')
  const keys = (await storage({ indexedDb }).loadRange([])).map(({ key }) => key)
  expect(keys).toEqual([['one'], ['other']])
})

/** Somebody deletes the database as soon as it was opened, so many times in a row. */
function deleting(indexedDb: IDBFactory, times: number) {
  const open = indexedDb.open.bind(indexedDb)
  return vi.spyOn(indexedDb, 'open').mockImplementation((...asked) => {
    const request = open(...asked)
    if (times-- > 0) request.addEventListener('success', () => indexedDb.deleteDatabase(asked[0]))
    return request
  })
}

test('CL315 a database that somebody deletes each time it is opened is opened again, and all is written and found', async () => {
  const indexedDb = new IDBFactory()
  const kept = storage({ indexedDb })
  await kept.save(['a'], bytes(1))
  const told: string[] = []
  kept.state.subscribe(() => told.push(kept.state.getState().status))
  const opened = deleting(indexedDb, 4)
  await new Promise((resolve) => indexedDb.deleteDatabase('a-documents').addEventListener('success', resolve))
  await kept.save(['b'], bytes(2))
  await until(kept.state, ({ status }) => status === 'kept')
  expect(opened.mock.calls.length).toBeGreaterThan(4)
  expect(told).not.toContain('memory')
  expect(await storage({ indexedDb }).load(['b'])).toEqual(bytes(2))
})

test('CL315 a database that failed is asked again after a while, and then all is written and found', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const indexedDb = new IDBFactory()
  const kept = storage({ indexedDb })
  await kept.save(['a'], bytes(1))
  const broken = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
    throw new DOMException('the disk is broken', 'UnknownError')
  })
  await kept.save(['b'], bytes(2))
  const asked = broken.mock.calls.length
  await vi.waitFor(() => {
    vi.advanceTimersByTime(10_000)
    expect(broken.mock.calls.length).toBeGreaterThan(asked)
  })
  expect(kept.state.getState().status).toBe('memory')
  broken.mockRestore()
  await vi.waitFor(() => {
    vi.advanceTimersByTime(10_000)
    expect(kept.state.getState().status).toBe('kept')
  })
  expect(await kept.load(['a'])).toEqual(bytes(1))
  expect(await storage({ indexedDb }).load(['b'])).toEqual(bytes(2))
  await kept.close()
  expect(vi.getTimerCount()).toBe(0)
})

test('CL305 a tab that is to let go of its database says opening at once, and kept when it is there again', async () => {
  const indexedDb = new IDBFactory()
  const kept = storage({ indexedDb })
  await kept.save(['a'], bytes(1))
  const told: string[] = []
  kept.state.subscribe(() => told.push(kept.state.getState().status))
  const opened = vi.spyOn(indexedDb, 'open')
  const changing = indexedDb.open('a-documents', 2)
  // It has let go of it by then, and did not look for it yet.
  const meanwhile = await new Promise((resolve) =>
    changing.addEventListener('upgradeneeded', () => {
      resolve([[...told], opened.mock.calls.length])
      changing.transaction?.abort()
    }),
  )
  expect(meanwhile).toEqual([['opening'], 1])
  await until(kept.state, ({ status }) => status === 'kept')
  expect(opened).toHaveBeenCalledTimes(2)
  expect(await kept.load(['a'])).toEqual(bytes(1))
  expect(new Set(told)).toEqual(new Set(['opening', 'kept']))
})

test('CL260 a database that was only closed is the same one', async () => {
  const indexedDb = new IDBFactory()
  const again = vi.fn(() => Promise.resolve())
  const kept = new DocumentStorage({ ...browserEnvironment(), indexedDb }, 'indexeddb', 'a', again)
  await kept.save(['a'], bytes(1))
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementationOnce(() => {
    throw new DOMException('closing', 'InvalidStateError')
  })
  expect(await kept.load(['a'])).toEqual(bytes(1))
  expect(again).not.toHaveBeenCalled()
  expect(kept.state.getState().status).toBe('kept')
})

test('CL86 a database that fails whatever one does is given up', async () => {
  const kept = storage({ indexedDb: new IDBFactory() })
  await kept.save(['a'], bytes(1))
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
    throw new DOMException('the disk is broken', 'UnknownError')
  })
  await kept.save(['b'], bytes(2))
  expect(await kept.load(['b'])).toEqual(bytes(2))
  expect(await kept.loadRange([])).toHaveLength(1)
  expect(kept.state.getState()).toMatchObject({ status: 'memory' })
})

test('CL86 after it is closed it answers, and says nothing', async () => {
  const kept = storage({ indexedDb: new IDBFactory() })
  await kept.save(['a'], bytes(1))
  const state = kept.state.getState()
  await kept.close()
  await kept.save(['b'], bytes(2))
  await kept.remove(['a'])
  expect(await kept.loadRange(['a'])).toEqual([])
  expect(kept.state.getState()).toBe(state)
})

/** What nobody caught while it ran. */
async function unheard(run: () => Promise<unknown>): Promise<unknown[]> {
  const reasons: unknown[] = []
  const hear = (reason: unknown) => void reasons.push(reason)
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', hear)
  try {
    await run()
    // Node tells of a rejection once all that was to be done at once is done.
    await new Promise((resolve) => setTimeout(resolve, 20))
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const other of others) process.on('unhandledRejection', other)
  }
  return reasons
}

/** A browser that ends each transaction under way, as when it closes a database. */
function ending() {
  const begin = Object.getOwnPropertyDescriptor(IDBDatabase.prototype, 'transaction')
    ?.value as IDBDatabase['transaction']
  return vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (
    this: IDBDatabase,
    ...asked
  ) {
    const transaction = begin.apply(this, asked)
    if (transaction.mode === 'readwrite') transaction.commit = () => transaction.abort()
    else queueMicrotask(() => transaction.abort())
    return transaction
  })
}

test.each([
  ['remove', (kept: DocumentStorage) => kept.remove(['a'])],
  ['removeRange', (kept: DocumentStorage) => kept.removeRange(['a'])],
  ['save', (kept: DocumentStorage) => kept.save(['b'], bytes(2))],
  ['load', (kept: DocumentStorage) => kept.load(['a'])],
  ['loadRange', (kept: DocumentStorage) => kept.loadRange(['a'])],
])(
  'CL194 a database that ends while it is asked rejects nobody, and leaves no rejection behind: %s',
  async (_, ask) => {
    const kept = storage({ indexedDb: new IDBFactory() })
    await kept.save(['a'], bytes(1))
    ending()
    expect(await unheard(() => ask(kept))).toEqual([])
    expect(kept.state.getState().status).toBe('memory')
  },
)

test('CL194 neither does one that takes no request any more when it has begun a transaction', async () => {
  const kept = storage({ indexedDb: new IDBFactory() })
  await kept.save(['a'], bytes(1))
  ending()
  const closed = () => {
    throw new DOMException('closing', 'TransactionInactiveError')
  }
  for (const request of ['delete', 'put', 'get', 'getAll', 'getAllKeys'] as const)
    vi.spyOn(IDBObjectStore.prototype, request).mockImplementation(closed)
  const asking = () =>
    Promise.all([kept.remove(['a']), kept.removeRange(['a']), kept.load(['b']), kept.save(['b'], bytes(2))])
  expect(await unheard(asking)).toEqual([])
  expect(await kept.load(['b'])).toEqual(bytes(2))
})
