// The few pictures beside the words. They say nothing that the words do not, so screen readers pass them over.

import type { ReactNode } from 'react'
import type { PageStatus } from '../state/status'

/** What is drawn, in a square of 16. */
const PATHS = {
  check: <path d="m3 8.5 3.5 3.5L13 5" />,
  wait: <path d="M8 2a6 6 0 1 1-5.2 3" />,
  offline: <path d="M2 2l12 12M5.5 5.2A4 4 0 0 0 4.5 13H11m2.5-1.2A3 3 0 0 0 12 7a4 4 0 0 0-4.3-2.9" />,
  warning: <path d="M8 2.5 14.5 13.5h-13zM8 6.5v3.2m0 1.8v.1" />,
  eye: (
    <path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z" />
  ),
  undo: <path d="M6 3 2.5 6.5 6 10M3 6.5h6a4 4 0 0 1 0 8H7" />,
  update: <path d="M8 2v8M4.5 7 8 10.5 11.5 7M3 13.5h10" />,
  disk: <path d="M2.5 9.5v4h11v-4zm0 0 2-7h7l2 7m-3 2h.1" />,
  lock: <path d="M3.5 7.5h9v6h-9zm2 0V5a2.5 2.5 0 0 1 5 0v2.5" />,
} as const satisfies Record<string, ReactNode>

/** What can be drawn. */
export type IconName = keyof typeof PATHS

/** One picture, as large as the text beside it. */
export function Icon({ name }: { readonly name: IconName }): ReactNode {
  return (
    <svg
      className="dovetail-icon"
      data-icon={name}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {PATHS[name]}
    </svg>
  )
}

/** The picture of a state. */
export function iconOf(status: PageStatus): IconName {
  return ICONS[status.status]
}

const ICONS: Readonly<Record<PageStatus['status'], IconName>> = {
  closed: 'warning',
  refused: 'lock',
  failed: 'warning',
  missing: 'warning',
  undone: 'undo',
  gone: 'warning',
  no_room: 'disk',
  unkept: 'disk',
  offline: 'offline',
  unreachable: 'warning',
  connecting: 'wait',
  loading: 'wait',
  view_only: 'eye',
  attention: 'warning',
  little_room: 'disk',
  no_storage: 'disk',
  update: 'update',
  saving: 'wait',
  saved: 'check',
}
