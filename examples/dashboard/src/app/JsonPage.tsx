// Any document as it is, for those that are no dashboard.

import { documentId } from '@dovetail/client'
import { useDocument } from '@dovetail/react'
import { ChevronRight, Download, FileQuestion, LayoutDashboard } from 'lucide-react'
import { useState } from 'react'
import { AppMenu } from './AppMenu'
import { BrokenLink } from './BrokenLink'
import { Link } from './Link'
import { Logo } from './Logo'
import { Message } from './Message'

/** Shows a document by id or `automerge:` URL. */
export default function JsonPage({ id }: { readonly id: string }) {
  return documentId(id) === undefined ? <BrokenLink id={id} /> : <JsonDocument id={id} />
}

function JsonDocument({ id }: { readonly id: string }) {
  const [state, , store] = useDocument<unknown>(id)
  if (state.status === 'loading')
    return (
      <p className="starting" role="status">
        Opening…
      </p>
    )
  if (state.status !== 'ready') {
    return (
      <Message
        icon={FileQuestion}
        title="This document cannot be shown"
        actions={
          <Link to={{ screen: 'list' }} className="button primary">
            All dashboards
          </Link>
        }
      >
        <p>
          {state.status === 'failed'
            ? state.error.message
            : state.reason === 'unreachable'
              ? 'It is not on this device, and the server cannot be asked now. It opens by itself when the connection is back.'
              : state.reason === 'deleted'
                ? 'It was deleted.'
                : 'There is none of that name, or it is not shared with you.'}
        </p>
      </Message>
    )
  }
  // Read anew at each change: `state` is a new object then, and this renders.
  const value = store.exportJson()
  const about = titleOf(value)
  return (
    <div className="page">
      <header className="bar">
        <Link to={{ screen: 'list' }} className="home" label="All dashboards">
          <Logo />
        </Link>
        <h1 className="bar-title" title={store.id}>
          {about.title || store.id}
        </h1>
        <span className="chip">JSON</span>
        <div className="bar-space" />
        {about.isDashboard && (
          <Link to={{ screen: 'editor', id: store.id }} className="button" label="Open the dashboard">
            <LayoutDashboard size={15} aria-hidden="true" />
            <span className="wide-only">Open the dashboard</span>
          </Link>
        )}
        <button type="button" className="button" onClick={() => download(`${store.id}.json`, value)}>
          <Download size={15} aria-hidden="true" />
          <span>Download</span>
        </button>
        <AppMenu />
      </header>
      <main className="json" aria-label="Document">
        <Value name={undefined} value={value} depth={0} />
      </main>
    </div>
  )
}

function titleOf(value: unknown): { readonly title: string; readonly isDashboard: boolean } {
  const { title, kind } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >
  return { title: typeof title === 'string' ? title : '', isDashboard: kind === 'dashboard' }
}

/** Deeper parts are opened by hand. */
const OPEN_DEPTH = 2
/** Longer lists are opened by hand, and shown in part. */
const MEMBERS_SHOWN = 200

function Value({
  name,
  value,
  depth,
}: {
  readonly name: string | undefined
  readonly value: unknown
  readonly depth: number
}) {
  const [open, setOpen] = useState(depth < OPEN_DEPTH)
  const label = name === undefined ? null : <span className="json-name">{name}: </span>
  if (typeof value !== 'object' || value === null) {
    return (
      <div className="json-line">
        {label}
        <span className={`json-${value === null ? 'null' : typeof value}`}>{JSON.stringify(value)}</span>
      </div>
    )
  }
  const members = Object.entries(value as Record<string, unknown>)
  const brackets = Array.isArray(value) ? '[ ]' : '{ }'
  return (
    <div className="json-part">
      <button type="button" className="json-fold" aria-expanded={open} onClick={() => setOpen(!open)}>
        <ChevronRight size={13} aria-hidden="true" />
        {label}
        <span className="muted">
          {brackets} {members.length}
        </span>
      </button>
      {open && (
        <div className="json-members">
          {members.slice(0, MEMBERS_SHOWN).map(([key, member]) => (
            <Value key={key} name={key} value={member} depth={depth + 1} />
          ))}
          {members.length > MEMBERS_SHOWN && (
            <p className="muted">and {members.length - MEMBERS_SHOWN} more; the download has them all</p>
          )}
        </div>
      )}
    </div>
  )
}

function download(name: string, value: unknown): void {
  const url = URL.createObjectURL(
    new Blob([JSON.stringify(value, undefined, 2)], { type: 'application/json' }),
  )
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
