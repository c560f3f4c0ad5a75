// The locks of one origin, in memory, as `navigator.locks` has them.
//
// Always true: a lock is given in the order in which it was asked for; a tab that is gone holds none and waits for none.

import type { Environment, LockAsked } from '../../src/environment'

interface Claim {
  readonly tab: object
  readonly name: string
  readonly isShared: boolean
  readonly give: () => void
}

export class Locks {
  readonly #held = new Set<Claim>()
  #waiting: Claim[] = []
  #given = 0

  /** How many locks were given so far. */
  get given(): number {
    return this.#given
  }

  /** How many are held or waited for. */
  get busy(): number {
    return this.#held.size + this.#waiting.length
  }

  /** What a tab asks for locks with. */
  of(tab: object): Environment['withLock'] {
    return async (name, asked, work) => {
      const claim = await this.#take(tab, name, asked)
      if (!claim) return work(false)
      try {
        return await work(true)
      } finally {
        this.#release(claim)
      }
    }
  }

  /** The tab is gone. */
  forget(tab: object): void {
    this.#waiting = this.#waiting.filter((claim) => claim.tab !== tab)
    for (const claim of [...this.#held]) if (claim.tab === tab) this.#held.delete(claim)
    this.#giveAll()
  }

  #take(tab: object, name: string, { mode, ifAvailable, signal }: LockAsked): Promise<Claim | undefined> {
    return new Promise((resolve, reject) => {
      const claim: Claim = { tab, name, isShared: mode === 'shared', give: () => resolve(claim) }
      this.#waiting.push(claim)
      this.#giveAll()
      if (this.#held.has(claim)) return
      const leave = () => (this.#waiting = this.#waiting.filter((other) => other !== claim))
      if (ifAvailable) {
        leave()
        resolve(undefined)
      }
      signal?.addEventListener('abort', () => {
        if (!this.#waiting.includes(claim)) return
        leave()
        reject(signal.reason as Error)
      })
    })
  }

  #release(claim: Claim): void {
    this.#held.delete(claim)
    this.#giveAll()
  }

  #giveAll(): void {
    const blocked = new Set<string>()
    for (const claim of [...this.#waiting]) {
      const { name, isShared } = claim
      const isFree = [...this.#held].every((held) => held.name !== name || (isShared && held.isShared))
      if (!isFree || blocked.has(name)) {
        // Nobody overtakes one who waits.
        blocked.add(name)
        continue
      }
      this.#waiting = this.#waiting.filter((other) => other !== claim)
      this.#held.add(claim)
      this.#given += 1
      claim.give()
    }
  }
}
