// The one way in which hooks open a document: taken while rendering, held for as long as the component is there.

import { useEffect, useReducer } from 'react'
import { useDovetail, type PageClient } from '../context'
import { leasesOf } from '../state/leases'

/** Opens by `open`, once for all components of a client with the same `key`. What `open` throws is thrown while rendering. */
export function useStore<S extends { release(): void }>(key: string, open: (client: PageClient) => S): S {
  const client = useDovetail()
  const leases = leasesOf(client)
  const store = leases.take(key, () => open(client))
  const [, renderAnew] = useReducer((times: number) => times + 1, 0)
  useEffect(() => {
    const end = leases.hold(key, store)
    if (end) return end
    // It was released between rendering and now, because that took very long: the next rendering opens it again.
    renderAnew()
    return undefined
  }, [leases, key, store])
  return store
}
