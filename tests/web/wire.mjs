// The bytes of the automerge-repo protocol, read without the packages under test: CBOR as its peers write it,
// and the layout of an Automerge sync message. Nothing in here opens a socket.

import { Encoder } from 'cbor-x'

/** What a sync message's first byte says: a list of changes, or possibly a whole document. */
export const V1 = 0x42
export const V2 = 0x43

/** Byte 8 of an Automerge chunk, after four magic bytes and four of checksum. */
export const CHUNK_TYPE = { 0: 'document', 1: 'change', 2: 'compressed change', 3: 'bundle' }

const encoder = new Encoder({ tagUint8Array: false, useRecords: false })

/** A message as every JavaScript peer encodes it: 16-bit map headers, untagged bytes, `undefined` written out. */
export const encode = (message) => new Uint8Array(encoder.encode(message))
export const decode = (frame) => encoder.decode(frame)

/** Messages one behind the other, RFC 8742. */
export const decodeSequence = (bytes) => (bytes.length === 0 ? [] : encoder.decodeMultiple(bytes))

export const toHex = (bytes) => Buffer.from(bytes).toString('hex')
export const fromHex = (hex) => new Uint8Array(Buffer.from(hex, 'hex'))

/** A decoded message as JSON can hold it: `{bytes: hex}` for byte strings, `{undefined: true}` for undefined. */
export function toJson(value) {
  if (value === undefined) return { undefined: true }
  if (value instanceof Uint8Array) return { bytes: toHex(value) }
  if (Array.isArray(value)) return value.map(toJson)
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJson(inner)]))
  return value
}

/** Takes a sync message apart; `flags` is null when the section is absent. */
export function parseSync(data) {
  const reader = new ByteReader(data)
  const type = reader.byte()
  const hashes = () => reader.many(() => toHex(reader.take(32)))
  const heads = hashes()
  const need = hashes()
  const have = reader.many(() => ({ lastSync: hashes(), bloom: reader.take(reader.uleb()) }))
  const chunks = reader.many(() => reader.take(reader.uleb()))
  const flagsAt = reader.at
  const flags = reader.atEnd() ? null : reader.take(reader.uleb())
  return { type, heads, need, have, chunks, flags, flagsAt }
}

/** The same message from a peer that announces nothing, as those before the flags section wrote it. */
export const withoutFlags = (data) => data.subarray(0, parseSync(data).flagsAt)

/** The type byte of every chunk in a sync message. One element may hold several chunks end to end. */
export function chunkTypes(data) {
  return parseSync(data).chunks.flatMap((element) => {
    const reader = new ByteReader(element)
    const types = []
    while (!reader.atEnd()) {
      reader.take(8)
      types.push(reader.byte())
      reader.take(reader.uleb())
    }
    return types
  })
}

/**
 * Reads one CBOR item strictly and lists what stricter readers than JavaScript's refuse: tags, nulls,
 * indefinite lengths, bytes left over. An empty list is a frame that anybody can read.
 */
export function complaintsAboutFrame(frame) {
  const complaints = []
  const reader = new ByteReader(frame)
  item('top')
  if (!reader.atEnd()) complaints.push('bytes after the message')
  return complaints

  function item(path) {
    const at = reader.at
    const head = reader.byte()
    const major = head >> 5
    const small = head & 0x1f
    if (small === 31) return complaints.push(`${path}: indefinite length`)
    const argument = reader.argument(small)
    if (at === 0 && major !== 5) complaints.push('not a map')
    if (major === 2 || major === 3) reader.take(argument)
    if (major === 4) for (let i = 0; i < argument; i++) item(`${path}[${i}]`)
    if (major === 5) for (let i = 0; i < argument; i++) item(`${path}.${key()}`)
    if (major === 6) {
      complaints.push(`${path}: tag ${argument}`)
      item(path)
    }
    if (head === 0xf6) complaints.push(`${path}: null`)
  }

  function key() {
    const head = reader.byte()
    if (head >> 5 !== 3) complaints.push('a key that is no text')
    return Buffer.from(reader.take(reader.argument(head & 0x1f))).toString()
  }
}

class ByteReader {
  constructor(bytes) {
    this.bytes = bytes
    this.at = 0
  }
  atEnd() {
    return this.at >= this.bytes.length
  }
  byte() {
    return this.take(1)[0]
  }
  take(length) {
    if (this.at + length > this.bytes.length) throw new RangeError(`ends at ${this.bytes.length}`)
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }
  uleb() {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  many(read) {
    return Array.from({ length: this.uleb() }, read)
  }
  /** The number in or after a CBOR head; floats are skipped over like integers of their width. */
  argument(small) {
    if (small < 24) return small
    return this.take(2 ** (small - 24)).reduce((value, byte) => value * 256 + byte, 0)
  }
}
