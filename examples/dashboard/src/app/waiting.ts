// What of this device is not on the server yet, as every screen tells it, and the question before a tab is closed that has something of it
// which is nowhere else.

import type { DeviceSaving, Watchable } from '@dovetail/client'
import { useWatched } from '@dovetail/react'
import { useEffect } from 'react'

/** The browser asks while it would lose something. */
export function useLeaveQuestion(saving: Watchable<DeviceSaving>): void {
  const wouldLose = useWatched(saving, losesWithTab)
  useEffect(() => {
    if (!wouldLose) return
    const ask = (event: Event) => event.preventDefault()
    addEventListener('beforeunload', ask)
    return () => removeEventListener('beforeunload', ask)
  }, [wouldLose])
}

/** Whether there is something in this tab only. */
export function losesWithTab({ documents }: DeviceSaving): boolean {
  return documents.some(({ status }) => status === 'unkept')
}

/** As in "3 changes are …". */
export function changes(count: number): string {
  return count === 1 ? 'One change is' : `${count} changes are`
}
