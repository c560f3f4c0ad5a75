// A link to another screen of the app.

import type { ReactNode } from 'react'
import { format, navigate, type Route } from './routes'

/** Goes there without loading the page anew; a press with Ctrl, or on the wheel, does what it does for every link. */
export function Link({
  to,
  className,
  children,
  label,
}: {
  readonly to: Route
  readonly className?: string
  readonly children: ReactNode
  readonly label?: string
}) {
  return (
    <a
      href={format(to)}
      className={className}
      aria-label={label}
      onClick={(event) => {
        if (event.defaultPrevented || event.button !== 0) return
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
        event.preventDefault()
        navigate(to)
      }}
    >
      {children}
    </a>
  )
}
