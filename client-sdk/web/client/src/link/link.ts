// The connection to the server, as the rest of the package sees it. connect.ts makes one.
//
// Edit path: ← the repo has a sync message for the server, → a frame; ← a frame, → the repo, or whoever listens for
// Dovetail's own messages.

import type { NetworkAdapterInterface, DocumentId, PeerId } from '../automerge'
import type { Own } from '../generated/types'
import type { LinkState, Session, Watchable } from '../types'

/** A connection that is kept up for as long as it is not closed. */
export interface Link extends Watchable<LinkState> {
  /** What the repo is given. */
  readonly adapter: NetworkAdapterInterface
  /** What the server said last when it was joined. */
  readonly session: Watchable<Session | undefined>
  /** The peer id and the storage id of the server, once known; the storage id is that of the last connection. */
  readonly server: Watchable<{ readonly peerId: PeerId | undefined; readonly storageId: string | undefined }>
  /** Calls with each of Dovetail's own messages about a document. */
  readonly onMessage: (listener: (message: OwnMessage) => void) => () => void
  /** Connects anew, now: with a fresh token, a fresh sync state for every document, and no wait. */
  reconnect(): void
  close(): void
}

/** Which rights somebody has where, when it is not everywhere. */
export type Places = NonNullable<Said<'dovetail-permission'>['paths']>

/**
 * Dovetail's own messages about a document, see docs/PROTOCOL.md. Of a conflict, and of why a rule is undecided, a later server may
 * say more: that is for its reader to check.
 */
export type OwnMessage = { readonly documentId: DocumentId } & (
  | Said<'dovetail-ack'>
  | Said<'dovetail-reject'>
  | (Omit<Said<'dovetail-permission'>, 'paths'> & { readonly paths?: Places | undefined })
  | (Omit<Said<'dovetail-conflicts'>, 'conflicts' | 'undecided'> & {
      readonly conflicts: readonly unknown[]
      readonly undecided: readonly { readonly rule: string; readonly reason: unknown }[]
    })
)

type Said<T extends Own['type']> = Extract<Own, { readonly type: T }>
