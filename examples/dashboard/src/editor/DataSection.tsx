// What a widget shows: how to feed it, and how to write it by hand.
//
// Edit path: ← somebody adds a point, pastes a table, or attaches another document → the widget's data document, or the widget's
// `data`. A feed posts to the server, and what it posts comes in like any change of others.

import { documentId, type Widget, type WidgetData, type WidgetDataStore } from '@dovetail/client'
import { useNow, useWidgetData } from '@dovetail/react'
import { Check, ClipboardPaste, Copy, Plus, Unlink } from 'lucide-react'
import { useState, type SubmitEvent } from 'react'
import { useApp } from '../app/context'
import { whenSaved } from '../app/duplicate'
import { cellValue, inTime, parseCsv } from '../widgets/points'
import { timeText } from '../widgets/format'
import { kindLabel } from '../widgets/registry'
import { useEditor } from './context'
import { readNumber } from './readNumber'

export interface DataSectionProps {
  readonly id: string
  readonly widget: Widget
  readonly shape: WidgetData['shape']
}

export function DataSection({ id, widget, shape }: DataSectionProps) {
  return (
    <section className="data-section" aria-label="Data">
      <h3>Data</h3>
      {widget.data === undefined ? (
        <Attach id={id} widget={widget} shape={shape} />
      ) : (
        <Attached key={widget.data} id={id} widget={widget} url={widget.data} />
      )}
    </section>
  )
}

function Attach({ id, widget, shape }: DataSectionProps) {
  const { store: dashboard, act, attempt } = useEditor()
  const { dovetail, toasts } = useApp()
  const [typed, setTyped] = useState('')
  const title = widget.title || kindLabel(widget.kind)
  const make = () =>
    attempt('Making its data', () => {
      const store = dovetail.createWidgetData(shape, { follows: dashboard.id })
      if (act({ edit: 'attachData', id, data: store.url }, { label: `Gave “${title}” data` }))
        whenSaved(store)
      else store.release()
    })
  const attach = (event: SubmitEvent) => {
    event.preventDefault()
    const data = documentId(typed.trim())
    if (data === undefined) toasts.show({ words: 'This is no document’s id.', tone: 'bad' })
    else act({ edit: 'attachData', id, data }, { label: `Gave “${title}” data` })
  }
  return (
    <>
      <p className="muted">This widget has no data yet.</p>
      <button type="button" className="button primary" onClick={make}>
        <Plus size={14} aria-hidden="true" />
        {shape === 'points' ? 'Start a feed' : shape === 'table' ? 'Start a table' : 'Start a text'}
      </button>
      <form className="field" onSubmit={attach}>
        <label htmlFor={`attach-${id}`}>Or show a document that is there</label>
        <div className="field-row">
          <input
            id={`attach-${id}`}
            placeholder="Its id"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <button type="submit" className="button" disabled={typed.trim() === ''}>
            Show it
          </button>
        </div>
      </form>
    </>
  )
}

function Attached({
  id,
  widget,
  url,
}: {
  readonly id: string
  readonly widget: Widget
  readonly url: string
}) {
  const { act } = useEditor()
  const [state, store] = useWidgetData(url)
  const title = widget.title || kindLabel(widget.kind)
  return (
    <>
      {state.status === 'ready' && state.value.shape === 'points' && (
        <Points data={state.value} store={store} />
      )}
      {state.status === 'ready' && state.value.shape === 'table' && (
        <Paste store={store} rows={state.value.rows.length} />
      )}
      {state.status === 'ready' && state.value.shape === 'text' && (
        <p className="muted">
          A text of {state.value.text.length} letters. It is written in the widget itself.
        </p>
      )}
      {state.status !== 'ready' && state.status !== 'loading' && (
        <p className="muted">
          {state.status === 'failed'
            ? state.error.message
            : 'This document is not there, or cannot be reached now.'}
        </p>
      )}
      <button
        type="button"
        className="button small quiet"
        onClick={() => act({ edit: 'detachData', id }, { label: `Took the data from “${title}”` })}
      >
        <Unlink size={13} aria-hidden="true" />
        Show other data
      </button>
    </>
  )
}

/** As many of the newest points are listed. */
const POINTS_LISTED = 5

function Points({ data, store }: { readonly data: WidgetData; readonly store: WidgetDataStore }) {
  const { attempt } = useEditor()
  const [typed, setTyped] = useState('')
  const value = readNumber(typed)
  const add = (event: SubmitEvent) => {
    event.preventDefault()
    if (value === undefined) return
    if (attempt('Adding a point', () => store.addPoints([{ t: Date.now(), v: value }]))) setTyped('')
  }
  const now = useNow() ?? 0
  const points = inTime(data.points)
  return (
    <>
      <form className="field" onSubmit={add}>
        <label htmlFor={`point-${store.id}`}>Add a point by hand</label>
        <div className="field-row">
          <input
            id={`point-${store.id}`}
            inputMode="decimal"
            placeholder="42"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <button type="submit" className="button" disabled={value === undefined}>
            <Plus size={14} aria-hidden="true" />
            Add
          </button>
        </div>
      </form>
      {points.length > 0 && (
        <p className="muted">
          {points.length} {points.length === 1 ? 'point' : 'points'}; the last:{' '}
          {points
            .slice(-POINTS_LISTED)
            .toReversed()
            .map(({ t, v }) => `${v ?? '–'} (${timeText(t, now)})`)
            .join(', ')}
        </p>
      )}
      <Feed id={store.id} />
    </>
  )
}

/** How a program feeds it. */
function Feed({ id }: { readonly id: string }) {
  const { dovetail, credentials, toasts } = useApp()
  const [copied, setCopied] = useState(false)
  const signedIn = credentials.token() !== undefined || dovetail.session.getState()?.user != null
  const line = feedLine(location.origin, id, signedIn)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(line)
      setCopied(true)
      setTimeout(() => setCopied(false), 2_000)
    } catch (error) {
      toasts.failed('Copying', error)
    }
  }
  return (
    <div className="field feed">
      <span>Feed it from a program</span>
      <pre tabIndex={0}>
        <code>{line}</code>
      </pre>
      <button type="button" className="button small" onClick={() => void copy()}>
        {copied ? <Check size={13} aria-hidden="true" /> : <Copy size={13} aria-hidden="true" />}
        {copied ? 'Copied' : 'Copy'}
      </button>
    </div>
  )
}

/** The line for a shell that adds one point. The token is never part of it: it would stand in the shell's history. */
export function feedLine(origin: string, id: string, signedIn: boolean): string {
  return [
    `curl ${origin}/api/docs/${id}/points`,
    `-H 'content-type: application/json'`,
    ...(signedIn ? ['-H "authorization: Bearer $DOVETAIL_TOKEN"'] : []),
    `-d '{"v": 42}'`,
  ].join(' \\\n  ')
}

function Paste({ store, rows }: { readonly store: WidgetDataStore; readonly rows: number }) {
  const { attempt, announce } = useEditor()
  const [typed, setTyped] = useState('')
  const parsed = parseCsv(typed)
  const [head, ...body] = parsed
  const replace = (event: SubmitEvent) => {
    event.preventDefault()
    if (!head) return
    const done = attempt('Pasting the table', () => {
      store.setColumns(head)
      for (let row = rows - 1; row >= 0; row--) store.removeRow(row)
      for (const row of body) store.addRow(row.map(cellValue))
    })
    if (!done) return
    setTyped('')
    announce(`${body.length} rows pasted`)
  }
  return (
    <form className="field" onSubmit={replace}>
      <label htmlFor={`paste-${store.id}`}>Paste a table</label>
      <textarea
        id={`paste-${store.id}`}
        rows={4}
        placeholder={'Name,Value\nApples,3\nPears,5'}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      <small className="muted">
        From a spreadsheet or as CSV; the first line names the columns. It takes the place of the {rows} rows.
      </small>
      <button type="submit" className="button" disabled={head === undefined}>
        <ClipboardPaste size={14} aria-hidden="true" />
        {head === undefined
          ? 'Replace the table'
          : `Replace with ${body.length} ${body.length === 1 ? 'row' : 'rows'}`}
      </button>
    </form>
  )
}
