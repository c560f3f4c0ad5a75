// A document as plain JavaScript values: scalar strings and text objects become strings, counters numbers, moments milliseconds.
//
// Edit path: ← whatever the merged document holds; → views, exports, comparisons.
//
// Always true: parts of a document that did not change become the same objects as before, because Automerge keeps them the
// same, and what they became is remembered by what they were. A screen relies on it to draw only what changed.

import { Automerge, Counter, ImmutableString } from '../automerge'

/** What plain values are made of. */
export type Plain =
  null | boolean | number | string | Uint8Array | readonly Plain[] | { readonly [member: string]: Plain }

/** An object of plain values. */
export type PlainObject = { readonly [member: string]: Plain }

const remembered = new WeakMap<object, Plain>()

/** What each list was made of. */
const origins = new WeakMap<readonly unknown[], object>()

/** `value`, as a document holds it, in plain values. */
export function plain(value: unknown): Plain {
  return converted(value, (part) => {
    const known = remembered.get(part)
    if (known !== undefined) return known
    const made = parts(part, plain)
    remembered.set(part, made)
    if (Array.isArray(made)) origins.set(made, part)
    return made
  })
}

/** Which list of the document this was made of: the same for as long as it is there, whatever becomes of what is around it. */
export function listId(list: readonly unknown[]): string | undefined {
  const origin = origins.get(list)
  return (origin && Automerge.getObjectId(origin)) ?? undefined
}

/** The same inside a change, where a part stays the same object while what is in it changes: nothing is remembered. */
export function plainOfDraft(value: unknown): Plain {
  return converted(value, (part) => parts(part, plainOfDraft))
}

function converted(value: unknown, ofParts: (value: object) => Plain): Plain {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return value
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return asNumber(value)
  if (typeof value !== 'object') return null
  if (value instanceof ImmutableString) return value.val
  if (value instanceof Counter) return counted(value)
  if (value instanceof Date) return value.getTime()
  if (value instanceof Uint8Array) return value
  return ofParts(value)
}

/** How far a counter has come. Automerge gives large numbers as `bigint`, whatever the type says. */
export function counted(counter: Counter): number {
  return asNumber(counter.value)
}

function asNumber(value: number | bigint): number {
  return Number(value)
}

function parts(value: object, inner: (part: unknown) => Plain): Plain {
  if (Array.isArray(value)) return value.map(inner)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, inner(member)]))
}

export function isObject(value: unknown): value is PlainObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  )
}

/** Whether two plain values read the same. `-0` is `0`, as in JSON. */
export function samePlain(one: unknown, other: unknown): boolean {
  if (one === other || Object.is(one, other)) return true
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, at) => samePlain(item, other[at]))
  }
  if (one instanceof Uint8Array && other instanceof Uint8Array) {
    return one.length === other.length && one.every((byte, at) => byte === other[at])
  }
  if (!isObject(one) || !isObject(other)) return false
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && samePlain(one[name], other[name]))
  )
}
