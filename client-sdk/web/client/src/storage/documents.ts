// Documents on this device: what the repo keeps, in IndexedDB, shared by all tabs of the origin.
//
// Edit path: ← the repo has a change to keep; → the disk. At the next start ← the disk.
//
// Always true: the repo is never left without an answer. A browser that gives no storage, or takes no more, is said in
// `state`; then what cannot be kept stays in memory for as long as the tab lives, and is written as soon as there is room, or a
// database that failed answers again. Where the database was deleted under the open tab, `state` does not say `kept` before what this
// tab has was written into the new one.

import type { Chunk, StorageAdapterInterface, StorageKey } from '../automerge'
import type { Environment } from '../environment'
import type { StorageState } from '../types'
import { Watched } from '../watch'
import { Database, isFull } from './database'

const STORE = 'documents'

/** How often the browser is asked how much is kept: it walks through all databases of the origin for it. */
const MEASURE_EVERY_MS = 30_000

/** How often what did not fit is tried again where nothing else is written, and a database that failed whatever was asked of it. */
const AGAIN_EVERY_MS = 10_000

/** The store of documents named `name`; in memory when `kind` says so. */
export class DocumentStorage implements StorageAdapterInterface {
  readonly state = new Watched<StorageState>({ status: 'opening' })
  readonly #environment: Environment
  readonly #keepAgain: () => Promise<void>
  #database: Database | undefined
  /** What is not on the disk: all of it without one, what did not fit on a full one. */
  readonly #unkept = new Map<string, Chunk>()
  #measuredAtMs = -Infinity
  #persistent = false
  #again: ReturnType<typeof setTimeout> | undefined
  /** The database was open and failed: it is asked nothing until it is tried again. */
  #isResting = false
  /** What the tab has is being written anew: the last time that this began. */
  #keeping: Promise<void> | undefined
  #isClosed = false

  /** `keepAgain`: everything that was kept is gone; it saves once more what this tab has. */
  constructor(
    environment: Environment,
    kind: 'indexeddb' | 'memory',
    name: string,
    keepAgain: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.#environment = environment
    this.#keepAgain = keepAgain
    if (kind === 'memory') {
      this.#without('the app keeps nothing here')
    } else {
      this.#database = new Database(environment.indexedDb, `${name}-documents`, STORE, {
        lost: () => this.#lost(),
        found: () => this.#found(),
        emptied: () => this.#emptied(),
      })
      void this.#open(this.#database)
    }
  }

  async load(key: StorageKey): Promise<Uint8Array | undefined> {
    const unkept = this.#unkept.get(named(key))
    if (unkept) return unkept.data
    return this.#onDisk((database) =>
      database.read((store) => store.get(key) as Promise<Uint8Array | undefined>),
    )
  }

  async save(key: StorageKey, data: Uint8Array): Promise<void> {
    const chunk = { key, data }
    // Counts as not kept until it is there, so that it is found, and in no save that comes meanwhile it is forgotten.
    this.#unkept.set(named(key), chunk)
    if (!(await this.#keep(chunk))) return
    const wasFull = this.state.getState().status === 'full'
    if (!wasFull || (await this.#keepRest())) await this.#measureNowAndThen()
  }

  async remove(key: StorageKey): Promise<void> {
    this.#unkept.delete(named(key))
    await this.#onDisk((database) => database.write((store) => store.delete(key)))
  }

  async loadRange(prefix: StorageKey): Promise<Chunk[]> {
    const kept = (await this.#onDisk((database) => chunks(database, prefix))) ?? []
    const unkept = [...this.#unkept.values()].filter(({ key }) => isUnder(prefix, key))
    const over = new Set(unkept.map(({ key }) => named(key)))
    return [...kept.filter(({ key }) => !over.has(named(key))), ...unkept]
  }

  async removeRange(prefix: StorageKey): Promise<void> {
    for (const [name, { key }] of this.#unkept) if (isUnder(prefix, key)) this.#unkept.delete(name)
    await this.#onDisk((database) => database.write((store) => store.delete(under(prefix))))
  }

  /** Whether everything that was made here is on the disk, or on its way there. */
  get keepsAll(): boolean {
    return this.state.getState().status !== 'memory' && this.state.getState().status !== 'full'
  }

  /** What is being written again is written first. What comes after it is kept nowhere. */
  async close(): Promise<void> {
    await this.#database?.open().catch(() => undefined)
    await this.#keeping
    this.#isClosed = true
    clearTimeout(this.#again)
    this.#database?.close()
  }

  async #open(database: Database): Promise<void> {
    try {
      await database.open()
    } catch (error) {
      this.#without(this.#environment.indexedDb ? String(error) : 'this browser gives the page no storage')
      return
    }
    // Nobody waits for it: a person may be asked.
    void this.#askToPersist()
  }

  #without(reason: string): void {
    this.#database?.close()
    this.#database = undefined
    this.#tell({ status: 'memory', reason })
  }

  /** The database is closed, and perhaps deleted: until it is known, nobody is told that what was kept is there. */
  #lost(): void {
    if (this.state.getState().status === 'kept') this.#tell({ status: 'opening' })
  }

  /** It is open, for the first time or again, and what was kept is there. */
  #found(): void {
    if (this.state.getState().status !== 'opening' || this.#keeping) return
    this.#tellKept()
    // Nobody waits for it, because it may take long.
    void this.#measure()
  }

  /** Somebody deleted the database, and there is another one now. */
  #emptied(): void {
    this.#isResting = false
    this.#tell({ status: 'opening' })
    const keeping = this.#keepAgain()
      // What cannot be written is said by `save`.
      .catch(() => undefined)
      .then(async () => {
        // Or once more, meanwhile.
        if (this.#keeping !== keeping) return
        this.#keeping = undefined
        if (!(await this.#keepRest()) || this.#isResting) return
        this.#tellKept()
        void this.#measure()
      })
    this.#keeping = keeping
  }

  /** Before it is known how much it is. */
  #tellKept(): void {
    this.#tell({ status: 'kept', bytes: undefined, bytesMax: undefined, persistent: this.#persistent })
  }

  /** Whether it is on the disk now. */
  async #keep(chunk: Chunk): Promise<boolean> {
    const name = named(chunk.key)
    const kept = await this.#onDisk(async (database) => {
      await database.write((store) => store.put(chunk.data, chunk.key))
      return true
    })
    // Not when it was saved once more, or removed, meanwhile.
    if (kept && this.#unkept.get(name) === chunk) this.#unkept.delete(name)
    return kept === true
  }

  /** What waited for room is tried again. Whether all of it is on the disk now. */
  async #keepRest(): Promise<boolean> {
    for (const chunk of [...this.#unkept.values()]) if (!(await this.#keep(chunk))) return false
    return true
  }

  /** Nothing without a database, or where it does not do it. */
  async #onDisk<R>(work: (database: Database) => Promise<R>): Promise<R | undefined> {
    const database = this.#database
    if (!database || this.#isClosed || this.#isResting) return undefined
    try {
      return await work(database)
    } catch (error) {
      if (isFull(error)) this.#full(error)
      else if (this.#database) this.#rest(error)
      return undefined
    }
  }

  #full(error: unknown): void {
    this.#tell({ status: 'full', reason: String(error) })
    this.#tryLater()
  }

  /** Nobody waits for a database that fails whatever one does. */
  #rest(error: unknown): void {
    this.#isResting = true
    this.#tell({ status: 'memory', reason: String(error) })
    this.#tryLater()
  }

  #tryLater(): void {
    if (this.#isClosed) return
    this.#again ??= setTimeout(() => {
      this.#again = undefined
      void this.#tryAgain()
    }, AGAIN_EVERY_MS)
  }

  async #tryAgain(): Promise<void> {
    if (this.#isClosed || !this.#database) return
    const wasResting = this.#isResting
    if (wasResting && !(await answers(this.#database))) {
      this.#tryLater()
      return
    }
    this.#isResting = false
    if (!(await this.#keepRest())) return
    if (wasResting && !this.#keeping) this.#tellKept()
    await this.#measure()
  }

  async #askToPersist(): Promise<void> {
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
    const { status } = this.state.getState()
    const isUnkept = status === 'memory' || (status === 'full' && this.#unkept.size > 0)
    if (isUnkept || status === 'opening' || this.#keeping) return
    const { usage: bytes, quota: bytesMax } = estimate ?? {}
    this.#tell({ status: 'kept', bytes, bytesMax, persistent: this.#persistent })
  }

  /** The same object as before where it says the same, so that nobody is told of nothing. */
  #tell(state: StorageState): void {
    if (this.#isClosed || JSON.stringify(state) === JSON.stringify(this.state.getState())) return
    this.state.set(state)
  }
}

async function answers(database: Database): Promise<boolean> {
  return database
    .read((store) => store.getKey([]))
    .then(
      () => true,
      () => false,
    )
}

async function chunks(database: Database, prefix: StorageKey): Promise<Chunk[]> {
  const [keys, values] = await database.read((store) =>
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
