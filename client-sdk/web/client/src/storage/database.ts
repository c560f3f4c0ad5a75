// A database with one store in it, that is asked again and again, whatever becomes of it meanwhile.
//
// Always true: opening never takes longer than `OPEN_MS_MAX`, and the first look into it neither; an open database never stands in the
// way of a tab that wants to delete or change it. One that was closed is opened again: at once when it is asked, by itself after
// `LOOK_AFTER_MS`, and when that fails again after `OPEN_MS_MAX`. Whether it is the one that it was shows by a mark that is made with
// it: with another mark, all that was in it is gone, whoever made the new one. Without room for a mark it is taken for the same.

import { wrap, type IDBPDatabase, type IDBPObjectStore } from 'idb'
import { unique } from '../ids'

/** Some browsers never answer when they are asked for a database. The app does not wait for that longer than this. */
export const OPEN_MS_MAX = 5_000

/**
 * A database that was closed is opened by itself after this long: before a person who deletes it can close the tab, and no more than
 * four times a second where a browser closes whatever is opened.
 */
const LOOK_AFTER_MS = 250

/** Closed under one who asks so many times, it is no database to ask: after as long as one that does not answer is waited for. */
const CLOSED_MAX = OPEN_MS_MAX / LOOK_AFTER_MS

/** Where the mark is: numbers are in no range of texts or lists, which are the keys of everything else. */
const MARK_KEY = 0

/** The store, in a transaction that reads, or one that writes. */
type Reading = IDBPObjectStore<unknown, string[], string>
type Writing = IDBPObjectStore<unknown, string[], string, 'readwrite'>

/** What is heard of a database that was open, beside what is asked of it. */
export interface DatabaseHears {
  /** It was closed under the page, and is opened again. */
  readonly lost?: () => void
  /** It is there again, as it was. */
  readonly found?: () => void
  /** It was deleted: what there is now is another one. */
  readonly emptied: () => void
}

export class Database {
  readonly #factory: IDBFactory | undefined
  readonly #name: string
  readonly #store: string
  readonly #hears: DatabaseHears
  #opening: Promise<IDBPDatabase> | undefined
  #database: IDBPDatabase | undefined
  #mark: string | undefined
  #look: ReturnType<typeof setTimeout> | undefined
  /** Those that somebody else closed: the browser, or who deletes them. */
  readonly #taken = new WeakSet<IDBPDatabase>()
  #isClosed = false

  constructor(factory: IDBFactory | undefined, name: string, store: string, hears: DatabaseHears) {
    this.#factory = factory
    this.#name = name
    this.#store = store
    this.#hears = hears
  }

  /** Rejects where there is no IndexedDB, or where it does not answer. */
  async open(): Promise<void> {
    await this.#open()
  }

  /** Asks its store. Rejects when it does not answer even when it was opened for that. */
  read<R>(ask: (store: Reading) => Promise<R>): Promise<R> {
    return this.#ask((database) => reading(database, this.#store, ask))
  }

  /** Changes its store. Resolves when that is on the disk. Rejects as `read`, and where there is no room (`isFull`). */
  write(change: (store: Writing) => Promise<unknown>): Promise<void> {
    return this.#ask((database) => writing(database, this.#store, change))
  }

  /** It is over, also for what was asked and not answered. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#look)
    this.#database?.close()
  }

  /** Once more where it fails, and until it answers where somebody closes it meanwhile: that says nothing against the next one. */
  async #ask<R>(work: (database: IDBPDatabase) => Promise<R>): Promise<R> {
    for (let failed = 0, closed = 0; ;) {
      const database = await this.#open()
      try {
        return await work(database)
      } catch (error) {
        if (this.#taken.has(database)) closed++
        else failed++
        if (failed > 1 || closed > CLOSED_MAX || this.#isClosed || isFull(error)) throw error
        this.#drop(database)
        if (closed > 1) await pause(LOOK_AFTER_MS)
      }
    }
  }

  #open(): Promise<IDBPDatabase> {
    if (this.#opening) return this.#opening
    const opening = this.#openAnew()
    this.#opening = opening
    // Whoever asks next has it tried once more.
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined
    })
    return opening
  }

  async #openAnew(): Promise<IDBPDatabase> {
    clearTimeout(this.#look)
    const database = await openDatabase(this.#factory, this.#name, this.#store)
    this.#database = database
    if (this.#isClosed) database.close()
    // Somebody wants to delete it, and need not wait for this tab to go; or the browser has closed it.
    for (const event of ['versionchange', 'close'] as const) {
      database.addEventListener(event, () => {
        this.#taken.add(database)
        this.#drop(database)
      })
    }
    try {
      this.#know(await inTime(markOf(database, this.#store)))
    } catch (error) {
      // It went while it was looked at.
      if (this.#database !== database) return this.#open()
      this.#database = undefined
      database.close()
      throw error
    }
    return database
  }

  #know(mark: string | undefined): void {
    const before = this.#mark
    this.#mark = mark ?? before
    if (this.#isClosed) return
    if (before !== undefined && before !== this.#mark) this.#hears.emptied()
    else this.#hears.found?.()
  }

  /** It is not asked any more. Of several that find it closed, the first has it opened again. */
  #drop(database: IDBPDatabase): void {
    database.close()
    if (this.#database !== database) return
    this.#database = undefined
    this.#opening = undefined
    if (!this.#isClosed) this.#hears.lost?.()
    this.#lookIn(LOOK_AFTER_MS)
  }

  #lookIn(waitMs: number): void {
    clearTimeout(this.#look)
    if (this.#isClosed) return
    // Whoever asks meanwhile hears that it cannot be opened.
    this.#look = setTimeout(() => void this.#open().catch(() => this.#lookIn(OPEN_MS_MAX)), waitMs)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Whether what could not be written does not fit. */
export function isFull(error: unknown): boolean {
  return error instanceof Error && error.name === 'QuotaExceededError'
}

async function openDatabase(
  factory: IDBFactory | undefined,
  name: string,
  store: string,
): Promise<IDBPDatabase> {
  if (!factory) throw new Error('this page has no IndexedDB')
  const request = factory.open(name, 1)
  request.onupgradeneeded = () => void request.result.createObjectStore(store)
  const database = await inTime(wrap(request), (late) => late?.close())
  if (!database) throw new Error('IndexedDB gives nothing')
  return database
}

/** Tells a database from another one of the same name, for all tabs the same. Nothing without room for it. */
async function markOf(database: IDBPDatabase, store: string): Promise<string | undefined> {
  const known: unknown = await reading(database, store, (asked) => asked.get(MARK_KEY))
  if (typeof known === 'string') return known
  const transaction = database.transaction(store, 'readwrite')
  transaction.done.catch(() => undefined)
  const mark = unique()
  try {
    const byAnother: unknown = await transaction.store.get(MARK_KEY)
    if (typeof byAnother === 'string') return byAnother
    transaction.store.put(mark, MARK_KEY).catch(() => undefined)
    await transaction.done
  } catch (error) {
    if (!isFull(error)) throw error
    return undefined
  }
  return mark
}

/** Rejects when it did not answer, as when the browser closed it; that is all there is to hear. */
async function reading<R>(
  database: IDBPDatabase,
  store: string,
  ask: (store: Reading) => Promise<R>,
): Promise<R> {
  const { done, store: asked } = database.transaction(store)
  // It rejects by itself where the transaction ends before its time, though nobody waits for it.
  done.catch(() => undefined)
  return ask(asked)
}

/**
 * Resolves when it is on the disk, and rejects when it is not. The browser is told at once that no more belongs to it: a page that
 * is about to go does not live to see the answer, and what is not committed by then is thrown away.
 */
async function writing(
  database: IDBPDatabase,
  store: string,
  change: (store: Writing) => Promise<unknown>,
): Promise<void> {
  const transaction = database.transaction(store, 'readwrite')
  transaction.done.catch(() => undefined)
  const changing = change(transaction.store)
  changing.catch(() => undefined)
  transaction.commit()
  // Of a request in a transaction that ends for want of room Chromium may never tell, and others tell less than the transaction does.
  await transaction.done
  await changing
}

/** Rejects when it takes too long; what comes after that is given to `late`, so that it is in nobody's way. */
async function inTime<T>(work: Promise<T>, late: (value: T) => void = () => undefined): Promise<T> {
  let giveUp: ReturnType<typeof setTimeout> | undefined
  const tooLate = new Promise<never>((_, reject) => {
    giveUp = setTimeout(() => {
      reject(new Error('IndexedDB does not answer'))
      work.then(late).catch(() => undefined)
    }, OPEN_MS_MAX)
  })
  try {
    return await Promise.race([work, tooLate])
  } finally {
    clearTimeout(giveUp)
  }
}
