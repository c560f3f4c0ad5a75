// Values as they are written into a document, with the kind of every number kept: what a proposal writes is the same bytes on
// every replica and on the server.
//
// Edit path: ← what a proposal writes, made anew or read from where it stands; → operations of a change, in the one order
// that the server makes them in: objects first, then what they hold, level by level, members in byte order.

import type { Handle } from './changes'
import type { Live, Reading } from './document'
import { byBytes, bytesOf } from './text'

/** How many bytes of text a value may have for texts in it to become text objects; beyond it they are registers. */
const TEXT_BYTES_MAX = 128 << 10

/** A value that is to be written. */
export type Written =
  | { readonly kind: 'map'; readonly members: readonly (readonly [string, Written])[] }
  | { readonly kind: 'list'; readonly items: readonly Written[] }
  | { readonly kind: 'text'; readonly text: string }
  | Scalar

/** One register, by Automerge's name of its kind. */
export interface Scalar {
  readonly kind: 'scalar'
  readonly type: 'str' | 'int' | 'uint' | 'f64' | 'boolean' | 'null' | 'timestamp' | 'counter' | 'bytes'
  readonly value: string | number | bigint | boolean | null | Date | Uint8Array
}

/** A number as rules write it: whole ones as integers, as far as these go. */
export function number(value: number): Scalar {
  const isWhole = Number.isInteger(value) && Math.abs(value) <= 2 ** 53
  return { kind: 'scalar', type: isWhole ? 'int' : 'f64', value }
}

export function text(value: string): Scalar {
  return { kind: 'scalar', type: 'str', value }
}

/** A live scalar as it is. */
export function sameScalar({ kind, scalar }: Live): Scalar {
  return { kind: 'scalar', type: kind as Scalar['type'], value: scalar as Scalar['value'] }
}

/** What JSON says of a live value, at some heads or now: counters and moments are numbers, text objects are registers. */
export function asJson(reading: Reading, live: Live, heads?: string[]): Written {
  const { handle } = reading
  switch (live.kind) {
    case 'map': {
      const names = handle.keys(live.op, heads).sort(byBytes)
      return {
        kind: 'map',
        members: names.map((name) => [name, at(reading, live, name, heads)]),
      }
    }
    case 'list':
      return {
        kind: 'list',
        items: Array.from({ length: handle.length(live.op, heads) }, (_, n) => at(reading, live, n, heads)),
      }
    case 'text':
      return text(handle.text(live.op, heads))
    default:
      return jsonScalar(live)
  }
}

/** The value with its texts as text objects, where it is not too long for that. */
export function typedTogether(value: Written): Written {
  return textBytes(value) <= TEXT_BYTES_MAX ? withTexts(value) : value
}

/** Writes a value at a place, over whatever stands there. */
export function write(handle: Handle, object: string, prop: string | number, value: Written): void {
  const open: (readonly [string, Written])[] = []
  const put = (made: string | undefined, inner: Written): void => {
    if (made !== undefined) open.push([made, inner])
  }
  put(putOne(handle, object, prop, value), value)
  for (const [holder, container] of open) {
    if (container.kind === 'map') {
      for (const [name, member] of container.members) put(putOne(handle, holder, name, member), member)
    } else if (container.kind === 'list') {
      for (const [n, item] of container.items.entries()) put(insertOne(handle, holder, n, item), item)
    } else if (container.kind === 'text') handle.splice(holder, 0, 0, container.text)
  }
}

function at(reading: Reading, { op }: Live, prop: string | number, heads?: string[]): Written {
  const found = reading.all(op, prop, heads).at(-1)
  return found ? asJson(reading, found, heads) : { kind: 'scalar', type: 'null', value: null }
}

function jsonScalar({ kind, scalar }: Live): Scalar {
  switch (kind) {
    case 'str':
      return text(String(scalar))
    case 'boolean':
      return { kind: 'scalar', type: 'boolean', value: scalar === true }
    case 'int':
    case 'counter':
      return { kind: 'scalar', type: 'int', value: scalar as number | bigint }
    case 'timestamp':
      return { kind: 'scalar', type: 'int', value: scalar instanceof Date ? scalar.getTime() : 0 }
    case 'uint': {
      const value = BigInt(scalar as number | bigint)
      return { kind: 'scalar', type: value < 2n ** 63n ? 'int' : 'uint', value }
    }
    case 'f64':
      if (Number.isFinite(scalar)) return { kind: 'scalar', type: 'f64', value: scalar as number }
      return { kind: 'scalar', type: 'null', value: null }
    default:
      return { kind: 'scalar', type: 'null', value: null }
  }
}

function textBytes(value: Written): number {
  const sum = (values: readonly Written[]): number =>
    values.reduce((bytes, inner) => bytes + textBytes(inner), 0)
  switch (value.kind) {
    case 'map':
      return sum(value.members.map(([, member]) => member))
    case 'list':
      return sum(value.items)
    case 'text':
      return bytesOf(value.text)
    case 'scalar':
      return typeof value.value === 'string' ? bytesOf(value.value) : 0
  }
}

function withTexts(value: Written): Written {
  switch (value.kind) {
    case 'map':
      return { kind: 'map', members: value.members.map(([name, member]) => [name, withTexts(member)]) }
    case 'list':
      return { kind: 'list', items: value.items.map(withTexts) }
    case 'text':
      return value
    case 'scalar':
      return typeof value.value === 'string' ? { kind: 'text', text: value.value } : value
  }
}

/** The object that was made, if it was one. */
function putOne(handle: Handle, object: string, prop: string | number, value: Written): string | undefined {
  if (value.kind !== 'scalar') return handle.putObject(object, prop, emptyOf(value))
  handle.put(object, prop, value.value as string, value.type)
  return undefined
}

function insertOne(handle: Handle, list: string, index: number, value: Written): string | undefined {
  if (value.kind !== 'scalar') return handle.insertObject(list, index, emptyOf(value))
  handle.insert(list, index, value.value as string, value.type)
  return undefined
}

function emptyOf({ kind }: Exclude<Written, Scalar>): string | [] | Record<string, never> {
  if (kind === 'text') return ''
  return kind === 'list' ? [] : {}
}
