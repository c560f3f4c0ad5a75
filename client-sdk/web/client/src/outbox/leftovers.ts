// What an earlier visit left waiting is sent, though nobody opens it again, and so is what another tab left that was closed.
//
// Edit path: ← the notes of this device say that something of a document waits; → it is opened in the background until the server
// has it.
//
// Always true: one at a time, so that a device that comes back with much neither loads all of it at once nor floods the server.
// What the server does not take is tried once for each connection, and stays where it is.

import type { DocumentId } from '../ids'
import type { DocumentStore } from '../types'
import type { Noted } from './device'

/** Another tab that is there sends by itself what waits there. After so long it is gone, or has no connection of its own. */
export const OTHERS_MS_MAX = 10_000

/** What it works on. */
export interface LeftWorld {
  readonly device: { readonly all: () => Promise<readonly (readonly [DocumentId, Pick<Noted, 'pending'>])[]> }
  /** Whether the page itself has it open. */
  readonly isOpen: (id: DocumentId) => boolean
  readonly isLive: () => boolean
  readonly open: (id: DocumentId) => Pick<DocumentStore<unknown>, 'saved' | 'release'>
}

export class Leftovers {
  readonly #world: LeftWorld
  #isSending = false
  #isOver = false
  /** Of which another tab said that something waits there. It may be gone before that is noted. */
  readonly #elsewhere = new Set<DocumentId>()
  #later: ReturnType<typeof setTimeout> | undefined

  constructor(world: LeftWorld) {
    this.#world = world
  }

  /** There is a connection. */
  send(): void {
    if (this.#isSending) return
    this.#isSending = true
    void this.#all().finally(() => (this.#isSending = false))
  }

  /** Another tab says that something waits there, or that nothing does any more. */
  heard(id: DocumentId, pending: number): void {
    if (pending === 0) this.#elsewhere.delete(id)
    if (pending === 0 || this.#isOver) return
    this.#elsewhere.add(id)
    this.#later ??= setTimeout(() => {
      this.#later = undefined
      if (this.#world.isLive()) this.send()
    }, OTHERS_MS_MAX)
  }

  close(): void {
    this.#isOver = true
    clearTimeout(this.#later)
  }

  async #all(): Promise<void> {
    const noted = await this.#world.device.all().catch(() => [])
    const waiting = noted.filter(([, { pending }]) => pending > 0).map(([id]) => id)
    for (const id of new Set([...waiting, ...this.#elsewhere])) {
      if (this.#isOver) return
      if (!this.#world.isOpen(id)) await this.#one(id)
      this.#elsewhere.delete(id)
    }
  }

  async #one(id: DocumentId): Promise<void> {
    const store = this.#world.open(id)
    try {
      await store.saved()
    } catch {
      // It says so itself to whoever opens it.
    } finally {
      store.release()
    }
  }
}
