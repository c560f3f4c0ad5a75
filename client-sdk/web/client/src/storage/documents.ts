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
import { openDatabase } from './database'

const STORE = 'documents'

/** How often the browser is asked how much is kept: it walks through all databases of the origin for it. */
const MEASURE_EVERY_MS = 30_000

/** The store of documents named `name`; in memory when `kind` says so. */
export class DocumentStorage implements StorageAdapterInterface {
  readonly state = new Watched<StorageState>({ status: 'opening' })
  readonly #environment: Environment
  readonly #database: Promise<IDBPDatabase | undefined>
  /** What is not on the disk: all of it without one, what did not fit on a full one. */
  readonly #unkept = new Map<string, Chunk>()
  #measuredAtMs = -Infinity
  #persistent = false

  constructor(environment: Environment, kind: 'indexeddb' | 'memory', name: string) {
    this.#environment = environment
    this.#database = this.#open(kind, name)
  }

  async load(key: StorageKey): Promise<Uint8Array | undefined> {
    const unkept = this.#unkept.get(named(key))
    if (unkept) return unkept.data
    const database = await this.#database
    return (await database?.get(STORE, key)) as Uint8Array | undefined
  }

  async save(key: StorageKey, data: Uint8Array): Promise<void> {
    const database = await this.#database
    if (!database) {
      this.#unkept.set(named(key), { key, data })
      return
    }
    try {
      await database.put(STORE, data, key)
      this.#unkept.delete(named(key))
      await this.#fits(database)
    } catch (error) {
      this.#unkept.set(named(key), { key, data })
      this.state.set({ status: 'full', reason: String(error) })
    }
  }

  async remove(key: StorageKey): Promise<void> {
    this.#unkept.delete(named(key))
    await (await this.#database)?.delete(STORE, key)
  }

  async loadRange(prefix: StorageKey): Promise<Chunk[]> {
    const database = await this.#database
    const kept = database ? await chunks(database, prefix) : []
    const unkept = [...this.#unkept.values()].filter(({ key }) => isUnder(prefix, key))
    const over = new Set(unkept.map(({ key }) => named(key)))
    return [...kept.filter(({ key }) => !over.has(named(key))), ...unkept]
  }

  async removeRange(prefix: StorageKey): Promise<void> {
    for (const [name, { key }] of this.#unkept) if (isUnder(prefix, key)) this.#unkept.delete(name)
    await (await this.#database)?.delete(STORE, under(prefix))
  }

  /** Whether everything that was made here is on the disk, or on its way there. */
  get keepsAll(): boolean {
    return this.#unkept.size === 0 && this.state.getState().status !== 'memory'
  }

  async close(): Promise<void> {
    const database = await this.#database
    database?.close()
  }

  async #open(kind: 'indexeddb' | 'memory', name: string): Promise<IDBPDatabase | undefined> {
    const without =
      kind === 'memory' ? 'the app keeps nothing here' : 'this browser gives the page no storage'
    if (kind === 'memory' || !this.#environment.indexedDb) {
      this.#inMemory(without)
      return undefined
    }
    try {
      const database = await openDatabase(this.#environment.indexedDb, `${name}-documents`, STORE)
      this.#persistent = await this.#environment.askToPersist()
      await this.#measure()
      return database
    } catch (error) {
      this.#inMemory(String(error))
      return undefined
    }
  }

  #inMemory(reason: string): void {
    this.state.set({ status: 'memory', reason })
  }

  /** Something was written: what waited is tried again, and how much there is is looked at now and then. */
  async #fits(database: IDBPDatabase): Promise<void> {
    for (const [name, { key, data }] of this.#unkept) {
      await database.put(STORE, data, key)
      this.#unkept.delete(name)
    }
    if (
      this.state.getState().status === 'full' ||
      this.#environment.now() - this.#measuredAtMs > MEASURE_EVERY_MS
    ) {
      await this.#measure()
    }
  }

  async #measure(): Promise<void> {
    this.#measuredAtMs = this.#environment.now()
    const estimate = await this.#environment.storageEstimate()
    this.state.set({
      status: 'kept',
      bytes: estimate?.usage,
      bytesMax: estimate?.quota,
      persistent: this.#persistent,
    })
  }
}

async function chunks(database: IDBPDatabase, prefix: StorageKey): Promise<Chunk[]> {
  const transaction = database.transaction(STORE)
  const [keys, values] = await Promise.all([
    transaction.store.getAllKeys(under(prefix)),
    transaction.store.getAll(under(prefix)),
  ])
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
