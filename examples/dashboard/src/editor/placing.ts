// Cells of the grid: what covers what, where there is room, and what an arrow key does.
//
// Always true: nothing here changes a document; every function takes places and gives places. All are whole cells, inside the
// columns of the grid, and open downwards.

import type { Layout } from '@dovetail/client'

/** The smallest a widget gets, in cells. */
export const LEAST = { w: 1, h: 1 } as const

/** Inside the grid: not wider than it, not left or right of it, not above it. */
export function inside(place: Layout, columns: number): Layout {
  const w = clamp(place.w, LEAST.w, Math.max(LEAST.w, columns))
  const h = Math.max(LEAST.h, place.h)
  return { x: clamp(place.x, 0, Math.max(0, columns - w)), y: Math.max(0, place.y), w, h }
}

/** Whether two places share a cell. */
export function overlap(one: Layout, other: Layout): boolean {
  return (
    one.x < other.x + other.w &&
    other.x < one.x + one.w &&
    one.y < other.y + other.h &&
    other.y < one.y + one.h
  )
}

/** The first row that is below everything. */
export function bottom(places: Iterable<Layout>): number {
  let lowest = 0
  for (const place of places) lowest = Math.max(lowest, place.y + place.h)
  return lowest
}

/**
 * The free place of this size that is nearest to `wanted`, which is `wanted` itself when it is free. Rows count half: a widget
 * that moves down stays easier to find than one that jumps to the side.
 */
export function nearestFree(wanted: Layout, taken: readonly Layout[], columns: number): Layout {
  const place = inside(wanted, columns)
  const lowest = Math.max(bottom(taken), place.y)
  let best: { readonly place: Layout; readonly distance: number } | undefined
  for (let y = 0; y <= lowest; y++) {
    for (let x = 0; x + place.w <= columns; x++) {
      const distance = Math.abs(x - place.x) + Math.abs(y - place.y) / 2
      if (best && distance >= best.distance) continue
      const candidate = { ...place, x, y }
      if (taken.some((other) => overlap(candidate, other))) continue
      best = { place: candidate, distance }
    }
  }
  return best?.place ?? { ...place, y: lowest }
}

/** The first free place of this size in the order of reading: row by row, from the left. */
export function firstFree(
  size: { readonly w: number; readonly h: number },
  taken: readonly Layout[],
  columns: number,
): Layout {
  const { w, h } = inside({ x: 0, y: 0, ...size }, columns)
  const lowest = bottom(taken)
  for (let y = 0; y < lowest; y++) {
    for (let x = 0; x + w <= columns; x++) {
      const candidate = { x, y, w, h }
      if (!taken.some((other) => overlap(candidate, other))) return candidate
    }
  }
  return { x: 0, y: lowest, w, h }
}

/** What a key does to a place: arrows move, Shift and arrows resize. Nothing for other keys, or where the grid ends. */
export function byKey(
  key: string,
  shift: boolean,
  place: Layout,
  columns: number,
): { readonly how: 'move' | 'resize'; readonly place: Layout } | undefined {
  const step = STEPS[key]
  if (!step) return undefined
  const [dx, dy] = step
  const wanted = shift
    ? { ...place, w: clamp(place.w + dx, LEAST.w, Math.max(LEAST.w, columns - place.x)), h: place.h + dy }
    : { ...place, x: place.x + dx, y: place.y + dy }
  const next = inside(wanted, columns)
  return same(next, place) ? undefined : { how: shift ? 'resize' : 'move', place: next }
}

/** Where something is, in words: "CPU: column 7, row 5, 5 wide, 3 high". */
export function placeInWords(title: string, place: Layout): string {
  return `${title}: column ${place.x + 1}, row ${place.y + 1}, ${place.w} wide, ${place.h} high`
}

/** Whether two places are the same cells. */
export function same(one: Layout, other: Layout): boolean {
  return one.x === other.x && one.y === other.y && one.w === other.w && one.h === other.h
}

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}
