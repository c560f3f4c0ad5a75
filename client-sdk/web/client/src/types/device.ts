// What is kept on this device.

import type { DocumentId } from '../ids'
import type { SavingState } from './edits'

/** How the store on this device is. */
export type StorageState =
  /**
   * Not asked yet; or somebody closed what was open, perhaps to delete it, and it is looked for; or somebody deleted what was kept, and
   * what this tab has is being written again.
   */
  | { readonly status: 'opening' }
  /** Everything is kept here and survives a reload. Bytes are what the browser says, where it says anything. */
  | {
      readonly status: 'kept'
      readonly bytes: number | undefined
      readonly bytesMax: number | undefined
      readonly persistent: boolean
    }
  /**
   * The browser gives no storage (a private window, a policy), or it failed: what is not saved on the server is gone with the tab,
   * unless it says `kept` later, because what failed answers again.
   */
  | { readonly status: 'memory'; readonly reason: string }
  /** The storage takes no more. Edits stay in this tab and go to the server, but would not survive a reload before that. */
  | { readonly status: 'full'; readonly reason: string }

export interface KeptDocument {
  readonly id: DocumentId
  readonly kind: string | undefined
  readonly title: string | undefined
  readonly openedAtMs: number
  /** How many of its changes wait; those of what its widgets show are not among them. */
  readonly pending: number
  /** Of a dashboard: the documents that its widgets show, and showed while it was open last. */
  readonly shows: readonly DocumentId[]
}

/** What of all documents of this device is not on the server's disk yet. */
export interface DeviceSaving {
  /**
   * `counting`: what earlier visits and other tabs left is still being read, so nobody knows yet that all is saved. Otherwise that of
   * the document for which it is worst, as in `SavingState`.
   */
  readonly status: 'counting' | SavingState['status']
  /** How many changes, as far as it is known. */
  readonly pending: number
  /** The documents that are open in this tab, and all others of which something waits. */
  readonly documents: readonly DocumentSaving[]
}

/** What waits of one document. Of one that is not in the memory of this tab it is not known what its changes are, only that they wait. */
export interface DocumentSaving extends SavingState {
  readonly id: DocumentId
}
