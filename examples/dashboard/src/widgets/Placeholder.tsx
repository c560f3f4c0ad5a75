// What stands where there is nothing to draw: a kind without a renderer, or a widget without data.

import type { DocumentId } from '@dovetail/client'
import { ChartNoAxesColumn, LoaderCircle, Puzzle, Unplug } from 'lucide-react'
import { useApp } from '../app/context'
import { useEditor } from '../editor/context'
import { kindLabel, kindOf } from './registry'
import type { WidgetSource } from './view'

/** A kind that is not drawn here. */
export function Placeholder({ kind }: { readonly kind: string }) {
  return (
    <div className="view-empty view-unknown">
      <Puzzle size={22} aria-hidden="true" />
      <p>
        <b>{kindLabel(kind)} panel</b>
        <br />
        It cannot be drawn here. It keeps its place, and an export has it as it came.
      </p>
    </div>
  )
}

/** Why a widget shows nothing, and the way to change that. */
export function NoData({
  id,
  kind,
  source,
  editable,
  words = 'No data yet',
  action = 'Add data',
}: {
  readonly id: string
  /** Of the widget: its picture says what will stand here. */
  readonly kind: string
  readonly source: Exclude<WidgetSource, { readonly status: 'ready' }> | { readonly status: 'ready' }
  readonly editable: boolean
  readonly words?: string
  /** On the button that leads to the options. */
  readonly action?: string
}) {
  const { openOptions } = useEditor()
  if (source.status === 'loading') {
    return (
      <div className="view-empty" role="status">
        <LoaderCircle size={18} className="spin" aria-hidden="true" />
        <p>Loading…</p>
      </div>
    )
  }
  const missing = source.status === 'missing'
  const deleted = missing ? source.deleted : undefined
  const Icon = missing ? Unplug : (kindOf(kind)?.icon ?? ChartNoAxesColumn)
  return (
    <div className="view-empty">
      <Icon size={22} aria-hidden="true" />
      <p>{missing ? source.words : words}</p>
      {deleted !== undefined && editable && <BringBack id={deleted} />}
      {editable && (
        <button type="button" className="button small reveal" onClick={() => openOptions(id)}>
          {missing ? 'Choose other data' : action}
        </button>
      )}
    </div>
  )
}

/** For who may: the server says so to others. */
function BringBack({ id }: { readonly id: DocumentId }) {
  const { dovetail, toasts } = useApp()
  const bring = () =>
    dovetail.api.undelete(id).then(
      () => dovetail.reconnect(),
      (error: unknown) => toasts.failed('Bringing it back', error),
    )
  return (
    <button type="button" className="button small" onClick={() => void bring()}>
      Bring it back
    </button>
  )
}
