// Where a widget stands among the others where they are listed. The same as `Dashboard::place` in Rust.

import type { Edit, Widget } from '../types'
import { between, spread } from './order'
import { inOrder } from './read'

/**
 * The edits that put `id` right behind `after`, or in front of all. One as a rule, none when it is there already; more when
 * widgets behind it share their key with `after`, because two people put them there at once: those get keys of their own. Where
 * no key is left, all widgets get new ones.
 */
export function place(
  widgets: Readonly<Record<string, Widget>>,
  id: string,
  after: string | undefined,
): Edit[] {
  const others = inOrder(widgets).filter(([other]) => other !== id)
  const at = after === undefined ? 0 : behind(others, after)
  const floor = others[at - 1]?.[1].order
  const rest = others.slice(at)
  const tied = floor === undefined ? [] : sharing(rest, floor)
  const ceiling = rest[tied.length]?.[1].order
  if (tied.length === 0 && lies(widgets[id]?.order, floor, ceiling)) return []
  return keysFor([id, ...tied.map(([other]) => other)], floor, ceiling) ?? anew(others, id, at)
}

/** Those in front whose key is no more than `floor`. */
function sharing(
  rest: readonly (readonly [string, Widget])[],
  floor: string,
): readonly (readonly [string, Widget])[] {
  const first = rest.findIndex(([, { order }]) => order > floor)
  return first < 0 ? rest : rest.slice(0, first)
}

function behind(others: readonly (readonly [string, Widget])[], after: string): number {
  const found = others.findIndex(([other]) => other === after)
  return found < 0 ? others.length : found + 1
}

function keysFor(
  ids: readonly string[],
  floor: string | undefined,
  ceiling: string | undefined,
): Edit[] | undefined {
  const edits: Edit[] = []
  let lower = floor
  for (const id of ids) {
    const order = between(lower, ceiling)
    if (order === undefined) return undefined
    edits.push({ edit: 'reorder', id, order })
    lower = order
  }
  return edits
}

function anew(others: readonly (readonly [string, Widget])[], id: string, at: number): Edit[] {
  const all = others.map(([other]) => other).toSpliced(at, 0, id)
  const keys = spread(all.length)
  return all.map((each, n) => ({ edit: 'reorder', id: each, order: keys[n] ?? '' }))
}

function lies(key: string | undefined, floor: string | undefined, ceiling: string | undefined): boolean {
  return key !== undefined && (floor === undefined || floor < key) && (ceiling === undefined || key < ceiling)
}
