// A file becomes a dashboard.
//
// Edit path: ← a file that was chosen or dropped; → a new document: made by the server for JSON, which knows how to read Grafana's,
// and on this device for Automerge's own format.
//
// Always true: a file that is no dashboard makes nothing, and is told in words for people.

import type { Dashboard, DocumentId, Dovetail } from '@dovetail/client'
import { whenSaved } from '../app/duplicate'
import type { ImportFile } from '../editor/slots'
import { shownBy, withOwnData } from './carried'
import { badSize, recognise, type Recognised } from './recognise'

type Imported = Awaited<ReturnType<ImportFile>>

/** Makes a dashboard of a file. Throws an `Error` with words for people. */
export const importFile: ImportFile = async (dovetail, file) => {
  const size = badSize(file.size)
  if (size !== undefined) throw new Error(size)
  const found = recognise(new Uint8Array(await bytesOf(file)))
  switch (found.as) {
    case 'nothing':
      throw new Error(found.why)
    case 'automerge':
      return fromAutomerge(dovetail, found.bytes, file.name)
    case 'dashboard':
    case 'grafana':
      return fromJson(dovetail, found, file.name)
  }
}

async function bytesOf(file: File): Promise<ArrayBuffer> {
  try {
    return await file.arrayBuffer()
  } catch (error) {
    // A folder that was dropped, a file that is gone or may not be read.
    throw new Error('The browser cannot read it. Is it a folder, or was the file moved?', { cause: error })
  }
}

async function fromJson(dovetail: Dovetail, found: OfJson, fileName: string): Promise<Imported> {
  const title = found.title || fileName
  const { id, notes } = await made(dovetail, found)
  if (found.as === 'grafana') return { id, title, notes }
  const more = await withOwnData(dovetail, id, shownBy(found.value['widgets']), found.carried)
  return { id, title, notes: [...notes, ...more] }
}

type OfJson = Extract<Recognised, { readonly as: 'dashboard' | 'grafana' }>

async function made(
  dovetail: Dovetail,
  found: OfJson,
): Promise<{ readonly id: DocumentId; readonly notes: readonly string[] }> {
  try {
    return found.as === 'grafana'
      ? await dovetail.api.create(found.value, { import: 'grafana' })
      : await dovetail.api.create(withoutData(found.value), {})
  } catch (error) {
    if (codeOf(error) !== 'unreachable') throw inWords(error)
    if (found.as === 'grafana') {
      throw new Error(
        'Files of Grafana are read by the server, and it cannot be reached right now. Try again when you are connected.',
        { cause: error },
      )
    }
    return { id: keptHere(dovetail, withoutData(found.value)), notes: [] }
  }
}

/** The addresses are those of another dashboard's data. */
function withoutData(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const shown = shownBy(value['widgets'])
  if (shown.size === 0) return value
  const widgets = Object.entries(value['widgets'] as Readonly<Record<string, object>>).map(([id, widget]) => {
    const rest = Object.entries(widget).filter(([name]) => name !== 'data' || !shown.has(id))
    return [id, Object.fromEntries(rest)] as const
  })
  return { ...value, widgets: Object.fromEntries(widgets) }
}

/** Our own JSON needs no server: it goes there with everything else once there is a connection. */
function keptHere(dovetail: Dovetail, value: object): DocumentId {
  const store = dovetail.create(value)
  whenSaved(store)
  return store.id
}

async function fromAutomerge(dovetail: Dovetail, bytes: Uint8Array, fileName: string): Promise<Imported> {
  const made = importedBy(dovetail, bytes)
  if (made.kind !== 'dashboard') {
    return { id: made.id, title: fileName, notes: ['It is no dashboard, so you see it as plain JSON.'] }
  }
  const dashboard = await dashboardOf(dovetail, made.id)
  const notes = await withOwnData(dovetail, made.id, shownBy(dashboard?.widgets), new Map())
  return { id: made.id, title: (dashboard?.title ?? '') || fileName, notes }
}

function importedBy(dovetail: Dovetail, bytes: Uint8Array): ReturnType<Dovetail['importAutomerge']> {
  try {
    return dovetail.importAutomerge(bytes)
  } catch (error) {
    if (codeOf(error) !== 'bad_file') throw error
    throw new Error('This Automerge document is damaged, or was made by a newer version.', { cause: error })
  }
}

async function dashboardOf(dovetail: Dovetail, id: DocumentId): Promise<Dashboard | undefined> {
  const store = dovetail.openDashboard(id)
  const state = await store.settled()
  whenSaved(store)
  return state.status === 'ready' ? state.value : undefined
}

/** What the server refuses about a file, said of a file. */
const WORDS: Readonly<Record<string, string>> = {
  bad_grafana_dashboard:
    'The server finds no dashboard of Grafana in it. Export it in Grafana once more, in the classic form.',
  bad_content: 'It holds something that no document can hold, or nests too deep.',
  body_too_large: 'It is larger than this server takes.',
  forbidden: 'You may not make documents on this server.',
}

function inWords(error: unknown): unknown {
  const words = WORDS[codeOf(error) ?? '']
  return words === undefined ? error : new Error(words, { cause: error })
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
