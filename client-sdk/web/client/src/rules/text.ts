// Texts as the rules compare, cut and hash them: by UTF-8 bytes and code points, never by JavaScript's own units.
//
// Always true: what is done here gives the same on every implementation of the rules; `crdt-core/src/rules` is the other one.

import bs58 from 'bs58'
import sha256 from 'fast-sha256'

/** How many bytes of a hash make an id: 128 bits are beyond chance, and 22 letters fit into a URL. */
const ID_BYTES = 16

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** The order of two texts by their UTF-8 bytes, which is that of their code points: below 0 when `one` comes first. */
export function byBytes(one: string, other: string): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at += 1) {
    const [a, b] = [one.charCodeAt(at), other.charCodeAt(at)]
    if (a !== b) return rank(a) - rank(b)
  }
  return one.length - other.length
}

/** Halves of a pair stand for code points beyond all single units, though some single units are greater than they. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** The order of two lists of texts, the first difference deciding. */
export function byTexts(one: readonly string[], other: readonly string[]): number {
  for (const [at, text] of one.entries()) {
    const against = other[at]
    if (against === undefined) return 1
    const order = byBytes(text, against)
    if (order !== 0) return order
  }
  return one.length - other.length
}

/** How many bytes a text has in UTF-8. */
export function bytesOf(text: string): number {
  return encoder.encode(text).length
}

/** The beginning of a text that has at most `bytesMax` bytes, cut between code points. */
export function cutToBytes(text: string, bytesMax: number): string {
  // A unit has three bytes at most.
  if (text.length * 3 <= bytesMax) return text
  const bytes = encoder.encode(text)
  if (bytes.length <= bytesMax) return text
  let end = bytesMax
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return decoder.decode(bytes.subarray(0, end))
}

/** Whether a text has nothing but white space. */
export function isBlank(text: string): boolean {
  return /^\p{White_Space}*$/u.test(text)
}

/** The text on one line: a space for every control character. */
export function onOneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}

/** Foreign bytes as a line of text of at most `bytesMax` bytes. */
export function lineOf(bytes: Uint8Array, bytesMax: number): string {
  return onOneLine(decoder.decode(bytes.subarray(0, bytesMax)).replace(/\ufffd+$/, ''))
}

/** Base58 of the first 16 bytes of the SHA-256 of a text. */
export function digest(text: string): string {
  return bs58.encode(hashed(text))
}

/** The first 16 bytes of the SHA-256 of a text. */
export function hashed(text: string): Uint8Array {
  return sha256(encoder.encode(text)).subarray(0, ID_BYTES)
}

/** Bytes as hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Base64 with padding (RFC 4648, section 4). */
export function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
