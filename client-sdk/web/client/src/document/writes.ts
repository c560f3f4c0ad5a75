// What an edit does, as a list of places and what they hold afterwards: made from plain values, and carried out either on a
// document inside a change, or on plain values to show what would be.
//
// Edit path: ← an edit (dashboard/edit.ts); → a change of the document, or a picture of it.
//
// Always true: both ways give the same plain values.

import { assign, isMap, written, type Draft } from './assign'
import { isObject, type Plain, type PlainObject } from './plain'

export type Step = string | number

/** What stands at a place afterwards; without a value, nothing. Objects on the way that are not there are made. */
export interface Write {
  readonly path: readonly Step[]
  readonly value?: Plain
}

/** Carries writes out inside a change of `root`. */
export function writeToDraft(root: Draft, writes: readonly Write[]): void {
  for (const { path, value } of writes) {
    if (value === undefined) remove(root, path)
    else put(root, path, value)
  }
}

function put(root: Draft, path: readonly Step[], value: Plain): void {
  let holder: unknown = root
  for (const [n, step] of path.slice(0, -1).entries()) {
    const place = holder as Record<Step, unknown>
    if (place[step] === undefined) {
      // Everything that is missing on the way comes into being at once, with the value in it.
      place[step] = written(wrapped(path.slice(n + 1), value))
      return
    }
    holder = place[step]
  }
  assign(root, path, value)
}

function remove(root: Draft, path: readonly Step[]): void {
  const last = path.at(-1)
  const holder = path
    .slice(0, -1)
    .reduce<unknown>((place, step) => (place as Record<Step, unknown>)[step], root)
  if (Array.isArray(holder) && typeof last === 'number')
    (holder as unknown[] & { deleteAt(at: number): void }).deleteAt(last)
  else if (isMap(holder) && typeof last === 'string' && last in holder) delete holder[last]
}

/** The plain values after the writes; what they do not touch are the same objects. */
export function writeToPlain(root: PlainObject, writes: readonly Write[]): PlainObject {
  return writes.reduce<Plain>((before, { path, value }) => replaced(before, path, value), root) as PlainObject
}

function replaced(before: Plain | undefined, path: readonly Step[], value: Plain | undefined): Plain {
  const [step, ...rest] = path
  if (step === undefined) return value ?? null
  if (typeof step === 'number') return replacedItem(before, step, rest, value)
  const members = isObject(before) ? before : {}
  if (rest.length === 0 && value === undefined) {
    return Object.fromEntries(Object.entries(members).filter(([name]) => name !== step))
  }
  return { ...members, [step]: replaced(members[step], rest, value) }
}

function replacedItem(
  before: Plain | undefined,
  at: number,
  rest: readonly Step[],
  value: Plain | undefined,
): Plain {
  const items = Array.isArray(before) ? (before as readonly Plain[]) : []
  if (rest.length === 0 && value === undefined) return items.filter((_, n) => n !== at)
  const item = replaced(items[at], rest, value)
  return at >= items.length ? [...items, item] : items.map((old, n) => (n === at ? item : old))
}

function wrapped(path: readonly Step[], value: Plain): Plain {
  const [step, ...rest] = path
  if (step === undefined) return value
  return typeof step === 'number' ? [wrapped(rest, value)] : { [step]: wrapped(rest, value) }
}
