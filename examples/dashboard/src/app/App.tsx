// The app: one screen at a time, below what all screens share.

import { DashboardRealtimeProvider, useWatched } from '@dovetail/react'
import { MapPinOff } from 'lucide-react'
import { useEffect } from 'react'
import { Boundary, FailedPage } from './Boundary'
import { useApp } from './context'
import { later, type Instead } from './later'
import { Link } from './Link'
import { Message } from './Message'
import { documentOf, format, useRoute, type Route } from './routes'
import { SignIn } from './SignIn'
import { startAnew } from './startAnew'
import { ToastList } from './ToastList'
import { useLeaveQuestion } from './waiting'
import { NARROW } from '../editor/useMedia'
import { ListPage } from '../list/ListPage'
import { appUpdate, UpdatePrompt } from '../offline'

const OPENING: Instead<object> = {
  waiting: (
    <p className="starting" role="status">
      Opening…
    </p>
  ),
  failed: (error, tryAgain) => <FailedPage error={error} onRetry={tryAgain} />,
}
const EditorPage = later(() => {
  // It is going to be asked for: now, and not one answer later. What becomes of it is told where it is drawn.
  if (!matchMedia(NARROW).matches) import('../editor/Grid').catch(() => undefined)
  return import('../editor/EditorPage').then((page) => page.default)
}, OPENING)
const JsonPage = later(() => import('./JsonPage').then((page) => page.default), OPENING)
const Stories = later(() => import('../stories').then(({ StoriesPage }) => StoriesPage), OPENING)

/** Everything that is on the page. */
export function App() {
  const { dovetail, credentials, signingIn } = useApp()
  const update = useWatched(appUpdate)
  const route = useRoute()
  const path = format(route)
  const document = documentOf(route)
  const link = credentials.linkFor(document)
  useLeaveQuestion(dovetail.saving)
  useEffect(() => {
    // A client holds the secret of one link. What another one opens wants a client of its own.
    if (link !== undefined && link !== credentials.linkInUse) startAnew()
    else if (document !== undefined) credentials.opened(document)
  }, [link, document, credentials])
  return (
    <DashboardRealtimeProvider
      client={dovetail}
      signIn={() => signingIn.set(true)}
      update={update.status === 'waiting' ? update.apply : undefined}
    >
      <Boundary of={path}>
        <Screen key={documentOf(route) ?? path} route={route} />
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
