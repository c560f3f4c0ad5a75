// One browser's view of one origin: what its tabs share, and the places in which they live.
//
// Always true: tabs share the disk, the channels and the locks, and nothing else. A tab that crashed has no effect on anything
// any more, though its timers go on in this process.

import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import type { Environment } from '../../src/environment'
import { Channels, type MemoryChannel } from './channels'
import { Locks } from './locks'
import type { MemorySocket } from './sockets'

/** How a tab reaches servers. */
export type Dial = (url: string, protocols: readonly string[]) => MemorySocket

export class Origin {
  readonly disk = new IDBFactory()
  readonly channels: Channels
  readonly locks = new Locks()
  /** Grows with everything that happens on the disk. */
  diskUses = 0
  readonly #dial: Dial
  readonly #random: () => number

  constructor(dial: Dial, random: () => number = Math.random) {
    this.#dial = dial
    this.#random = random
    this.channels = new Channels(() => Math.floor(random() * 5))
  }

  /** A new tab, that is open and runs nothing yet. */
  place(): TabPlace {
    return new TabPlace(this, this.#dial, this.#random)
  }

  /** Grows with everything that tabs do to each other or to the disk. */
  get activity(): number {
    return this.diskUses + this.channels.posted + this.locks.given
  }

  get isBusy(): boolean {
    return this.channels.onItsWay > 0
  }
}

/** Where a tab lives. */
export class TabPlace {
  readonly environment: Environment
  #isGone = false
  #isOnline = true
  readonly #origin: Origin
  readonly #channels: MemoryChannel[] = []
  readonly #sockets: MemorySocket[] = []
  readonly #databases: IDBDatabase[] = []
  readonly #networkListeners = new Set<(online: boolean) => void>()
  readonly #hideListeners = new Set<() => void>()

  constructor(origin: Origin, dial: Dial, random: () => number) {
    this.#origin = origin
    this.environment = {
      now: () => Date.now(),
      onClockBack: () => () => undefined,
      random,
      fetch: () => Promise.reject(new TypeError('there is no HTTP in this world')),
      webSocket: (url, protocols) => {
        const socket = dial(url, protocols)
        this.#sockets.push(socket)
        if (this.#isGone || !this.#isOnline) socket.cut()
        return socket as unknown as WebSocket
      },
      indexedDb: this.#disk(),
      channel: (name) => this.#channel(name),
      withLock: (name, asked, work) =>
        this.#isGone ? new Promise<never>(() => undefined) : origin.locks.of(this)(name, asked, work),
      isOnline: () => this.#isOnline,
      onNetwork: (listener) => {
        this.#networkListeners.add(listener)
        return () => void this.#networkListeners.delete(listener)
      },
      onHide: (listener) => {
        this.#hideListeners.add(listener)
        return () => void this.#hideListeners.delete(listener)
      },
      onGo: () => () => undefined,
      onShow: () => () => undefined,
      storageEstimate: () => Promise.resolve(undefined),
      askToPersist: () => Promise.resolve(true),
    }
  }

  get isGone(): boolean {
    return this.#isGone
  }

  get isOnline(): boolean {
    return this.#isOnline
  }

  /** Runs what takes things from the page's globals: they are those of this tab meanwhile. */
  inside<R>(run: () => R): R {
    const page = globalThis as { indexedDB?: IDBFactory; BroadcastChannel?: unknown }
    const before = { indexedDB: page.indexedDB, BroadcastChannel: page.BroadcastChannel }
    const open = (name: string) => this.#channel(name)
    page.indexedDB = this.environment.indexedDb!
    // What a constructor returns is what `new` gives.
    page.BroadcastChannel = function (name: string) {
      return open(name)
    }
    try {
      return run()
    } finally {
      Object.assign(page, before)
    }
  }

  /** The network goes or comes. What was sent is lost. */
  setOnline(isOnline: boolean): void {
    if (isOnline === this.#isOnline) return
    this.#isOnline = isOnline
    if (!isOnline) for (const socket of this.#sockets.splice(0)) socket.cut()
    for (const listener of [...this.#networkListeners]) listener(isOnline)
  }

  /** The page is hidden. */
  hide(): void {
    for (const listener of [...this.#hideListeners]) listener()
  }

  /** The tab is gone between two instructions: nothing is said to anybody. */
  crash(): void {
    this.#isGone = true
    for (const socket of this.#sockets.splice(0)) socket.cut()
    for (const channel of this.#channels) channel.die()
    for (const database of this.#databases) database.close()
    this.#origin.locks.forget(this)
  }

  #channel(name: string): MemoryChannel {
    const channel = this.#origin.channels.open(name)
    if (this.#isGone) channel.die()
    this.#channels.push(channel)
    return channel
  }

  /** The origin's disk, which is out of reach once the tab is gone. */
  #disk(): IDBFactory {
    const { disk } = this.#origin
    const open: IDBFactory['open'] = (name, version) => {
      const request = disk.open(name, version)
      request.addEventListener('success', () => this.#opened(request.result))
      return request
    }
    return new Proxy(disk, {
      get: (target, member) => {
        if (member === 'open') return open
        const value: unknown = Reflect.get(target, member, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  #opened(database: IDBDatabase): void {
    this.#databases.push(database)
    const transaction = database.transaction.bind(database)
    database.transaction = (...asked) => {
      this.#origin.diskUses += 1
      return transaction(...asked)
    }
    if (this.#isGone) database.close()
  }
}
