// Opens a database with one store in it, and asks it.
//
// Always true: it never takes longer than `OPEN_MS_MAX`, and it never stands in the way of a tab that wants to delete or change
// the database.

import { wrap, type IDBPDatabase, type IDBPObjectStore } from 'idb'

/** Some browsers never answer when they are asked for a database. The app does not wait for that longer than this. */
export const OPEN_MS_MAX = 5_000

/** Rejects where there is no IndexedDB, or where it does not answer. */
export async function openDatabase(
  factory: IDBFactory | undefined,
  name: string,
  store: string,
): Promise<IDBPDatabase> {
  if (!factory) throw new Error('this page has no IndexedDB')
  const request = factory.open(name, 1)
  request.onupgradeneeded = () => void request.result.createObjectStore(store)
  const database = await inTime(wrap(request))
  // Whoever wants to delete the database need not wait for this tab to go.
  database.addEventListener('versionchange', () => database.close())
  return database
}

/** The store, in a transaction that reads, or one that writes. */
export type Reading = IDBPObjectStore<unknown, string[], string>
export type Writing = IDBPObjectStore<unknown, string[], string, 'readwrite'>

/** Asks the store of a database. Rejects when it did not answer, as when the browser closed it; that is all there is to hear. */
export async function reading<R>(
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
 * Changes the store of a database. Resolves when it is on the disk, and rejects when it is not. The browser is told at once that no
 * more belongs to it: a page that is about to go does not live to see the answer, and what is not committed by then is thrown away.
 */
export async function writing(
  database: IDBPDatabase,
  store: string,
  change: (store: Writing) => Promise<unknown>,
): Promise<void> {
  const transaction = database.transaction(store, 'readwrite')
  transaction.done.catch(() => undefined)
  const changing = change(transaction.store)
  changing.catch(() => undefined)
  transaction.commit()
  await changing
  await transaction.done
}

/** Rejects when it takes too long; a database that opens after that is closed, so that it is in nobody's way. */
async function inTime(opening: Promise<IDBPDatabase | undefined>): Promise<IDBPDatabase> {
  let giveUp: ReturnType<typeof setTimeout> | undefined
  const tooLate = new Promise<undefined>((resolve) => {
    giveUp = setTimeout(() => {
      resolve(undefined)
      opening.then((late) => late?.close()).catch(() => undefined)
    }, OPEN_MS_MAX)
  })
  try {
    const database = await Promise.race([opening, tooLate])
    if (database) return database
  } finally {
    clearTimeout(giveUp)
  }
  throw new Error('IndexedDB does not answer')
}
