// What an edit does, as a list of places and what they hold afterwards: made from plain values, and carried out either on a
// document inside a change, or on plain values to show what would be.
//
// Edit path: ← an edit (dashboard/edit.ts); → a change of the document, or a picture of it.
//
// Always true: both ways give the same plain values.

import { Counter } from '../automerge'
import { assign, isMap, put, type Draft } from './assign'
import { isObject, type Plain, type PlainObject } from './plain'

export type Step = string | number

/** What stands at a place afterwards; without a value, nothing. Objects on the way that are not there are made. */
export interface Write {
  readonly path: readonly Step[]
  readonly value?: Plain
  /** The number is a counter: what several people add to it at the same time is added up. */
  readonly counts?: boolean
}

/** Carries writes out inside a change of `root`. */
export function writeToDraft(root: Draft, writes: readonly Write[]): void {
  for (const { path, value, counts } of writes) {
    if (value === undefined) remove(root, path)
    else write(root, path, value)
    if (counts) makeCounter(root, path)
  }
}

function write(root: Draft, path: readonly Step[], value: Plain): void {
  let holder: unknown = root
  for (const [n, step] of path.slice(0, -1).entries()) {
    const place = holder as Record<Step, unknown>
    if (!holds(place[step], path[n + 1])) {
      // Everything that is missing on the way comes into being at once, with the value in it.
      put(place, step, wrapped(path.slice(n + 1), value))
      return
    }
    holder = place[step]
  }
  assign(root, path, value)
}

/** A counter that is there from the beginning is the same for everybody; one that two people make while apart is not. */
function makeCounter(root: Draft, path: readonly Step[]): void {
  const holder = path
    .slice(0, -1)
    .reduce<unknown>((place, step) => (place as Draft)[step as string], root) as Draft
  const last = path.at(-1) as string
  if (typeof holder[last] === 'number') holder[last] = new Counter(holder[last])
}

function remove(root: Draft, path: readonly Step[]): void {
  let holder: unknown = root
  for (const step of path.slice(0, -1)) {
    if (!holds(holder, step)) return
    holder = (holder as Record<Step, unknown>)[step]
  }
  const last = path.at(-1)
  if (Array.isArray(holder) && typeof last === 'number' && last < holder.length)
    (holder as unknown[] & { deleteAt(at: number): void }).deleteAt(last)
  else if (isMap(holder) && typeof last === 'string' && Object.hasOwn(holder, last)) delete holder[last]
}

/** Whether a place can have members, or items, of this name. */
function holds(place: unknown, step: Step | undefined): boolean {
  return typeof step === 'number' ? Array.isArray(place) : isMap(place)
}

/** The plain values after the writes; what they do not touch are the same objects. */
export function writeToPlain(root: PlainObject, writes: readonly Write[]): PlainObject {
  return writes.reduce<Plain>((before, { path, value }) => {
    return value === undefined ? without(before, path) : replaced(before, path, value)
  }, root) as PlainObject
}

function replaced(before: Plain | undefined, path: readonly Step[], value: Plain): Plain {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (typeof step === 'string') {
    const members = isObject(before) ? before : {}
    return { ...members, [step]: replaced(memberOf(members, step), rest, value) }
  }
  const items = Array.isArray(before) ? (before as readonly Plain[]) : []
  const item = replaced(items[step], rest, value)
  return step >= items.length ? [...items, item] : items.with(step, item)
}

/** The same object where there is nothing to remove. */
function without(before: Plain, path: readonly Step[]): Plain {
  const [step, ...rest] = path
  if (typeof step === 'string' && isObject(before) && Object.hasOwn(before, step)) {
    const { [step]: member, ...others } = before
    return rest.length === 0 ? others : { ...before, [step]: without(member ?? null, rest) }
  }
  if (typeof step === 'number' && Array.isArray(before) && step < before.length) {
    const items = before as readonly Plain[]
    return rest.length === 0 ? items.toSpliced(step, 1) : items.with(step, without(items[step] ?? null, rest))
  }
  return before
}

function memberOf(members: PlainObject, name: string): Plain | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined
}

function wrapped(path: readonly Step[], value: Plain): Plain {
  const [step, ...rest] = path
  if (step === undefined) return value
  return typeof step === 'number' ? [wrapped(rest, value)] : { [step]: wrapped(rest, value) }
}
