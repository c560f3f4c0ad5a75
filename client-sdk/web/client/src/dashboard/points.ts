// Adding points to a series, and what leaves it for that. The same as `crdt-core/src/dashboard/points.rs`.
//
// Edit path: ← somebody adds points by hand (data.ts); → one change, in which what the window of `retention` does not hold leaves.
//
// Always true: what is written is in order of time, the last of equal times counts, and a point that would leave at once is not
// written. A list that merging has brought out of order stays so.

import { assign, insert, type Draft, type DraftList } from '../document/assign'
import { isObject, type Plain, type PlainObject } from '../document/plain'
import { DovetailError } from '../errors'
import { POINTS_REMOVED_MAX, TIME_MS_MAX } from '../generated/constants'
import type { Point, Retention } from '../types'

/** One place of the list, from its front to its back: what stands there now, and what becomes of it. */
type Item =
  | { readonly is: 'stays' | 'leaves'; readonly t: number | undefined }
  | { readonly is: 'changes' | 'comes' | 'passes'; readonly t: number; readonly point: Point }

/** What is to be done to the list of a document. Throws `bad_edit` for what is no point. */
export function planPoints(
  root: PlainObject,
  points: readonly Point[],
  retention: Retention,
  nowMs: number,
): readonly Item[] {
  for (const point of points) check(point)
  const there = Array.isArray(root['points']) ? (root['points'] as readonly Plain[]) : []
  return cut(merged(there.map(timeOf), points), retention, nowMs)
}

/** Carries it out inside a change, what stands side by side at once. */
export function writePoints(list: DraftList, root: Draft, plan: readonly Item[]): void {
  let at = 0
  for (let n = 0; n < plan.length;) {
    const item = plan[n]
    if (item?.is === 'stays' || item?.is === 'changes') {
      if (item.is === 'changes') assign(root, ['points', at, 'v'], item.point.v)
      at += 1
      n += 1
      continue
    }
    let gone = 0
    const come: Point[] = []
    for (; n < plan.length; n++) {
      const next = plan[n]
      if (next?.is === 'leaves') gone += 1
      else if (next?.is === 'comes') come.push(next.point)
      else if (next?.is !== 'passes') break
    }
    if (gone > 0) list.deleteAt(at, gone)
    if (come.length > 0) insert(list, at, come)
    at += come.length
  }
}

/** New points among those that stand there, each behind the last that is not later; one of the same time gets the new value. */
function merged(times: readonly (number | undefined)[], points: readonly Point[]): Item[] {
  const byTime = new Map(points.map(({ t, v }): [number, Point] => [t, { t, v }]))
  const fresh = [...byTime.values()].sort((one, other) => one.t - other.t)
  const items: Item[] = []
  // From the back, so that nearly all is found at once; also in a list that is out of order.
  for (const t of [...times].reverse()) {
    let point = fresh.at(-1)
    while (point && t !== undefined && point.t > t) {
      items.push({ is: 'comes', t: point.t, point })
      fresh.pop()
      point = fresh.at(-1)
    }
    if (point?.t === t && point !== undefined) {
      items.push({ is: 'changes', t: point.t, point })
      fresh.pop()
    } else items.push({ is: 'stays', t })
  }
  for (const point of fresh.reverse()) items.push({ is: 'comes', t: point.t, point })
  return items.reverse()
}

/** Has those leave that the window does not hold, the earliest first. */
function cut(items: Item[], { points, seconds }: Retention, nowMs: number): readonly Item[] {
  const oldest = seconds === undefined ? -Infinity : nowMs - seconds * 1_000
  const timed = items.flatMap(({ t }, at) => (t === undefined ? [] : [{ t, at }]))
  timed.sort((one, other) => one.t - other.t || one.at - other.at)
  const tooMany = timed.length - points
  let removed = 0
  for (const [n, { t, at }] of timed.entries()) {
    if (n >= tooMany && t >= oldest) break
    const item = items[at]
    if (item?.is === 'comes') items[at] = { ...item, is: 'passes' }
    else if (removed < POINTS_REMOVED_MAX) {
      removed += 1
      items[at] = { is: 'leaves', t }
    }
  }
  return items
}

function check({ t, v }: Point): void {
  const isTime = Number.isInteger(t) && Math.abs(t) <= TIME_MS_MAX
  if (isTime && (v === null || Number.isFinite(v))) return
  throw new DovetailError('bad_edit', 'A point has whole milliseconds since 1970, and a number or null.')
}

/** What is no point has no time. */
function timeOf(item: Plain): number | undefined {
  const t = isObject(item) ? item['t'] : undefined
  return typeof t === 'number' && Number.isSafeInteger(t) ? t : undefined
}
