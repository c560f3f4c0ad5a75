// The change that every dashboard starts from, and every widget data document. The same bytes as
// `crdt-core/src/dashboard/first.rs` makes: two clients that set up the same document while apart make one and the same change,
// so `widgets` and `grid` exist once. The pinned hashes in the tests see to it.

import { Automerge, ImmutableString, type Doc } from '../automerge'
import type { Draft } from '../document/assign'
import { DASHBOARD_KIND, SCHEMA_VERSION, WIDGET_DATA_KIND } from './read'

/** `dovetail:first:1` in hexadecimal: the actor of first changes, and of nothing else. */
export const FIRST_ACTOR = '646f76657461696c3a66697273743a31'

/** A dashboard in which nobody did anything yet, in Automerge's own format. */
export function firstDashboard(): Uint8Array {
  return firstChange((draft) => {
    draft['kind'] = new ImmutableString(DASHBOARD_KIND)
    draft['schemaVersion'] = SCHEMA_VERSION
    draft['title'] = new ImmutableString('')
    draft['description'] = new ImmutableString('')
    draft['grid'] = { columns: 24, rowHeight: 30 }
    draft['widgets'] = {}
  })
}

/** A widget data document in which there is nothing yet, with a place for each shape. */
export function firstWidgetData(): Uint8Array {
  return firstChange((draft) => {
    draft['kind'] = new ImmutableString(WIDGET_DATA_KIND)
    draft['schemaVersion'] = SCHEMA_VERSION
    draft['shape'] = new ImmutableString('points')
    draft['points'] = []
    draft['columns'] = []
    draft['rows'] = []
    draft['text'] = ''
  })
}

function firstChange(write: (draft: Draft) => void): Uint8Array {
  const empty: Doc<Draft> = Automerge.init<Draft>({ actor: FIRST_ACTOR })
  return Automerge.save(Automerge.change(empty, { time: 0 }, write))
}
