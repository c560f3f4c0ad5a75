// What everything inside the editor can reach: the dashboard, who is selected, and the one way to make edits.
//
// Always true: an edit goes through `act`, which says in a notice why one could not be made; nothing is written while `editable`
// is false, which is so for readers and during a preview.

import type { DashboardStore, Edit, EditOptions } from '@dovetail/client'
import { createContext, useContext } from 'react'
import type { Drafts } from './drafts'
import type { OpenData } from './openData'
import type { Selection } from './slots'

export interface Editor {
  readonly store: DashboardStore
  readonly selection: Selection
  readonly editable: boolean
  /** Makes edits as one change. False when that could not be done; people were told then. */
  readonly act: (edits: Edit | readonly Edit[], options?: EditOptions) => boolean
  /** Does something that may fail, and tells people when it does. `what` as in `Adding a point`, before a colon. */
  readonly attempt: (what: string, run: () => void) => boolean
  /** Says something to screen readers. */
  readonly announce: (words: string) => void
  /** Opens the options of a widget in the side panel. */
  readonly openOptions: (id: string) => void
  /** Where a tile says which document it shows. */
  readonly data: Pick<OpenData, 'add'>
  /** What is typed into widgets and is not in them yet. */
  readonly drafts: Drafts
}

export const EditorContext = createContext<Editor | undefined>(undefined)

/** The editor around. Throws outside of one, which is a mistake of the page. */
export function useEditor(): Editor {
  const editor = useContext(EditorContext)
  if (!editor) throw new Error('useEditor is used outside the editor')
  return editor
}
