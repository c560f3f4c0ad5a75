// A new value over an old one, inside a change: only what differs is written.
//
// Edit path: ← an edit of a dashboard, going back to an earlier state; → as few operations as say it, so that what somebody
// else wrote beside it at the same time stays.
//
// Always true: where the value is there already, nothing is written. A register keeps its kind: text that several may type in
// stays that, a counter counts, and text that is one register stays one.

import { Automerge, Counter, ImmutableString } from '../automerge'
import { counted, plainOfDraft, samePlain, type Plain } from './plain'

/** Part of a document inside a change. */
export type Draft = Record<string, unknown>
export type DraftList = unknown[] & {
  insertAt(at: number, ...items: unknown[]): void
  deleteAt(at: number, count?: number): void
}

/**
 * How a value is written where nothing of its kind was. `plain`: as JSON says it, each text a register. `kinds`: as another state of
 * a document has it, each part of its kind: texts that several may type in, registers, counters.
 */
export type Manner = 'plain' | 'kinds'

/** The member at `path` of `root` (inside a change) reads as `value` afterwards. */
export function assign(
  root: Draft,
  path: readonly (string | number)[],
  value: unknown,
  manner: Manner = 'plain',
): void {
  const name = path.at(-1)
  const holder = name === undefined ? undefined : at(root, path.slice(0, -1))
  if (name === undefined || typeof holder !== 'object' || holder === null)
    throw new RangeError('there is no such place')
  const place = holder as Record<string | number, unknown>
  const there = place[name]
  const wanted = plainOfDraft(value)
  if (there !== undefined && samePlain(plainOfDraft(there), wanted)) return
  if (typeof there === 'string' && typeof wanted === 'string') {
    assignText(place, name, wanted)
  } else if (there instanceof Counter && typeof wanted === 'number' && isCountable(there, wanted)) {
    there.increment(wanted - there.value)
  } else if (isMap(there) && isMap(value)) {
    assignMembers(root, path, there, value, manner)
  } else if (Array.isArray(there) && Array.isArray(value)) {
    assignItems(root, path, there as DraftList, value, manner)
  } else {
    put(place, name, value, manner)
  }
}

/** Only the letters that differ are written, so that others may type at the same time. */
function assignText(place: Draft, name: string | number, value: string): void {
  // Automerge takes a path apart at each `/`, and finds nothing under an empty name: then it is another text.
  if (name === '' || (typeof name === 'string' && name.includes('/'))) place[name] = value
  else Automerge.updateText(place, [name], value)
}

/** What is written where nothing of its kind was. */
export function put(
  place: Record<string | number, unknown>,
  name: string | number,
  value: unknown,
  manner: Manner = 'plain',
): void {
  place[name] = inManner(value, manner)
  widen(place, name, plainOfDraft(value))
}

/** All members of `root` read as those of another state of the document, but for `kept`. */
export function assignRoot(root: Draft, state: Draft, kept: readonly string[]): void {
  for (const name of Object.keys(root))
    if (!Object.hasOwn(state, name) && !kept.includes(name)) delete root[name]
  for (const [name, member] of Object.entries(state))
    if (!kept.includes(name)) assign(root, [name], member, 'kinds')
}

function assignMembers(
  root: Draft,
  path: readonly (string | number)[],
  there: Draft,
  value: Draft,
  manner: Manner,
): void {
  for (const name of Object.keys(there)) if (!Object.hasOwn(value, name)) delete there[name]
  for (const [name, member] of Object.entries(value)) assign(root, [...path, name], member, manner)
}

/** Items that both begin or end with stay; what is between is changed where it stands, and the rest inserted or removed. */
function assignItems(
  root: Draft,
  path: readonly (string | number)[],
  there: DraftList,
  value: readonly unknown[],
  manner: Manner,
): void {
  const before = plainOfDraft(there) as readonly Plain[]
  const after = plainOfDraft(value) as readonly Plain[]
  const start = common(before, after, (list, n) => list[n])
  const most = Math.min(before.length, after.length) - start
  const end = Math.min(
    most,
    common(before, after, (list, n) => list[list.length - 1 - n]),
  )
  const removed = before.length - end - start
  const added = value.slice(start, value.length - end)
  const changed = Math.min(removed, added.length)
  for (let n = 0; n < changed; n++) assign(root, [...path, start + n], added[n] ?? null, manner)
  if (removed > changed) there.deleteAt(start + changed, removed - changed)
  if (added.length > changed) insert(there, start + changed, added.slice(changed), manner)
}

/** Puts items into a list, in front of the one at `at`. */
export function insert(
  list: DraftList,
  at: number,
  items: readonly unknown[],
  manner: Manner = 'plain',
): void {
  list.insertAt(at, ...items.map((item) => inManner(item, manner)))
  for (const [n, item] of items.entries())
    widen(list as unknown as Record<number, unknown>, at + n, plainOfDraft(item))
}

function common(
  one: readonly Plain[],
  other: readonly Plain[],
  item: (list: readonly Plain[], n: number) => Plain | undefined,
): number {
  const most = Math.min(one.length, other.length)
  let n = 0
  while (n < most && samePlain(item(one, n), item(other, n))) n++
  return n
}

/** Automerge does not count beyond what a number can tell apart. */
export function isCountable(counter: Counter, to: number): boolean {
  return [counter.value, to].every(
    (value) => Number.isInteger(value) && Math.abs(value) < Number.MAX_SAFE_INTEGER,
  )
}

function inManner(value: unknown, manner: Manner): unknown {
  return manner === 'plain' ? written(value) : copied(value)
}

/** A value that was not there, as it is written: texts are one register each. */
function written(value: unknown): unknown {
  if (typeof value === 'string') return new ImmutableString(value)
  if (Array.isArray(value)) return value.map(written)
  if (!isMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, written(member)]))
}

/** The same once more, each part of its kind: texts, registers, counters. */
function copied(value: unknown): unknown {
  if (value instanceof Counter) return new Counter(counted(value))
  if (value instanceof ImmutableString) return new ImmutableString(value.val)
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(copied)
  if (!isMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copied(member)]))
}

/**
 * Automerge writes whole numbers as integers of 64 bits and cuts off what is larger; and it takes `Float64`, which says
 * otherwise, only where it is put by itself. So large ones are put once more.
 */
export function widen(place: Record<string | number, unknown>, name: string | number, value: Plain): void {
  if (isLarge(value)) place[name] = new Automerge.Float64(value)
  else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    for (const [inner, part] of Object.entries<Plain>(value)) {
      const step = Array.isArray(value) ? Number(inner) : inner
      if (typeof part === 'object' || isLarge(part)) widen(place[name] as Draft, step, part)
    }
  }
}

function isLarge(value: Plain): value is number {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
}

function at(root: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (place, step) => (place as Record<string | number, unknown> | undefined)?.[step],
    root,
  )
}

export function isMap(value: unknown): value is Draft {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return !(
    value instanceof ImmutableString ||
    value instanceof Counter ||
    value instanceof Date ||
    value instanceof Uint8Array
  )
}
