// Which documents this tab has open, said to other tabs by locks that they can see.
//
// Always true: the lock of a document is shared by all tabs that have it open, so whoever can have it alone knows that nobody has.

import type { Environment } from '../environment'
import type { DocumentId } from '../ids'

/** The lock that a tab shares with others for as long as it has a document open. */
export const openLock = (name: string, id: DocumentId): string => `dovetail/${name}/open/${id}`

export class Holds {
  readonly #name: string
  readonly #environment: Pick<Environment, 'withLock'>
  readonly #held = new Map<DocumentId, { readonly letGo: () => void; readonly isFree: Promise<void> }>()

  /** Tabs that share what is kept under `name` share these locks. */
  constructor(name: string, environment: Pick<Environment, 'withLock'>) {
    this.#name = name
    this.#environment = environment
  }

  has(id: DocumentId): boolean {
    return this.#held.has(id)
  }

  /** It is open here, once however often that is said. */
  take(id: DocumentId): void {
    if (this.#held.has(id)) return
    let letGo: () => void = () => undefined
    const open = new Promise<void>((resolve) => (letGo = resolve))
    const isFree = this.#environment
      .withLock(openLock(this.#name, id), { mode: 'shared' }, () => open)
      .catch(() => undefined)
    this.#held.set(id, { letGo, isFree })
  }

  letGo(id: DocumentId): void {
    this.#held.get(id)?.letGo()
    this.#held.delete(id)
  }

  /** Resolves when the lock that is held here now was given back. */
  async isFree(id: DocumentId): Promise<void> {
    await this.#held.get(id)?.isFree
  }

  /** Does `work` if nobody has the document open; says whether that was so. */
  async alone(id: DocumentId, work: () => Promise<void>): Promise<boolean> {
    return this.#environment.withLock(openLock(this.#name, id), { ifAvailable: true }, async (held) => {
      if (held) await work()
      return held
    })
  }
}
