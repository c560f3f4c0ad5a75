// What the inside of a tile gets, whatever its kind.

import type { DocumentId, Widget, WidgetData, WidgetDataStore } from '@dovetail/client'

/** What a widget shows, when it is a document of its own. */
export type WidgetSource =
  /** The widget names none. */
  | { readonly status: 'none' }
  | { readonly status: 'loading' }
  /** It cannot be had; `words` say why. What was deleted is named: it can be brought back. */
  | { readonly status: 'missing'; readonly words: string; readonly deleted?: DocumentId }
  | { readonly status: 'ready'; readonly data: WidgetData; readonly store: WidgetDataStore }

export interface ViewProps {
  readonly id: string
  readonly widget: Widget
  readonly source: WidgetSource
  readonly editable: boolean
}
