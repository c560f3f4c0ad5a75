// Who edited what and when: a plot, and the list that it is made of.
//
// Always true: both show the same groups of the history; what the plot leaves to colour, the list and the names of the rows say in
// words.

import type { Dashboard, DocumentState, HistoryGroup } from '@dovetail/client'
import { sameItems, useHistory, useNames, useNow, useWatched, type HistoryNow } from '@dovetail/react'
import { useCallback, useMemo, useState } from 'react'
import type { PanelProps } from '../editor/slots'
import { HistoryDays } from '../panels/HistoryDays'
import { keyOfHeads } from '../panels/moments'
import { said } from '../widgets/said'
import { ActivityPlot } from './ActivityPlot'
import { fold, isIn, type RowsOf, type Span } from './fold'
import './activity.css'

const SPANS: readonly { readonly id: Span; readonly words: string }[] = [
  { id: 'day', words: '24 hours' },
  { id: 'week', words: '7 days' },
  { id: 'all', words: 'All' },
]

const ROWS: readonly { readonly id: RowsOf; readonly words: string }[] = [
  { id: 'person', words: 'People' },
  { id: 'widget', words: 'Widgets' },
]

/** The panel "Activity". */
export function ActivityPanel({ store }: PanelProps) {
  const history = useHistory(store)
  const nowMs = useNow()
  const nameOf = useNames(
    store,
    history.groups.map(({ author }) => author),
  )
  const [span, setSpan] = useState<Span>('week')
  const [of, setOf] = useState<RowsOf>('person')
  const [row, setRow] = useState<string>()
  const titles = useWatched(store, titlesOf, sameItems)
  const whoOf = useCallback((group: HistoryGroup) => (group.mine ? 'You' : nameOf(group.author)), [nameOf])
  const activity = useMemo(
    () => (nowMs === undefined ? undefined : fold(history.groups, { span, of, nowMs, name: whoOf, titles })),
    [history.groups, span, of, nowMs, whoOf, titles],
  )
  if (activity === undefined) return null
  const chosen = activity.rows.some(({ key }) => key === row) ? row : undefined
  const listed =
    chosen === undefined
      ? activity.groups
      : activity.groups.filter((group) => isIn(group, { of, titles }, chosen))
  return (
    <div className="activity">
      <div className="activity-choices">
        <Choice label="Time" choices={SPANS} chosen={span} onChoose={setSpan} />
        <Choice
          label="Rows"
          choices={ROWS}
          chosen={of}
          onChoose={(wanted) => {
            setOf(wanted)
            setRow(undefined)
          }}
        />
      </div>
      {activity.total > 0 ? (
        <ActivityPlot activity={activity} chosen={chosen} onChoose={setRow} />
      ) : (
        <Nothing history={history} span={span} />
      )}
      <HistoryDays history={history} groups={listed} className="activity-list">
        {(group) => (
          <li key={keyOfHeads(group.heads)}>
            <time dateTime={new Date(group.toMs).toISOString()}>{clock(group)}</time>
            <span>
              <b>{whoOf(group)}:</b> {deeds(group)}
            </span>
          </li>
        )}
      </HistoryDays>
    </div>
  )
}

interface ChoiceProps<T extends string> {
  readonly label: string
  readonly choices: readonly { readonly id: T; readonly words: string }[]
  readonly chosen: T
  readonly onChoose: (id: T) => void
}

function Choice<T extends string>({ label, choices, chosen, onChoose }: ChoiceProps<T>) {
  return (
    <div role="group" aria-label={label} className="segments">
      {choices.map(({ id, words }) => (
        <button key={id} type="button" aria-pressed={id === chosen} onClick={() => onChoose(id)}>
          {words}
        </button>
      ))}
    </div>
  )
}

function Nothing({ history, span }: { readonly history: HistoryNow; readonly span: Span }) {
  if (history.status === 'loading') return <p className="panel-note">Reading the history…</p>
  // What went wrong is said below the list.
  if (history.status === 'failed') return null
  return (
    <p className="panel-note">
      {span === 'all' ? 'Nothing has been changed yet.' : 'Nobody changed anything in this time.'}
    </p>
  )
}

function titlesOf(state: DocumentState<Dashboard>): readonly string[] {
  return state.status === 'ready' ? Object.values(state.value.widgets).map(({ title }) => title) : []
}

/** Longer lists are for the history. */
const DEEDS_SHOWN = 3

/** `Moved “CPU”, Renamed “RAM” to “Memory” and 4 more`. */
function deeds(group: HistoryGroup): string {
  if (group.messages.length === 0) return `${group.changes} ${group.changes === 1 ? 'change' : 'changes'}`
  const shown = [...group.messages].reverse().slice(0, DEEDS_SHOWN).map(said)
  const more = group.messages.length - shown.length + group.messagesLeftOut
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ')
}

function clock({ fromMs, toMs }: HistoryGroup): string {
  const [from, to] = [fromMs, toMs].map((atMs) =>
    new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' }).format(atMs),
  )
  return from === to ? (to ?? '') : `${from}–${to}`
}
