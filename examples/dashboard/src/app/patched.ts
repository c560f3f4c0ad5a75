// What the server did not take, put onto a copy: a JSON Patch on what is here now.
//
// Always true: what no longer fits is left out and counted; nothing given is changed. What comes out can be written as it is: a field
// that a patch made odd is as it was before.

import type {
  Dashboard,
  JsonPatchOperation,
  RefusedEdit,
  Widget,
  WidgetData,
  WidgetDataStore,
} from '@dovetail/client'

/** Something with a patch applied. */
export interface Patched<T> {
  readonly value: T
  /** How many operations did not fit any more. */
  readonly left: number
}

/** A refused edit lists no more than that many operations; a list of that length was probably cut. */
export const OPERATIONS_LISTED_MAX = 1_000

/** A dashboard with what was undone. */
export function patchedDashboard(
  dashboard: Dashboard,
  patch: readonly JsonPatchOperation[],
): Patched<Dashboard> {
  const { value, left } = patched(dashboard, patch)
  const widgets = Object.entries(record(value['widgets'])).map(
    ([id, widget]) => [id, readWidget(record(widget), dashboard.widgets[id])] as const,
  )
  const whole = {
    ...dashboard,
    title: text(value['title'], dashboard.title),
    description: text(value['description'], dashboard.description),
    grid: numbers(record(value['grid']), dashboard.grid),
    widgets: Object.fromEntries(widgets),
    extra: record(value['extra']),
  }
  return { value: whole, left }
}

/** What a widget shows, with what was undone. */
export function patchedData(data: WidgetData, patch: readonly JsonPatchOperation[]): Patched<WidgetData> {
  const { value, left } = patched(data, patch)
  const { columns, rows } = value
  const whole = {
    ...data,
    text: text(value['text'], data.text),
    columns: Array.isArray(columns) ? columns.map((column) => text(column, '')) : data.columns,
    rows: Array.isArray(rows)
      ? rows.filter((row): row is readonly unknown[] => Array.isArray(row))
      : data.rows,
  }
  return { value: whole, left }
}

const LAYOUT = { x: 0, y: 0, w: 6, h: 6 }
const NEW: Widget = { kind: '', title: '', layout: LAYOUT, order: 'V', options: {}, locked: false }

function readWidget(widget: Part, before: Widget = NEW): Widget {
  const { parent, data, dataSource, locked, order } = widget
  return {
    kind: text(widget['kind'], before.kind),
    title: text(widget['title'], before.title),
    layout: numbers(record(widget['layout']), before.layout),
    order: typeof order === 'string' && /^[0-9A-Za-z]*[1-9A-Za-z]$/.test(order) ? order : before.order,
    options: record(widget['options']),
    locked: locked === true,
    ...(dataSource === undefined || dataSource === null ? {} : { dataSource }),
    ...(typeof parent === 'string' ? { parent } : {}),
    ...(typeof data === 'string' && data.startsWith('automerge:') ? { data } : {}),
  }
}

/** The cells of a row that others removed while it was written into; nothing when that is not what happened. */
export function removedRow({ code, patch: [added] }: RefusedEdit): Parameters<WidgetDataStore['addRow']>[0] {
  if (code !== 'row_removed' || !added || !('value' in added) || !Array.isArray(added.value)) return undefined
  return added.value.map((cell: unknown) => (isCell(cell) ? cell : null))
}

function isCell(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

type Part = Record<string, unknown>

function patched(value: object, patch: readonly JsonPatchOperation[]): Patched<Part> {
  const copy = structuredClone(value) as Part
  const left = patch.filter((operation) => !apply(copy, operation)).length
  return { value: copy, left }
}

/** False when there is no such place. */
function apply(root: Part, operation: JsonPatchOperation): boolean {
  const steps = operation.path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = steps.pop()
  if (last === undefined) return false
  let holder: unknown = root
  for (const step of steps) {
    if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, step)) return false
    holder = (holder as Part)[step]
  }
  if (Array.isArray(holder)) return applyToList(holder, last, operation)
  if (typeof holder !== 'object' || holder === null) return false
  return applyToObject(holder as Part, last, operation)
}

function applyToList(list: unknown[], step: string, operation: JsonPatchOperation): boolean {
  const at = step === '-' ? list.length : Number(step)
  const end = operation.op === 'add' ? list.length : list.length - 1
  if (!Number.isInteger(at) || at < 0 || at > end) return false
  if (operation.op === 'remove') list.splice(at, 1)
  else list.splice(at, operation.op === 'add' ? 0 : 1, operation.value)
  return true
}

function applyToObject(object: Part, name: string, operation: JsonPatchOperation): boolean {
  if (operation.op !== 'add' && !Object.hasOwn(object, name)) return false
  if (operation.op === 'remove') return Reflect.deleteProperty(object, name)
  // Not by assignment: `__proto__` is a name like any other.
  const value = structuredClone(operation.value)
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
  return true
}

function record(value: unknown): Part {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Part) : {}
}

function text(value: unknown, before: string): string {
  return typeof value === 'string' ? value : before
}

/** Whole numbers under the names that there are. */
function numbers<T extends object>(value: Part, before: T): T {
  const all = Object.entries(before).map(([name, number]) => [
    name,
    Number.isInteger(value[name]) ? value[name] : (number as unknown),
  ])
  return Object.fromEntries(all) as T
}
