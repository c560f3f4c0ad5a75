// What a store needs of the client that it belongs to: everything of the rest comes to it through here, so a store knows no client.

import type { Ask } from '../api'
import type { DocHandle, Repo } from '../automerge'
import type { ResolvedConfig } from '../config'
import type { Judge } from '../conflicts'
import type { Environment } from '../environment'
import type { DocumentId } from '../ids'
import type { Noted } from '../outbox/device'
import type { Me, Ways } from '../presence'
import type { Whose } from '../rights'
import type { Heads, RefusedEdit, SavingState, Watchable } from '../types'
import type { WhyMissing } from './find'
import type { TabOrder } from './order'

/** See the top of the file. */
export interface Surroundings {
  readonly repo: Repo
  readonly ask: Ask
  readonly config: ResolvedConfig
  readonly environment: Environment
  readonly me: () => Me
  /** Whom the server takes us for. */
  readonly user: () => string | undefined
  /** By what others are heard of who have a document open. */
  readonly ways: Ways
  /** Whether the server answers now. */
  readonly isLive: () => boolean
  /** Who this tab is, for what the server lets it do. */
  readonly whose: () => Whose
  /** Whether everything that was made here is on this device's disk. */
  readonly keepsAll: () => boolean
  /** The largest change that the server takes. */
  readonly changeBytesMax: () => number
  /** Purges what was refused before anybody sees it. */
  readonly guard: (handle: DocHandle<unknown>) => Promise<void>
  readonly refused: (id: DocumentId) => Watchable<readonly RefusedEdit[]>
  readonly dismiss: (id: DocumentId, refused: string) => void
  /** See `RefusedEdits`. */
  readonly makeAgain: (id: DocumentId, refused: string, make: () => void) => Promise<boolean>
  /** What was made and did not last, for other reasons than the server's, is told as what it refused is. */
  readonly tellUndone: (id: DocumentId, edit: RefusedEdit) => void
  /** What judges documents of this kind on this device. */
  readonly judgeOf: (kind: string | undefined, id: DocumentId) => Judge | undefined
  /** What this device noted about the document when it was last open. */
  readonly noted: (id: DocumentId) => Promise<Noted>
  readonly note: (id: DocumentId, noted: Partial<Noted>) => void
  /** A store has counted what waits of its document. */
  readonly counted: (store: Released, saving: SavingState) => void
  /** Under which the server's heads come with its sync messages. */
  readonly serverStorageId: () => string | undefined
  /** Other tabs are told what the server has. */
  readonly tellTabs: (id: DocumentId, heads: Heads) => void
  /** What can be taken back in this tab, in its order. */
  readonly order: TabOrder
  /** Nobody uses the store any more. */
  readonly released: (store: Released) => void
  /** Why there is no such document, as far as the server says; `there`: it has one, and we may see it. */
  readonly whyMissing: (id: DocumentId) => Promise<WhyMissing>
}

/** A store that nobody uses any more. */
export interface Released {
  readonly id: DocumentId
  /** What the server is known to have of it. */
  readonly serverHeads: Heads | undefined
}
