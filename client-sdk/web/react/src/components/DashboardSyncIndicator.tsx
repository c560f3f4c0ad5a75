// The pill: how the page is, in a few words, with a picture and a colour. It opens what is behind that.
//
// Always true: the words are the state, the colour only repeats it. A screen reader is told each new state once, errors at
// once, and never the seconds of a count-down.

import { useId, useRef, useState, type ReactNode } from 'react'
import type { DocumentStore } from '@dovetail/client'
import { useWords } from '../context'
import { useSecondsUntil } from '../hooks/useNow'
import { useStatuses } from '../hooks/useStatus'
import { toneOf } from '../state/status'
import { sayStatus } from '../state/words'
import { Icon, iconOf } from './icons'
import { SyncDetails } from './SyncDetails'

/** What the pill takes. */
export interface DashboardSyncIndicatorProps {
  readonly store: DocumentStore<unknown>
  /** Shows the conflicts; without it there is no button for that. */
  readonly onShowConflicts?: (() => void) | undefined
}

/** How a document and its connection are, always in sight. */
export function DashboardSyncIndicator({ store, onShowConflicts }: DashboardSyncIndicatorProps): ReactNode {
  const words = useWords()
  const statuses = useStatuses(store)
  const [open, setOpen] = useState<Side>()
  const pill = useRef<HTMLButtonElement>(null)
  const details = useId()
  const [status] = statuses
  const tone = toneOf(status)
  const said = sayStatus(words, status)
  const close = () => {
    setOpen(undefined)
    pill.current?.focus()
  }
  return (
    <div className="dovetail-sync">
      {/* An error is told by the alert below, so that it is not told twice. */}
      <div role="status" aria-live={tone === 'error' ? 'off' : 'polite'}>
        <button
          ref={pill}
          type="button"
          className="dovetail-pill"
          data-tone={tone}
          data-status={status.status}
          aria-expanded={open !== undefined}
          aria-controls={open ? details : undefined}
          onClick={(event) => setOpen(open ? undefined : sideOf(event.currentTarget))}
        >
          <Icon name={iconOf(status)} />
          <span>
            {said.short}
            {said.more !== undefined && <span className="dovetail-more"> {said.more}</span>}
          </span>
          {status.status === 'unreachable' && <CountDown untilMs={status.retryAtMs} />}
        </button>
      </div>
      <span role="alert" className="dovetail-unseen">
        {tone === 'error' ? said.long : ''}
      </span>
      {open && (
        <SyncDetails
          id={details}
          side={open}
          store={store}
          statuses={statuses}
          onShowConflicts={onShowConflicts}
          onClose={close}
          onLeave={() => setOpen(undefined)}
          pill={pill}
        />
      )}
    </div>
  )
}

/** Where there is more room for what opens: towards the end of the line, or towards its start. */
export type Side = 'start' | 'end'

/** In a page that is written from right to left too: the side is that of the line. */
function sideOf(pill: Element): Side {
  const { left, right } = pill.getBoundingClientRect()
  const nearsRight = left + right > document.documentElement.clientWidth
  const fromRight = getComputedStyle(pill).direction === 'rtl'
  return nearsRight === fromRight ? 'start' : 'end'
}

/** Apart, so that each second renders this alone. Hidden from screen readers, which would read out every one. */
function CountDown({ untilMs }: { readonly untilMs: number }): ReactNode {
  const words = useWords()
  const seconds = useSecondsUntil(untilMs)
  if (seconds === undefined) return null
  return (
    <span aria-hidden="true" className="dovetail-countdown">
      · {words.retryIn(seconds)}
    </span>
  )
}
