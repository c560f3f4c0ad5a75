// Dashboards, and what a widget shows as a document of its own. What they are is said by the core (`generated/types.ts`).

import type {
  Dashboard,
  Edit as CoreEdit,
  NewWidget as CoreNewWidget,
  Point,
  Shape,
  WidgetData,
} from '../generated/types'
import type { DocumentStore } from './document'

/** How an edit is made. */
export interface EditOptions {
  /** What it is, in words, for the history; by default made of the edits. */
  readonly label?: string | undefined
  /** Part of typing: shown at once, and one change with what follows until a pause. */
  readonly typing?: boolean | undefined
}

/** A gesture that goes on, like a drag: shown at once, and one change when it ends. */
export interface Gesture<E> {
  /** Replaces what the gesture has done so far. */
  show(edits: readonly E[]): void
  /** Makes it one change. Nothing when nothing was shown; what cannot be made any more is left out, and told by `refused`. */
  commit(): void
  /** As if it had never begun. */
  cancel(): void
}

/** A dashboard of this device. */
export interface DashboardStore extends DocumentStore<Dashboard> {
  /**
   * Takes back what was made last on the screen, and makes it again: in the dashboard, or in a document that one of its widgets
   * shows (`Widget.data`) and that is open here as widget data.
   */
  readonly undoing: DocumentStore<Dashboard>['undoing']
  /**
   * Makes the edits as one change, or none when all is so already. Throws `DovetailError`: `unknown_widget`, `widget_exists`,
   * `no_such_place`, `bad_edit` and those of `change`; then nothing is done.
   */
  edit(edits: Edit | readonly Edit[], options?: EditOptions): void
  /** A drag, or another gesture that is shown while it goes on. */
  gesture(label: string): Gesture<Edit>
  /** The dashboard as it would be, without making a change. */
  preview(edits: readonly Edit[]): Dashboard
  /** The edits that put a widget right behind another one in the order of reading, or in front of all. */
  place(id: string, after: string | undefined): readonly Edit[]
  /** Counts up or down at a place in a widget's options. A counter adds up whatever others count at the same time. */
  count(id: string, path: readonly string[], by: number): void
}

/** What a widget shows, when it is a document of its own. */
export interface WidgetDataStore extends DocumentStore<WidgetData> {
  /**
   * Adds points here, by this device; a feed posts them to the server instead (`Api.addPoints`). They are put in order of time, the
   * last of equal times counts, and what `retention` does not hold leaves. Throws `bad_edit` for what is no point.
   */
  addPoints(points: readonly Point[]): void
  /**
   * What a row of `WidgetData.rows` is called for as long as it is there, wherever others move it by adding and removing rows.
   * Rows that are in no document of now have none.
   */
  rowId(row: WidgetData['rows'][number]): string | undefined
  /**
   * Writes into the row of that id, or into the one that is at that place now. Whether it could: a row that somebody removed takes
   * nothing.
   */
  setCell(row: string | number, column: number, value: string | number | boolean | null): boolean
  /** Adds a row behind all. It has a cell for each column; those that are not given are empty. */
  addRow(cells?: readonly (string | number | boolean | null)[]): void
  /** Whether there was such a row. */
  removeRow(row: string | number): boolean
  /** Adds a column behind all. Two who do it at once have two. */
  addColumn(name: string): void
  /** Writes this name alone, so that two who rename two columns at once both do. Columns go by their place. */
  renameColumn(column: number, name: string): void
  /** Replaces all names by these. */
  setColumns(columns: readonly string[]): void
  setShape(shape: Shape): void
  /**
   * The text that is shown becomes this one, by typing: it is shown at once, and becomes a change when typing pauses, after a second at
   * the latest, or when anything else is done. Only what differs from the text that was shown is written, so that others may type at
   * the same time.
   */
  setText(text: string): void
  /**
   * Until what is returned is called, the text that is shown changes by `setText` alone: for a field in which letters are being composed,
   * and whose value must not become another one meanwhile. What is typed is saved and shown to others as ever; what others type is in the
   * document, and shows afterwards.
   */
  holdText(): () => void
}

/** One thing that somebody does to a dashboard; the closed list of docs/DASHBOARD.md. */
export type Edit = Exclude<CoreEdit, { readonly edit: 'createWidget' }> | CreateWidget

/** Adds a widget; here its counters can be said, too. */
export type CreateWidget = Omit<Extract<CoreEdit, { readonly edit: 'createWidget' }>, 'widget'> & {
  /** The widget. */
  readonly widget: NewWidget
}

/** A widget as `createWidget` takes it: all but `kind` has a default. */
export type NewWidget = CoreNewWidget & {
  /** Places in the options that are counters and begin at 0; `DashboardStore.count` counts there. */
  readonly counters?: readonly (readonly string[])[] | undefined
}
