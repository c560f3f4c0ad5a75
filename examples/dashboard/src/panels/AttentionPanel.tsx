// What does not fit together, with each proposal shown on the grid before anybody decides.

import type { Conflict } from '@dovetail/client'
import {
  ConflictResolutionUI,
  DashboardRealtimeProvider,
  useDovetail,
  useWords,
  type ProposalPreview,
  type Words,
} from '@dovetail/react'
import { useCallback, useEffect, useMemo, useRef } from 'react'
import type { PanelProps, Preview } from '../editor/slots'
import { becoming, proposing } from './becoming'
import { proposed, touched } from './proposed'
import './panels.css'

/**
 * How long a preview outlives its reason, in milliseconds. Between two proposals the focus is nowhere for a moment; the grid would
 * jump back and forth.
 */
const LINGERS_MS = 120

/** The panel "Needs attention". */
export function AttentionPanel({ store, setPreview, selection }: PanelProps) {
  const ending = useRef<ReturnType<typeof setTimeout>>(undefined)
  const show = useCallback(
    (looked: ProposalPreview | undefined) => {
      clearTimeout(ending.current)
      const preview = looked && previewOf(store, looked)
      if (preview) setPreview(preview)
      else ending.current = setTimeout(() => setPreview(undefined), LINGERS_MS)
    },
    [store, setPreview],
  )
  useEffect(
    () => () => {
      clearTimeout(ending.current)
      setPreview(undefined)
    },
    [setPreview],
  )
  const reveal = useCallback(
    ({ subjects }: Conflict) => {
      const state = store.getState()
      const widgets = state.status === 'ready' ? state.value.widgets : {}
      // Of two that share a place, one leads to the other.
      const about = subjects.map((subject) => subject.split('/')[0] ?? '').findLast((id) => id in widgets)
      if (about !== undefined) selection.select(about, { reveal: true })
    },
    [store, selection],
  )
  const client = useDovetail()
  const words = useOurWords(store)
  return (
    <div className="panel-attention">
      <DashboardRealtimeProvider client={client} words={words}>
        <ConflictResolutionUI store={store} onPreview={show} onShow={reveal} />
      </DashboardRealtimeProvider>
    </div>
  )
}

/** The words of the page, but with widgets by their titles where those only know paths. */
function useOurWords(store: PanelProps['store']): Words {
  const words = useWords()
  return useMemo(() => {
    const becomes: Words['conflicts']['becomes'] = (path, value) => {
      const state = store.getState()
      const said = state.status === 'ready' ? becoming(state.value, path, value) : undefined
      return said ?? words.conflicts.becomes(path, value)
    }
    const proposal: Words['conflicts']['proposal'] = (label, path) => {
      const state = store.getState()
      return state.status === 'ready' ? proposing(state.value, label, path) : label
    }
    return { ...words, conflicts: { ...words.conflicts, becomes, proposal } }
  }, [store, words])
}

/** Nothing where it is not known what a proposal would write. */
function previewOf(store: PanelProps['store'], looked: ProposalPreview): Preview | undefined {
  const state = store.getState()
  if (state.status !== 'ready' || looked.writes.length === 0) return undefined
  const { conflicts } = store.conflicts.getState()
  const conflict = conflicts.find(({ id }) => id === looked.conflictId)
  const label = conflict?.proposals.find(({ name }) => name === looked.proposal)?.label ?? ''
  const what = proposing(state.value, label, looked.writes[0]?.path)
  const marked = touched(looked.writes)
  return {
    dashboard: proposed(state.value, looked.writes),
    words: what === '' ? 'As it would be' : `As it would be: ${what}`,
    marked,
    about: marked[0],
    conflicts: conflicts.filter((other) => other !== conflict),
  }
}
