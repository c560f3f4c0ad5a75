// Small things that must survive a reload and are no documents: labels, what was refused, when a document was opened.
//
// Always true: nothing here ever fails for its caller. Where the browser gives no database, or takes no more, a note stays in
// memory, is found there by this tab, and `state` says so. A note in memory hides the one on disk under the same key.
//
// Tabs of one origin that open the same name share their notes. Who reads, decides and writes holds a lock meanwhile
// (`Environment.withLock`): the notes themselves know no transactions over several keys. Where somebody deletes the database under
// open tabs, each of them writes again what it knows, in the same way.

import type { Environment } from '../environment'
import type { Watchable } from '../types'
import { Watched } from '../watch'
import { Database, isFull } from './database'

/** How the notes are kept. */
export type NotesState =
  /** Everything that was set survives a reload. */
  | { readonly status: 'kept' }
  /** The browser gives no database: what is set is gone with the tab. */
  | { readonly status: 'memory'; readonly reason: string }
  /** The database takes no more: what was there survives, what was set since then may not. Each `set` tries again. */
  | { readonly status: 'full'; readonly reason: string }

/** Values by key. A value is whatever can be cloned structurally; nothing (`undefined`) is no value. */
export interface Notes {
  readonly state: Watchable<NotesState>
  get(key: string): Promise<unknown>
  /** Resolves when the value is on disk, or when it is certain that it will not get there. */
  set(key: string, value: unknown): Promise<void>
  delete(key: string): Promise<void>
  /** All whose key begins like this, by key. */
  entries(prefix: string): Promise<readonly (readonly [key: string, value: unknown])[]>
  /** Calls when all notes are gone because somebody deleted the database; what is returned ends that. */
  onEmptied(listener: () => void): () => void
  /** What comes after it is kept in memory only. */
  close(): void
}

const STORE = 'notes'

/** Opens the notes of this name. Never rejects: without a database they are in memory. */
export async function openNotes(environment: Pick<Environment, 'indexedDb'>, name: string): Promise<Notes> {
  const emptied = new Watched(0)
  const database = new Database(environment.indexedDb, `${name}-notes`, STORE, {
    emptied: () => emptied.set(emptied.getState() + 1),
  })
  try {
    await database.open()
    return new KeptNotes(database, emptied)
  } catch (error) {
    return memoryNotes(reasonOf(error))
  }
}

/** Notes that are in memory only, for those who want nothing to outlive the tab. */
export function memoryNotes(reason: string): Notes {
  return new KeptNotes(undefined, new Watched(0), reason)
}

class KeptNotes implements Notes {
  readonly state: Watched<NotesState>
  #database: Database | undefined
  /** How often. */
  readonly #emptied: Watched<number>
  /** What the disk did not take. `undefined` stands for a note that was deleted. */
  readonly #memory = new Map<string, unknown>()

  constructor(database: Database | undefined, emptied: Watched<number>, reason = '') {
    this.#database = database
    this.#emptied = emptied
    this.state = new Watched<NotesState>(database ? { status: 'kept' } : { status: 'memory', reason })
  }

  async get(key: string): Promise<unknown> {
    if (this.#memory.has(key)) return structuredClone(this.#memory.get(key))
    return this.#onDisk(
      (database) => database.read((store) => store.get(key) as Promise<unknown>),
      () => undefined,
    )
  }

  async set(key: string, value: unknown): Promise<void> {
    await this.#keep(key, structuredClone(value))
  }

  async delete(key: string): Promise<void> {
    await this.#keep(key, undefined)
  }

  async entries(prefix: string): Promise<readonly (readonly [string, unknown])[]> {
    const found = new Map<string, unknown>(
      await this.#onDisk(
        (database) => entriesOnDisk(database, prefix),
        () => [],
      ),
    )
    for (const [key, value] of this.#memory) {
      if (!key.startsWith(prefix)) continue
      if (value === undefined) found.delete(key)
      else found.set(key, structuredClone(value))
    }
    return [...found].sort(([one], [other]) => (one < other ? -1 : 1))
  }

  onEmptied(listener: () => void): () => void {
    return this.#emptied.subscribe(listener)
  }

  close(): void {
    this.#database?.close()
    this.#database = undefined
    this.state.set({ status: 'memory', reason: 'closed' })
  }

  async #keep(key: string, value: unknown): Promise<void> {
    this.#memory.set(key, value)
    if (!(await this.#write(key, value))) return
    // There is room again, perhaps for what did not fit before.
    for (const [other, waiting] of this.#memory) if (!(await this.#write(other, waiting))) return
    if (this.#database) this.state.set(this.#kept())
  }

  /** Whether it is on the disk now. */
  #write(key: string, value: unknown): Promise<boolean> {
    return this.#onDisk(
      async (database) => {
        await database.write((store) => (value === undefined ? store.delete(key) : store.put(value, key)))
        // Not when it was set once more meanwhile.
        if (Object.is(this.#memory.get(key), value)) this.#memory.delete(key)
        return true
      },
      () => false,
    )
  }

  /** The same object as before, so that nobody is told of nothing. */
  #kept(): NotesState {
    const state = this.state.getState()
    return state.status === 'kept' ? state : { status: 'kept' }
  }

  async #onDisk<R>(work: (database: Database) => Promise<R>, otherwise: () => R): Promise<R> {
    const database = this.#database
    if (!database) return otherwise()
    try {
      return await work(database)
    } catch (error) {
      const reason = reasonOf(error)
      if (isFull(error)) {
        this.state.set({ status: 'full', reason })
      } else if (this.#database) {
        this.#database.close()
        this.#database = undefined
        this.state.set({ status: 'memory', reason })
      }
      return otherwise()
    }
  }
}

async function entriesOnDisk(database: Database, prefix: string): Promise<[string, unknown][]> {
  const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`)
  const [keys, values] = await database.read((store) =>
    Promise.all([store.getAllKeys(range), store.getAll(range) as Promise<unknown[]>]),
  )
  return keys.flatMap((key, at) => (typeof key === 'string' ? [[key, values[at]]] : []))
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}
