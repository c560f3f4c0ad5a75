// Begins it all, once for each tab; and what the rest of the app may know of it.

import type { Watchable } from '@dovetail/client'
import { watched } from '../app/watched'
import { thisPage } from './page'
import { followUpdates, type UpdateState } from './updates'

const state = watched<UpdateState>({ status: 'current' })

/** Whether a newer version is there. */
export const appUpdate: Watchable<UpdateState> = state

/** Registers the service worker, in what was built for people: while developing, kept files would be old ones. */
export function startOffline(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  const found = followUpdates(thisPage(navigator.serviceWorker))
  found.subscribe(() => state.set(found.getState()))
}
