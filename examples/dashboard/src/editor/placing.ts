// Cells of the grid: what covers what, where there is room, and what an arrow key does.
//
// Always true: nothing here changes a document; every function takes places and gives places. All are whole cells, inside the
// columns of the grid. How long something takes depends on how many widgets there are, never on how large they are: a document may
// say anything.

import type { Grid, Layout } from '@dovetail/client'

/** The smallest a widget gets, in cells. */
export const LEAST = { w: 1, h: 1 } as const

/** The largest that is drawn, in cells: more than anybody has, and no more pixels than browsers can lay out. */
export const MOST = { y: 100_000, h: 10_000 } as const

/** In columns, and in pixels: the grid that is drawn. */
const GRID_MOST = { columns: 1_000, rowHeight: 1_000 } as const

/** A grid that can be drawn, whatever the document says. */
export function drawn(grid: Grid): Grid {
  const columns = clamp(grid.columns, 1, GRID_MOST.columns)
  const rowHeight = clamp(grid.rowHeight, 1, GRID_MOST.rowHeight)
  return columns === grid.columns && rowHeight === grid.rowHeight ? grid : { columns, rowHeight }
}

/** Inside the grid: not wider than it, not left or right of it, not above it, and not beyond what can be drawn. */
export function inside(place: Layout, columns: number): Layout {
  const most = clamp(columns, 1, GRID_MOST.columns)
  const w = clamp(place.w, LEAST.w, most)
  const h = clamp(place.h, LEAST.h, MOST.h)
  return { x: clamp(place.x, 0, most - w), y: clamp(place.y, 0, MOST.y), w, h }
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
  const most = clamp(columns, 1, GRID_MOST.columns)
  // The nearest one is where it is wanted, or touches what is in the way.
  const xs = edges(
    taken.flatMap((other) => [other.x - place.w, other.x + other.w]),
    place.x,
    most - place.w,
  )
  const ys = edges(
    taken.flatMap((other) => [other.y - place.h, other.y + other.h]),
    place.y,
    Infinity,
  )
  let best: { readonly place: Layout; readonly distance: number } | undefined
  for (const y of ys.sort((one, other) => Math.abs(one - place.y) - Math.abs(other - place.y))) {
    if (best && Math.abs(y - place.y) / 2 > best.distance) break
    for (const x of xs) {
      const candidate = { ...place, x, y }
      const distance = Math.abs(x - place.x) + Math.abs(y - place.y) / 2
      if (best && !isBefore(distance, candidate, best)) continue
      if (!taken.some((other) => overlap(candidate, other))) best = { place: candidate, distance }
    }
  }
  return best?.place ?? { ...place, y: Math.max(bottom(taken), place.y) }
}

/** Nearer, or as near and sooner in the order of reading. */
function isBefore(
  distance: number,
  { x, y }: Layout,
  best: { readonly place: Layout; readonly distance: number },
): boolean {
  if (distance !== best.distance) return distance < best.distance
  return y === best.place.y ? x < best.place.x : y < best.place.y
}

/** Numbers from 0 to `most`, each once, from the least. */
function edges(all: readonly number[], own: number, most: number): number[] {
  return [...new Set([own, ...all])].filter((at) => at >= 0 && at <= most).sort((one, other) => one - other)
}

/** The first free place of this size in the order of reading: row by row, from the left. */
export function firstFree(
  size: { readonly w: number; readonly h: number },
  taken: readonly Layout[],
  columns: number,
): Layout {
  const { w, h } = inside({ x: 0, y: 0, ...size }, columns)
  const most = clamp(columns, 1, GRID_MOST.columns)
  // The first one begins where something ends, to the left of it and above it.
  const xs = edges(
    taken.map((other) => other.x + other.w),
    0,
    most - w,
  )
  const ys = edges(
    taken.map((other) => other.y + other.h),
    0,
    Infinity,
  )
  for (const y of ys) {
    for (const x of xs) {
      const candidate = { x, y, w, h }
      if (!taken.some((other) => overlap(candidate, other))) return candidate
    }
  }
  return { x: 0, y: bottom(taken), w, h }
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
