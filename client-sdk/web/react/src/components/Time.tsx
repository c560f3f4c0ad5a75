// A time in words, which stays true while it is looked at.

import type { ReactNode } from 'react'
import { useWords } from '../context'
import { useNow } from '../hooks/useNow'

/** "2 min ago". What a server draws is in its own language of times, and is drawn anew by the page. */
export function Time({ atMs }: { readonly atMs: number }): ReactNode {
  const words = useWords()
  const nowMs = useNow()
  return (
    <time dateTime={isoTime(atMs)} suppressHydrationWarning>
      {words.time(atMs, nowMs)}
    </time>
  )
}

/** Times come from documents, where anything may stand; what is no time has no machine-readable form. */
function isoTime(atMs: number): string | undefined {
  const time = new Date(atMs)
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString()
}
