// What does not fit together in a document, in a component.

import { useCallback } from 'react'
import type { Conflict, Conflicts, ConflictsState, DocumentStore } from '@dovetail/client'
import { sameItems, useWatched } from './useWatched'

/** The conflicts, and how to decide them. Deciding is an edit: it works offline. */
export type ConflictsNow = ConflictsState & Pick<Conflicts, 'settle' | 'waive' | 'unwaive' | 'preview'>

/** Follows the conflicts of a document. */
export function useConflicts(store: AnyStore): ConflictsNow {
  const { conflicts } = store
  const state = useWatched(conflicts)
  const settle = useCallback<Conflicts['settle']>((...what) => conflicts.settle(...what), [conflicts])
  const waive = useCallback<Conflicts['waive']>((...what) => conflicts.waive(...what), [conflicts])
  const unwaive = useCallback<Conflicts['unwaive']>((...what) => conflicts.unwaive(...what), [conflicts])
  const preview = useCallback<Conflicts['preview']>((...what) => conflicts.preview(...what), [conflicts])
  return { ...state, settle, waive, unwaive, preview }
}

/** The open conflicts that one widget takes part in. Renders anew only when those changed. */
export function useWidgetConflicts(store: AnyStore, widgetId: string): readonly Conflict[] {
  const select = useCallback(
    (state: ConflictsState) =>
      state.conflicts.filter(
        (conflict) => conflict.state === 'open' && conflict.mode !== 'audit' && isAbout(conflict, widgetId),
      ),
    [widgetId],
  )
  return useWatched(store.conflicts, select, sameItems)
}

type AnyStore = Pick<DocumentStore<unknown>, 'conflicts'>

/** A subject is the id of an item, or that and one of its fields. */
function isAbout(conflict: Conflict, widgetId: string): boolean {
  return conflict.subjects.some((subject) => subject === widgetId || subject.startsWith(`${widgetId}/`))
}
