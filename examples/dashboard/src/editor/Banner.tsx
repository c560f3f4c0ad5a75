// The line below the bar: only while there is something that people must know and can do something about.
//
// Always true: one at a time, the most urgent; the pill tells of the others.

import type { DashboardStore } from '@dovetail/client'
import { sayStatus, toneOf, useStatuses, useWords, type PageStatus } from '@dovetail/react'
import {
  CircleAlert,
  CloudOff,
  Copy,
  Eye,
  HardDrive,
  KeyRound,
  RefreshCw,
  RotateCcw,
  Undo2,
  type LucideIcon,
} from 'lucide-react'
import { useApp } from '../app/context'

export interface BannerProps {
  /** The dashboard with all that it shows. */
  readonly store: DashboardStore
  readonly onDuplicate: () => void
  readonly onSignIn: () => void
  readonly onUndelete: () => void
}

interface Action {
  readonly label: string
  readonly icon: LucideIcon
  readonly run: () => void
}

export function Banner({ store, onDuplicate, onSignIn, onUndelete }: BannerProps) {
  const { dovetail } = useApp()
  const words = useWords()
  const statuses = useStatuses(store)
  const retry: Action = { label: words.actions.retry, icon: RotateCcw, run: () => dovetail.reconnect() }
  const copy: Action = { label: 'Save as copy', icon: Copy, run: onDuplicate }
  const found = statuses
    .map((status) => ({ status, actions: actionsFor(status) }))
    .find((each): each is { status: PageStatus; actions: readonly Action[] } => each.actions !== undefined)
  if (!found) return null
  const Icon = ICONS[found.status.status] ?? CircleAlert
  return (
    <section className="dovetail-banner" data-tone={toneOf(found.status)} aria-label="State of this page">
      <Icon size={15} aria-hidden="true" />
      <p>{sayStatus(words, found.status).long}</p>
      <div className="dovetail-actions">
        {found.actions.map(({ label, icon: ActionIcon, run }) => (
          <button key={label} type="button" className="dovetail-button" onClick={run}>
            <ActionIcon size={13} aria-hidden="true" />
            {label}
          </button>
        ))}
      </div>
    </section>
  )

  /** Nothing for states that need no banner. */
  function actionsFor(status: PageStatus): readonly Action[] | undefined {
    switch (status.status) {
      case 'offline':
      case 'unreachable':
      case 'no_room':
        return [retry]
      case 'unkept':
        return [retry, copy]
      case 'closed':
        return [RELOAD]
      case 'refused':
        if (status.next === 'sign_in') return [{ label: words.actions.signIn, icon: KeyRound, run: onSignIn }]
        return [status.next === 'reload' ? RELOAD : retry]
      case 'gone':
        return status.how === 'deleted'
          ? [{ label: 'Bring it back', icon: Undo2, run: onUndelete }, copy]
          : [copy]
      case 'view_only':
        return [{ label: 'Duplicate', icon: Copy, run: onDuplicate }]
      case 'no_storage':
        return []
      default:
        return undefined
    }
  }
}

const RELOAD: Action = { label: 'Reload', icon: RefreshCw, run: () => location.reload() }

const ICONS: Partial<Record<PageStatus['status'], LucideIcon>> = {
  offline: CloudOff,
  unreachable: CloudOff,
  view_only: Eye,
  no_storage: HardDrive,
  refused: KeyRound,
}
