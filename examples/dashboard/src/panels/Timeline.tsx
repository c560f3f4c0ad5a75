// Who changed what, the newest first, by day. A press shows the dashboard as it was then.

import type { HistoryGroup } from '@dovetail/client'
import { useNames, type HistoryNow } from '@dovetail/react'
import { useEffect, useMemo } from 'react'
import { hasTime, timed } from '../activity/fold'
import { said } from '../widgets/said'
import { HistoryDays } from './HistoryDays'
import { MomentDetails, type MomentProps } from './MomentDetails'
import { isSame, keyOfHeads, momentOf, type Moment } from './moments'

export interface TimelineProps extends MomentProps {
  readonly history: HistoryNow
  readonly look: (moment: Moment | undefined) => void
}

/** How long it may be behind, in milliseconds: reading it anew for every keystroke would keep the server busy. */
const BEHIND_MS_MAX = 1_500

/** The groups of the history. */
export function Timeline({ history, ...shared }: TimelineProps) {
  const { status, behind, refresh } = history
  const groups = useMemo(() => timed(history.groups), [history.groups])
  const nameOf = useNames(
    shared.store,
    groups.map(({ author }) => author),
  )
  const firstPageOnly = groups.length <= GROUPS_OF_A_PAGE
  useEffect(() => {
    // Reading anew forgets the further pages, so whoever went back in them is asked.
    if (!behind || !firstPageOnly) return
    const timer = setTimeout(() => void refresh(), BEHIND_MS_MAX)
    return () => clearTimeout(timer)
  }, [behind, firstPageOnly, refresh])
  return (
    <div className="timeline">
      {history.from === 'here' && groups.length > 0 && (
        <p className="panel-note">From this device, without a connection: others are not known by name.</p>
      )}
      {behind && !firstPageOnly && (
        <button type="button" className="button" onClick={() => void refresh()}>
          Show newer changes
        </button>
      )}
      {status === 'loading' && groups.length === 0 && <p className="panel-note">Reading the history…</p>}
      {status === 'ready' && !groups.some(hasTime) && (
        <p className="panel-note">Nothing has been changed yet.</p>
      )}
      {/* The first change makes an empty dashboard; a state in which there was nothing is no state to go back to. */}
      <HistoryDays history={history} groups={groups.filter(hasTime)} className="timeline-groups">
        {(group) => (
          <Group
            key={keyOfHeads(group.heads)}
            group={group}
            before={groups[groups.indexOf(group) + 1]}
            isBeginning={!history.hasMore && group === groups.at(-1)}
            who={group.mine ? 'You' : nameOf(group.author)}
            {...shared}
          />
        )}
      </HistoryDays>
    </div>
  )
}

/** As many as the client reads at a time. */
const GROUPS_OF_A_PAGE = 50

interface GroupProps extends Omit<TimelineProps, 'history'> {
  readonly group: HistoryGroup
  readonly who: string
  /** The group before it in time. */
  readonly before: HistoryGroup | undefined
  /** There was nothing before it. */
  readonly isBeginning: boolean
}

function Group({ group, who, before, isBeginning, look, ...shared }: GroupProps) {
  const moment = momentOf(group)
  const isLooked = isSame(shared.looked, moment)
  return (
    <li className="timeline-group" data-looked={isLooked}>
      <button type="button" className="timeline-look" aria-pressed={isLooked} onClick={() => look(moment)}>
        <span className="timeline-who">
          <b>{who}</b>
          <time dateTime={new Date(group.toMs).toISOString()}>{clock(group.toMs)}</time>
        </span>
        <Messages group={group} isBeginning={isBeginning} all={isLooked} />
      </button>
      {isLooked && (
        <MomentDetails
          {...shared}
          moment={moment}
          before={before && hasTime(before) ? momentOf(before) : undefined}
          isBeginning={isBeginning}
          onDone={() => look(undefined)}
        />
      )}
    </li>
  )
}

/** Longer lists say little; all of them are there once somebody looks. */
const MESSAGES_SHOWN = 2

function Messages({
  group,
  isBeginning,
  all,
}: {
  readonly group: HistoryGroup
  readonly isBeginning: boolean
  readonly all: boolean
}) {
  const messages = [...group.messages].reverse()
  if (messages.length === 0)
    return <span className="timeline-words">{isBeginning ? 'Made it' : counted(group.changes)}</span>
  const shown = all ? messages : messages.slice(0, MESSAGES_SHOWN)
  const more = messages.length - shown.length + group.messagesLeftOut
  return (
    <span className="timeline-words">
      {shown.map((message, at) => (
        <span key={at}>{said(message)}</span>
      ))}
      {more > 0 && <span className="muted">and {more} more</span>}
    </span>
  )
}

function counted(changes: number): string {
  return `${changes} ${changes === 1 ? 'change' : 'changes'}`
}

function clock(atMs: number): string {
  return new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' }).format(atMs)
}
