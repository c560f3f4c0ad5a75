// What widgets show, carried in the file of a dashboard: docs/DASHBOARD.md, "Files".
//
// Always true: what is brought in becomes documents of its own, which follow the new dashboard; nothing that people write is shared
// with the dashboard that the file is of. What a file says is judged as it is read: odd parts of it are left out. What was brought in
// is how the dashboard begins: none of it can be taken back.

import type { Dashboard, DocumentId, Dovetail, Edit, Point, WidgetData } from '@dovetail/client'
import { copiedData, newData, notesOf, whenSaved, type CopiedData } from '../app/duplicate'

/** The member of the file, beside those of the dashboard. */
export const CARRIED = 'widgetData'

/** As many of the newest points of a series are carried: as many as a series keeps unless it is told otherwise. */
export const POINTS_CARRIED_MAX = 10_000

/** What the file has of one document. */
export type Carried = Pick<WidgetData, 'shape' | 'columns' | 'rows' | 'text' | 'points'>

/** What all widgets show, by address, and what is not in it, in sentences for people. */
export async function carriedBy(
  dovetail: Pick<Dovetail, 'openWidgetData'>,
  { widgets }: Dashboard,
): Promise<{ readonly data: Readonly<Record<string, Carried>>; readonly notes: readonly string[] }> {
  const data: Record<string, Carried> = {}
  const notes: string[] = []
  const titles = new Map<string, string>()
  for (const { data: url, title, kind } of Object.values(widgets)) {
    if (url !== undefined && !titles.has(url)) titles.set(url, title || kind)
  }
  for (const [url, title] of titles) {
    const store = dovetail.openWidgetData(url)
    try {
      const state = await store.settled()
      if (state.status === 'ready') {
        const { shape, columns, rows, text, points } = state.value
        data[url] = { shape, columns, rows, text, points: points.slice(-POINTS_CARRIED_MAX) }
        if (points.length > POINTS_CARRIED_MAX)
          notes.push(
            `Of “${title}” the file has the newest ${POINTS_CARRIED_MAX} of ${points.length} points.`,
          )
      } else notes.push(`The data of “${title}” is not on this device, and not in the file.`)
    } finally {
      store.release()
    }
  }
  return { data, notes }
}

/** Reads the member of a file. */
export function readCarried(value: unknown): ReadonlyMap<string, Carried> {
  const all = isRecord(value) ? Object.entries(value) : []
  return new Map(all.flatMap(([url, one]) => (isRecord(one) ? [[url, readOne(one)] as const] : [])))
}

/** Gives the widgets of a new dashboard data of their own. `of`: which document each of them showed. What must be known of it. */
export async function withOwnData(
  dovetail: Dovetail,
  id: DocumentId,
  of: ReadonlyMap<string, string>,
  carried: ReadonlyMap<string, Carried>,
): Promise<readonly string[]> {
  if (of.size === 0) return []
  const store = dovetail.openDashboard(id)
  const state = await store.settled()
  if (state.status !== 'ready') {
    store.release()
    return ['What the widgets show could not be brought in: the new dashboard did not come from the server.']
  }
  const { widgets } = state.value
  const made = new Map<string, CopiedData>()
  for (const url of new Set(of.values())) {
    const data = carried.get(url)
    made.set(
      url,
      data
        ? { url: await newData(dovetail, id, { ...NO_DATA, ...data }), how: 'own', left: 0 }
        : await copiedData(dovetail, id, url),
    )
  }
  const edits: Edit[] = []
  const told: (CopiedData & { readonly title: string })[] = []
  for (const [widget, url] of of) {
    const now = made.get(url)
    const there = widgets[widget]
    if (!now || !there) continue
    told.push({ ...now, title: there.title || there.kind })
    if (now.url !== undefined) edits.push({ edit: 'attachData', id: widget, data: now.url })
    else if (there.data !== undefined) edits.push({ edit: 'detachData', id: widget })
  }
  if (edits.length > 0) store.edit(edits, { label: 'Brought in what the widgets show' })
  store.undoing.forget()
  whenSaved(store)
  return notesOf(told)
}

/** Which document each widget shows. */
export function shownBy(widgets: unknown): ReadonlyMap<string, string> {
  const all = isRecord(widgets) ? Object.entries(widgets) : []
  return new Map(
    all.flatMap(([id, widget]) => {
      const url = isRecord(widget) ? widget['data'] : undefined
      return typeof url === 'string' && url.startsWith('automerge:') ? [[id, url] as const] : []
    }),
  )
}

const NO_DATA: WidgetData = {
  schemaVersion: 1,
  shape: 'text',
  points: [],
  retention: { points: POINTS_CARRIED_MAX },
  columns: [],
  rows: [],
  text: '',
}

function readOne({ shape, columns, rows, text, points }: Readonly<Record<string, unknown>>): Carried {
  return {
    shape: shape === 'table' || shape === 'text' ? shape : 'points',
    columns: list(columns).filter((column): column is string => typeof column === 'string'),
    rows: list(rows).filter((row): row is readonly unknown[] => Array.isArray(row)),
    text: typeof text === 'string' ? text : '',
    points: list(points).filter(isPoint).slice(-POINTS_CARRIED_MAX),
  }
}

function isPoint(value: unknown): value is Point {
  if (!isRecord(value)) return false
  const { t, v } = value
  return Number.isSafeInteger(t) && (v === null || typeof v === 'number')
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
