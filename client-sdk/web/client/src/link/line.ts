// A way for frames to the server and back: what a WebSocket (socket.ts) and plain requests (http.ts) have in common.
//
// Always true: `opened` comes at most once and before any frame; after `ended`, and after `close`, nothing comes any more.
// Nothing is called before the function that made the line has returned.

/** One connection of bytes. */
export interface Line {
  readonly via: 'websocket' | 'http'
  /** The largest frame that it takes, once it is open, where that is less than a server takes anyway. */
  readonly frameBytesMax?: number | undefined
  /** Takes a frame for the server. On a line that is not open it is dropped. */
  send(frame: Uint8Array): void
  /** Bytes that it has taken and that have not left yet, as far as it knows. */
  unsentBytes(): number
  /** Ends it from our side, at once: nobody waits for the other side to agree. */
  close(): void
}

/** What becomes of a line. */
export interface LineEvents {
  /** Frames can be sent. */
  opened(): void
  frame(frame: Uint8Array): void
  /** The other side, or the network, ended it. `closeCode` as in docs/PROTOCOL.md, nothing when nobody gave one. */
  ended(closeCode: number | undefined, words: string): void
}

/** Whose line it is. */
export interface Credentials {
  readonly token: string | undefined
  readonly link: string | undefined
}

/** What a sub-protocol and a header take. Tokens are made of less; what cannot be sent was never a token. */
export function isSendable(token: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(token)
}
