// The list of dashboards: what the server shows us, joined with what is kept on this device.
//
// Always true: without a connection the list is what is kept here, and says so; a dashboard that was just deleted is out of the
// list at once, and back at once when that is undone.

import {
  DovetailError,
  type DeviceSaving,
  type DocumentId,
  type Dovetail,
  type KeptDocument,
  type ListedDocument,
} from '@dovetail/client'
import { reasonOf } from '../app/toasts'
import { watched } from '../app/watched'
import type { Watchable } from '@dovetail/client'

/** One line of the list. */
export interface Listed {
  readonly id: DocumentId
  /** Empty when it has none. */
  readonly title: string
  /** Nothing when the document says none. */
  readonly kind: string | undefined
  /** When it was last changed on the server, or last opened here, in milliseconds since 1970. */
  readonly atMs: number | undefined
  /** It can be opened without a connection. */
  readonly kept: boolean
  /** What its widgets show, as far as this device knows it. */
  readonly shows: readonly DocumentId[]
}

export interface DocumentsState {
  readonly status: 'loading' | 'server' | 'device'
  /** Why the server's list could not be had. */
  readonly reason: string | undefined
  /** It could not be had because the server wants to know who asks. */
  readonly asksWho: boolean
  readonly documents: readonly Listed[]
  /** There are more on the server. */
  readonly more: boolean
  readonly reading: boolean
}

export interface Documents extends Watchable<DocumentsState> {
  /** Reads the list from its beginning. */
  readonly refresh: () => Promise<void>
  /** Reads the next page. */
  readonly readMore: () => Promise<void>
  /** Leaves a document out, or shows it again. */
  readonly hide: (id: string, hidden: boolean) => void
}

/** As many come with one answer. */
const PAGE = 200
/** Pages that are read without being asked for: they are sorted together, the last changed first. */
const PAGES_AT_ONCE = 5

/** Makes the list; `refresh` fills it. */
export function createDocuments(dovetail: Pick<Dovetail, 'api' | 'kept'>): Documents {
  const state = watched<DocumentsState>({
    status: 'loading',
    reason: undefined,
    asksWho: false,
    documents: [],
    more: false,
    reading: false,
  })
  const hidden = new Set<string>()
  let listed: readonly ListedDocument[] = []
  let kept: readonly KeptDocument[] = []
  let next: string | undefined
  let status: DocumentsState['status'] = 'loading'
  let reason: string | undefined
  let asksWho = false
  let run = 0

  const show = (reading: boolean) =>
    state.set({
      status,
      reason,
      asksWho,
      documents: joined(status === 'server' ? listed : [], kept).filter(({ id }) => !hidden.has(id)),
      more: next !== undefined,
      reading,
    })
  const readPages = async (after: string | undefined, pages: number, mine: number) => {
    let cursor = after
    let first = after === undefined
    for (let page = 0; page < pages; page++) {
      const answer = await dovetail.api.list({
        limit: PAGE,
        ...(cursor === undefined ? {} : { after: cursor }),
      })
      if (mine !== run) return
      listed = first ? answer.documents : [...listed, ...answer.documents]
      first = false
      cursor = answer.next
      next = answer.next
      status = 'server'
      reason = undefined
      asksWho = false
      show(cursor !== undefined && page + 1 < pages)
      if (cursor === undefined) return
    }
  }
  const reading = async (after: string | undefined, pages: number) => {
    const mine = ++run
    show(true)
    kept = await dovetail.kept().catch(() => kept)
    try {
      await readPages(after, pages, mine)
    } catch (error) {
      if (mine !== run) return
      // A list that was read stays: it is older, and still right for the most part.
      if (listed.length === 0) status = 'device'
      reason = reasonOf(error)
      asksWho = error instanceof DovetailError && error.status === 401
    }
    if (mine === run) show(false)
  }
  return {
    subscribe: state.subscribe,
    getState: state.getState,
    refresh: () => reading(undefined, PAGES_AT_ONCE),
    readMore: () => (next === undefined ? Promise.resolve() : reading(next, 1)),
    hide: (id, now) => {
      if (now) hidden.add(id)
      else hidden.delete(id)
      show(state.getState().reading)
    },
  }
}

/** How many changes of it wait, and of what it shows: as many as the pill says when it is open. */
export function pendingOf({ documents }: DeviceSaving, { id, shows }: Pick<Listed, 'id' | 'shows'>): number {
  const counted = new Set([id, ...shows])
  return documents.reduce((sum, document) => sum + (counted.has(document.id) ? document.pending : 0), 0)
}

/** Whether more is read without being asked for: not while it goes on, and not after it failed, which would ask without end. */
export function readsOn({
  more,
  reading,
  reason,
}: Pick<DocumentsState, 'more' | 'reading' | 'reason'>): boolean {
  return more && !reading && reason === undefined
}

/** Those whose title has all the words, in any order; the last changed first. */
export function found(documents: readonly Listed[], query: string): readonly Listed[] {
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  return documents
    .filter(({ title, id }) =>
      words.every((word) => title.toLowerCase().includes(word) || id.toLowerCase() === word),
    )
    .toSorted((one, other) => (other.atMs ?? 0) - (one.atMs ?? 0))
}

/** Both lists as one; what is kept here alone was made here, or is not ours to see on the server any more. */
export function joined(listed: readonly ListedDocument[], kept: readonly KeptDocument[]): readonly Listed[] {
  const here = new Map(kept.map((document) => [document.id, document]))
  const there = listed
    .filter((document) => document.deleted === null)
    .map((document): Listed => {
      const copy = here.get(document.id)
      here.delete(document.id)
      return {
        id: document.id,
        // What is kept here may be newer than what the server has.
        title: (copy && copy.pending > 0 ? copy.title : undefined) ?? document.title ?? copy?.title ?? '',
        kind: document.kind ?? copy?.kind,
        atMs: document.changed ?? document.created ?? copy?.openedAtMs,
        kept: copy !== undefined,
        shows: copy?.shows ?? [],
      }
    })
  const gone = new Set(listed.filter((document) => document.deleted !== null).map(({ id }) => id))
  const only = [...here.values()]
    .filter(({ id }) => !gone.has(id))
    .map((document): Listed => ({
      id: document.id,
      title: document.title ?? '',
      kind: document.kind,
      atMs: document.openedAtMs,
      kept: true,
      shows: document.shows,
    }))
  return [...there, ...only]
}
