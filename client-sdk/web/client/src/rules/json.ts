// What stands in a document, as JSON, and JSON as the one text that everybody makes alike.
//
// Edit path: ← values of an Automerge document, as JavaScript has them; → messages, fingerprints, comparisons.
//
// Always true: equal values have one canonical text. Objects are walked as far as somebody asked for, so a document of any
// shape can be read.

import { Counter, ImmutableString } from '../automerge'
import { counted } from '../document/plain'
import { base64, byBytes, bytesOf, digest } from './text'

/** A value as JSON. Numbers are finite. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** Objects with more values in them are not read: they are known by the operation that made them. */
const NODES_MAX = 256

/** Longer texts are kept as a digest, which is equal where they are equal. */
const TEXT_BYTES_MAX = 4_096

/** How many levels a value is read deep; what lies deeper is `null`. */
const DEPTH_MAX = 100

/** The member that stands for what was too large to be read. */
const LARGE = '$large'

/** The member that stands for a text that was too long to be kept. */
const LONG_TEXT = '$text'

/** The member that stands for bytes. */
const BYTES = '$bytes'

/** A map of a document, or an object of JSON. */
export type Members = Readonly<Record<string, unknown>>

/** Whether a value of a document is a map. */
export function isMap(value: unknown): value is Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return !(
    value instanceof ImmutableString ||
    value instanceof Date ||
    value instanceof Uint8Array ||
    value instanceof Counter
  )
}

/** Whether a value of a document is a list. */
export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

/** The member of a map, but nothing that JavaScript's objects have of themselves. */
export function memberOf(map: Members, name: string): unknown {
  return Object.hasOwn(map, name) ? map[name] : undefined
}

/** The text that stands somewhere, be it a scalar string or a text object. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return value instanceof ImmutableString ? value.val : undefined
}

/** A value of a document as JSON. What is too much is known by a digest, or by `id`, the object it is. */
export function bounded(value: unknown, id: () => string): Json {
  if (isMap(value) || isList(value)) return isLarge(value) ? { [LARGE]: id() } : toJson(value)
  const scalar = toJson(value)
  return typeof scalar === 'string' && bytesOf(scalar) > TEXT_BYTES_MAX
    ? { [LONG_TEXT]: digest(scalar) }
    : scalar
}

/** All of a value of a document as JSON. */
export function toJson(value: unknown, depth = 0): Json {
  if (isMap(value) || isList(value)) {
    if (depth > DEPTH_MAX) return null
    if (isList(value)) return value.map((item) => toJson(item, depth + 1))
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, toJson(member, depth + 1)]),
    )
  }
  return scalarToJson(value)
}

function scalarToJson(value: unknown): Json {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' || typeof value === 'bigint') return finite(Number(value))
  if (value instanceof ImmutableString) return value.val
  // Large ones are `bigint`, whatever the type says.
  if (value instanceof Counter) return finite(counted(value))
  if (value instanceof Date) return finite(value.getTime())
  return value instanceof Uint8Array ? { [BYTES]: base64(value) } : null
}

/** JSON has no other numbers. */
function finite(number: number): number | null {
  return Number.isFinite(number) ? number : null
}

/** Whether there are more values in an object than are read. A text object in it counts twice, unless it is empty. */
function isLarge(object: Members | readonly unknown[]): boolean {
  return nodes(object, NODES_MAX) > NODES_MAX
}

/** How many values lie in an object, counted as far as `most` and one beyond. */
export function nodes(object: unknown, most: number): number {
  const open: unknown[] = [object]
  let count = 0
  while (open.length > 0 && count <= most) {
    const value = open.pop()
    if (typeof value === 'string' && value !== '') count += 1
    if (!isMap(value) && !isList(value)) continue
    const members: readonly unknown[] = isList(value) ? value : Object.values(value)
    count += members.length
    for (const member of members) open.push(member)
  }
  return count
}

/** Whether JSON says all of a value: nothing was left out of it, and it holds no bytes. */
export function isPlain(value: Json): boolean {
  if (isJsonList(value)) return value.every(isPlain)
  if (typeof value !== 'object' || value === null) return true
  const isStandIn = [LARGE, LONG_TEXT, BYTES].some((name) => Object.hasOwn(value, name))
  return !isStandIn && Object.values(value).every(isPlain)
}

/** Whether it is a list; `Array.isArray` does not tell of lists that nobody may write. */
export function isJsonList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

/** A value as canonical JSON: no white space, members in byte order, numbers as `Number::toString` of ECMAScript writes them. */
export function canonical(value: Json): string {
  if (isJsonList(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([one], [other]) => byBytes(one, other))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}
