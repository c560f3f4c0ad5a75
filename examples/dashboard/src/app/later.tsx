// Parts of the app that are loaded when somebody needs them.
//
// Always true: a part that cannot be loaded takes nothing else away, and can be tried again.

import { lazy, Suspense, useEffect, useState, type ComponentType, type ReactNode } from 'react'
import { Boundary, FailedPart, NotLoaded } from './Boundary'
import { Dialog } from './Dialog'

/** What shows in place of a part. */
export interface Instead<P> {
  /** While it is loaded; without it, whatever is around says that. */
  readonly waiting?: ReactNode
  /** When it cannot be loaded or drawn. */
  readonly failed: (error: unknown, tryAgain: () => void, props: P) => ReactNode
}

/** A component that is loaded when it is drawn for the first time. */
export function later<P extends object>(
  load: () => Promise<ComponentType<P>>,
  { waiting, failed }: Instead<P>,
): ComponentType<P> {
  // What React loads lazily stays failed when it failed: another try is another one.
  let isFailed = false
  const begin = () => {
    isFailed = false
    return lazy(() => loaded(load, () => (isFailed = true)))
  }
  let latest = begin()
  return function Later(props: P) {
    const [Part, setPart] = useState(() => latest)
    useEffect(
      () => () => {
        // Who comes here again tries again.
        if (isFailed) latest = begin()
      },
      [],
    )
    const tryAgain = () => {
      latest = begin()
      setPart(latest)
    }
    return (
      <Boundary of={Part} failed={(error) => failed(error, tryAgain, props)}>
        {waiting === undefined ? (
          <Part {...props} />
        ) : (
          <Suspense fallback={waiting}>
            <Part {...props} />
          </Suspense>
        )}
      </Boundary>
    )
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
  waiting?: ReactNode,
): ComponentType<P> {
  return later(load, {
    waiting,
    failed: (error, tryAgain) => <FailedPart what={what} error={error} onRetry={tryAgain} />,
  })
}

async function loaded<P>(
  load: () => Promise<ComponentType<P>>,
  onFailed: () => void,
): Promise<{ readonly default: ComponentType<P> }> {
  try {
    return { default: await load() }
  } catch (error) {
    onFailed()
    throw new NotLoaded('It could not be loaded.', { cause: error })
  }
}
