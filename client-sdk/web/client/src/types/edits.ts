// What becomes of the edits that are made here: they wait, are saved, are refused, or are taken back.

import type { Watchable } from './watchable'

/** What is not on the server's disk yet. */
export interface SavingState {
  /** `saved`: everything is durable on the server. `kept`: the rest is on this device. `unkept`: the rest is in this tab only. */
  readonly status: 'saved' | 'kept' | 'unkept'
  /** How many changes are not durable on the server; those of other tabs of this device count too, and what goes on: a gesture, or typing. */
  readonly pending: number
  /** What they are, the oldest first, at most 100 of them. */
  readonly changes: readonly PendingChange[]
  /** How many bytes they have, about. */
  readonly bytes: number
  /** When everything was last durable on the server (milliseconds since 1970), if that is known. */
  readonly savedAtMs: number | undefined
  /** `near`: over eight tenths of what may be pending here; `full`: no more edits are taken until some are saved. */
  readonly room: 'enough' | 'near' | 'full'
}

/** One change that waits. */
export interface PendingChange {
  readonly hash: string
  /** What it is, in words; empty when whoever made it gave none. */
  readonly label: string
  readonly madeAtMs: number
}

/**
 * Changes of ours that the server did not take. They are undone here; what was made after them is kept where it can be. An edit that
 * went on and could not be made in the end, because others had removed what it was about, is among them, with the code of `edit`; so
 * is one that was made, into a row that others removed without knowing of it (`row_removed`).
 */
export interface RefusedEdit {
  readonly id: string
  readonly atMs: number
  /** The code of the refusal, as in docs/PROTOCOL.md, or of the edit. */
  readonly code: string
  /** Why, for people. */
  readonly reason: string
  /** What was undone, in words. */
  readonly labels: readonly string[]
  /** How many later edits were made anew, and how many could not be. */
  readonly remade: number
  readonly lost: number
  /** What the undone changes did, as a JSON Patch: the first 1,000 operations of it. */
  readonly patch: readonly JsonPatchOperation[]
  /** The server keeps them aside for its administrators. */
  readonly setAside: boolean
}

/** What was undone, the oldest first; the same in all tabs of a device, and after a reload. */
export interface RefusedEdits extends Watchable<readonly RefusedEdit[]> {
  /** Somebody has read it: it is gone in all tabs. */
  dismiss(id: string): void
  /**
   * Calls `make`, which makes it again in another way, and dismisses it: in one tab alone, also where several ask at once. Gives false
   * where somebody else has done either already. Throws what `make` throws, and it stays then.
   */
  makeAgain(id: string, make: () => void): Promise<boolean>
}

export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/** Takes back what was made here, and makes it again. */
export interface Undoing extends Watchable<UndoState> {
  undo(): void
  redo(): void
  /**
   * What was done last, to take back this and nothing else later on. Nothing when there is nothing, and for typing only until it
   * goes on.
   */
  latest(): DoneStep | undefined
  /**
   * Nothing that was made through this store so far is offered any more: it is how the document begins, as after a file was brought
   * in. What else the screen shows is not touched.
   */
  forget(): void
}

/** Something that was done, and can be taken back also when more was done since. */
export interface DoneStep {
  readonly label: string
  /** False when there is nothing left of it: it was taken back already, or others have removed it. Throws as edits do. */
  takeBack(): boolean
}

/** What one can take back here, and what one can make again. Words for a button; nothing when there is nothing. */
export interface UndoState {
  readonly undo: string | undefined
  readonly redo: string | undefined
}
