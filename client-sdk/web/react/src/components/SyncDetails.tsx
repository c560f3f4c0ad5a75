// What is behind the pill: what holds besides, what waits, when it was saved, the connection, the storage, and what one can do.
//
// Always true: the focus goes into it when it opens; Escape and the button close it and give the focus back; going on elsewhere closes it too.

import { useEffect, useRef, type KeyboardEvent, type ReactNode, type RefObject } from 'react'
import type { DocumentStore, SavingState } from '@dovetail/client'
import { useDovetail, useProvided, useWords } from '../context'
import { useElsewhere } from '../hooks/useElsewhere'
import { useWatched } from '../hooks/useWatched'
import type { PageStatus } from '../state/status'
import { sayStatus } from '../state/words'
import { Button } from './Button'
import { CopyDiagnostics } from './CopyDiagnostics'
import type { Side } from './DashboardSyncIndicator'
import { Time } from './Time'

interface SyncDetailsProps {
  readonly id: string
  /** The edge of the pill that it lies along. */
  readonly side: Side
  readonly store: DocumentStore<unknown>
  readonly statuses: readonly PageStatus[]
  readonly onShowConflicts: (() => void) | undefined
  readonly onClose: () => void
  /** Somebody went on elsewhere; the focus stays with them. */
  readonly onLeave: () => void
  /** What opened it: a click there is not one elsewhere. */
  readonly pill: RefObject<HTMLElement | null>
}

/** The details of how a document and its connection are. */
export function SyncDetails(props: SyncDetailsProps): ReactNode {
  const { id, side, store, statuses, onClose, onLeave, pill } = props
  const words = useWords()
  const client = useDovetail()
  const panel = useRef<HTMLDivElement>(null)
  const link = useWatched(client.link)
  const storage = useWatched(client.storage)
  const saving = useWatched(store.saving)
  useEffect(() => panel.current?.focus(), [])
  useElsewhere([panel, pill], onLeave)
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return
    event.stopPropagation()
    onClose()
  }
  return (
    <div
      ref={panel}
      id={id}
      data-side={side}
      className="dovetail-details"
      role="dialog"
      aria-label={words.details.title}
      tabIndex={-1}
      onKeyDown={onKeyDown}
    >
      <ul className="dovetail-details-states">
        {statuses.map((status) => (
          <li key={status.status}>{sayStatus(words, status).long}</li>
        ))}
      </ul>
      <Pending saving={saving} />
      <dl>
        <dt>{words.details.lastSaved}</dt>
        <dd>
          <LastSaved saving={saving} />
        </dd>
        <dt>{words.details.connection}</dt>
        <dd>{words.details.link(link)}</dd>
        <dt>{words.details.storage}</dt>
        <dd>{words.details.kept(storage, words.bytes)}</dd>
      </dl>
      <Actions {...props} />
    </div>
  )
}

function Pending({ saving }: { readonly saving: SavingState }): ReactNode {
  const words = useWords()
  const more = saving.pending - saving.changes.length
  return (
    <>
      <h2>{words.details.pending(saving.pending)}</h2>
      {saving.changes.length > 0 && (
        // It scrolls, so the keyboard has to get there.
        <ol
          className="dovetail-details-pending"
          tabIndex={0}
          aria-label={words.details.pending(saving.pending)}
        >
          {saving.changes.map((change) => (
            <li key={change.hash}>
              {change.label || words.details.unlabelled} <Time atMs={change.madeAtMs} />
            </li>
          ))}
          {more > 0 && <li>{words.details.more(more)}</li>}
        </ol>
      )}
    </>
  )
}

function LastSaved({ saving }: { readonly saving: SavingState }): ReactNode {
  const words = useWords()
  return saving.savedAtMs === undefined ? words.details.never : <Time atMs={saving.savedAtMs} />
}

function Actions({ statuses, store, onShowConflicts, onClose }: SyncDetailsProps): ReactNode {
  const { client, words, actions } = useProvided()
  const link = useWatched(client.link)
  const { signIn, update } = actions
  const has = (status: PageStatus['status']) => statuses.some((found) => found.status === status)
  const canRetry = link.status === 'waiting' || link.status === 'offline' || link.status === 'refused'
  return (
    <div className="dovetail-actions">
      {canRetry && <Button onPress={() => client.reconnect()}>{words.actions.retry}</Button>}
      {signIn && link.status === 'refused' && (
        <Button onPress={() => void Promise.resolve(signIn()).then(() => client.reconnect())}>
          {words.actions.signIn}
        </Button>
      )}
      {update && <Button onPress={update}>{words.actions.reload}</Button>}
      {onShowConflicts && has('attention') && (
        <Button
          onPress={() => {
            onClose()
            onShowConflicts()
          }}
        >
          {words.actions.showConflicts}
        </Button>
      )}
      <CopyDiagnostics store={store} />
      <Button onPress={onClose}>{words.actions.close}</Button>
    </div>
  )
}
