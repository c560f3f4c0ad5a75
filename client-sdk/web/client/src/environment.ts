// What the package takes from the browser, in one place, so that tests bring several tabs, a network that breaks and a clock.
//
// Always true: no other file names a global of the browser, but for timers.

/** A channel between the tabs of one origin. */
export interface TabChannel {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  close(): void
}

/** What a lock is asked for. */
export interface LockAsked {
  readonly mode?: 'exclusive' | 'shared'
  readonly ifAvailable?: boolean
  readonly signal?: AbortSignal
}

export interface Environment {
  /** Milliseconds since 1970. It never goes back, so that what is left of a wait is never more than the wait. */
  readonly now: () => number
  /** Calls when somebody set the device's clock back. */
  readonly onClockBack: (listener: () => void) => () => void
  /** From 0 to below 1. */
  readonly random: () => number
  readonly fetch: typeof fetch
  readonly webSocket: (url: string, protocols: string[]) => WebSocket
  /** Nothing where there is none, or none for this page. */
  readonly indexedDb: IDBFactory | undefined
  readonly channel: (name: string) => TabChannel | undefined
  /** Runs `work` while the lock is held; where there are no locks, at once. `null` when it is not available. */
  readonly withLock: <R>(name: string, asked: LockAsked, work: (held: boolean) => Promise<R>) => Promise<R>
  readonly isOnline: () => boolean
  /** Calls when the device says that the network came or went, and what is returned ends that. */
  readonly onNetwork: (listener: (online: boolean) => void) => () => void
  /** Calls when the page is hidden or about to go: what waits is written now. */
  readonly onHide: (listener: () => void) => () => void
  /** Calls when the page goes, which may be for good; not when it is only hidden. */
  readonly onGo: (listener: () => void) => () => void
  /** Calls when the page is shown again. */
  readonly onShow: (listener: () => void) => () => void
  readonly storageEstimate: () => Promise<{ usage?: number; quota?: number } | undefined>
  readonly askToPersist: () => Promise<boolean>
}

/** The browser that the page runs in. Also runs where there is no page, with less. */
export function browserEnvironment(): Environment {
  const page = globalThis as unknown as Page
  return {
    ...steady(() => Date.now()),
    random: () => Math.random(),
    fetch: (...request) => fetch(...request),
    webSocket: (url, protocols) => new WebSocket(url, protocols),
    indexedDb: quietly(() => page.indexedDB),
    channel: (name) => quietly(() => (page.BroadcastChannel ? new page.BroadcastChannel(name) : undefined)),
    withLock: (name, asked, work) => {
      const locks = page.navigator?.locks
      return locks ? locks.request(name, asked, (lock) => work(lock !== null)) : work(true)
    },
    isOnline: () => page.navigator?.onLine !== false,
    onNetwork: (listener) => {
      const came = () => listener(true)
      const went = () => listener(false)
      return both(listen(page, 'online', came), listen(page, 'offline', went))
    },
    onHide: (listener) => {
      const hidden = () => page.document?.visibilityState === 'hidden' && listener()
      return both(listen(page, 'pagehide', listener), listen(page.document, 'visibilitychange', hidden))
    },
    onGo: (listener) => listen(page, 'pagehide', listener),
    onShow: (listener) => {
      const shown = () => page.document?.visibilityState === 'visible' && listener()
      return both(listen(page, 'pageshow', listener), listen(page.document, 'visibilitychange', shown))
    },
    storageEstimate: async () => page.navigator?.storage?.estimate().catch(() => undefined),
    askToPersist: async () => page.navigator?.storage?.persist().catch(() => false) ?? false,
  }
}

/** What there may be of a browser: not all of it is in a worker, in node, or on a page without a secure address. */
interface Page {
  readonly indexedDB?: IDBFactory
  readonly BroadcastChannel?: typeof BroadcastChannel
  readonly document?: { readonly visibilityState: DocumentVisibilityState }
  readonly navigator?: {
    readonly onLine?: boolean
    readonly locks?: LockManager
    readonly storage?: StorageManager
  }
}

interface Listening {
  addEventListener?: (type: string, listener: () => void) => void
  removeEventListener?: (type: string, listener: () => void) => void
}

function listen(target: object | undefined, type: string, listener: () => void): () => void {
  const listening = target as Listening | undefined
  listening?.addEventListener?.(type, listener)
  return () => listening?.removeEventListener?.(type, listener)
}

function both(one: () => void, other: () => void): () => void {
  return () => {
    one()
    other()
  }
}

/** Some browsers throw where a page may not have something. */
function quietly<R>(take: () => R): R | undefined {
  try {
    return take()
  } catch {
    return undefined
  }
}

/**
 * A clock that goes on where it was when the device's is set back: for as long as the page lives it is ahead by that much then. One
 * that is set forward is followed: after a night asleep it is the next morning.
 */
export function steady(clock: () => number): Pick<Environment, 'now' | 'onClockBack'> {
  const listeners = new Set<() => void>()
  let aheadMs = 0
  let last = clock()
  return {
    now: () => {
      const now = clock() + aheadMs
      if (now < last) {
        aheadMs += last - now
        for (const listener of [...listeners]) queueMicrotask(listener)
      } else {
        last = now
      }
      return last
    },
    onClockBack: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
