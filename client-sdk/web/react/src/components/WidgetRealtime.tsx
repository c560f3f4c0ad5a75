// One widget among others: it follows its own part of the dashboard, shows who is at it and what does not fit, and keeps
// its errors to itself.
//
// Always true: a change elsewhere renders nothing here. Who is at it and what does not fit is said in words as well as in
// colour.

import { memo, useId, type ReactNode } from 'react'
import type { Conflict, DashboardStore, Widget } from '@dovetail/client'
import { useWords } from '../context'
import { useWidgetConflicts } from '../hooks/useConflicts'
import { useWidgetPeople, type Person } from '../hooks/usePresence'
import { useWidget } from '../hooks/useWidget'
import { Button } from './Button'
import { Icon } from './icons'
import { WidgetBoundary } from './WidgetBoundary'

/** What a widget takes. */
export interface WidgetRealtimeProps {
  readonly store: DashboardStore
  readonly widgetId: string
  /**
   * Draws the widget. Called when the widget, its conflicts or the people at it changed, or when it is another function: one
   * that is made outside of the component, or with `useCallback`, keeps the others from being drawn with it.
   */
  readonly children: (widget: Widget, around: WidgetSurroundings) => ReactNode
  readonly className?: string | undefined
}

/** What is around a widget. */
export interface WidgetSurroundings {
  readonly widgetId: string
  /** Those who edit it first. */
  readonly people: readonly Person[]
  readonly conflicts: readonly Conflict[]
}

/** Nothing while there is no such widget. */
export const WidgetRealtime = memo(function WidgetRealtime(props: WidgetRealtimeProps): ReactNode {
  const { store, widgetId, children, className = '' } = props
  const words = useWords()
  const widget = useWidget(store, widgetId)
  const conflicts = useWidgetConflicts(store, widgetId)
  const people = useWidgetPeople(store, widgetId)
  const flags = useId()
  if (!widget) return null
  return (
    <section
      className={`dovetail-widget ${className}`.trim()}
      aria-label={widget.title || widget.kind}
      aria-describedby={flags}
      data-widget={widgetId}
      data-color={people[0]?.color}
      data-conflict={worst(conflicts)}
      data-flags={isLater(conflicts, widgetId) ? 'below' : 'above'}
    >
      <div id={flags} className="dovetail-flags">
        {people.length > 0 && <NameFlag people={people} />}
        {conflicts.length > 0 && <ConflictFlag conflicts={conflicts} />}
      </div>
      <WidgetBoundary
        of={widget}
        failed={(tryAgain) => (
          <div className="dovetail-widget-failed" role="alert">
            <p>{words.widget.failed(widget.title || widget.kind)}</p>
            <Button onPress={tryAgain}>{words.widget.tryAgain}</Button>
          </div>
        )}
      >
        <Drawn draw={children} widget={widget} people={people} conflicts={conflicts} widgetId={widgetId} />
      </WidgetBoundary>
    </section>
  )
})

/** A component of its own, so that what `draw` throws is below the boundary. */
function Drawn({
  draw,
  widget,
  ...around
}: {
  readonly draw: WidgetRealtimeProps['children']
  readonly widget: Widget
} & WidgetSurroundings): ReactNode {
  return draw(widget, around)
}

/** One name fits; the others are a number, and all of them are in the words. */
function NameFlag({ people }: { readonly people: readonly Person[] }): ReactNode {
  const words = useWords()
  const editing = people.filter((person) => person.editing)
  const said =
    editing.length > 0
      ? words.widget.editing(editing.map((person) => person.name))
      : words.widget.here(people.map((person) => person.name))
  const more = people.length - 1
  return (
    <span className="dovetail-name" data-color={people[0]?.color} title={said}>
      <span aria-hidden="true">
        {people[0]?.name} {more > 0 && words.presence.more(more)}
      </span>
      <span className="dovetail-unseen">{said}</span>
    </span>
  )
}

function ConflictFlag({ conflicts }: { readonly conflicts: readonly Conflict[] }): ReactNode {
  const words = useWords()
  return (
    <span
      className="dovetail-conflict-flag"
      data-conflict={worst(conflicts)}
      title={conflicts.map((conflict) => conflict.message).join('\n')}
    >
      <Icon name="warning" />
      <span>{words.widget.conflict(conflicts.length)}</span>
    </span>
  )
}

/** Of two that share a place one lies on the other; a page that draws them so can keep what is said of both apart. */
function isLater(conflicts: readonly Conflict[], widgetId: string): boolean {
  return conflicts.some(
    ({ subjects: [first, second] }) => second !== undefined && first?.split('/')[0] !== widgetId,
  )
}

function worst(conflicts: readonly Conflict[]): Conflict['severity'] | undefined {
  return (['error', 'warning', 'info'] as const).find((severity) =>
    conflicts.some((conflict) => conflict.severity === severity),
  )
}
