// Any document, as a dashboard or as what a widget shows. The same as `crdt-core/src/dashboard/read.rs`, held to it by
// `crdt-core/vectors/dashboards.json`.
//
// Always true: reading never fails; what is missing or of another kind becomes its default. A widget whose part of the document
// did not change is the same object as before.

import { documentId, documentUrl, type DocumentId } from '../ids'
import type { Dashboard, Grid, Layout, Point, Retention, Widget, WidgetData } from '../types'
import { isObject, type Plain, type PlainObject } from '../document/plain'
import { isOrderKey, MIDDLE } from './order'
import { POINTS_KEPT, POINTS_KEPT_MAX, SCHEMA_VERSION, WIDGET_ID_BYTES_MAX } from '../generated/constants'

export const GRID: Grid = { columns: 24, rowHeight: 30 }
export const LAYOUT: Layout = { x: 0, y: 0, w: 6, h: 6 }
/** What one unit of a JavaScript string takes in UTF-8; two of a pair take four together. */
const LETTER_BYTES_MAX = 3
const URL_BEGINS = 'automerge:'
const EMPTY: PlainObject = {}

/** Whole numbers of 32 bits, as the fields below have them. */
const UNSIGNED = { least: 0, most: 2 ** 32 - 1 }
const SIGNED = { least: -(2 ** 31), most: 2 ** 31 - 1 }

/** A dashboard from a document's plain values. */
export const readDashboard = remembering((root): Dashboard => ({
  schemaVersion: whole(root['schemaVersion'], SCHEMA_VERSION, UNSIGNED),
  title: text(root['title']),
  description: text(root['description']),
  grid: readGrid(member(root, 'grid')),
  widgets: readWidgets(member(root, 'widgets')),
  extra: member(root, 'extra'),
}))

const readGrid = remembering((grid): Grid => ({
  columns: whole(grid['columns'], GRID.columns, UNSIGNED),
  rowHeight: whole(grid['rowHeight'], GRID.rowHeight, UNSIGNED),
}))

const readWidgets = remembering((widgets): Readonly<Record<string, Widget>> => {
  const all = Object.entries(widgets).filter(([id, widget]) => isWidgetId(id) && isObject(widget))
  return Object.fromEntries(all.map(([id, widget]) => [id, readWidget(widget as PlainObject)]))
})

/** One widget from its plain values. */
export const readWidget = remembering((widget): Widget => {
  const parent = widget['parent']
  const data = typeof widget['data'] === 'string' ? documentId(widget['data']) : undefined
  const order = widget['order']
  return {
    kind: text(widget['kind']),
    title: text(widget['title']),
    layout: readLayout(member(widget, 'layout')),
    order: typeof order === 'string' && isOrderKey(order) ? order : MIDDLE,
    ...(widget['dataSource'] === undefined || widget['dataSource'] === null
      ? {}
      : { dataSource: widget['dataSource'] }),
    options: member(widget, 'options'),
    locked: widget['locked'] === true,
    ...(typeof parent === 'string' && isWidgetId(parent) ? { parent } : {}),
    ...(data === undefined ? {} : { data: documentUrl(data) }),
  }
})

const readLayout = remembering((layout): Layout => ({
  x: whole(layout['x'], LAYOUT.x, SIGNED),
  y: whole(layout['y'], LAYOUT.y, SIGNED),
  w: whole(layout['w'], LAYOUT.w, SIGNED),
  h: whole(layout['h'], LAYOUT.h, SIGNED),
}))

/**
 * The document that a widget shows, of a dashboard that was read: its URL was made of an id, so it is taken apart and not checked
 * again, which would take longer than an edit does.
 */
export function dataOf({ data }: Widget): DocumentId | undefined {
  return data?.slice(URL_BEGINS.length) as DocumentId | undefined
}

/** What a widget shows, from its document's plain values; odd points and rows are left out. */
export const readWidgetData = remembering((root): WidgetData => {
  const shape = root['shape']
  return {
    schemaVersion: whole(root['schemaVersion'], SCHEMA_VERSION, UNSIGNED),
    shape: shape === 'table' || shape === 'text' ? shape : 'points',
    points: list(root['points']).flatMap(readPoint),
    retention: readRetention(member(root, 'retention')),
    columns: list(root['columns']).filter((column): column is string => typeof column === 'string'),
    rows: list(root['rows']).filter((row): row is readonly Plain[] => Array.isArray(row)),
    text: text(root['text']),
  }
})

/** How much of a series is kept. What cannot be read counts as absent; who names a time only keeps as many as may be kept. */
const readRetention = remembering((retention): Retention => {
  const [points, seconds] = [countOf(retention['points']), countOf(retention['seconds'])]
  return {
    points: Math.min(points ?? (seconds === undefined ? POINTS_KEPT : POINTS_KEPT_MAX), POINTS_KEPT_MAX),
    ...(seconds === undefined ? {} : { seconds }),
  }
})

function countOf(value: Plain | undefined): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
}

/** The widgets as a reader meets them: by order key, equal keys by id. */
export function inOrder(
  widgets: Readonly<Record<string, Widget>>,
): (readonly [id: string, widget: Widget])[] {
  return Object.entries(widgets).sort(([id, widget], [otherId, other]) =>
    widget.order === other.order ? byBytes(id, otherId) : byBytes(widget.order, other.order),
  )
}

export function isWidgetId(text: string): boolean {
  return (
    text.length > 0 &&
    text.length <= WIDGET_ID_BYTES_MAX &&
    // Counted only where they may be too many: every edit reads all ids.
    (text.length * LETTER_BYTES_MAX <= WIDGET_ID_BYTES_MAX ||
      new TextEncoder().encode(text).length <= WIDGET_ID_BYTES_MAX)
  )
}

/** In the order of their bytes, which for letters outside the basic plane is not that of JavaScript. */
export function byBytes(one: string, other: string): number {
  if (one === other) return 0
  const [left, right] = [Array.from(one), Array.from(other)]
  const at = left.findIndex((letter, n) => letter !== right[n])
  if (at < 0) return -1
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1)
}

function readPoint(item: Plain): Point[] {
  if (!isObject(item)) return []
  const [t, v] = [item['t'], item['v'] ?? null]
  return Number.isSafeInteger(t) && (v === null || typeof v === 'number') ? [{ t: t as number, v }] : []
}

function text(value: Plain | undefined): string {
  return typeof value === 'string' ? value : ''
}

function whole(
  value: Plain | undefined,
  byItself: number,
  bounds: { readonly least: number; readonly most: number },
): number {
  const isOne =
    typeof value === 'number' && Number.isInteger(value) && value >= bounds.least && value <= bounds.most
  return isOne ? value : byItself
}

function member(object: PlainObject, name: string): PlainObject {
  const value = object[name]
  return isObject(value) ? value : EMPTY
}

function list(value: Plain | undefined): readonly Plain[] {
  return Array.isArray(value) ? (value as readonly Plain[]) : []
}

/** The same object for the same plain values. */
function remembering<R extends object>(read: (plain: PlainObject) => R): (plain: PlainObject) => R {
  const known = new WeakMap<PlainObject, R>()
  return (plain) => {
    const before = known.get(plain)
    if (before) return before
    const made = read(plain)
    known.set(plain, made)
    return made
  }
}
