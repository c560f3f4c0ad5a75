// What an earlier visit left waiting is sent, though nobody opens it again.
//
// Edit path: ← the notes of this device say that something of a document waits; → it is opened in the background until the server
// has it.
//
// Always true: one at a time, so that a device that comes back with much neither loads all of it at once nor floods the server.
// What the server does not take is tried once for each connection, and stays where it is.

import type { DocumentId } from '../ids'
import type { DocumentStore } from '../types'
import type { Noted } from './device'

/** What it works on. */
export interface LeftWorld {
  readonly device: { readonly all: () => Promise<readonly (readonly [DocumentId, Pick<Noted, 'pending'>])[]> }
  /** Whether the page itself has it open. */
  readonly isOpen: (id: DocumentId) => boolean
  readonly open: (id: DocumentId) => Pick<DocumentStore<unknown>, 'saved' | 'release'>
}

export class Leftovers {
  readonly #world: LeftWorld
  #isSending = false
  #isOver = false

  constructor(world: LeftWorld) {
    this.#world = world
  }

  /** There is a connection. */
  send(): void {
    if (this.#isSending) return
    this.#isSending = true
    void this.#all().finally(() => (this.#isSending = false))
  }

  close(): void {
    this.#isOver = true
  }

  async #all(): Promise<void> {
    for (const [id, { pending }] of await this.#world.device.all().catch(() => [])) {
      if (this.#isOver) return
      if (pending > 0 && !this.#world.isOpen(id)) await this.#one(id)
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
