// How a connection ended, and what that asks for.
//
// Always true: only the end of a connection decides what is done next. An `error` message before it brings the words, and
// nothing else: a server may complain and go on.

/** How a connection ended. */
export interface Ending {
  /** As in docs/PROTOCOL.md; over HTTP what a WebSocket would have been closed with. Nothing, 1005 or 1006 when nobody said how. */
  readonly closeCode: number | undefined
  /** What was said about it, `code: words` where the server said it; may be empty. */
  readonly words: string
  /** Whether anything at all came on this connection. */
  readonly heard: boolean
}

/** What an ending asks for. */
export type Verdict =
  /** Connect again after a while. `soon`: the server said that it will be there again, so nobody need hurry, or wait long. */
  | { readonly next: 'again'; readonly soon: boolean; readonly reason: string }
  /** The token was not taken: ask for another one. */
  | { readonly next: 'token'; readonly code: string; readonly reason: string }
  /** Another connection has our peer id: come again under another one. */
  | { readonly next: 'peer_id'; readonly reason: string }
  /** The same would be refused again. */
  | { readonly next: 'refused'; readonly code: string; readonly reason: string }

/** What the stock protocol says to a client of another version, and closes with 1002. It is the one error without a code. */
const OTHER_VERSION = 'unsupported protocol version'

/** Decides by the close code what is done next. */
export function verdictOn(ending: Ending): Verdict {
  const { closeCode, words } = ending
  switch (closeCode) {
    case 4001:
      return { next: 'peer_id', reason: 'Another connection has the same peer id.' }
    case 4401:
      return { next: 'token', ...refusal(words, 'token_refused', 'The server did not take the token.') }
    case 4403:
      return { next: 'refused', ...refusal(words, 'forbidden', 'The server does not let us in.') }
    case 1009:
      return {
        next: 'refused',
        ...refusal(words, 'message_too_large', 'A message was too large for the server.'),
      }
    case 1002:
      if (words !== OTHER_VERSION) break
      return {
        next: 'refused',
        code: 'unsupported_version',
        reason: 'The server speaks another version of the protocol.',
      }
    case 1012:
    case 1013:
      return { next: 'again', soon: true, reason: words || 'The server will be there again in a moment.' }
  }
  return { next: 'again', soon: false, reason: words || 'The server cannot be reached.' }
}

/** Takes `code: words` apart, as every refusal of the server begins. */
function refusal(words: string, code: string, reason: string): { code: string; reason: string } {
  const said = /^([a-z][a-z0-9_]{0,63}): (.+)$/s.exec(words)
  return { code: said?.[1] ?? code, reason: said?.[2] ?? (words || reason) }
}
