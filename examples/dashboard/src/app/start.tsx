// Makes the things that there is one of for each tab, and draws the app.

import { createDovetail } from '@dovetail/client'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './App'
import { AppContext, type App as AppThings } from './context'
import { readCredentials } from './credentials'
import { startAnew } from './startAnew'
import { documentOf, parse } from './routes'
import { createTheme } from './theme'
import { createToasts } from './toasts'
import { watched } from './watched'
import { startOffline } from '../offline'

/** Begins the app in `place`. Called once. */
export function start(place: HTMLElement): void {
  const about = documentOf(parse(location.pathname))
  const credentials = readCredentials(about)
  const link = credentials.linkInUse
  const dovetail = createDovetail({
    url: serverUrl(),
    storage: { name: credentials.storageName },
    token: () => (credentials.isSomebodyElse() ? beginAnew() : credentials.token()),
    ...(link === undefined ? {} : { link }),
  })
  const app: AppThings = {
    dovetail,
    credentials,
    theme: createTheme(),
    toasts: createToasts(),
    signingIn: watched(false),
  }
  // Who stays signed in on this device is so in all tabs, and so is who signs out.
  addEventListener('storage', () => {
    if (credentials.isSomebodyElse()) startAnew()
  })
  createRoot(place).render(
    <StrictMode>
      <AppContext value={app}>
        <App />
      </AppContext>
    </StrictMode>,
  )
  startOffline()
}

/** No token is given to a client that is somebody else's: the page goes. */
function beginAnew(): Promise<never> {
  startAnew()
  return new Promise(() => undefined)
}

/** The server that this page came from; while developing, the one that `VITE_DOVETAIL_URL` names. */
function serverUrl(): string {
  const named: unknown = import.meta.env['VITE_DOVETAIL_URL']
  return typeof named === 'string' && named !== '' ? named : location.origin
}
