// A dashboard by its address: the editor when it is there, and otherwise a page that says why it is not and what can be done.

import { documentId, type DashboardStore, type DocumentState } from '@dovetail/client'
import { useDashboardStore, useWatched } from '@dovetail/react'
import { CloudOff, FileQuestion, FileWarning, SearchX, Trash2 } from 'lucide-react'
import { bringBack } from '../app/belongings'
import { BrokenLink } from '../app/BrokenLink'
import { useApp } from '../app/context'
import { Link } from '../app/Link'
import { Message } from '../app/Message'
import { Editor } from './Editor'

export default function EditorPage({ id }: { readonly id: string }) {
  const known = documentId(id)
  return known === undefined ? <BrokenLink id={id} /> : <Opened id={known} />
}

/** What of a document decides which page shows. */
type Phase =
  | 'loading'
  | 'unreachable'
  | 'not_found'
  | 'deleted'
  | 'other_kind'
  | 'dashboard'
  | { readonly failed: string }

function Opened({ id }: { readonly id: string }) {
  const store = useDashboardStore(id)
  const phase = useWatched(store, (state) => phaseOf(state, store), samePhase)
  const { dovetail, toasts } = useApp()
  if (phase === 'loading') {
    return (
      <p className="starting" role="status">
        Opening…
      </p>
    )
  }
  if (phase === 'dashboard') return <Editor store={store} />
  const home = (
    <Link to={{ screen: 'list' }} className="button">
      All dashboards
    </Link>
  )
  const json = (
    <Link to={{ screen: 'json', id }} className="button primary">
      View as JSON
    </Link>
  )
  if (typeof phase === 'object') {
    return (
      <Message
        icon={FileWarning}
        title="This dashboard cannot be shown"
        urgent
        actions={
          <>
            <button type="button" className="button primary" onClick={() => location.reload()}>
              Try again
            </button>
            {home}
          </>
        }
      >
        <p>{phase.failed}</p>
      </Message>
    )
  }
  switch (phase) {
    case 'unreachable':
      return (
        <Message
          icon={CloudOff}
          title="This dashboard is not on this device"
          actions={
            <>
              <button type="button" className="button primary" onClick={() => dovetail.reconnect()}>
                Retry now
              </button>
              {home}
            </>
          }
        >
          <p>
            The server cannot be reached just now. The dashboard opens by itself as soon as the connection is
            back.
          </p>
        </Message>
      )
    case 'not_found':
      return (
        <Message icon={SearchX} title="This dashboard is not there" actions={home}>
          <p>
            There is none of that name, or it is not shared with you. Check the address, or ask whoever sent
            it.
          </p>
        </Message>
      )
    case 'deleted':
      return (
        <Message
          icon={Trash2}
          title="This dashboard was deleted"
          actions={
            <>
              <button
                type="button"
                className="button primary"
                onClick={() =>
                  void bringBack(dovetail, store.id).catch((error: unknown) =>
                    toasts.failed('Bringing it back', error),
                  )
                }
              >
                Bring it back
              </button>
              {home}
            </>
          }
        >
          <p>Its content is still on the server, so that whoever may administer it can bring it back.</p>
        </Message>
      )
    case 'other_kind':
      return (
        <Message
          icon={FileQuestion}
          title="This is no dashboard"
          actions={
            <>
              {json}
              {home}
            </>
          }
        >
          <p>It is a document of another kind. You can look at it as it is.</p>
        </Message>
      )
  }
}

function phaseOf(state: DocumentState<{ readonly widgets: object }>, store: DashboardStore): Phase {
  switch (state.status) {
    case 'loading':
      return 'loading'
    case 'missing':
      return state.reason
    case 'failed':
      return { failed: state.error.message }
    case 'ready':
      // What has widgets is one: only others need a closer look, which costs more.
      return Object.keys(state.value.widgets).length > 0 || isDashboard(store.exportJson())
        ? 'dashboard'
        : 'other_kind'
  }
}

/** A document without a kind counts, when it has a place for widgets: others may have left the kind away. */
function isDashboard(json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return false
  const { kind, widgets } = json as { readonly kind?: unknown; readonly widgets?: unknown }
  return kind === undefined ? typeof widgets === 'object' && widgets !== null : kind === 'dashboard'
}

function samePhase(one: Phase, other: Phase): boolean {
  if (typeof one === 'object' && typeof other === 'object') return one.failed === other.failed
  return one === other
}
