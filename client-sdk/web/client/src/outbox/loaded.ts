// Which documents are in the memory of this tab, when they leave it, and what of them has to be written as a whole.
//
// Edit path: ← a document was released, or somebody else edits one that nobody has open here; → the disk, and out of the repo;
// ← the database, or the file of a document, is gone from the disk; → all of what is in memory is written again.
//
// Always true:
// - A document leaves only when nobody here has it open, the server is known to have all of it, and all of it is on the disk. What
//   waits stays in memory until the server has it.
// - It leaves as it was at two looks in a row. Between them the repo has written it and sent what it had to send.
// - No message about it is lost, since the server and other tabs remember what they sent: one that comes later brings the document
//   back into memory, and it leaves again. Only what left the device is heard of no more; it is asked for as a whole.
// - The repo takes what it once wrote to be there still, and adds to it. What is not there any more is in `#notWhole`, and written
//   as a whole before anybody sees it again.

import { Automerge, decodeHeads, type DocHandle, type Repo, type StorageId } from '../automerge'
import type { Environment } from '../environment'
import { sameHeads, unique, type DocumentId } from '../ids'
import type { Refusals } from '../refusal/refusals'
import type { DocumentStorage } from '../storage/documents'
import type { Heads } from '../types'
import type { Noted } from './device'

/**
 * Between two looks. Much longer than the 100 ms for which the repo gathers what it sends, and long enough that who goes back and
 * forth between two pages finds the other one in memory.
 */
export const LOOK_AFTER_MS = 2_000

/** What it works on. */
export interface LoadedWorld {
  readonly repo: Repo
  readonly documents: Pick<DocumentStorage, 'state' | 'save'>
  /** The server has all of a document that nobody here has open. */
  readonly saved: (id: DocumentId, saved: Noted['saved']) => void
  readonly refusals: Pick<Refusals, 'guard' | 'isSettled' | 'letGo'>
  readonly now: Environment['now']
  /** Whether somebody in this tab has it open. */
  readonly isOpen: (id: DocumentId) => boolean
  /** Under which the repo knows what the server has. */
  readonly serverStorageId: () => string | undefined
}

export class LoadedDocuments {
  readonly #world: LoadedWorld
  /** Those that nobody has open, as they were when they were written after a look. */
  readonly #written = new Map<DocumentId, Heads>()
  /** What the server has of those that nobody has open, where that was said otherwise than by a message to the repo. */
  readonly #server = new Map<DocumentId, Heads>()
  /** Those that were released while something waited. */
  readonly #waited = new Set<DocumentId>()
  /** Those that left memory, and are on the device. */
  readonly #left = new Set<DocumentId>()
  readonly #notWhole = new Set<DocumentId>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #isOver = false

  constructor(world: LoadedWorld) {
    this.#world = world
  }

  /** Those that the repo has something of, and can write. */
  get ready(): DocHandle<unknown>[] {
    return Object.values(this.#world.repo.handles).filter((handle) => handle.isReady())
  }

  /** Whether this tab has the document, in memory or on the device. */
  isHere(id: DocumentId): boolean {
    return this.#isLoaded(id) || this.#left.has(id)
  }

  /** Whether the repo is to hear a message. Presence loads nothing. */
  hears({ type, documentId }: { readonly type: string; readonly documentId?: DocumentId }): boolean {
    if (documentId === undefined) return true
    return this.#isLoaded(documentId) || (type !== 'ephemeral' && this.#left.has(documentId))
  }

  /** Nobody here has it open any more. `server`: what the server is known to have of it. */
  released(id: DocumentId, server: Heads | undefined): void {
    const handle = this.#world.repo.handles[id]
    if (server) this.acked(id, server)
    if (handle?.isReady() && !this.#hasServer(handle, headsOf(handle))) this.#waited.add(id)
    this.#lookSoon()
  }

  /** The server has it up to these heads. */
  acked(id: DocumentId, heads: Heads): void {
    if (this.#world.isOpen(id) || !this.#isLoaded(id)) return
    this.#server.set(id, [...heads].sort())
    this.#lookSoon()
    const handle = this.#world.repo.handles[id]
    if (handle?.isReady()) this.#tellSaved(handle)
  }

  /** A message about it came, of the server or of another tab. */
  heard(id: DocumentId, from: 'server' | 'tab'): void {
    if (this.#world.isOpen(id)) return
    // What the repo hears counts from now on, also when it is less than before.
    if (from === 'server') this.#server.delete(id)
    this.#lookSoon()
  }

  /** It leaves the device, by this tab or another one; it is not open here. */
  async forget(id: DocumentId): Promise<void> {
    this.#notWhole.add(id)
    await this.#unload(id)
    this.#left.delete(id)
  }

  /** Another tab took it off the device, where it was not open. If it is by now, it is kept here. */
  async heardForgotten(id: DocumentId): Promise<void> {
    if (!this.#world.isOpen(id)) return this.forget(id)
    this.#notWhole.add(id)
    const handle = this.#world.repo.handles[id]
    if (handle?.isReady()) await this.keepWhole(handle)
  }

  /** Writes it as a whole, if what the repo takes to be on the disk is not there. */
  async keepWhole(handle: DocHandle<unknown>): Promise<void> {
    const { documentId } = handle
    // It may have left meanwhile.
    if (!handle.isReady() || handle.heads().length === 0 || !this.#notWhole.delete(documentId)) return
    await this.#world.documents.save([documentId, 'snapshot', unique()], Automerge.save(handle.doc()))
  }

  /** Nothing is on the disk any more: all that is in memory is written. */
  async keepAll(): Promise<void> {
    for (const id of [...this.#left, ...(Object.keys(this.#world.repo.handles) as DocumentId[])]) {
      this.#notWhole.add(id)
    }
    this.#left.clear()
    for (const handle of this.ready) await this.keepWhole(handle)
  }

  close(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  #isLoaded(id: DocumentId): boolean {
    return this.#world.isOpen(id) || id in this.#world.repo.handles
  }

  #lookSoon(): void {
    if (this.#isOver) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#look()
    }, LOOK_AFTER_MS)
  }

  /**
   * In the turn of a timer the repo takes in no message, and it takes in none before what leaves here has left: the message would go
   * to a handle that nobody has any more. For what leaves the device as well that is no loss.
   */
  #look(): void {
    const nobodys = Object.values(this.#world.repo.handles).filter(
      ({ documentId }) => !this.#world.isOpen(documentId),
    )
    for (const handle of nobodys) if (handle.isReady()) this.#tellSaved(handle)
    const found = nobodys.map((handle) => [handle, this.#next(handle)] as const)
    for (const [handle, next] of found) if (next === 'leaves') void this.#leave(handle)
    if (found.some(([, next]) => next === 'changes')) this.#lookSoon()
  }

  /** `changes`: it may leave at another look; `stays`: not before somebody says something about it. */
  #next(handle: DocHandle<unknown>): 'leaves' | 'changes' | 'stays' {
    const { documents, refusals } = this.#world
    const id = handle.documentId
    if (!handle.isReady()) return handle.inState(['loading']) ? 'changes' : 'stays'
    const heads = headsOf(handle)
    const written = this.#written.get(id)
    if (!written || !sameHeads(written, heads)) {
      // What cannot be written is said by the storage.
      void this.#write(handle, heads).catch(() => undefined)
      return 'changes'
    }
    const { status } = documents.state.getState()
    if (status === 'memory' || !this.#hasServer(handle, heads)) return 'stays'
    return status === 'kept' && refusals.isSettled(id) ? 'leaves' : 'changes'
  }

  /** One that the repo has loaded by itself, for a message, was seen by nobody yet. */
  async #write(handle: DocHandle<unknown>, heads: Heads): Promise<void> {
    await this.#world.refusals.guard(handle)
    if (handle.isReady()) await this.keepWhole(handle)
    if (handle.isReady()) await this.#world.repo.flush([handle.documentId])
    this.#written.set(handle.documentId, heads)
  }

  /** Its store was gone when that was to be said. */
  #tellSaved(handle: DocHandle<unknown>): void {
    const heads = headsOf(handle)
    if (!this.#hasServer(handle, heads) || !this.#waited.delete(handle.documentId)) return
    this.#world.saved(handle.documentId, { heads, atMs: this.#world.now() })
  }

  #hasServer(handle: DocHandle<unknown>, heads: Heads): boolean {
    const storageId = this.#world.serverStorageId()
    const info = storageId === undefined ? undefined : handle.getSyncInfo(storageId as StorageId)
    const said = [this.#server.get(handle.documentId), info && decodeHeads(info.lastHeads).sort()]
    return said.some((has) => has && sameHeads(has, heads))
  }

  async #leave(handle: DocHandle<unknown>): Promise<void> {
    const id = handle.documentId
    this.#left.add(id)
    await this.#unload(id)
  }

  /** Takes it out of the repo, which does not write it for that. */
  async #unload(id: DocumentId): Promise<void> {
    for (const known of [this.#written, this.#server, this.#waited]) known.delete(id)
    const handle = this.#world.repo.handles[id]
    if (!handle?.isReady()) return
    // Unloading makes it an empty document, which must be neither written nor sent.
    handle.removeAllListeners()
    this.#world.refusals.letGo(id)
    await this.#world.repo.removeFromCache(id)
  }
}

function headsOf(handle: DocHandle<unknown>): Heads {
  return Automerge.getHeads(handle.doc()).sort()
}
