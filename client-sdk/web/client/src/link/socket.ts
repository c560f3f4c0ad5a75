// A line over a WebSocket.
//
// Always true: the token and the link stand in the list of sub-protocols, never in the address, which ends up in logs and
// histories. A browser tells its page nothing of a handshake that failed: such a line ends without having opened.

import type { Environment } from '../environment'
import type { Credentials, Line, LineEvents } from './line'

/** The sub-protocol that the server answers with; a browser closes a connection for which none of those offered was chosen. */
const PROTOCOL = 'automerge-repo.v1'

/** Opens a WebSocket to `url`. */
export function openSocket(
  url: string,
  { token, link }: Credentials,
  environment: Pick<Environment, 'webSocket'>,
  events: LineEvents,
): Line {
  const protocols = [PROTOCOL]
  if (token !== undefined) protocols.push(`dovetail.token.${token}`)
  if (link !== undefined) protocols.push(`dovetail.link.${link}`)
  let socket: WebSocket | undefined
  const end = (closeCode: number | undefined, words: string) => {
    if (socket === undefined) return
    socket = undefined
    events.ended(closeCode, words)
  }
  try {
    socket = environment.webSocket(url, protocols)
  } catch (error) {
    // A policy of the page forbids the address, or there are no WebSockets.
    queueMicrotask(() => events.ended(undefined, error instanceof Error ? error.message : String(error)))
    return { via: 'websocket', send: () => undefined, unsentBytes: () => 0, close: () => undefined }
  }
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => socket && events.opened()
  socket.onmessage = ({ data }: MessageEvent) => {
    // The server has no text frames; one of somebody in between is nothing to us.
    if (socket && data instanceof ArrayBuffer) events.frame(new Uint8Array(data))
  }
  socket.onclose = ({ code, reason }) => end(code, reason)
  // An `error` has no words, and a `close` follows it; node throws errors that nobody listens to.
  socket.onerror = () => undefined
  return {
    via: 'websocket',
    send: (frame) => {
      if (socket?.readyState === OPEN) socket.send(frame as Uint8Array<ArrayBuffer>)
    },
    unsentBytes: () => socket?.bufferedAmount ?? 0,
    close: () => {
      const closing = socket
      socket = undefined
      closing?.close()
    },
  }
}

/** `WebSocket.OPEN`, which is there only where the global is. */
const OPEN = 1
