// The app: one screen at a time, below what all screens share.

import { DashboardRealtimeProvider, useWatched } from '@dovetail/react'
import { MapPinOff } from 'lucide-react'
import { lazy, Suspense, useEffect } from 'react'
import { Boundary } from './Boundary'
import { useApp } from './context'
import { Link } from './Link'
import { Message } from './Message'
import { documentOf, format, useRoute, type Route } from './routes'
import { SignIn } from './SignIn'
import { ToastList } from './ToastList'
import { NARROW } from '../editor/useMedia'
import { ListPage } from '../list/ListPage'
import { appUpdate, UpdatePrompt } from '../offline'

const EditorPage = lazy(() => {
  // It is going to be asked for: now, and not one answer later.
  if (!matchMedia(NARROW).matches) void import('../editor/Grid')
  return import('../editor/EditorPage')
})
const JsonPage = lazy(() => import('./JsonPage'))
const Stories = lazy(() => import('../stories').then(({ StoriesPage }) => ({ default: StoriesPage })))

/** Everything that is on the page. */
export function App() {
  const { dovetail, credentials, signingIn } = useApp()
  const update = useWatched(appUpdate)
  const route = useRoute()
  const path = format(route)
  const link = credentials.linkFor(documentOf(route))
  useEffect(() => {
    // A client holds the secret of one link. What another one opens wants a client of its own.
    if (link !== undefined && link !== credentials.linkInUse) location.reload()
  }, [link, credentials])
  return (
    <DashboardRealtimeProvider
      client={dovetail}
      signIn={() => signingIn.set(true)}
      update={update.status === 'waiting' ? update.apply : undefined}
    >
      <Boundary of={path}>
        <Suspense
          fallback={
            <p className="starting" role="status">
              Opening…
            </p>
          }
        >
          <Screen key={documentOf(route) ?? path} route={route} />
        </Suspense>
      </Boundary>
      <SignIn />
      <ToastList />
      <UpdatePrompt />
    </DashboardRealtimeProvider>
  )
}

function Screen({ route }: { readonly route: Route }) {
  switch (route.screen) {
    case 'list':
      return <ListPage />
    case 'editor':
      return <EditorPage id={route.id} />
    case 'json':
      return <JsonPage id={route.id} />
    case 'stories':
      return <Stories />
    case 'unknown':
      return (
        <Message
          icon={MapPinOff}
          title="There is nothing here"
          actions={
            <Link to={{ screen: 'list' }} className="button primary">
              All dashboards
            </Link>
          }
        >
          <p>
            The address <code>{route.path}</code> leads nowhere. It may have been cut off when it was copied.
          </p>
        </Message>
      )
  }
}
