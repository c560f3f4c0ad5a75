// The menu to export: a dashboard becomes a file.
//
// Always true: a file holds what is on the screen, edits that are not saved yet included; Grafana's form is made by the server, so
// everything is saved there first.

import type { DashboardStore } from '@dovetail/client'
import type { ExportContext, ExportWay } from '../editor/slots'
import { CARRIED, carriedBy } from './carried'
import { withPanelIds } from './panelIds'

/** All ways, the usual first. */
export const exports: readonly ExportWay[] = [
  {
    id: 'json',
    label: 'JSON',
    hint: 'With tables, notes and points, without history: to keep, to import here',
    run: async ({ store, dovetail }) => {
      const state = store.getState()
      const { data, notes } =
        state.status === 'ready' ? await carriedBy(dovetail, state.value) : { data: {}, notes: [] }
      const dashboard = store.exportJson() as Readonly<Record<string, unknown>>
      const carried = Object.keys(data).length > 0 ? { [CARRIED]: data } : {}
      const text = `${JSON.stringify({ ...dashboard, ...carried }, null, 2)}\n`
      save(new Blob([text], { type: 'application/json' }), fileName(store, 'json'))
      return notes
    },
  },
  {
    id: 'automerge',
    label: 'Automerge',
    hint: 'With the history of the dashboard, without tables, notes and points',
    run: ({ store }) => {
      // Into memory of its own, as a blob wants it.
      const bytes = new Uint8Array(store.exportAutomerge())
      save(new Blob([bytes], { type: 'application/octet-stream' }), fileName(store, 'automerge'))
      return Promise.resolve([])
    },
  },
  {
    id: 'grafana',
    label: 'Grafana',
    hint: 'JSON that Grafana imports, without tables, notes and points',
    run: async (context) => {
      await savedFirst(context)
      const dashboard = withPanelIds(await context.dovetail.api.grafana(context.store.id))
      const text = JSON.stringify(dashboard, null, 2)
      save(new Blob([text], { type: 'application/json' }), fileName(context.store, 'grafana.json'))
      return []
    },
  },
  {
    id: 'png',
    label: 'Picture',
    hint: 'PNG of the page as it is now',
    run: async ({ store, grid }) => {
      const element = grid()
      if (!element) throw new Error('There is nothing on the screen to take a picture of.')
      const { pictureOf } = await import('./picture')
      save(await pictureOf(element), fileName(store, 'png'))
      return []
    },
  },
]

async function savedFirst({ store, dovetail }: ExportContext): Promise<void> {
  if (dovetail.link.getState().status !== 'live') {
    throw new Error('This form is made by the server, and there is no connection to it right now.')
  }
  await store.saved()
}

/** A name that every system takes, made of the title. */
export function fileName(store: Pick<DashboardStore, 'getState'>, extension: string): string {
  const state = store.getState()
  const title = state.status === 'ready' ? state.value.title : ''
  const plain = title
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}<>:"/\\|?*]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .replace(/^[. ]+|[. ]+$/g, '')
    .slice(0, NAME_LENGTH_MAX)
    .trim()
  return `${plain || 'Dashboard'}.${extension}`
}

/** Systems take 255 bytes; a letter has four at most, and the extension needs some. */
const NAME_LENGTH_MAX = 60

/** Browsers read the file after this returns; then it may be let go. In milliseconds. */
const LET_GO_AFTER_MS = 60_000

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(url), LET_GO_AFTER_MS)
}
