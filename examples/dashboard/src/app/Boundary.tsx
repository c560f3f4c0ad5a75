// What shows when a screen fails by a mistake of ours: what happened, that nothing is lost, and the way on.

import { Bug } from 'lucide-react'
import { Component, type ReactNode } from 'react'
import { Message } from './Message'
import { reasonOf } from './toasts'

interface BoundaryProps {
  /** Another screen is another try. */
  readonly of: string
  readonly children: ReactNode
}

interface BoundaryState {
  readonly of: string
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
    return props.of === state.of ? null : { of: props.of, error: undefined, failed: false }
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children
    return (
      <Message
        icon={Bug}
        title="This page stumbled"
        urgent
        actions={
          <>
            <button type="button" className="button primary" onClick={() => location.reload()}>
              Reload
            </button>
            <a className="button" href="/">
              All dashboards
            </a>
          </>
        }
      >
        <p>Something went wrong while drawing it. What you did is kept on this device and on the server.</p>
        <p className="muted">{reasonOf(this.state.error)}</p>
      </Message>
    )
  }
}
