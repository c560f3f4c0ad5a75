// Points and tables as widgets need them: in order of time, and made into one value.
//
// Always true: a list that merging has brought out of order is drawn in order; of equal times the last counts.

import type { Point } from '@dovetail/client'

/** In order of time, one for each time. The same list when it is so already. */
export function inTime(points: readonly Point[]): readonly Point[] {
  const ordered = points.every((point, at) => at === 0 || (points[at - 1]?.t ?? -Infinity) < point.t)
  if (ordered) return points
  return points
    .toSorted((one, other) => one.t - other.t)
    .filter((point, at, all) => all[at + 1]?.t !== point.t)
}

/** One value of many points, by a calculation with Grafana's name; nothing without points. */
export function reduced(points: readonly Point[], calculation: string): number | null {
  const values = points.flatMap(({ v }) => (v === null ? [] : [v]))
  if (calculation === 'count') return points.length
  if (calculation === 'last') return points.at(-1)?.v ?? null
  if (values.length === 0) return null
  switch (calculation) {
    case 'mean':
      return sum(values) / values.length
    case 'sum':
      return sum(values)
    case 'min':
      return values.reduce((one, other) => Math.min(one, other))
    case 'max':
      return values.reduce((one, other) => Math.max(one, other))
    case 'firstNotNull':
    case 'first':
      return values[0] ?? null
    case 'range':
      return (reduced(points, 'max') ?? 0) - (reduced(points, 'min') ?? 0)
    case 'diff':
      return (values.at(-1) ?? 0) - (values[0] ?? 0)
    default:
      return values.at(-1) ?? null
  }
}

/** Calculations to choose from. */
export const CALCULATIONS: readonly { readonly id: string; readonly label: string }[] = [
  { id: 'lastNotNull', label: 'Last' },
  { id: 'mean', label: 'Average' },
  { id: 'min', label: 'Lowest' },
  { id: 'max', label: 'Highest' },
  { id: 'sum', label: 'Sum' },
  { id: 'count', label: 'Number of points' },
]

/** What a drawn line says, for those who do not see it. */
export function seriesInWords(
  title: string,
  points: readonly Point[],
  value: (v: number | null) => string,
  time: (t: number) => string,
): string {
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last) return `${title}: no points yet`
  const [least, most] = [reduced(points, 'min'), reduced(points, 'max')]
  return `${title}: line chart of ${points.length} points from ${time(first.t)} to ${time(last.t)}. Last ${value(reduced(points, 'lastNotNull'))}, lowest ${value(least)}, highest ${value(most)}.`
}

/** One bar. */
export interface Bar {
  readonly label: string
  readonly value: number
}

/** The bars of a table: the first column that has texts names them, the first one with numbers is how long they are. */
export function barsOf(columns: readonly string[], rows: readonly (readonly unknown[])[]): readonly Bar[] {
  const count = Math.max(columns.length, ...rows.map((row) => row.length), 0)
  const indexes = Array.from({ length: count }, (_, at) => at)
  const values = indexes.find((at) => at > 0 && rows.some((row) => asNumber(row[at]) !== undefined))
  const named = indexes.find((at) => at !== values) ?? 0
  if (values === undefined) return []
  return rows.flatMap((row, at) => {
    const value = asNumber(row[values])
    return value === undefined ? [] : [{ label: cellText(row[named]) || `Row ${at + 1}`, value }]
  })
}

/** A cell as a table shows it. */
export function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return ''
  if (typeof cell === 'string') return cell
  if (typeof cell === 'number' || typeof cell === 'boolean') return String(cell)
  return JSON.stringify(cell)
}

/** What somebody typed into a cell: a number where it is one. */
export function cellValue(typed: string): string | number | boolean | null {
  const text = typed.trim()
  if (text === '') return null
  // Only what is written back the same is a number: a telephone number with a leading zero is a text.
  if (String(Number(text)) === text) return Number(text)
  return typed
}

/** Rows of comma, semicolon or tab separated text, with quotes as spreadsheets write them. */
export function parseCsv(text: string): string[][] {
  const separator = separatorOf(text)
  const rows: string[][] = []
  let row: string[] = []
  let cell = ''
  let quoted = false
  const endCell = () => {
    row.push(cell)
    cell = ''
  }
  const endRow = () => {
    endCell()
    if (row.some((each) => each.trim() !== '')) rows.push(row)
    row = []
  }
  for (let at = 0; at < text.length; at++) {
    const letter = text.charAt(at)
    if (quoted) {
      if (letter !== '"') cell += letter
      else if (text.charAt(at + 1) === '"') {
        cell += '"'
        at++
      } else quoted = false
    } else if (letter === '"' && cell === '') quoted = true
    else if (letter === separator) endCell()
    else if (letter === '\n') endRow()
    else if (letter !== '\r') cell += letter
  }
  endRow()
  return rows
}

function separatorOf(text: string): string {
  const line = text.slice(0, text.indexOf('\n') < 0 ? undefined : text.indexOf('\n'))
  const counts = ['\t', ';', ','].map((mark) => ({ mark, count: line.split(mark).length }))
  return counts.reduce((one, other) => (other.count > one.count ? other : one)).mark
}

function sum(values: readonly number[]): number {
  return values.reduce((one, other) => one + other, 0)
}

function asNumber(cell: unknown): number | undefined {
  if (typeof cell === 'number') return cell
  if (typeof cell !== 'string' || cell.trim() === '') return undefined
  const value = Number(cell)
  return Number.isFinite(value) ? value : undefined
}
