// The connection to the server in a component.

import { useCallback } from 'react'
import type { LinkState, Session } from '@dovetail/client'
import { useDovetail } from '../context'
import { useWatched } from './useWatched'

/** How the connection is, and what the server said when it was made. */
export interface WebSocketNow {
  readonly state: LinkState
  readonly session: Session | undefined
  /** Connects anew, now: with a fresh token and without a wait. */
  readonly reconnect: () => void
}

/** Follows the connection. There is one for all documents of a client. */
export function useWebSocket(): WebSocketNow {
  const client = useDovetail()
  const state = useWatched(client.link)
  const session = useWatched(client.session)
  const reconnect = useCallback(() => client.reconnect(), [client])
  return { state, session, reconnect }
}
