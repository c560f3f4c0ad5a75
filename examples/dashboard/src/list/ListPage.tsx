// The list of dashboards: search, make, import, duplicate, delete.

import type { DocumentId } from '@dovetail/client'
import { useNow, useWatched } from '@dovetail/react'
import {
  CloudOff,
  CloudUpload,
  Copy,
  Ellipsis,
  FileJson,
  FileUp,
  HardDrive,
  KeyRound,
  Plus,
  Search,
  Trash2,
} from 'lucide-react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { AppMenu } from '../app/AppMenu'
import { useApp } from '../app/context'
import { removeBelongings, restoreBelongings } from '../app/belongings'
import { duplicate, whenSaved } from '../app/duplicate'
import { Link } from '../app/Link'
import { Logo } from '../app/Logo'
import { Menu, type MenuEntry } from '../app/Menu'
import { navigate } from '../app/routes'
import { changes, losesWithTab } from '../app/waiting'
import { agoText } from '../widgets/format'
import {
  createDocuments,
  found,
  pendingOf,
  readsOn,
  type Documents,
  type DocumentsState,
  type Listed,
} from './documents'
import { Motif } from './Motif'
import { useFileDrop } from './useFileDrop'

export function ListPage() {
  const { dovetail } = useApp()
  const documents = useMemo(() => createDocuments(dovetail), [dovetail])
  const state = useWatched(documents)
  const online = useWatched(dovetail.link, ({ status }) => status === 'live')
  const [query, setQuery] = useState('')
  const create = useCreate()
  const importFiles = useImport(documents)
  const dropping = useFileDrop(importFiles)
  const picker = useRef<HTMLInputElement>(null)
  useEffect(() => {
    document.title = 'Dashboards · Dovetail'
  }, [])
  useEffect(() => {
    void documents.refresh()
    const again = () => void documents.refresh()
    addEventListener('focus', again)
    return () => removeEventListener('focus', again)
  }, [documents, online])
  const searching = query.trim() !== ''
  useEffect(() => {
    // Who searches means all of them. While the server fails, the next one asks who presses a button or comes back.
    if (searching && readsOn(state)) void documents.readMore()
  }, [searching, state, documents])

  const dashboards = found(
    state.documents.filter(({ kind }) => kind === 'dashboard'),
    query,
  )
  const others = found(
    state.documents.filter(({ kind }) => kind !== 'dashboard' && kind !== 'widget-data'),
    query,
  )
  const empty =
    state.status !== 'loading' && !state.asksWho && !searching && dashboards.length === 0 && !state.more
  return (
    <div className="page list-page" data-dropping={dropping}>
      <header className="bar">
        <Link to={{ screen: 'list' }} className="home" label="Dovetail: all dashboards">
          <Logo />
          <span>Dovetail</span>
        </Link>
        <div className="bar-space" />
        <input
          ref={picker}
          type="file"
          accept=".json,.automerge,application/json"
          hidden
          multiple
          onChange={(event) => {
            importFiles([...(event.target.files ?? [])])
            event.target.value = ''
          }}
        />
        <button
          type="button"
          className="button"
          aria-label="Import a file"
          onClick={() => picker.current?.click()}
        >
          <FileUp size={15} aria-hidden="true" />
          <span className="wide-only">Import</span>
        </button>
        {!empty && (
          <button type="button" className="button primary" onClick={create}>
            <Plus size={16} aria-hidden="true" />
            New dashboard
          </button>
        )}
        <AppMenu />
      </header>
      <main className="list">
        <div className="list-head">
          <h1>Dashboards</h1>
          <label className="search">
            <Search size={16} aria-hidden="true" />
            <input
              type="search"
              aria-label="Search dashboards"
              placeholder="Search"
              value={query}
              onChange={(event) => setQuery(event.target.value)}
            />
          </label>
        </div>
        <Whence state={state} />
        {!online && <NotSent />}
        <p className="sr" role="status">
          {searching ? `${dashboards.length} found` : ''}
        </p>
        {state.status === 'loading' && <Skeleton />}
        {empty && <Empty onCreate={create} onImport={() => picker.current?.click()} />}
        {searching && dashboards.length === 0 && !state.reading && (
          <p className="list-none">
            No dashboard is called “{query.trim()}”.{' '}
            <button type="button" className="text-button" onClick={() => setQuery('')}>
              Show all
            </button>
          </p>
        )}
        <ul className="cards" aria-label="Dashboards">
          {dashboards.map((listed) => (
            <Card key={listed.id} listed={listed} documents={documents} />
          ))}
        </ul>
        {state.more && !state.reading && (
          <button type="button" className="button list-more" onClick={() => void documents.readMore()}>
            Show more
          </button>
        )}
        {others.length > 0 && <Others documents={others} />}
      </main>
      {dropping && (
        <div className="drop-here" aria-hidden="true">
          <FileUp size={34} />
          <p>Drop it here to make a dashboard of it</p>
          <small>Dovetail or Grafana JSON, or an Automerge file</small>
        </div>
      )}
    </div>
  )
}

/** Where the list comes from, when it is not simply the server. */
function Whence({ state }: { readonly state: DocumentsState }) {
  const { signingIn } = useApp()
  if (state.reason === undefined) return null
  const here = state.status === 'device'
  const some = state.documents.length > 0
  if (state.asksWho && !some) {
    return (
      <div className="list-empty" role="status">
        <span className="message-icon">
          <KeyRound size={28} aria-hidden="true" />
        </span>
        <h2>Sign in to see your dashboards</h2>
        <p>This server shows each person what is shared with them.</p>
        <button type="button" className="button primary large" onClick={() => signingIn.set(true)}>
          Enter a token
        </button>
      </div>
    )
  }
  if (state.asksWho) {
    return (
      <p className="whence" role="status">
        <KeyRound size={16} aria-hidden="true" />
        {here
          ? 'You are not signed in: these are the dashboards kept on this device.'
          : 'You are not signed in: this list may be out of date.'}
        <button type="button" className="button small" onClick={() => signingIn.set(true)}>
          Enter a token
        </button>
      </p>
    )
  }
  return (
    <p className="whence" role="status">
      {here ? <HardDrive size={16} aria-hidden="true" /> : <CloudOff size={16} aria-hidden="true" />}
      {here
        ? some
          ? `These are the dashboards kept on this device. ${state.reason}`
          : `No dashboard is kept on this device. ${state.reason}`
        : `This list may be out of date. ${state.reason}`}
    </p>
  )
}

/** What waits while there is no connection: of the dashboards, and of the tables and notes in them. */
function NotSent() {
  const { dovetail } = useApp()
  const saving = useWatched(dovetail.saving)
  if (saving.pending === 0) return null
  return (
    <p className="whence" role="status">
      <CloudUpload size={16} aria-hidden="true" />
      {changes(saving.pending)} not on the server yet.{' '}
      {losesWithTab(saving)
        ? 'Keep this tab open: what is in it only is lost when it is closed.'
        : 'That is kept on this device, and sent when there is a connection.'}
    </p>
  )
}

function Card({ listed, documents }: { readonly listed: Listed; readonly documents: Documents }) {
  const { dovetail } = useApp()
  const now = useNow()
  const pending = useWatched(dovetail.saving, (saving) => pendingOf(saving, listed))
  const entries = useEntries(listed, documents)
  const title = listed.title || 'Untitled dashboard'
  return (
    <li className="card">
      <Link to={{ screen: 'editor', id: listed.id }} className="card-link">
        <Motif id={listed.id} />
        <span className="card-title">{title}</span>
      </Link>
      <div className="card-foot">
        <span className="muted">
          {listed.atMs === undefined || now === undefined ? 'Kept on this device' : agoText(listed.atMs, now)}
        </span>
        {pending > 0 && (
          <span className="chip warn">
            {pending} {pending === 1 ? 'change' : 'changes'} waiting
          </span>
        )}
        <Menu label={`Menu of ${title}`} groups={entries}>
          <Ellipsis size={16} aria-hidden="true" />
        </Menu>
      </div>
    </li>
  )
}

function useEntries(listed: Listed, documents: Documents): readonly (readonly MenuEntry[])[] {
  const { dovetail, toasts } = useApp()
  const title = listed.title || 'Untitled dashboard'
  const copy = async () => {
    const source = dovetail.openDashboard(listed.id)
    try {
      const state = await source.settled()
      if (state.status !== 'ready')
        throw new Error('It is not on this device, and the server cannot be asked now')
      const { id, notes } = await duplicate(dovetail, state.value, `Copy of ${title}`)
      toasts.show({
        words: [`Made “Copy of ${title}”.`, ...notes].join(' '),
        tone: notes.length === 0 ? 'good' : 'warning',
        action: { label: 'Open', run: () => navigate({ screen: 'editor', id }) },
      })
      await documents.refresh()
    } catch (error) {
      toasts.failed('Duplicating', error)
    } finally {
      source.release()
    }
  }
  const remove = async () => {
    documents.hide(listed.id, true)
    try {
      await dovetail.api.remove(listed.id)
    } catch (error) {
      documents.hide(listed.id, false)
      toasts.failed(`Deleting “${title}”`, error)
      return
    }
    const data = documents.getState().documents.filter(({ kind }) => kind === 'widget-data')
    const gone = removeBelongings(
      dovetail,
      listed.id,
      data.map(({ id }) => id),
    )
    toasts.show({ words: `Deleted “${title}”.`, action: { label: 'Undo', run: () => void restore(gone) } })
  }
  const restore = async (gone: Promise<readonly DocumentId[]>) => {
    try {
      await dovetail.api.undelete(listed.id)
      await restoreBelongings(dovetail.api, await gone)
      documents.hide(listed.id, false)
      await documents.refresh()
      toasts.show({ words: `“${title}” is back.`, tone: 'good' })
    } catch (error) {
      toasts.failed(`Bringing back “${title}”`, error)
    }
  }
  return [
    [
      { label: 'Duplicate', icon: Copy, run: () => void copy() },
      { label: 'View as JSON', icon: FileJson, run: () => navigate({ screen: 'json', id: listed.id }) },
    ],
    [{ label: 'Delete', icon: Trash2, danger: true, run: () => void remove() }],
  ]
}

/** Makes a dashboard and opens it. */
function useCreate(): () => void {
  const { dovetail, toasts } = useApp()
  return () => {
    try {
      const store = dovetail.createDashboard({ title: '' })
      whenSaved(store)
      navigate({ screen: 'editor', id: store.id })
    } catch (error) {
      toasts.failed('Making a dashboard', error)
    }
  }
}

/** Makes dashboards of files; opens the one when it was one. */
function useImport(documents: Documents): (files: readonly File[]) => void {
  const { dovetail, toasts } = useApp()
  const one = async (file: File, open: boolean) => {
    try {
      const { importFile } = await import('../files')
      const { id, title, notes } = await importFile(dovetail, file)
      const [note] = notes
      toasts.show({
        words:
          note === undefined
            ? `Imported “${title}”.`
            : `Imported “${title}”. ${notes.length === 1 ? note : `${note} And ${notes.length - 1} more notes.`}`,
        tone: note === undefined ? 'good' : 'warning',
        ...(open ? {} : { action: { label: 'Open', run: () => navigate({ screen: 'editor', id }) } }),
      })
      if (open) navigate({ screen: 'editor', id })
      else await documents.refresh()
    } catch (error) {
      toasts.failed(`Importing ${file.name}`, error)
    }
  }
  return (files) => {
    for (const file of files) void one(file, files.length === 1)
  }
}

function Empty({ onCreate, onImport }: { readonly onCreate: () => void; readonly onImport: () => void }) {
  return (
    <div className="list-empty">
      <Motif id="an empty list" />
      <h2>No dashboards yet</h2>
      <p>
        A dashboard is a page of charts, notes and lists that several people edit at once, also without a
        connection. Begin with an empty one, or drop a file of Grafana here.
      </p>
      <button type="button" className="button primary large" onClick={onCreate}>
        <Plus size={17} aria-hidden="true" />
        New dashboard
      </button>
      <button type="button" className="text-button" onClick={onImport}>
        or import a file
      </button>
    </div>
  )
}

function Others({ documents }: { readonly documents: readonly Listed[] }) {
  return (
    <details className="others">
      <summary>
        {documents.length} other {documents.length === 1 ? 'document' : 'documents'}
      </summary>
      <ul>
        {documents.map(({ id, title, kind }) => (
          <li key={id}>
            <Link to={{ screen: 'json', id }}>{title || id}</Link>{' '}
            {kind !== undefined && <span className="chip">{kind}</span>}
          </li>
        ))}
      </ul>
    </details>
  )
}

function Skeleton() {
  return (
    <div className="cards" role="status" aria-label="Loading the list">
      {[0, 1, 2].map((at) => (
        <div key={at} className="card skeleton" />
      ))}
    </div>
  )
}
