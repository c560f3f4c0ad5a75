// The one configuration of the package: what an app may say, what holds when it says nothing, and what is refused.
//
// Always true: a `ResolvedConfig` is complete and within its bounds; nothing else in the package looks at what the app wrote.

import { DovetailError } from './errors'
import { STORAGE_NAME } from './person'

/** What an app says. All but `url` may be left out. */
export interface DovetailConfig {
  /** Where the server is, as in `https://dovetail.example.org`. A path before the server's own paths is kept. */
  readonly url: string
  /** Asked for a token before each connection, and again before the present one ends. Nothing: nobody is asked who they are. */
  readonly token?: TokenSource | undefined
  /** The secret of a link (`dvl_…`), which gives what the link gives. */
  readonly link?: string | undefined
  readonly storage?: {
    /** `memory`: nothing outlives the tab. */
    readonly kind?: 'indexeddb' | 'memory' | undefined
    /** Tabs of one origin that use the same name share what is kept. Another person on this device wants another name. */
    readonly name?: string | undefined
  }
  readonly limits?: {
    /** Changes of one document that may wait for the server. */
    readonly pendingChangesMax?: number | undefined
    readonly pendingBytesMax?: number | undefined
    /** Documents that are kept here; of those that are not open and all saved the longest unopened leave. */
    readonly documentsKeptMax?: number | undefined
    readonly unopenedDaysMax?: number | undefined
  }
  readonly batching?: {
    /** Typing becomes one change when it pauses for this long. */
    readonly pauseMs?: number | undefined
    /** Typing without a pause becomes a change after this long all the same; into a text that several may type in, after a second. */
    readonly longestMs?: number | undefined
  }
  readonly retry?: {
    readonly firstMs?: number | undefined
    readonly mostMs?: number | undefined
    /** How long a connection may take to be made. */
    readonly connectMs?: number | undefined
    /** So many WebSockets in a row that never opened, while the server answers plain requests: then it goes without. 0: never. */
    readonly webSocketFailuresMax?: number | undefined
    /** How long it goes without a WebSocket before one is tried again. */
    readonly webSocketAgainMs?: number | undefined
  }
  readonly heartbeat?: {
    /** A connection on which nothing came for so long is asked for a sign of life. */
    readonly askMs?: number | undefined
    /** One that then says nothing for so long is given up. */
    readonly silenceMs?: number | undefined
  }
  readonly presence?: {
    /** What others are shown as our name, where no token says it. */
    readonly name?: string | undefined
    readonly everyMs?: number | undefined
    /** Who was not heard of for so long is gone. */
    readonly goneMs?: number | undefined
  }
}

/** Why a token is asked for: `refused` when the server did not take the last one. Nothing: there is none. */
export type TokenSource = (
  why: 'connect' | 'renew' | 'refused',
) => Promise<string | undefined> | string | undefined

/** A configuration in which nothing is open any more. */
export interface ResolvedConfig {
  /** Without a slash at its end. */
  readonly url: string
  readonly webSocketUrl: string
  readonly token: TokenSource | undefined
  readonly link: string | undefined
  readonly storage: { readonly kind: 'indexeddb' | 'memory'; readonly name: string }
  readonly limits: {
    readonly pendingChangesMax: number
    readonly pendingBytesMax: number
    readonly documentsKeptMax: number
    readonly unopenedDaysMax: number
  }
  readonly batching: { readonly pauseMs: number; readonly longestMs: number }
  readonly retry: {
    readonly firstMs: number
    readonly mostMs: number
    readonly connectMs: number
    readonly webSocketFailuresMax: number
    readonly webSocketAgainMs: number
  }
  readonly heartbeat: { readonly askMs: number; readonly silenceMs: number }
  readonly presence: { readonly name: string | undefined; readonly everyMs: number; readonly goneMs: number }
}

/** Names of databases and channels are made of it. */
const NAME = /^[A-Za-z0-9._-]{1,64}$/

/** The setting, what holds by itself, and the bounds. */
type Bound = readonly [byItself: number, least: number, most: number]

const DAY_MS = 24 * 60 * 60 * 1000

export const BOUNDS = {
  limits: {
    // A long day without a network: one change a second for some three hours. Sending them takes seconds.
    pendingChangesMax: [10_000, 1, 1_000_000],
    pendingBytesMax: [50 << 20, 1 << 10, 1 << 30],
    documentsKeptMax: [200, 1, 100_000],
    unopenedDaysMax: [90, 1, 10_000],
  },
  batching: {
    // Long enough that a word is one change, short enough that others see it soon.
    pauseMs: [400, 0, 60_000],
    longestMs: [3_000, 0, 60_000],
  },
  retry: {
    firstMs: [250, 10, 60_000],
    mostMs: [30_000, 10, DAY_MS],
    connectMs: [8_000, 100, 120_000],
    webSocketFailuresMax: [2, 0, 1_000],
    webSocketAgainMs: [300_000, 100, DAY_MS],
  },
  heartbeat: {
    // The server gives a peer up after 40 s, and common proxies cut after 60 s.
    askMs: [20_000, 50, DAY_MS],
    silenceMs: [10_000, 50, DAY_MS],
  },
  presence: {
    everyMs: [100, 16, 60_000],
    goneMs: [45_000, 100, DAY_MS],
  },
} satisfies Record<string, Record<string, Bound>>

/**
 * Completes a configuration. Throws `DovetailError` `bad_config` that names every setting which is wrong, and what would be
 * right.
 */
export function resolveConfig(config: DovetailConfig): ResolvedConfig {
  const faults: string[] = []
  if (typeof config !== 'object' || (config as unknown) === null)
    throw new DovetailError('bad_config', 'The configuration is an object with the url of the server.')
  const url = address(config.url, faults)
  const kind = config.storage?.kind ?? 'indexeddb'
  if (!['indexeddb', 'memory'].includes(kind))
    faults.push(`storage.kind is "indexeddb" or "memory", not ${shown(kind)}`)
  const name = config.storage?.name ?? STORAGE_NAME
  if (!NAME.test(name)) faults.push(`storage.name is 1 to 64 letters, digits and ._-, not ${shown(name)}`)
  if (config.token !== undefined && typeof config.token !== 'function')
    faults.push('token is a function that gives a token')
  if (config.link !== undefined && !/^dvl_[A-Za-z0-9_-]{1,252}$/.test(config.link)) {
    faults.push('link is the secret of a link, which begins with dvl_')
  }
  const resolved = {
    url: url.http,
    webSocketUrl: url.webSocket,
    token: config.token,
    link: config.link,
    storage: { kind, name },
    limits: numbers('limits', config.limits, BOUNDS.limits, faults),
    batching: numbers('batching', config.batching, BOUNDS.batching, faults),
    retry: numbers('retry', config.retry, BOUNDS.retry, faults),
    heartbeat: numbers('heartbeat', config.heartbeat, BOUNDS.heartbeat, faults),
    presence: {
      ...numbers('presence', config.presence, BOUNDS.presence, faults),
      name: text('presence.name', config.presence?.name, faults),
    },
  }
  if (resolved.retry.firstMs > resolved.retry.mostMs)
    faults.push('retry.firstMs is no more than retry.mostMs')
  if (faults.length > 0)
    throw new DovetailError('bad_config', `The configuration cannot be used: ${faults.join('; ')}.`)
  return resolved
}

function address(written: unknown, faults: string[]): { http: string; webSocket: string } {
  const nowhere = { http: '', webSocket: '' }
  const right = 'url is the address of the server, as in https://dovetail.example.org'
  if (typeof written !== 'string' || !URL.canParse(written)) {
    faults.push(`${right}, not ${shown(written)}`)
    return nowhere
  }
  const url = new URL(written)
  const secure = url.protocol === 'https:' || url.protocol === 'wss:'
  if (!secure && url.protocol !== 'http:' && url.protocol !== 'ws:') {
    faults.push(`${right}, not one of ${url.protocol}`)
    return nowhere
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    faults.push(`${right}: without a query, a fragment or a user`)
  }
  const rest = `//${url.host}${url.pathname.replace(/\/+$/, '')}`
  return {
    http: `${secure ? 'https:' : 'http:'}${rest}`,
    webSocket: `${secure ? 'wss:' : 'ws:'}${rest}/sync`,
  }
}

function numbers<K extends string>(
  group: string,
  written: object | undefined,
  bounds: Readonly<Record<K, Bound>>,
  faults: string[],
): Record<K, number> {
  const entries = Object.entries<Bound>(bounds).map(([name, [byItself, least, most]]) => {
    const value: unknown = (written as Record<string, unknown> | undefined)?.[name] ?? byItself
    if (typeof value === 'number' && value >= least && value <= most) return [name, value]
    faults.push(`${group}.${name} is a number from ${least} to ${most}, not ${shown(value)}`)
    return [name, byItself]
  })
  return Object.fromEntries(entries) as Record<K, number>
}

function text(name: string, written: unknown, faults: string[]): string | undefined {
  if (written === undefined) return undefined
  if (typeof written === 'string' && written.length >= 1 && written.length <= 256) return written
  faults.push(`${name} is a text of 1 to 256 letters, not ${shown(written)}`)
  return undefined
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value)
}
