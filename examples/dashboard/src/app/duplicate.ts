// A dashboard once more, as a document of one's own.
//
// Always true: the copy shares nothing that people write: tables and texts are copied with it, and where that cannot be the copy has
// none, and that is said. Feeds of points go on feeding both, because a copy that nobody feeds would stand still. Of a copy nothing can
// be taken back: half a copy is nothing that anybody made.

import type {
  Dashboard,
  DocumentId,
  Dovetail,
  Edit,
  JsonPatchOperation,
  NewWidget,
  WidgetData,
} from '@dovetail/client'
import { COUNT_PATH, COUNTER } from '../widgets/count'
import { numberAt } from '../widgets/options'
import { patchedData } from './patched'

/** A copy that was made. */
export interface Duplicate {
  readonly id: DocumentId
  /** What the copy does not have, or shares, as sentences for people. */
  readonly notes: readonly string[]
}

/** What was undone of a document that a widget shows, to be in the copy of it. */
export interface UndoneData {
  readonly url: string
  readonly patch: readonly JsonPatchOperation[]
}

/** Makes the copy. Works without a connection for all that is on this device. */
export async function duplicate(
  dovetail: Dovetail,
  source: Dashboard,
  title: string,
  undone?: UndoneData,
): Promise<Duplicate> {
  const store = dovetail.createDashboard({ title })
  await store.settled()
  // Two widgets that show the same go on showing the same.
  const copies = new Map<string, Promise<CopiedData>>()
  const copyOf = (data: string) => {
    const begun = copies.get(data)
    if (begun) return begun
    const made = copiedData(dovetail, store.id, data, undone?.url === data ? undone.patch : [])
    copies.set(data, made)
    return made
  }
  const widgets = await Promise.all(
    Object.entries(source.widgets).map(async ([id, { data, ...widget }]) => {
      const copied: NewWidget = widget.kind === COUNTER ? { ...widget, counters: [COUNT_PATH] } : widget
      const own = data === undefined ? NOTHING : await copyOf(data)
      const edit: Edit = {
        edit: 'createWidget',
        id,
        widget: own.url === undefined ? copied : { ...copied, data: own.url },
      }
      return { edit, ...own, title: widget.title || widget.kind, had: data !== undefined }
    }),
  )
  const edits: Edit[] = [{ edit: 'setGrid', grid: source.grid }, ...widgets.map(({ edit }) => edit)]
  if (source.description !== '') edits.push({ edit: 'setDescription', description: source.description })
  store.edit(edits, { label: 'Duplicated a dashboard' })
  if (Object.keys(source.extra).length > 0) {
    store.change('Duplicated a dashboard', (draft) => void Object.assign(draft, { extra: source.extra }))
  }
  for (const [id, widget] of Object.entries(source.widgets)) {
    const count = widget.kind === COUNTER ? numberAt(widget.options, COUNT_PATH) : undefined
    if (count !== undefined && count !== 0) store.count(id, COUNT_PATH, count)
  }
  store.undoing.forget()
  whenSaved(store)
  return { id: store.id, notes: notesOf(widgets.filter(({ had }) => had)) }
}

/** Ends this use of a store once all of it is on the server; a store without a connection stays, which does no harm. */
export function whenSaved(store: {
  readonly saved: () => Promise<void>
  readonly release: () => void
}): void {
  const release = () => store.release()
  store.saved().then(release, release)
}

/** What a copy of a widget shows. */
export interface CopiedData {
  /** Nothing when there is nothing that could be copied. */
  readonly url: string | undefined
  /** `own`: a document of its own; `shared`: the same feed of points; `absent`: it is not on this device. */
  readonly how: 'own' | 'shared' | 'absent'
  /** How much of what was undone could not be put into it. */
  readonly left: number
}

const NOTHING: CopiedData = { url: undefined, how: 'own', left: 0 }

/** Copies what a widget shows for this dashboard. `patch`: what was undone of it. */
export async function copiedData(
  dovetail: Dovetail,
  dashboard: string,
  url: string,
  patch: readonly JsonPatchOperation[] = [],
): Promise<CopiedData> {
  const source = dovetail.openWidgetData(url)
  try {
    const state = await source.settled()
    if (state.status !== 'ready') return { url: undefined, how: 'absent', left: patch.length }
    if (state.value.shape === 'points') return { url, how: 'shared', left: patch.length }
    const { value, left } = patchedData(state.value, patch)
    return { url: await newData(dovetail, dashboard, value), how: 'own', left }
  } finally {
    source.release()
  }
}

/** Makes a document of this content for a dashboard; its address. */
export async function newData(
  dovetail: Pick<Dovetail, 'createWidgetData'>,
  dashboard: string,
  data: WidgetData,
): Promise<string> {
  const copy = dovetail.createWidgetData(data.shape, { follows: dashboard })
  await copy.settled()
  if (data.text !== '') copy.setText(data.text)
  if (data.columns.length > 0) copy.setColumns(data.columns)
  for (const row of data.rows) copy.addRow(row.map(cell))
  if (data.points.length > 0) copy.addPoints(data.points)
  copy.undoing.forget()
  whenSaved(copy)
  return copy.url
}

interface Copied extends CopiedData {
  readonly title: string
}

/** What people must know of a copy's data. */
export function notesOf(all: readonly Copied[]): readonly string[] {
  const named = (how: CopiedData['how']) =>
    listed(all.flatMap((each) => (each.how === how ? each.title : [])))
  const [shared, absent] = [named('shared'), named('absent')]
  const left = Math.max(0, ...all.map((each) => each.left))
  return [
    ...(shared === '' ? [] : [`Still connected to the same points: ${shared}.`]),
    ...(absent === '' ? [] : [`Without data, because it is not on this device: ${absent}.`]),
    ...(left === 0 ? [] : [leftWords(left)]),
  ]
}

/** Of what was undone. */
export function leftWords(left: number): string {
  return left === 1
    ? 'One part of the undone change did not fit any more.'
    : `${left} parts of the undone change did not fit any more.`
}

/** A notice names no more than that. */
const NAMED_MAX = 4

function listed(titles: readonly string[]): string {
  const more = titles.length - NAMED_MAX
  const named = titles.slice(0, NAMED_MAX).map((title) => `“${title}”`)
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ')
}

function cell(value: unknown): string | number | boolean | null {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return value === null || value === undefined ? null : JSON.stringify(value)
}
