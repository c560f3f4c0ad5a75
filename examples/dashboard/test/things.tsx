// The things around a screen, for tests: an app whose client does what a test says, and a way to render in it.

import type { Api, Dovetail } from '@dovetail/client'
import { DashboardRealtimeProvider, staticDovetail, staticWatchable } from '@dovetail/react'
import { render } from '@testing-library/react'
import type { ReactNode } from 'react'
import { AppContext, type App } from '../src/app/context'
import { createToasts } from '../src/app/toasts'
import { watched } from '../src/app/watched'

const SESSION = {
  sessionId: 's',
  clockAheadMs: 0,
  untilMs: undefined,
  limits: { messageBytesMax: 1, changeBytesMax: 1, documentsMax: 1, silenceMsMax: 1 },
  rules: {},
}

/** As much of an app as screens use. */
export function app(
  parts: { user?: string | null; api?: Partial<Api>; dovetail?: Partial<Dovetail> } = {},
): App {
  const { user = 'me' } = parts
  const session = { ...SESSION, user: user === null ? null : { id: user } }
  const dovetail = { ...staticDovetail({ session }), api: parts.api, ...parts.dovetail }
  return {
    dovetail: dovetail as unknown as Dovetail,
    toasts: createToasts(),
    theme: { ...staticWatchable({ choice: 'system', shown: 'light' } as const), choose: () => undefined },
    credentials: {
      token: () => undefined,
      signIn: () => undefined,
      signOut: () => undefined,
      linkFor: () => undefined,
      linkInUse: undefined,
      storageName: 'dovetail',
      isSomebodyElse: () => false,
      opened: () => undefined,
      forgetLinks: () => undefined,
    },
    signingIn: watched(false),
  }
}

/** Renders inside an app. */
export function renderIn(around: App, children: ReactNode) {
  return render(
    <AppContext value={around}>
      <DashboardRealtimeProvider client={around.dovetail}>{children}</DashboardRealtimeProvider>
    </AppContext>,
  )
}
