// Rectangles on a grid: which of them meet, and where there is room.
//
// Always true: cells are finite numbers, which may be any, since documents hold any. A rectangle without an area meets nothing.
// Two that only touch do not meet.

/** Rows that are tried when room is looked for, from the top. Behind them the row below everything is taken. */
const ROWS_TRIED_MAX = 1_000

/** The upper left corner and the size. */
export interface Rectangle {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export function right({ x, w }: Rectangle): number {
  return x + w
}

export function bottom({ y, h }: Rectangle): number {
  return y + h
}

function hasArea({ w, h }: Rectangle): boolean {
  return w > 0 && h > 0
}

export function meets(one: Rectangle, other: Rectangle): boolean {
  return (
    hasArea(one) &&
    hasArea(other) &&
    one.x < right(other) &&
    other.x < right(one) &&
    one.y < bottom(other) &&
    other.y < bottom(one)
  )
}

/** Whether it lies on a grid of so many columns, which has no lower end. */
export function liesWithin(rectangle: Rectangle, columns: number): boolean {
  return hasArea(rectangle) && rectangle.x >= 0 && rectangle.y >= 0 && right(rectangle) <= columns
}

/** The nearest place on the grid: narrower only if the grid is. */
export function clamped({ x, y, w, h }: Rectangle, columns: number): Rectangle {
  const least = (size: number): number => (size > 0 ? size : 1)
  const width = Math.min(least(w), columns)
  return { x: Math.max(Math.min(x, columns - width), 0), y: Math.max(y, 0), w: width, h: least(h) }
}

/** A rectangle and whose it is. */
export type Owned = readonly [owner: number, rectangle: Rectangle]

/** Pairs that meet, and how many comparisons that took; no pairs where it would take more than `comparisonsMax`. */
export function meeting(
  rectangles: readonly Owned[],
  comparisonsMax: number,
): { readonly pairs: readonly (readonly [number, number])[] | undefined; readonly comparisons: number } {
  const fromAbove = rectangles.filter(([, own]) => hasArea(own)).sort(([, one], [, other]) => one.y - other.y)
  // Those that reach down to the row at hand.
  let open: Owned[] = []
  const pairs: (readonly [number, number])[] = []
  let comparisons = 0
  for (const present of fromAbove) {
    const [owner, own] = present
    comparisons += open.length
    if (comparisons > comparisonsMax) return { pairs: undefined, comparisons }
    open = open.filter(([, above]) => bottom(above) > own.y)
    for (const [other, above] of open) if (meets(above, own)) pairs.push([other, owner])
    open.push(present)
  }
  return { pairs, comparisons }
}

/** The first row at or below `from` where the rectangle, in its own columns, is in nobody's way. */
export function pushDown(rectangle: Rectangle, from: number, others: readonly Rectangle[]): Rectangle {
  const inColumns = others
    .filter((other) => hasArea(other) && other.x < right(rectangle) && rectangle.x < right(other))
    .sort((one, other) => one.y - other.y)
  return inColumns.reduce((place, other) => (meets(other, place) ? { ...place, y: bottom(other) } : place), {
    ...rectangle,
    y: from,
  })
}

/** The highest row, and the leftmost place there, where the rectangle is in nobody's way; nothing when the grid is too narrow. */
export function firstFree(
  rectangle: Rectangle,
  columns: number,
  others: readonly Rectangle[],
): Rectangle | undefined {
  if (!hasArea(rectangle) || rectangle.w > columns) return undefined
  const solid = others.filter(hasArea)
  // A free place that cannot go higher touches the top or somebody's lower edge.
  const rows = [...new Set([0, ...solid.map(bottom)])]
    .filter((row) => row >= 0)
    .sort((one, other) => one - other)
  const lowest = rows.slice(-1)
  for (const y of [...rows.slice(0, ROWS_TRIED_MAX), ...lowest]) {
    const inRow = solid
      .filter((other) => other.y < y + rectangle.h && y < bottom(other))
      .sort((one, other) => one.x - other.x)
    const x = inRow.reduce(
      (free, other) => (other.x < free + rectangle.w && free < right(other) ? right(other) : free),
      0,
    )
    if (x + rectangle.w <= columns) return { ...rectangle, x, y }
  }
  return undefined
}
