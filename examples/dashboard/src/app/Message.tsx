// A page that says one thing: why there is nothing else to see, and the way on.

import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import { Logo } from './Logo'
import { Link } from './Link'

export interface MessageProps {
  readonly icon: LucideIcon
  readonly title: string
  /** A sentence or two. */
  readonly children: ReactNode
  /** Buttons and links, the most useful first. */
  readonly actions?: ReactNode
  /** Told at once to screen readers, because somebody waits for it. */
  readonly urgent?: boolean
}

/** One message in the middle of the page, below the bar with the way home. */
export function Message({ icon: Icon, title, children, actions, urgent = false }: MessageProps) {
  return (
    <div className="page">
      <header className="bar">
        <Link to={{ screen: 'list' }} className="home" label="Dovetail: all dashboards">
          <Logo />
          <span>Dovetail</span>
        </Link>
      </header>
      <main className="message">
        <span className="message-icon">
          <Icon size={28} aria-hidden="true" />
        </span>
        <h1>{title}</h1>
        <div className="message-words" role={urgent ? 'alert' : undefined}>
          {children}
        </div>
        {actions !== undefined && <div className="message-actions">{actions}</div>}
      </main>
    </div>
  )
}
