// The inside of a tile: the view of its kind, with what it shows.
//
// Always true: only a tile whose widget names a document of its own opens one, and only for as long as it is on the screen.

import { useWatched, useWidgetData } from '@dovetail/react'
import type { DocumentState, Widget, WidgetData, WidgetDataStore } from '@dovetail/client'
import { useEffect } from 'react'
import { useEditor } from '../editor/context'
import { kindOf } from './registry'
import { Placeholder } from './Placeholder'
import type { WidgetSource } from './view'

export interface WidgetBodyProps {
  readonly id: string
  readonly widget: Widget
  readonly editable: boolean
}

const NONE: WidgetSource = { status: 'none' }

/** Draws a widget of any kind. */
export function WidgetBody({ id, widget, editable }: WidgetBodyProps) {
  const kind = kindOf(widget.kind)
  if (!kind) return <Placeholder kind={widget.kind} />
  const { View } = kind
  if (widget.data === undefined) return <View id={id} widget={widget} source={NONE} editable={editable} />
  return (
    <WithData key={widget.data} id={id} widget={widget} editable={editable} url={widget.data} View={View} />
  )
}

type View = NonNullable<ReturnType<typeof kindOf>>['View']

function WithData({ url, View, ...rest }: WidgetBodyProps & { readonly url: string; readonly View: View }) {
  const { data } = useEditor()
  const [state, store] = useWidgetData(url)
  useEffect(() => data.add(store), [data, store])
  // Who may change the dashboard may not always change what it shows.
  const may = useWatched(store.permission, ({ role }) => role !== 'read' && role !== 'none')
  return <View {...rest} editable={rest.editable && may} source={sourceOf(state, store)} />
}

/** What a view is told of the document that it shows. */
export function sourceOf(state: DocumentState<WidgetData>, store: WidgetDataStore): WidgetSource {
  switch (state.status) {
    case 'ready':
      // What is gone would take no edits, and nobody would see why.
      return state.gone === undefined
        ? { status: 'ready', data: state.value, store }
        : missing(state.gone === 'deleted' ? 'deleted' : 'not_found', store)
    case 'loading':
      return { status: 'loading' }
    case 'failed':
      return { status: 'missing', words: state.error.message }
    case 'missing':
      return missing(state.reason, store)
  }
}

function missing(reason: keyof typeof MISSING, { id }: WidgetDataStore): WidgetSource {
  return { status: 'missing', words: MISSING[reason], ...(reason === 'deleted' ? { deleted: id } : {}) }
}

const MISSING = {
  unreachable: 'Its data is not on this device, and the server cannot be asked now.',
  not_found: 'Its data is not there, or not shared with you.',
  deleted: 'Its data was deleted.',
} as const
