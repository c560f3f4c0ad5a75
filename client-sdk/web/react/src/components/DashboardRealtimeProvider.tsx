// Gives a client, words, and what the page can do to every hook and component below.

import { useMemo, type ReactNode } from 'react'
import { DovetailContext, type PageActions, type PageClient } from '../context'
import { english, type Words } from '../state/words'

/** What the provider takes. */
export interface DashboardRealtimeProviderProps extends PageActions {
  /** What `createDovetail` gave; one for each tab. Whoever made it closes it. */
  readonly client: PageClient
  /** What is said; English by itself. An app that changes some words gives `{ ...english, … }`. */
  readonly words?: Words | undefined
  readonly children?: ReactNode
}

/** Stands above everything that uses this package. */
export function DashboardRealtimeProvider(props: DashboardRealtimeProviderProps): ReactNode {
  const { client, words = english, signIn, update, children } = props
  const provided = useMemo(
    () => ({ client, words, actions: { signIn, update } }),
    [client, words, signIn, update],
  )
  return <DovetailContext value={provided}>{children}</DovetailContext>
}
