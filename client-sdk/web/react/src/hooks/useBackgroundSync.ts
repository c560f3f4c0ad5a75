// What is not on the server yet, in a component.

import { useCallback } from 'react'
import type { DocumentStore, SavingState, StorageState } from '@dovetail/client'
import { useDovetail } from '../context'
import { useWatched } from './useWatched'

/** What waits, where it is kept meanwhile, and a way to wait for it. */
export interface BackgroundSync {
  readonly saving: SavingState
  readonly storage: StorageState
  /**
   * Tries the connection at once when there is none, and waits until everything is durable on the server. Throws `refused`
   * when the server did not take something, `closed`.
   */
  readonly flush: () => Promise<void>
}

/** Follows what of a document waits for the server. */
export function useBackgroundSync(store: Pick<DocumentStore<unknown>, 'saving' | 'saved'>): BackgroundSync {
  const client = useDovetail()
  const saving = useWatched(store.saving)
  const storage = useWatched(client.storage)
  const flush = useCallback(() => {
    const { status } = client.link.getState()
    if (status === 'waiting' || status === 'offline') client.reconnect()
    return store.saved()
  }, [client, store])
  return { saving, storage, flush }
}
