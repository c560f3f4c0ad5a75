// Keeps what goes wrong in one widget to that widget.

import { Component, type ReactNode } from 'react'

interface WidgetBoundaryProps {
  /** Another value is another try: what failed for the old one may work for the new one. */
  readonly of: unknown
  /** Shown in place of what failed; `tryAgain` renders that once more. */
  readonly failed: (tryAgain: () => void) => ReactNode
  readonly children: ReactNode
}

type WidgetBoundaryState =
  { readonly status: 'shown'; readonly of: unknown } | { readonly status: 'failed'; readonly of: unknown }

/** A class, because React asks for one. What was thrown goes to the console by React itself, and to nobody else. */
export class WidgetBoundary extends Component<WidgetBoundaryProps, WidgetBoundaryState> {
  override readonly state: WidgetBoundaryState = { status: 'shown', of: this.props.of }

  static getDerivedStateFromError(): Partial<WidgetBoundaryState> {
    return { status: 'failed' }
  }

  static getDerivedStateFromProps(
    props: WidgetBoundaryProps,
    state: WidgetBoundaryState,
  ): WidgetBoundaryState | null {
    return Object.is(props.of, state.of) ? null : { status: 'shown', of: props.of }
  }

  override render(): ReactNode {
    if (this.state.status === 'shown') return this.props.children
    return this.props.failed(() => this.setState({ status: 'shown' }))
  }
}
