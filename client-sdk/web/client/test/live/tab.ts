// Tabs of one device for tests in node: the real package, IndexedDB in memory, real sockets to the real server.

import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { WebSocket as NodeSocket } from 'ws'
import { createDovetail } from '../../src/client'
import type { DovetailConfig } from '../../src/config'
import { browserEnvironment, type Environment } from '../../src/environment'
import type { Dovetail } from '../../src/types'

/** What all tabs of an origin on one device share. */
export class Device {
  readonly name = `device-${Math.random().toString(36).slice(2)}`
  readonly #indexedDb = new IDBFactory()
  readonly #locks = new Map<string, Promise<unknown>>()

  /** A tab with its own connection. `url`: the server. */
  tab(url: string, config: Partial<DovetailConfig> = {}, environment: Partial<Environment> = {}): Dovetail {
    return createDovetail(
      { url, storage: { name: this.name }, ...config },
      { ...this.environment(), ...environment },
    )
  }

  environment(): Environment {
    return {
      ...browserEnvironment(),
      indexedDb: this.#indexedDb,
      webSocket: (url, protocols) => new NodeSocket(url, protocols) as unknown as WebSocket,
      withLock: async (name, asked, work) => {
        if (asked.mode === 'shared') return work(true)
        const before = this.#locks.get(name) ?? Promise.resolve()
        const done = before.then(() => work(true))
        this.#locks.set(
          name,
          done.catch(() => undefined),
        )
        return done
      },
    }
  }
}
