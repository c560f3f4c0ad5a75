// Which documents the hooks have open: each once, for as long as some component shows it and a little longer.
//
// Why not open it in an effect: the first render would have no store. Why not simply while rendering: React may render and
// throw the result away, and then nobody would release it. So a store is taken while rendering, held by an effect, and
// released when it was held by nobody for `IDLE_MS`.
//
// ```text
//   take ──▶ idle ──hold──▶ held ──last end──▶ idle ──IDLE_MS──▶ released
//             └──────────────── IDLE_MS ──────────────────────────▲
// ```

import type { PageClient } from '../context'

/** How long a store that nobody shows stays open: a change of page and back finds it as it was. */
export const IDLE_MS = 10_000

interface Releasable {
  release(): void
}

interface Lease {
  readonly store: Releasable
  holders: number
  timer: ReturnType<typeof setTimeout> | undefined
}

/** The open stores of one client. */
export class Leases {
  readonly #leases = new Map<string, Lease>()

  /** The store of this key: the one that is open, or what `open` gives. May be called while rendering, any number of times. */
  take<S extends Releasable>(key: string, open: () => S): S {
    const lease = this.#leases.get(key) ?? this.#begin(key, open())
    // One key is one function that opens, so it is one kind of store.
    return lease.store as S
  }

  /** Keeps an open store open until the function that is returned is called. False when `store` was released meanwhile. */
  hold(key: string, store: Releasable): (() => void) | false {
    const lease = this.#leases.get(key)
    if (lease?.store !== store) return false
    lease.holders += 1
    clearTimeout(lease.timer)
    return () => {
      lease.holders -= 1
      if (lease.holders === 0) this.#idle(key, lease)
    }
  }

  #begin(key: string, store: Releasable): Lease {
    const lease: Lease = { store, holders: 0, timer: undefined }
    this.#leases.set(key, lease)
    this.#idle(key, lease)
    return lease
  }

  #idle(key: string, lease: Lease): void {
    lease.timer = setTimeout(() => {
      this.#leases.delete(key)
      lease.store.release()
    }, IDLE_MS)
    // Node would wait for it where pages are rendered on a server.
    if (typeof lease.timer === 'object') lease.timer.unref()
  }
}

const OF_CLIENTS = new WeakMap<PageClient, Leases>()

/** The open stores of a client, the same for every provider of it. */
export function leasesOf(client: PageClient): Leases {
  const known = OF_CLIENTS.get(client)
  if (known) return known
  const leases = new Leases()
  OF_CLIENTS.set(client, leases)
  return leases
}
