// The connection to the server, as a page sees it.

import type { Bounds, User } from '../generated/types'

/** How the connection to the server stands. */
export type LinkState =
  /** A connection is being made. */
  | { readonly status: 'connecting' }
  /** The server answers. `http`: no WebSocket got through, so that messages go by plain requests, a little slower. */
  | { readonly status: 'live'; readonly via: 'websocket' | 'http'; readonly sinceMs: number }
  /** The device says that it has no network. */
  | { readonly status: 'offline' }
  /** The server cannot be reached, and is tried again at `retryAtMs` (milliseconds since 1970). */
  | {
      readonly status: 'waiting'
      readonly retryAtMs: number
      readonly attempt: number
      readonly reason: string
    }
  /** The server will not have us, and trying again changes nothing until somebody does something (`Dovetail.reconnect`). */
  | { readonly status: 'refused'; readonly code: string; readonly reason: string }
  /** `close` was called. */
  | { readonly status: 'closed' }

/** What the server said when the connection was made; the last of it is kept while there is none. */
export interface Session {
  /** The connection, as the server's log names it. */
  readonly sessionId: string
  /** Whom the server takes us for; `null` where nobody is asked. */
  readonly user: User | null
  /** The server's clock minus ours, in milliseconds. */
  readonly clockAheadMs: number
  /** When the token ends, if it does. */
  readonly untilMs: number | undefined
  readonly limits: Bounds
  /** Which version of the rules is in force, by kind of document. */
  readonly rules: Readonly<Record<string, number>>
}
