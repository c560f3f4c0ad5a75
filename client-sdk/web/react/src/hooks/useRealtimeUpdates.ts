// What others change in a document, as it comes in.

import { useEffect, useState } from 'react'
import type { DocumentStore, RemoteUpdate } from '@dovetail/client'
import { useStable } from './useStable'

/** Changes of others, with the widgets that they are about. */
export interface RealtimeUpdate extends RemoteUpdate {
  /** Each once, in the order in which they stand in `places`. */
  readonly widgets: readonly string[]
}

/** How many are kept: more than anybody reads. */
export const UPDATES_KEPT = 50

/**
 * What others changed since the component came, the newest first, 50 at most. `onUpdate` is called with each, after the state
 * has it; it may be written in place.
 */
export function useRealtimeUpdates(
  store: Pick<DocumentStore<unknown>, 'updates'>,
  onUpdate?: (update: RealtimeUpdate) => void,
): readonly RealtimeUpdate[] {
  const [feed, setFeed] = useState<Feed>({ of: store, updates: [] })
  const tell = useStable(onUpdate)
  useEffect(
    () =>
      store.updates.listen((remote) => {
        const update = { ...remote, widgets: widgetsOf(remote) }
        setFeed((now) => added(now, store, update))
        tell(update)
      }),
    [store, tell],
  )
  return feed.of === store ? feed.updates : NONE
}

/** Kept with whose they are, so that those of another document are never shown. */
interface Feed {
  readonly of: object
  readonly updates: readonly RealtimeUpdate[]
}

const NONE: readonly RealtimeUpdate[] = []

function added(feed: Feed, store: object, update: RealtimeUpdate): Feed {
  const before = feed.of === store ? feed.updates : NONE
  return { of: store, updates: [update, ...before].slice(0, UPDATES_KEPT) }
}

function widgetsOf(update: RemoteUpdate): readonly string[] {
  const ids = update.places
    .filter(([first, id]) => first === 'widgets' && id !== undefined)
    .map(([, id]) => String(id))
  return [...new Set(ids)]
}
