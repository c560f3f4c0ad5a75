// Documents on this device: what the repo keeps, in IndexedDB, shared by all tabs of the origin.
//
// Edit path: ← the repo has a change to keep; → the disk. At the next start ← the disk.
//
// Always true: the repo is never left without an answer. A browser that gives no storage, or takes no more, is said in
// `state`; then what cannot be kept stays in memory for as long as the tab lives, and is written as soon as there is room.

import type { IDBPDatabase } from 'idb'
import type { Chunk, StorageAdapterInterface, StorageKey } from '../automerge'
import type { Environment } from '../environment'
import type { StorageState } from '../types'
import { Watched } from '../watch'
import { openDatabase, reading, writing } from './database'

const STORE = 'documents'

/** How often the browser is asked how much is kept: it walks through all databases of the origin for it. */
const MEASURE_EVERY_MS = 30_000

/** How often what did not fit is tried again where nothing else is written. */
const AGAIN_EVERY_MS = 10_000

/** The store of documents named `name`; in memory when `kind` says so. */
export class DocumentStorage implements StorageAdapterInterface {
  readonly state = new Watched<StorageState>({ status: 'opening' })
  readonly #environment: Environment
  readonly #name: string
  #database: Promise<IDBPDatabase | undefined>
  /** What is not on the disk: all of it without one, what did not fit on a full one. */
  readonly #unkept = new Map<string, Chunk>()
  #measuredAtMs = -Infinity
  #persistent = false
  #again: ReturnType<typeof setTimeout> | undefined
  #isClosed = false

  constructor(environment: Environment, kind: 'indexeddb' | 'memory', name: string) {
    this.#environment = environment
    this.#name = name
    this.#database = kind === 'memory' ? this.#without('the app keeps nothing here') : this.#open()
  }

  async load(key: StorageKey): Promise<Uint8Array | undefined> {
    const unkept = this.#unkept.get(named(key))
    if (unkept) return unkept.data
    return this.#onDisk((database) =>
      reading(database, STORE, (store) => store.get(key) as Promise<Uint8Array | undefined>),
    )
  }

  async save(key: StorageKey, data: Uint8Array): Promise<void> {
    const chunk = { key, data }
    // Counts as not kept until it is there, so that it is found, and in no save that comes meanwhile it is forgotten.
    this.#unkept.set(named(key), chunk)
    const isKept = await this.#keep(chunk)
    if (isKept && (await this.#keepRest())) await this.#measureNowAndThen()
  }

  async remove(key: StorageKey): Promise<void> {
    this.#unkept.delete(named(key))
    await this.#onDisk((database) => writing(database, STORE, (store) => store.delete(key)))
  }

  async loadRange(prefix: StorageKey): Promise<Chunk[]> {
    const kept = (await this.#onDisk((database) => chunks(database, prefix))) ?? []
    const unkept = [...this.#unkept.values()].filter(({ key }) => isUnder(prefix, key))
    const over = new Set(unkept.map(({ key }) => named(key)))
    return [...kept.filter(({ key }) => !over.has(named(key))), ...unkept]
  }

  async removeRange(prefix: StorageKey): Promise<void> {
    for (const [name, { key }] of this.#unkept) if (isUnder(prefix, key)) this.#unkept.delete(name)
    await this.#onDisk((database) => writing(database, STORE, (store) => store.delete(under(prefix))))
  }

  /** Whether everything that was made here is on the disk, or on its way there. */
  get keepsAll(): boolean {
    return this.state.getState().status !== 'memory' && this.state.getState().status !== 'full'
  }

  /** What comes after it is kept nowhere. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#again)
    const database = await this.#database
    database?.close()
  }

  async #open(): Promise<IDBPDatabase | undefined> {
    const { indexedDb } = this.#environment
    if (!indexedDb) return this.#without('this browser gives the page no storage')
    try {
      const database = await openDatabase(indexedDb, `${this.#name}-documents`, STORE)
      this.#tell({ status: 'kept', bytes: undefined, bytesMax: undefined, persistent: this.#persistent })
      // Nobody waits for either: a person may be asked about the first, and the second may take long.
      void this.#askToPersist()
      return database
    } catch (error) {
      return this.#without(String(error))
    }
  }

  #without(reason: string): Promise<undefined> {
    this.#tell({ status: 'memory', reason })
    return Promise.resolve(undefined)
  }

  /** Whether it is on the disk now. */
  async #keep(chunk: Chunk): Promise<boolean> {
    const name = named(chunk.key)
    const kept = await this.#onDisk(async (database) => {
      await writing(database, STORE, (store) => store.put(chunk.data, chunk.key))
      return true
    }, isFull)
    // Not when it was saved once more, or removed, meanwhile.
    if (kept && this.#unkept.get(name) === chunk) this.#unkept.delete(name)
    return kept === true
  }

  /** There is room: what waited is tried again. Whether all of it is on the disk now. */
  async #keepRest(): Promise<boolean> {
    if (this.state.getState().status !== 'full') return true
    for (const chunk of [...this.#unkept.values()]) if (!(await this.#keep(chunk))) return false
    return true
  }

  /**
   * Nothing without a database, or where it does not do it. Browsers close databases of pages that were in the background or whose
   * storage was cleared; such a one is opened once more.
   */
  async #onDisk<R>(
    work: (database: IDBPDatabase) => Promise<R>,
    mayBeFull: (error: unknown) => boolean = () => false,
  ): Promise<R | undefined> {
    for (const isLast of [false, true]) {
      const opened = this.#database
      const database = await opened
      if (!database || this.#isClosed) return undefined
      try {
        return await work(database)
      } catch (error) {
        if (mayBeFull(error)) {
          this.#full(error)
          return undefined
        }
        // Of several that find it closed, the first opens it.
        if (this.#database !== opened) continue
        database.close()
        this.#database = isLast ? this.#without(String(error)) : this.#open()
      }
    }
    return undefined
  }

  #full(error: unknown): void {
    this.#tell({ status: 'full', reason: String(error) })
    this.#again ??= setTimeout(() => {
      this.#again = undefined
      void this.#tryAgain()
    }, AGAIN_EVERY_MS)
  }

  async #tryAgain(): Promise<void> {
    if (this.#isClosed) return
    if (await this.#keepRest()) await this.#measure()
  }

  async #askToPersist(): Promise<void> {
    await this.#measure()
    this.#persistent = await this.#environment.askToPersist()
    if (this.#persistent) await this.#measure()
  }

  async #measureNowAndThen(): Promise<void> {
    const isDue = this.#environment.now() - this.#measuredAtMs > MEASURE_EVERY_MS
    if (isDue || this.state.getState().status === 'full') await this.#measure()
  }

  async #measure(): Promise<void> {
    this.#measuredAtMs = this.#environment.now()
    const estimate = await this.#environment.storageEstimate()
    const isFull = this.state.getState().status === 'full' && this.#unkept.size > 0
    if (this.state.getState().status === 'memory' || isFull) return
    const { usage: bytes, quota: bytesMax } = estimate ?? {}
    this.#tell({ status: 'kept', bytes, bytesMax, persistent: this.#persistent })
  }

  /** The same object as before where it says the same, so that nobody is told of nothing. */
  #tell(state: StorageState): void {
    if (this.#isClosed || JSON.stringify(state) === JSON.stringify(this.state.getState())) return
    this.state.set(state)
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && error.name === 'QuotaExceededError'
}

async function chunks(database: IDBPDatabase, prefix: StorageKey): Promise<Chunk[]> {
  const [keys, values] = await reading(database, STORE, (store) =>
    Promise.all([store.getAllKeys(under(prefix)), store.getAll(under(prefix))]),
  )
  return keys.map((key, at) => ({ key: key as StorageKey, data: values[at] as Uint8Array }))
}

/** A list sorts behind each text, so this is above every key that goes on. */
function under(prefix: StorageKey): IDBKeyRange {
  return IDBKeyRange.bound(prefix, [...prefix, []])
}

function isUnder(prefix: StorageKey, key: StorageKey): boolean {
  return prefix.every((part, at) => part === key[at])
}

function named(key: StorageKey): string {
  return JSON.stringify(key)
}
