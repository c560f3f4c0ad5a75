// The connection to the server, as the rest of the package sees it. connect.ts makes one.
//
// Edit path: ← the repo has a sync message for the server, → a frame; ← a frame, → the repo, or whoever listens for
// Dovetail's own messages.

import type { NetworkAdapterInterface, DocumentId, PeerId } from '../automerge'
import type { Heads, LinkState, Session, Watchable } from '../types'

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
  /**
   * Calls when another connection has our peer id: the state is `refused` then, and stays so. A repo has one peer id for its
   * life, so whoever made it makes another one, with another link.
   */
  readonly onPeerIdTaken: (listener: () => void) => () => void
  /** Connects anew, now: with a fresh token, a fresh sync state for every document, and no wait. */
  reconnect(): void
  close(): void
}

/** Dovetail's own messages about a document, see docs/PROTOCOL.md. */
export type OwnMessage =
  | {
      readonly type: 'dovetail-ack'
      readonly documentId: DocumentId
      readonly heads: Heads
      readonly durableAt: number
      readonly conflicts: number | null
    }
  | {
      readonly type: 'dovetail-reject'
      readonly documentId: DocumentId
      readonly changes: readonly string[]
      readonly code: string
      readonly reason: string
      readonly setAside: boolean
    }
  | {
      readonly type: 'dovetail-permission'
      readonly documentId: DocumentId
      readonly role: 'none' | 'read' | 'write' | 'admin'
      readonly paths?: readonly (string | { readonly path: string; readonly may: 'append' })[] | undefined
    }
  | {
      readonly type: 'dovetail-conflicts'
      readonly documentId: DocumentId
      readonly heads: Heads
      readonly rules: { readonly kind: string; readonly version: number }
      readonly conflicts: readonly unknown[]
      readonly undecided: readonly { readonly rule: string; readonly reason: unknown }[]
      readonly beyond: readonly { readonly rule: string; readonly conflicts: number }[]
    }
