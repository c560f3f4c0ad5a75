// A new value over an old one, inside a change: only what differs is written.
//
// Edit path: ← an edit of a dashboard, going back to an earlier state; → as few operations as say it, so that what somebody
// else wrote beside it at the same time stays.
//
// Always true: where the value is there already, nothing is written. A register keeps its kind: text that several may type in
// stays that, a counter counts, and text that is one register stays one.

import { Automerge, Counter, ImmutableString } from '../automerge'
import { isObject, plain, samePlain, type Plain } from './plain'

/** Part of a document inside a change. */
export type Draft = Record<string, unknown>
type DraftList = unknown[] & {
  insertAt(at: number, ...items: unknown[]): void
  deleteAt(at: number, count?: number): void
}

/** The member `name` of `draft` (inside a change of `root`) reads as `value` afterwards. */
export function assign(root: Draft, path: readonly (string | number)[], value: Plain): void {
  const name = path.at(-1)
  const holder = name === undefined ? undefined : at(root, path.slice(0, -1))
  if (name === undefined || typeof holder !== 'object' || holder === null)
    throw new RangeError('there is no such place')
  const place = holder as Record<string | number, unknown>
  const there = place[name]
  if (there !== undefined && samePlain(plain(there), value)) return
  if (typeof there === 'string' && typeof value === 'string') {
    Automerge.updateText(root, [...path], value)
  } else if (there instanceof Counter && typeof value === 'number' && Number.isInteger(value)) {
    there.increment(value - there.value)
  } else if (isMap(there) && isObject(value)) {
    assignMembers(root, path, there, value)
  } else if (Array.isArray(there) && Array.isArray(value)) {
    assignItems(root, path, there as DraftList, value as readonly Plain[])
  } else {
    place[name] = written(value)
  }
}

/** All members of `root` read as those of `value`, but for `kept`. */
export function assignRoot(
  root: Draft,
  value: { readonly [name: string]: Plain },
  kept: readonly string[],
): void {
  for (const name of Object.keys(root)) if (!(name in value) && !kept.includes(name)) delete root[name]
  for (const [name, member] of Object.entries(value)) if (!kept.includes(name)) assign(root, [name], member)
}

function assignMembers(
  root: Draft,
  path: readonly (string | number)[],
  there: Draft,
  value: { readonly [n: string]: Plain },
): void {
  for (const name of Object.keys(there)) if (!(name in value)) delete there[name]
  for (const [name, member] of Object.entries(value)) assign(root, [...path, name], member)
}

/** Items that both begin or end with stay; what is between is changed where it stands, and the rest inserted or removed. */
function assignItems(
  root: Draft,
  path: readonly (string | number)[],
  there: DraftList,
  value: readonly Plain[],
): void {
  const before = plain([...there]) as readonly Plain[]
  const start = common(before, value, (list, n) => list[n])
  const most = Math.min(before.length, value.length) - start
  const end = Math.min(
    most,
    common(before, value, (list, n) => list[list.length - 1 - n]),
  )
  const removed = before.length - end - start
  const added = value.slice(start, value.length - end)
  const changed = Math.min(removed, added.length)
  for (let n = 0; n < changed; n++) assign(root, [...path, start + n], added[n] ?? null)
  if (removed > changed) there.deleteAt(start + changed, removed - changed)
  if (added.length > changed) there.insertAt(start + changed, ...added.slice(changed).map(written))
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

/** A value that was not there, as it is written: texts are one register each. */
export function written(value: Plain): unknown {
  if (typeof value === 'string') return new ImmutableString(value)
  if (Array.isArray(value)) return (value as readonly Plain[]).map(written)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, written(member)]))
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
