// The history of a document as far as it was read, page by page.
//
// Always true: one page is read at a time; what an older reading brings after `refresh` is thrown away; what was read stays
// shown while more is read, and when that fails.

import type { History, HistoryGroup, Watchable } from '@dovetail/client'

/** What of a history was read. */
export interface HistoryPagesState {
  readonly status: 'loading' | 'ready' | 'failed'
  /** The newest first. */
  readonly groups: readonly HistoryGroup[]
  /** There is more: `more` reads it. */
  readonly hasMore: boolean
  /** Who told: the server knows who the authors are, this device knows its own part. Nothing before the first page. */
  readonly from: 'server' | 'here' | undefined
  /** Why the last page could not be read. */
  readonly error: Error | undefined
}

/** Reads a history page by page. */
export class HistoryPages implements Watchable<HistoryPagesState> {
  readonly #history: Pick<History<unknown>, 'page'>
  readonly #listeners = new Set<() => void>()
  #state: HistoryPagesState = UNREAD
  #next: string | undefined
  #reading = 0

  constructor(history: Pick<History<unknown>, 'page'>) {
    this.#history = history
  }

  readonly getState = (): HistoryPagesState => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Reads the newest page anew, and forgets the others once it is there. */
  readonly refresh = (): Promise<void> => this.#read(undefined, [])

  /** Reads the next page; nothing while one is read, or when there is none. After a failure it is tried once more. */
  readonly more = async (): Promise<void> => {
    if (this.#state.status === 'loading') return
    if (this.#state.from === undefined) return this.refresh()
    if (this.#state.hasMore) await this.#read(this.#next, this.#state.groups)
  }

  async #read(cursor: string | undefined, before: readonly HistoryGroup[]): Promise<void> {
    const reading = ++this.#reading
    this.#set({ ...this.#state, status: 'loading', error: undefined })
    try {
      const page = await this.#history.page(cursor)
      if (reading !== this.#reading) return
      this.#next = page.next
      this.#set({
        status: 'ready',
        groups: [...before, ...page.groups],
        hasMore: page.next !== undefined,
        from: page.from,
        error: undefined,
      })
    } catch (error) {
      if (reading === this.#reading) this.#set({ ...this.#state, status: 'failed', error: asError(error) })
    }
  }

  #set(state: HistoryPagesState): void {
    this.#state = state
    for (const listener of [...this.#listeners]) listener()
  }
}

const UNREAD: HistoryPagesState = {
  status: 'loading',
  groups: [],
  hasMore: false,
  from: undefined,
  error: undefined,
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
