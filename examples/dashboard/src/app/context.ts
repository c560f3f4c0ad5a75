// What every screen of the app can reach: the client, toasts, the theme, and who we are.
//
// Always true: inside `AppContext` there is one `App`, and it is the same object for as long as the page lives.

import type { Dovetail } from '@dovetail/client'
import { createContext, useContext } from 'react'
import type { Credentials } from './credentials'
import type { Theme } from './theme'
import type { Toasts } from './toasts'
import type { Settable } from './watched'

/** The things that there is one of for each tab. */
export interface App {
  readonly dovetail: Dovetail
  readonly toasts: Toasts
  readonly theme: Theme
  readonly credentials: Credentials
  /** Whether the dialog to sign in was opened by hand; it opens by itself when the server asks. */
  readonly signingIn: Settable<boolean>
}

export const AppContext = createContext<App | undefined>(undefined)

/** The app's own things. Throws outside `AppContext`, which is a mistake of the page. */
export function useApp(): App {
  const app = useContext(AppContext)
  if (!app) throw new Error('useApp is used outside AppContext')
  return app
}

/** The way to tell people something that passes. */
export function useToasts(): Toasts {
  return useApp().toasts
}
