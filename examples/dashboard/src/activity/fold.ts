// Who edited what and when, folded into rows and cells that can be drawn.
//
// Edit path: ← the groups of the history, as far as they were read; → rows of a plot, one for each person or widget, and one
// number for each stretch of time.
//
// Always true: every change inside the shown time counts in exactly one cell of its row; cells go without a gap from the oldest
// to now, and begin at whole hours of this place.

import type { HistoryGroup } from '@dovetail/client'

/** How far back the plot goes. */
export type Span = 'day' | 'week' | 'all'

/** What a row stands for. */
export type RowsOf = 'person' | 'widget'

export interface Stretch {
  /** Milliseconds since 1970; `toMs` belongs to the next. */
  readonly fromMs: number
  readonly toMs: number
}

export interface Row {
  readonly key: string
  readonly label: string
  /** Edits in all. */
  readonly total: number
  /** Edits, one number for each stretch. */
  readonly cells: readonly number[]
}

export interface Activity {
  readonly stretches: readonly Stretch[]
  /** Whoever did most first. */
  readonly rows: readonly Row[]
  /** The largest number in any cell. */
  readonly most: number
  readonly total: number
  /** The groups that the rows are made of, the newest first. */
  readonly groups: readonly HistoryGroup[]
}

/** What to fold, and how. */
export interface Folding {
  readonly span: Span
  readonly of: RowsOf
  readonly nowMs: number
  /** What the author of a group is called. */
  readonly name: (group: HistoryGroup) => string
  /** What the widgets are called, to find them in the words. */
  readonly titles: readonly string[]
}

/** Rows beyond this would be too thin to tell apart; the rest is one row. */
export const ROWS_MAX = 12

/** Folds the groups that reach into the span. */
export function fold(all: readonly HistoryGroup[], { span, of, nowMs, name, titles }: Folding): Activity {
  const groups = timed(all).filter(hasTime)
  const oldest = groups.reduce((least, group) => Math.min(least, group.fromMs), nowMs)
  const stretches = stretchesOf(span, oldest, nowMs)
  const fromMs = stretches[0]?.fromMs ?? nowMs
  const inside = groups.filter((group) => group.toMs >= fromMs)
  const rows = new Map<string, { label: string; cells: number[] }>()
  const add = (key: string, label: string, group: HistoryGroup, edits: number) => {
    const row = rows.get(key) ?? { label, cells: stretches.map(() => 0) }
    rows.set(key, row)
    spread(row.cells, stretches, group, edits)
  }
  for (const group of inside) {
    if (of === 'person') add(personIn(group), name(group), group, group.changes)
    else for (const [widget, edits] of widgetsIn(group, titles)) add(widget, widget, group, edits)
  }
  const sorted = [...rows]
    .map(([key, { label, cells }]) => ({ key, label, cells, total: sum(cells) }))
    .filter((row) => row.total > 0)
    .sort((one, other) => other.total - one.total || (one.label < other.label ? -1 : 1))
  const shown = bounded(sorted)
  return {
    stretches,
    rows: shown,
    most: Math.max(0, ...shown.flatMap((row) => row.cells)),
    total: sum(shown.map((row) => row.total)),
    groups: inside,
  }
}

/**
 * The groups, the newest first, with a time for those that have none though somebody made them: a decision about a conflict is the same
 * bytes wherever it is made, so it has no time in it. It is listed at that of what it decided about, the latest before it.
 */
export function timed(groups: readonly HistoryGroup[]): readonly HistoryGroup[] {
  let last: number | undefined
  const oldestFirst = groups.toReversed().map((group) => {
    if (hasTime(group)) last = group.toMs
    return hasTime(group) || last === undefined ? group : { ...group, fromMs: last, toMs: last }
  })
  return oldestFirst.reverse()
}

/** The first change of every dashboard is the same bytes everywhere, so nobody made it at any time. */
export function hasTime(group: Pick<HistoryGroup, 'toMs'>): boolean {
  return group.toMs > 0
}

/** Whether a group has a part in the row of this key. */
export function isIn(
  group: HistoryGroup,
  { of, titles }: Pick<Folding, 'of' | 'titles'>,
  key: string,
): boolean {
  return of === 'person' ? personIn(group) === key : widgetsIn(group, titles).has(key)
}

/** What is ours may come from a device that nobody knows an author of. */
function personIn(group: HistoryGroup): string {
  return group.mine ? 'mine' : `by ${group.author ?? ''}`
}

/** What stands for changes whose words name no widget. */
export const NO_WIDGET = 'The dashboard'

/**
 * The widgets that a group's words name, as in `Moved “CPU”`, and how many of its edits each had. Words are all that the history
 * keeps: a widget that was renamed and removed counts under each of its names.
 */
export function widgetsIn(
  group: Pick<HistoryGroup, 'messages' | 'changes'>,
  titles: readonly string[],
): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const message of group.messages) {
    const key = widgetIn(message, titles) ?? NO_WIDGET
    found.set(key, (found.get(key) ?? 0) + 1)
  }
  if (found.size === 0) found.set(NO_WIDGET, group.changes)
  return found
}

/** The longest title of a widget that is there and that the words have in them; otherwise what the client's own words quote. */
function widgetIn(message: string, titles: readonly string[]): string | undefined {
  if (message.startsWith('Called the dashboard')) return undefined
  const named = titles.filter((title) => title !== '' && message.includes(title))
  return named.sort((one, other) => other.length - one.length)[0] ?? QUOTED.exec(message)?.[1]
}

/** As the client words an edit that was given none: a widget that is not there any more has its title in quotes. */
const QUOTED =
  /^(?:Added|Removed|Moved|Moved and resized|Resized|Renamed|Made|Reordered|Took|Put|Locked|Unlocked|Settled:.*?|Changed\b.*?) “([^”]+)”/

const HOUR_MS = 3_600_000

/** Hours that a stretch may have when all of the history is shown: from an hour to a year. */
const STEPS_HOURS = [1, 3, 6, 12, 24, 48, 168, 336, 720, 2160, 8760] as const

/** About as many columns as a side panel can show. */
const STRETCHES_MAX = 28

function stretchesOf(span: Span, oldestMs: number, nowMs: number): readonly Stretch[] {
  switch (span) {
    case 'day':
      return ending(nowMs, 1, 24)
    case 'week':
      return ending(nowMs, 6, 28)
    case 'all': {
      const hours = Math.max(1, (nowMs - oldestMs) / HOUR_MS + 1)
      // Alignment to whole steps may need one more stretch than the hours alone.
      const step =
        STEPS_HOURS.find((candidate) => hours / candidate + 1 <= STRETCHES_MAX) ??
        Math.ceil(hours / (STRETCHES_MAX - 1))
      return ending(nowMs, step, Math.ceil(hours / step) + 1)
    }
  }
}

/** `count` stretches of `stepHours`, the last one with now in it. They begin at hours of the clock here. */
function ending(nowMs: number, stepHours: number, count: number): Stretch[] {
  const now = new Date(nowMs)
  const year = now.getFullYear()
  const [month, day, hour] = [now.getMonth(), now.getDate(), now.getHours()]
  const end = stepHours <= 24 ? (Math.floor(hour / stepHours) + 1) * stepHours : 24
  // Through the calendar and not by adding milliseconds: some days have 23 hours.
  const at = (n: number) => new Date(year, month, day, end - n * stepHours).getTime()
  return Array.from({ length: count }, (_, n) => ({ fromMs: at(count - n), toMs: at(count - n - 1) }))
}

/** Puts edits evenly into the cells that a group reaches over: when each was made, a group does not say. */
function spread(cells: number[], stretches: readonly Stretch[], group: HistoryGroup, edits: number): void {
  const reached = stretches.flatMap((stretch, at) =>
    group.fromMs < stretch.toMs && group.toMs >= stretch.fromMs ? [at] : [],
  )
  // A clock that is ahead puts a group behind the last stretch: it counts as now.
  const into = reached.length > 0 ? reached : [stretches.length - 1]
  const each = Math.floor(edits / into.length)
  let rest = edits - each * into.length
  for (const at of [...into].reverse()) {
    cells[at] = (cells[at] ?? 0) + each + (rest > 0 ? 1 : 0)
    rest--
  }
}

function bounded(rows: readonly Row[]): readonly Row[] {
  if (rows.length <= ROWS_MAX) return rows
  const rest = rows.slice(ROWS_MAX - 1)
  const cells = (rest[0]?.cells ?? []).map((_, at) => sum(rest.map((row) => row.cells[at] ?? 0)))
  return [
    ...rows.slice(0, ROWS_MAX - 1),
    { key: 'rest', label: `${rest.length} others`, cells, total: sum(cells) },
  ]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
