// Tabs of one device for tests in node: the real package, IndexedDB in memory, real sockets to the real server, or no network.

import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { WebSocket as NodeSocket } from 'ws'
import { createDovetail } from '../../src/client'
import type { DovetailConfig } from '../../src/config'
import { browserEnvironment, type Environment } from '../../src/environment'
import type { Dovetail } from '../../src/types'
import { Locks } from '../world/locks'

/** What all tabs of an origin on one device share. */
export class Device {
  readonly name = `device-${Math.random().toString(36).slice(2)}`
  readonly #indexedDb = new IDBFactory()
  readonly #locks = new Locks()

  /** A tab with its own connection. `url`: the server. */
  tab(url: string, config: Partial<DovetailConfig> = {}, environment: Partial<Environment> = {}): Dovetail {
    return createDovetail(
      { url, storage: { name: this.name }, ...config },
      { ...this.environment(), ...environment },
    )
  }

  /** A tab without a network. */
  offline(config: Partial<DovetailConfig> = {}, environment: Partial<Environment> = {}): Dovetail {
    const fetch = () => Promise.reject(new TypeError('there is no network'))
    return this.tab('http://127.0.0.1:1', config, { isOnline: () => false, fetch, ...environment })
  }

  /** Somebody deletes what the device keeps, under the open tabs. */
  async empty(...what: readonly ('documents' | 'notes')[]): Promise<void> {
    const deleting = (what.length > 0 ? what : ['documents', 'notes']).map(
      (part) =>
        new Promise((resolve) => {
          this.#indexedDb.deleteDatabase(`${this.name}-${part}`).addEventListener('success', resolve)
        }),
    )
    await Promise.all(deleting)
  }

  environment(): Environment {
    return {
      ...browserEnvironment(),
      indexedDb: this.#indexedDb,
      webSocket: (url, protocols) => new NodeSocket(url, protocols) as unknown as WebSocket,
      withLock: this.#locks.of({}),
    }
  }
}
