// Parts of the app that are loaded when somebody needs them.
//
// Always true: a part that cannot be loaded takes nothing else away, and can be tried again.

import { useWatched } from '@dovetail/react'
import { useLayoutEffect, type ComponentType, type ReactNode } from 'react'
import { Boundary, FailedPart, NotLoaded } from './Boundary'
import { Dialog } from './Dialog'
import { watched } from './watched'

/** What shows in place of a part. */
export interface Instead<P> {
  /** While it is loaded. */
  readonly waiting: ReactNode
  /** When it cannot be loaded or drawn. */
  readonly failed: (error: unknown, tryAgain: () => void, props: P) => ReactNode
}

/** How far it is. */
type Loading<P> =
  | { readonly status: 'not_yet' }
  | { readonly status: 'there'; readonly Part: ComponentType<P> }
  | { readonly status: 'failed'; readonly error: NotLoaded }

/**
 * A component that is loaded when it is drawn for the first time. It is no `Suspense`: React lets what was waited for there show 0.3 s
 * after what stood in its place, which is a third of the time in which a dashboard opens.
 */
export function later<P extends object>(
  load: () => Promise<ComponentType<P>>,
  { waiting, failed }: Instead<P>,
): ComponentType<P> {
  const loading = watched<Loading<P>>({ status: 'not_yet' })
  let isAsking = false
  const ask = async () => {
    if (isAsking || loading.getState().status === 'there') return
    isAsking = true
    loading.set({ status: 'not_yet' })
    loading.set(await loaded(load))
    isAsking = false
  }
  return function Later(props: P) {
    const now = useWatched(loading)
    // Who comes here again tries again.
    useLayoutEffect(() => void ask(), [])
    switch (now.status) {
      case 'not_yet':
        return waiting
      case 'failed':
        return failed(now.error, () => void ask(), props)
      case 'there':
        return (
          <Boundary of={now.Part} failed={(error, tryAgain) => failed(error, tryAgain, props)}>
            <now.Part {...props} />
          </Boundary>
        )
    }
  }
}

/** A dialog that is loaded when it opens. `what` as in `The dialog to share`. */
export function laterDialog<P extends { readonly onClose: () => void }>(
  what: string,
  load: () => Promise<ComponentType<P>>,
): ComponentType<P> {
  return later(load, {
    waiting: null,
    failed: (error, tryAgain, { onClose }) => (
      <Dialog open title="Something is missing" onClose={onClose}>
        <FailedPart what={what} error={error} onRetry={tryAgain} />
      </Dialog>
    ),
  })
}

/** A part inside a page. `what` as in `This panel`. */
export function laterPart<P extends object>(
  what: string,
  load: () => Promise<ComponentType<P>>,
  waiting: ReactNode,
): ComponentType<P> {
  return later(load, {
    waiting,
    failed: (error, tryAgain) => <FailedPart what={what} error={error} onRetry={tryAgain} />,
  })
}

async function loaded<P>(load: () => Promise<ComponentType<P>>): Promise<Loading<P>> {
  try {
    return { status: 'there', Part: await load() }
  } catch (error) {
    return { status: 'failed', error: new NotLoaded('It could not be loaded.', { cause: error }) }
  }
}
