// What waits for the server, of all documents of this device, opened or not: counted in one place for everybody who says that all is
// saved, or asks before a page goes.
//
// Edit path: ← a store of this tab counts what waits of its document; ← the notes of the device and the other tabs say what was left
// there; ← the server has all of a document that nobody has open any more; → one state.
//
// Always true: of a document that is in the memory of this tab, what this tab knows counts, and no note. One that is released with
// something waiting stays counted until the server has it. Nothing counts as saved before the notes were read.

import type { DocumentId } from '../ids'
import type { DeviceSaving, DocumentSaving, SavingState } from '../types'
import { Watched } from '../watch'
import type { Noted } from './device'

/** What it works on. */
export interface WaitingWorld {
  /** What earlier visits and other tabs noted. */
  readonly noted: () => Promise<readonly (readonly [DocumentId, Pick<Noted, 'pending' | 'saved'>])[]>
  /** Whether everything that was made here is on this device's disk. */
  readonly keepsAll: () => boolean
}

/** A store that counts. */
interface Counting {
  readonly id: DocumentId
}

export class Waiting {
  readonly state = new Watched<DeviceSaving>({ status: 'counting', pending: 0, documents: [] })
  readonly #world: WaitingWorld
  /** What each open store says. */
  readonly #open = new Map<Counting, DocumentSaving>()
  /** What waits of documents that were released, and are in memory for that. */
  readonly #left = new Map<DocumentId, DocumentSaving>()
  /** What is said of all others. */
  readonly #elsewhere = new Map<DocumentId, DocumentSaving>()
  #isCounted = false

  constructor(world: WaitingWorld) {
    this.#world = world
    void this.#read()
  }

  /** A store has counted what waits of its document. */
  counted(store: Counting, saving: SavingState): void {
    this.#open.set(store, { id: store.id, ...saving })
    this.#takeOver(store.id)
    this.#tell()
  }

  /** Nobody uses the store any more. */
  released(store: Counting): void {
    const saving = this.#open.get(store)
    if (!saving || !this.#open.delete(store)) return
    this.#takeOver(store.id)
    if (saving.pending > 0 && !this.#isOpen(store.id)) this.#left.set(store.id, saving)
    this.#tell()
  }

  /** The server has all of a document that nobody here has open. */
  saved(id: DocumentId): void {
    if (this.#left.delete(id)) this.#tell()
  }

  /** Another tab says that something of a document waits, or that nothing does any more. */
  heard(id: DocumentId, pending: number): void {
    if (this.pendingOf(id) !== undefined) return
    this.#note(id, pending, undefined)
    this.#tell()
  }

  /** The document is not on this device any more. */
  forgotten(id: DocumentId): void {
    this.#takeOver(id)
    this.#left.delete(id)
    this.#tell()
  }

  /** The notes were deleted: of what was noted elsewhere nobody knows anything any more. */
  emptied(): void {
    this.#elsewhere.clear()
    this.#tell()
  }

  /** The device keeps more, or less, than before. Open stores say so themselves. */
  storageChanged(): void {
    const status = this.#world.keepsAll() ? 'kept' : 'unkept'
    for (const [id, saving] of this.#left) {
      if (saving.status !== status) this.#left.set(id, { ...saving, status })
    }
    this.#tell()
  }

  /** How much waits of a document that is in the memory of this tab, if it is. */
  pendingOf(id: DocumentId): number | undefined {
    return (this.#openNow().get(id) ?? this.#left.get(id))?.pending
  }

  async #read(): Promise<void> {
    // What cannot be read is not there for the next visit either.
    const noted = await this.#world.noted().catch(() => [])
    for (const [id, { pending, saved }] of noted) this.#note(id, pending, saved?.atMs)
    this.#isCounted = true
    this.#tell()
  }

  #note(id: DocumentId, pending: number, savedAtMs: number | undefined): void {
    if (pending === 0) this.#elsewhere.delete(id)
    else this.#elsewhere.set(id, { id, ...ELSEWHERE, pending, savedAtMs })
  }

  /** From now on this tab knows better. */
  #takeOver(id: DocumentId): void {
    this.#elsewhere.delete(id)
    if (this.#isOpen(id)) this.#left.delete(id)
  }

  #isOpen(id: DocumentId): boolean {
    return [...this.#open.keys()].some((store) => store.id === id)
  }

  /** What the open stores say. Where a document is open in several ways, what goes on is counted by one of them. */
  #openNow(): Map<DocumentId, DocumentSaving> {
    const now = new Map<DocumentId, DocumentSaving>()
    for (const saving of this.#open.values()) {
      const most = now.get(saving.id)
      if (!most || most.pending < saving.pending) now.set(saving.id, saving)
    }
    return now
  }

  #tell(): void {
    // Whoever knows better comes later.
    const known = new Map([...this.#elsewhere, ...this.#left, ...this.#openNow()])
    const documents = [...known.values()]
    const worst = (['unkept', 'kept'] as const).find((status) =>
      documents.some((each) => each.status === status),
    )
    const status = this.#isCounted ? (worst ?? 'saved') : 'counting'
    const before = this.state.getState()
    const isSame =
      before.status === status &&
      before.documents.length === documents.length &&
      documents.every((each, at) => each === before.documents[at])
    if (isSame) return
    const pending = documents.reduce((sum, each) => sum + each.pending, 0)
    this.state.set({ status, pending, documents })
  }
}

/** What is only noted is on the disk; what it is in words is in the document. */
const ELSEWHERE: SavingState = {
  status: 'kept',
  pending: 0,
  changes: [],
  bytes: 0,
  savedAtMs: undefined,
  room: 'enough',
}
