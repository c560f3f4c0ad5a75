// The named versions of a document, anew whenever the document changes: names are part of it.

import type { DocumentState, DocumentStore, NamedVersion } from '@dovetail/client'
import { useWatched } from '@dovetail/react'
import { useCallback, useEffect, useState } from 'react'

export interface VersionsNow {
  /** The newest first. */
  readonly all: readonly NamedVersion[]
  /** Reads them anew, after naming one. */
  readonly refresh: () => void
}

/** Follows the names. What cannot be read is shown as none: whoever names one is told what is wrong. */
export function useVersions(
  store: Pick<DocumentStore<unknown>, 'history' | 'getState' | 'subscribe'>,
): VersionsNow {
  const heads = useWatched(store, headsOf)
  const [read, setRead] = useState<readonly NamedVersion[]>([])
  const [times, setTimes] = useState(0)
  useEffect(() => {
    let wanted = true
    store.history.versions().then(
      (all) => {
        if (wanted) setRead([...all].sort((one, other) => other.atMs - one.atMs))
      },
      () => {
        if (wanted) setRead([])
      },
    )
    return () => {
      wanted = false
    }
  }, [store, heads, times])
  const refresh = useCallback(() => setTimes((before) => before + 1), [])
  return { all: read, refresh }
}

function headsOf(state: DocumentState<unknown>): string | undefined {
  return state.status === 'ready' ? state.heads.join() : undefined
}
