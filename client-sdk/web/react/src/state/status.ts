// How a page is, in one union: everything that people must be told, folded out of the states of the client.
//
// Always true: at least one state holds; they are in the order in which people need to know; nothing here knows a clock,
// a word or React. Facts come ← useStatus, states go → words.ts, which says them.

import type {
  DocumentState,
  LinkState,
  PermissionState,
  RefusedEdit,
  SavingState,
  StorageState,
} from '@dovetail/client'

/** What a page shows of how it is. `pending` counts changes that are not durable on the server. */
export type PageStatus =
  /** The client was closed; nothing is sent or received any more. */
  | { readonly status: 'closed' }
  /** The server will not have us. `next`: what somebody can do about it. */
  | {
      readonly status: 'refused'
      readonly code: string
      readonly reason: string
      readonly next: 'sign_in' | 'reload' | 'ask' | 'retry'
      /** How many changes are in this tab only. */
      readonly unkept: number
    }
  /** The document cannot be shown. */
  | { readonly status: 'failed'; readonly error: Error }
  | { readonly status: 'missing'; readonly reason: 'unreachable' | 'not_found' | 'deleted' }
  /** Changes of ours were not taken, and are undone here. */
  | { readonly status: 'undone'; readonly edits: readonly RefusedEdit[] }
  /** What is shown is the copy on this device. */
  | { readonly status: 'gone'; readonly how: 'deleted' | 'hidden' }
  /** So much waits that no more edits are taken. */
  | { readonly status: 'no_room'; readonly pending: number }
  /** Changes are in this tab only, and would not survive it. */
  | {
      readonly status: 'unkept'
      readonly why: 'denied' | 'full'
      readonly reason: string
      readonly pending: number
    }
  | { readonly status: 'offline'; readonly pending: number; readonly isKept: boolean }
  | {
      readonly status: 'unreachable'
      readonly pending: number
      /** Whether this device keeps what waits, and what will. */
      readonly isKept: boolean
      /** Milliseconds since 1970. */
      readonly retryAtMs: number
      readonly attempt: number
      readonly reason: string
    }
  | { readonly status: 'connecting'; readonly pending: number; readonly isKept: boolean }
  | { readonly status: 'loading' }
  | { readonly status: 'view_only' }
  /** `open` business rules do not hold. */
  | { readonly status: 'attention'; readonly open: number; readonly pending: number }
  | { readonly status: 'little_room'; readonly pending: number }
  /** Nothing is lost, but nothing would be kept here either. */
  | {
      readonly status: 'no_storage'
      readonly why: 'denied' | 'full'
      readonly reason: string
      readonly pending: number
    }
  /** A newer version of the app is there. */
  | { readonly status: 'update' }
  | { readonly status: 'saving'; readonly pending: number }
  /** `atMs`: when everything was last durable on the server, if that is known. */
  | { readonly status: 'saved'; readonly atMs: number | undefined }

/** How loud a state is told. `error`: somebody has to do something, and screen readers interrupt. */
export type Tone = 'ok' | 'info' | 'warn' | 'error'

/** All that a page's state is made of. */
export interface PageFacts {
  readonly link: LinkState
  readonly storage: StorageState
  readonly saving: SavingState
  readonly role: PermissionState['role']
  /** Conflicts that stand open. */
  readonly open: number
  readonly refused: readonly RefusedEdit[]
  readonly document: DocumentFacts
  /** Whether it is known by now what earlier visits and other tabs left on this device: until then nobody may say that all is saved. */
  readonly isCounted: boolean
  /** How many changes are told as being saved: a moment longer than it takes, because it would only flicker. */
  readonly savingShown: number
  /** A newer version of the app is there. */
  readonly update: boolean
}

/** What of a document's state a page's state depends on: the same object, or an equal one, for every value of the document. */
export type DocumentFacts =
  | { readonly status: 'loading' }
  | { readonly status: 'missing'; readonly reason: 'unreachable' | 'not_found' | 'deleted' }
  | { readonly status: 'failed'; readonly error: Error }
  | { readonly status: 'ready'; readonly gone: 'deleted' | 'hidden' | undefined }

/** Everything that holds, the most urgent first. `saved` stands alone. */
export function pageStatuses(facts: PageFacts): readonly [PageStatus, ...PageStatus[]] {
  const [first, ...more] = CHECKS.map((check) => check(facts)).filter((found) => found !== undefined)
  return first ? [first, ...more] : [{ status: 'saved', atMs: facts.saving.savedAtMs }]
}

/** How loud to tell a state. */
export function toneOf(status: PageStatus): Tone {
  return TONES[status.status]
}

/** What of a document's state a page's state depends on. */
export function documentFacts(state: DocumentState<unknown>): DocumentFacts {
  switch (state.status) {
    case 'ready':
      return READY[state.gone ?? 'here']
    case 'loading':
    case 'missing':
    case 'failed':
      return state
  }
}

const READY = {
  here: { status: 'ready', gone: undefined },
  deleted: { status: 'ready', gone: 'deleted' },
  hidden: { status: 'ready', gone: 'hidden' },
} as const satisfies Record<string, DocumentFacts>

type Check = (facts: PageFacts) => PageStatus | undefined

const closed: Check = ({ link }) => (link.status === 'closed' ? { status: 'closed' } : undefined)

const refused: Check = ({ link, saving }) =>
  link.status === 'refused'
    ? {
        status: 'refused',
        code: link.code,
        reason: link.reason,
        next: nextStep(link.code),
        unkept: saving.status === 'unkept' ? saving.pending : 0,
      }
    : undefined

const failed: Check = ({ document }) => (document.status === 'failed' ? document : undefined)

const missing: Check = ({ document }) =>
  document.status === 'missing' && document.reason !== 'unreachable' ? document : undefined

/** After the state of the connection, which says why. */
const unasked: Check = ({ document }) =>
  document.status === 'missing' && document.reason === 'unreachable' ? document : undefined

const undone: Check = (facts) =>
  facts.refused.length > 0 ? { status: 'undone', edits: facts.refused } : undefined

const gone: Check = ({ document }) =>
  document.status === 'ready' && document.gone ? { status: 'gone', how: document.gone } : undefined

const noRoom: Check = ({ saving }) =>
  saving.room === 'full' ? { status: 'no_room', pending: saving.pending } : undefined

const littleRoom: Check = ({ saving }) =>
  saving.room === 'near' ? { status: 'little_room', pending: saving.pending } : undefined

/** How the connection is while nothing that waits gets to the server. */
const GOES_NOWHERE: readonly LinkState['status'][] = ['offline', 'waiting', 'refused']

/** With a connection, changes are in the tab only for a moment: that is `no_storage`, which is less loud. */
const unkept: Check = ({ link, storage, saving }) =>
  saving.status === 'unkept' && saving.pending > 0 && GOES_NOWHERE.includes(link.status)
    ? { status: 'unkept', ...storageFault(storage), pending: saving.pending }
    : undefined

const noStorage: Check = (facts) =>
  (facts.storage.status === 'memory' || facts.storage.status === 'full') && !unkept(facts)
    ? {
        status: 'no_storage',
        ...storageFault(facts.storage),
        pending: facts.savingShown,
      }
    : undefined

/** What waits, and whether it would be there after this tab. */
const waiting = ({ storage, saving }: PageFacts) => ({
  pending: saving.pending,
  isKept:
    saving.pending > 0
      ? saving.status !== 'unkept'
      : storage.status !== 'memory' && storage.status !== 'full',
})

const offline: Check = (facts) =>
  facts.link.status === 'offline' ? { status: 'offline', ...waiting(facts) } : undefined

const unreachable: Check = (facts) => {
  const { link } = facts
  return link.status === 'waiting'
    ? {
        status: 'unreachable',
        ...waiting(facts),
        retryAtMs: link.retryAtMs,
        attempt: link.attempt,
        reason: link.reason,
      }
    : undefined
}

const connecting: Check = (facts) =>
  facts.link.status === 'connecting' ? { status: 'connecting', ...waiting(facts) } : undefined

const loading: Check = ({ document, isCounted }) =>
  document.status === 'loading' || !isCounted ? { status: 'loading' } : undefined

const viewOnly: Check = ({ role }) =>
  role === 'read' || role === 'none' ? { status: 'view_only' } : undefined

const attention: Check = ({ open, savingShown }) =>
  open > 0 ? { status: 'attention', open, pending: savingShown } : undefined

const update: Check = (facts) => (facts.update ? { status: 'update' } : undefined)

const saving: Check = (facts) =>
  facts.savingShown > 0 && facts.link.status === 'live'
    ? { status: 'saving', pending: facts.savingShown }
    : undefined

/** The order is the urgency: first what stops somebody, then what endangers work, then what is good to know. */
const CHECKS: readonly Check[] = [
  closed,
  refused,
  failed,
  missing,
  undone,
  gone,
  noRoom,
  unkept,
  offline,
  unreachable,
  connecting,
  unasked,
  loading,
  viewOnly,
  attention,
  littleRoom,
  noStorage,
  update,
  saving,
]

const TONES: Readonly<Record<PageStatus['status'], Tone>> = {
  closed: 'error',
  refused: 'error',
  failed: 'error',
  missing: 'error',
  undone: 'error',
  gone: 'warn',
  no_room: 'error',
  unkept: 'error',
  offline: 'warn',
  unreachable: 'error',
  connecting: 'info',
  loading: 'info',
  view_only: 'info',
  attention: 'warn',
  little_room: 'warn',
  no_storage: 'warn',
  update: 'info',
  saving: 'info',
  saved: 'ok',
}

/** Who was blocked asks for help; another token that is wrong wants a new one; a server of another version, a new page. */
function nextStep(code: string): 'sign_in' | 'reload' | 'ask' | 'retry' {
  if (code === 'token_revoked') return 'ask'
  if (code.startsWith('token_')) return 'sign_in'
  return code.includes('version') ? 'reload' : 'retry'
}

function storageFault(storage: StorageState): { why: 'denied' | 'full'; reason: string } {
  if (storage.status === 'full') return { why: 'full', reason: storage.reason }
  return { why: 'denied', reason: storage.status === 'memory' ? storage.reason : '' }
}
