// The way to everything.

import type { Shape } from '../generated/types'
import type { DocumentId } from '../ids'
import type { Api } from './api'
import type { LinkState, Session } from './connection'
import type { DashboardStore, NewWidget, WidgetDataStore } from './dashboard'
import type { DeviceSaving, KeptDocument, StorageState } from './device'
import type { DocumentStore } from './document'
import type { Watchable } from './watchable'

/** The way to everything. `createDovetail` makes one; one for each tab is enough. */
export interface Dovetail {
  readonly link: Watchable<LinkState>
  readonly session: Watchable<Session | undefined>
  readonly storage: Watchable<StorageState>
  /** What waits for the server, of all documents of this device, opened or not. */
  readonly saving: Watchable<DeviceSaving>
  /** What of the server's plain HTTP interface a page needs. */
  readonly api: Api
  /** Opens a document of one's own shape, by id or `automerge:` URL. Throws `DovetailError` `bad_document_id`. */
  open<T>(id: string): DocumentStore<T>
  openDashboard(id: string): DashboardStore
  openWidgetData(id: string): WidgetDataStore
  /** Makes a document; works without a connection. */
  create<T extends object>(value: T): DocumentStore<T>
  createDashboard(init?: {
    readonly title?: string
    readonly widgets?: Readonly<Record<string, NewWidget>>
  }): DashboardStore
  /**
   * Makes what a widget shows. `follows` is the dashboard that it is made for: whoever may see that one may see this too, once the
   * server has both. Without it nobody else sees it until it is shared by itself.
   */
  createWidgetData(shape: Shape, options?: { readonly follows?: string | undefined }): WidgetDataStore
  /** A document from Automerge's own format, as a new one. Throws `DovetailError` `bad_file`. */
  importAutomerge(bytes: Uint8Array): { readonly id: DocumentId; readonly kind: string | undefined }
  /** Documents that are kept on this device, the last opened first; for a list without a connection. */
  kept(): Promise<readonly KeptDocument[]>
  /**
   * Takes a document off this device; its stores in this tab end. Throws `not_saved` unless `evenUnsaved`, and `still_open` while
   * another tab has it.
   */
  forget(id: string, options?: { readonly evenUnsaved?: boolean }): Promise<void>
  /** Connects anew, now. */
  reconnect(): void
  /** Writes what waits, and ends everything. */
  close(): Promise<void>
}
