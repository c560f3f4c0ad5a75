// What shows when a part of the page fails: what is known of it, and the way on.
//
// Always true: nothing is claimed that is not known here, such as what became of edits; the pill in the bar tells that.

import { Bug, CloudOff } from 'lucide-react'
import { Component, type ReactNode } from 'react'
import { Message } from './Message'
import { reasonOf } from './toasts'

/** A part of the app did not come from the server, nor from the device. */
export class NotLoaded extends Error {
  override readonly name = 'NotLoaded'
}

interface BoundaryProps {
  /** Another value is another try. */
  readonly of: unknown
  /** Shown in place of what failed; a whole page without it. `tryAgain` draws it once more. */
  readonly failed?: (error: unknown, tryAgain: () => void) => ReactNode
  readonly children: ReactNode
}

interface BoundaryState {
  readonly of: unknown
  readonly error: unknown
  readonly failed: boolean
}

/** A class, because React asks for one. */
export class Boundary extends Component<BoundaryProps, BoundaryState> {
  override readonly state: BoundaryState = { of: this.props.of, error: undefined, failed: false }

  static getDerivedStateFromError(error: unknown): Partial<BoundaryState> {
    return { error, failed: true }
  }

  static getDerivedStateFromProps(props: BoundaryProps, state: BoundaryState): BoundaryState | null {
    return Object.is(props.of, state.of) ? null : { of: props.of, error: undefined, failed: false }
  }

  override render(): ReactNode {
    const { error, failed } = this.state
    if (!failed) return this.props.children
    if (this.props.failed) {
      return this.props.failed(error, () => this.setState({ error: undefined, failed: false }))
    }
    return <FailedPage error={error} />
  }
}

/** In place of a whole page. Without `onRetry` the page is loaded anew. */
export function FailedPage({ error, onRetry }: { readonly error: unknown; readonly onRetry?: () => void }) {
  return (
    <Message
      icon={error instanceof NotLoaded ? CloudOff : Bug}
      title={titleOf(error, 'This page')}
      urgent
      actions={
        <>
          {onRetry && (
            <button type="button" className="button primary" onClick={onRetry}>
              Try again
            </button>
          )}
          <button
            type="button"
            className={onRetry ? 'button' : 'button primary'}
            onClick={() => location.reload()}
          >
            Reload
          </button>
          <a className="button" href="/">
            All dashboards
          </a>
        </>
      }
    >
      <FailedWords error={error} />
    </Message>
  )
}

/** Inside a page: the rest of it goes on. */
export function FailedPart({
  what,
  error,
  onRetry,
}: {
  /** At the beginning of a sentence, as in `This widget`. */
  readonly what: string
  readonly error: unknown
  readonly onRetry: () => void
}) {
  return (
    <div className="failed-part" role="alert">
      <p>
        <b>{titleOf(error, what)}</b>
      </p>
      <FailedWords error={error} />
      <button type="button" className="button small" onClick={onRetry}>
        Try again
      </button>
    </div>
  )
}

function titleOf(error: unknown, what: string): string {
  return error instanceof NotLoaded ? `${what} could not be loaded` : `${what} could not be drawn`
}

function FailedWords({ error }: { readonly error: unknown }) {
  if (error instanceof NotLoaded) {
    return (
      <p>
        It is not on this device, and the server did not send it: there may be no connection, or the app was
        updated meanwhile. Then a reload helps.
      </p>
    )
  }
  return <p className="muted">{reasonOf(error)}</p>
}
