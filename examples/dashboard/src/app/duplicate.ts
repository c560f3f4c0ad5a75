// A dashboard once more, as a document of one's own.
//
// Always true: the copy shares nothing that people write: tables and texts are copied with it. Feeds of points go on feeding both,
// because a copy that nobody feeds would stand still.

import type { Dashboard, DocumentId, Dovetail, Edit, NewWidget, WidgetData } from '@dovetail/client'
import { COUNT_PATH, COUNTER } from '../widgets/count'
import { numberAt } from '../widgets/options'

/** Makes the copy; gives its id. Works without a connection for all that is on this device. */
export async function duplicate(dovetail: Dovetail, source: Dashboard, title: string): Promise<DocumentId> {
  const store = dovetail.createDashboard({ title })
  await store.settled()
  const widgets = await Promise.all(
    Object.entries(source.widgets).map(async ([id, widget]): Promise<Edit> => {
      const copied: NewWidget = widget.kind === COUNTER ? { ...widget, counters: [COUNT_PATH] } : widget
      const { data } = widget
      const own = data === undefined ? {} : { data: await copiedData(dovetail, store.id, data) }
      return { edit: 'createWidget', id, widget: { ...copied, ...own } }
    }),
  )
  const edits: Edit[] = [{ edit: 'setGrid', grid: source.grid }, ...widgets]
  if (source.description !== '') edits.push({ edit: 'setDescription', description: source.description })
  store.edit(edits, { label: 'Duplicated a dashboard' })
  if (Object.keys(source.extra).length > 0) {
    store.change('Duplicated a dashboard', (draft) => void Object.assign(draft, { extra: source.extra }))
  }
  for (const [id, widget] of Object.entries(source.widgets)) {
    const count = widget.kind === COUNTER ? numberAt(widget.options, COUNT_PATH) : undefined
    if (count !== undefined && count !== 0) store.count(id, COUNT_PATH, count)
  }
  whenSaved(store)
  return store.id
}

/** Ends this use of a store once all of it is on the server; a store without a connection stays, which does no harm. */
export function whenSaved(store: {
  readonly saved: () => Promise<void>
  readonly release: () => void
}): void {
  const release = () => store.release()
  store.saved().then(release, release)
}

/** The address of a copy for this dashboard; of the same document where there is nothing to copy. */
export async function copiedData(dovetail: Dovetail, dashboard: string, url: string): Promise<string> {
  const source = dovetail.openWidgetData(url)
  try {
    const state = await source.settled()
    if (state.status !== 'ready' || state.value.shape === 'points') return url
    const copy = dovetail.createWidgetData(state.value.shape, { follows: dashboard })
    await copy.settled()
    fill(copy, state.value)
    whenSaved(copy)
    return copy.url
  } finally {
    source.release()
  }
}

function fill(copy: ReturnType<Dovetail['createWidgetData']>, data: WidgetData): void {
  if (data.text !== '') copy.setText(data.text)
  if (data.columns.length > 0) copy.setColumns(data.columns)
  for (const row of data.rows) copy.addRow(row.map(cell))
}

function cell(value: unknown): string | number | boolean | null {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return value === null || value === undefined ? null : JSON.stringify(value)
}
