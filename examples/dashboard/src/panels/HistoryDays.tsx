// Changes under headings of their days, the newest first, and the way to earlier ones: what the history and the activity have in
// common.
//
// Always true: a history that could not be read says so below what was read before, with the way to try again.

import type { HistoryGroup } from '@dovetail/client'
import { useNow, type HistoryNow } from '@dovetail/react'
import type { ReactNode } from 'react'
import { byDay, keyOfHeads } from './moments'

export interface HistoryDaysProps {
  readonly history: HistoryNow
  /** Those of the history that are listed. */
  readonly groups: readonly HistoryGroup[]
  /** Of each list. */
  readonly className: string
  /** Draws one group, as an `<li>` with a key. */
  readonly children: (group: HistoryGroup) => ReactNode
}

/** The lists, and the button below them. */
export function HistoryDays({ history, groups, className, children }: HistoryDaysProps) {
  const nowMs = useNow()
  if (nowMs === undefined) return null
  return (
    <>
      {byDay(groups, (group) => group.toMs, nowMs).map(({ day, items }) => (
        <section key={`${day} ${keyOfHeads(items[0]?.heads ?? [])}`} aria-label={day}>
          <h3 className="timeline-day">{day}</h3>
          <ol className={className}>{items.map(children)}</ol>
        </section>
      ))}
      <Earlier history={history} />
    </>
  )
}

function Earlier({ history }: { readonly history: HistoryNow }) {
  const more = () => void history.more()
  if (history.status === 'failed') {
    return (
      <div role="alert" className="panel-failure">
        <p>The history could not be read{history.error ? `: ${history.error.message}` : '.'}</p>
        <button type="button" className="button" onClick={more}>
          Try again
        </button>
      </div>
    )
  }
  if (!history.hasMore) return null
  const isReading = history.status === 'loading'
  return (
    <button type="button" className="button panel-more" disabled={isReading} onClick={more}>
      {isReading ? 'Reading…' : 'Show earlier changes'}
    </button>
  )
}
