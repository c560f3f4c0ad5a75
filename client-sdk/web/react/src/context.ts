// What the provider gives to every hook and component below it.
//
// Always true: words are there without a provider as well; a client is there only below one, and asking for it elsewhere is
// an error that says so.

import { createContext, useContext } from 'react'
import type { Dovetail } from '@dovetail/client'
import { english, type Words } from './state/words'

/** As much of a client as hooks and components use: an app's whole one, or `staticDovetail()`. */
export type PageClient = Pick<
  Dovetail,
  'link' | 'session' | 'storage' | 'saving' | 'open' | 'openDashboard' | 'openWidgetData' | 'reconnect'
>

/** What a page may do beyond what the client can. What is missing has no button. */
export interface PageActions {
  /** Lets somebody sign in again, after the server refused who they were. The client connects anew afterwards. */
  readonly signIn?: (() => void | Promise<void>) | undefined
  /** A newer version of the app is ready; this starts it. While it is there, the page says so. */
  readonly update?: (() => void) | undefined
}

/** All that the provider gives. */
export interface Provided {
  readonly client: PageClient
  readonly words: Words
  readonly actions: PageActions
}

/** Holds what the provider gives. */
export const DovetailContext = createContext<Provided | undefined>(undefined)

/** What the provider gives. Throws outside of one. */
export function useProvided(): Provided {
  const provided = useContext(DovetailContext)
  if (!provided) throw new Error('This needs a DashboardRealtimeProvider above it.')
  return provided
}

/** The client of the provider above. Throws outside of one. */
export function useDovetail(): PageClient {
  return useProvided().client
}

/** The words of the provider above; English without one. */
export function useWords(): Words {
  return useContext(DovetailContext)?.words ?? english
}
