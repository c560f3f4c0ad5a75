// One document: how it is, and what can be done with it.

import type { Role } from '../generated/types'
import type { DocumentId, DocumentUrl, Heads } from '../ids'
import type { Conflicts } from './conflicts'
import type { RefusedEdits, SavingState, Undoing } from './edits'
import type { History } from './history'
import type { DashboardPresence, Presence, Updates } from './others'
import type { DovetailError, Watchable } from './watchable'

/** How a document is. */
export type DocumentState<T> =
  /** It is looked for: here first, then on the server. */
  | { readonly status: 'loading' }
  /** It is not here. `unreachable`: the server could not be asked yet. `not_found`: the server has none, or shows it to others only. */
  | { readonly status: 'missing'; readonly reason: 'unreachable' | 'not_found' | 'deleted' }
  | { readonly status: 'failed'; readonly error: DovetailError }
  | ReadyDocument<T>

/** A document that is here. */
export interface ReadyDocument<T> {
  readonly status: 'ready'
  /** The document with all edits that were made here. Parts that did not change are the same objects as before. */
  readonly value: T
  /**
   * The state that `value` is of. Edits of a gesture or of typing that goes on are in `value`, and in no state yet; of a text that is
   * being typed here, what others type comes into `value` when it becomes a change.
   */
  readonly heads: Heads
  /** Gone for everybody (`deleted`) or no longer shown to us (`hidden`); what is here is the copy on this device. */
  readonly gone: 'deleted' | 'hidden' | undefined
}

/** What one may do with a document. `unknown` until the server has said so; edits are taken, and may be refused later. */
export interface PermissionState {
  readonly role: 'unknown' | Role
  /** The places that may be changed, as JSON pointers with `*` for any one step, when it is not all. */
  readonly paths: readonly { readonly path: string; readonly append: boolean }[] | undefined
}

/** One document of this device. The same id, opened in the same way, gives the same store; it lives until the last `release`. */
export interface DocumentStore<T> extends Watchable<DocumentState<T>> {
  readonly id: DocumentId
  readonly url: DocumentUrl
  readonly saving: Watchable<SavingState>
  readonly permission: Watchable<PermissionState>
  readonly conflicts: Conflicts
  readonly refused: RefusedEdits
  /** Takes back what was made through this store, and makes it again; what others did since stays. */
  readonly undoing: Undoing
  readonly presence: Presence<DashboardPresence>
  readonly updates: Updates
  readonly history: History<T>
  /** Waits for what is here or on the server: the first state that is not `loading`. */
  settled(): Promise<Exclude<DocumentState<T>, { readonly status: 'loading' }>>
  /**
   * Makes one change. `label` says in words what it is; it stands in the history and in the list of pending changes.
   * Throws what `edit` throws, and `DovetailError`: `not_ready`, `read_only`, `document_gone`, `pending_full`, `change_too_large`;
   * then nothing is changed.
   */
  change(label: string, edit: (draft: T) => void): void
  /**
   * Something is being typed that is no edit yet, like a name before Enter: it counts as waiting (`saving`), and `write` is called when
   * the page goes, before what waits is put on the disk, and when the last use of the store ends. `label`: what it is, in words, for
   * `refused`, when `write` throws then. What is returned ends it.
   */
  unwritten(label: string, write: () => void): () => void
  /**
   * Waits until every edit made here so far is durable on the server. Throws `refused` when one of them was not taken, or could not
   * be made any more, `document_gone` when one waits and the document is gone, `not_ready` when it is not here, and `closed`.
   */
  saved(): Promise<void>
  /** The document in Automerge's own format, with its history. */
  exportAutomerge(): Uint8Array
  /** The document as plain JSON, without `_dovetail`. */
  exportJson(): unknown
  /** Ends this use of the store. What is pending is sent all the same. */
  release(): void
}
