// The places of the editor and the list that other parts of the app fill: side panels, the dialog to share, files.
//
// Always true: what fills a place gets all that it needs by these props, and knows nothing of the editor's insides.
//
// Who fills what:
//   src/panels/index.ts   `panels: readonly Panel[]`             Needs attention, History, Activity
//   src/share/index.ts    `ShareDialog: ComponentType<ShareProps>`
//   src/files/index.ts    `exports: readonly ExportWay[]`, `importFile: ImportFile`
//   src/offline/index.ts  `startOffline(): void`, `UpdatePrompt: ComponentType`
//   src/stories/index.ts  `StoriesPage: ComponentType`

import type { Conflict, Dashboard, DashboardStore, DocumentId, Dovetail, Watchable } from '@dovetail/client'
import type { ComponentType } from 'react'

/** Which widget is selected; one at most. */
export interface Selection extends Watchable<string | undefined> {
  /** Selects a widget, or none. With `reveal` the grid scrolls to it and it takes the focus. */
  readonly select: (id: string | undefined, options?: { readonly reveal?: boolean }) => void
}

/** What the grid shows in place of the present state: an earlier one, or what a proposal would do. */
export interface Preview {
  readonly dashboard: Dashboard
  /** Said above the grid, as in `As it was on Monday, 10:42`. */
  readonly words: string
  /** What of the grid is not of that state, said behind `words`. */
  readonly note?: string | undefined
  /** Widgets to draw attention to. */
  readonly marked?: readonly string[] | undefined
  /** The widget that it is about: the grid scrolls to where that is in it. */
  readonly about?: string | undefined
  /** What does not fit in it. Nothing for the past: what there was to decide then is over. */
  readonly conflicts?: readonly Conflict[] | undefined
}

/** What a side panel gets. */
export interface PanelProps {
  readonly store: DashboardStore
  readonly selection: Selection
  /** Shows something else on the grid, which then takes no edits; nothing: the present state again. */
  readonly setPreview: (preview: Preview | undefined) => void
  readonly preview: Watchable<Preview | undefined>
  /** Closes the side panel. */
  readonly close: () => void
}

export type PanelId = 'options' | 'attention' | 'history' | 'activity'

/** A side panel. */
export interface Panel {
  readonly id: PanelId
  /** On its tab. */
  readonly title: string
  readonly component: ComponentType<PanelProps>
}

/** What the dialog to share gets. */
export interface ShareProps {
  readonly store: DashboardStore
  readonly open: boolean
  readonly onClose: () => void
}

/** What an export gets. */
export interface ExportContext {
  readonly store: DashboardStore
  readonly dovetail: Dovetail
  /** The element that shows the grid, for a picture of it. */
  readonly grid: () => HTMLElement | null
}

/** An entry of the menu to export. */
export interface ExportWay {
  readonly id: string
  readonly label: string
  /** What it is good for, in a few words. */
  readonly hint: string
  /** Makes the file and hands it to the browser; gives what is not in it, as sentences for people. Throws `DovetailError`. */
  readonly run: (context: ExportContext) => Promise<readonly string[]>
}

/** Makes a dashboard of a file; gives its id, and what could not be taken over. Throws an error with words for people. */
export type ImportFile = (
  dovetail: Dovetail,
  file: File,
) => Promise<{ readonly id: DocumentId; readonly title: string; readonly notes: readonly string[] }>
