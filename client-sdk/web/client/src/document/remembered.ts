// What the device remembers of a document beside its content, as far as this store has to do with it.
//
// Edit path: ← an edit was made, or the server has more; → the notes (outbox/device.ts), where other tabs and later visits find it.
//
// Always true: what did not change is not noted again.

import type { DocumentId } from '../ids'
import type { Noted } from '../outbox/device'
import type { Heads, SavingState } from '../types'

export class Remembered {
  /** The actors of this device, as far as they are known. */
  readonly actors = new Set<string>()
  readonly #note: (noted: Partial<Noted>) => void
  readonly #named: () => Partial<Noted>
  #saved: Heads | undefined
  #pending = 0

  /** `named`: what the document is called by now. */
  constructor(
    id: DocumentId,
    note: (id: DocumentId, noted: Partial<Noted>) => void,
    named: () => Partial<Noted>,
  ) {
    this.#note = (noted) => note(id, noted)
    this.#named = named
  }

  /** What earlier visits noted. */
  start(known: Noted | undefined): void {
    this.know(known?.actors ?? [])
    this.#pending = known?.pending ?? 0
  }

  know(actors: readonly string[]): void {
    for (const actor of actors) this.actors.add(actor)
  }

  /** The document is open. */
  opened(atMs: number): void {
    this.#note({ openedAtMs: atMs, ...this.#named() })
  }

  /** This actor made a change here. */
  made(actor: string): void {
    if (this.actors.has(actor)) return
    this.actors.add(actor)
    this.#note({ actors: [actor] })
  }

  /** What waits, and what the server has: `heads`. */
  saving({ savedAtMs, pending }: SavingState, heads: Heads | undefined): void {
    if (pending > 0 !== this.#pending > 0) {
      this.#pending = pending
      this.#note({ pending })
    }
    if (!heads || savedAtMs === undefined || heads === this.#saved) return
    this.#saved = heads
    this.#note({ saved: { heads, atMs: savedAtMs }, ...this.#named() })
  }
}
