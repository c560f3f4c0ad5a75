// The grid: every widget at its place, to be dragged and resized.
//
// Edit path: a drag or a resize shows on the screen and, as a ghost, to the others; at the drop → one change that writes the
// place of the one widget that was touched, and of it only what differs. ← Places of others come in as new props; those that come
// during a drag wait for its end.
//
// Always true: nothing is compacted and nothing is pushed away, because every screen would write its own result back. What covers
// something else is said, with a way to put it where there is room.

import type { DashboardStore, Layout } from '@dovetail/client'
import { useWatched, WidgetRealtime, type WidgetRealtimeProps } from '@dovetail/react'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { GridLayout, getCompactor, useContainerWidth, type LayoutItem } from 'react-grid-layout'
import 'react-grid-layout/css/styles.css'
import { useApp } from '../app/context'
import { kindLabel } from '../widgets/registry'
import { useEditor } from './context'
import { edgeScroll, type EdgeScroll } from './edgeScroll'
import { Ghosts } from './Ghosts'
import { createKeyMoves, layoutEdits } from './keyMoves'
import { MoveContext, type Moving } from './moving'
import { drawn, nearestFree, overlap, placeInWords } from './placing'
import { RowBar, RowsContext } from './RowBar'
import { arrange, ROW_KIND, type Arrangement } from './rows'
import { dashboardOf, sameShape } from './shown'
import { Tile } from './Tile'
import { takenPlaces } from './widgetActions'

/** Between two cells, in pixels; Grafana's is the same, and so are the heights of its panels. */
export const GAP = 8
/** Around the grid, in pixels. */
export const PADDING = 12

/** Free places: whatever is dropped stays where it is dropped. */
const FREE = getCompactor(null, true)

export interface GridProps {
  /** Perhaps with a preview in it. */
  readonly shown: DashboardStore
  readonly turned: ReadonlySet<string>
  readonly onTurn: (id: string) => void
  /** Widgets to draw attention to. */
  readonly marked: readonly string[]
}

export function Grid({ shown, turned, onTurn, marked }: GridProps) {
  const { store, editable, selection, act, announce } = useEditor()
  const { toasts } = useApp()
  const { width, containerRef, mounted } = useContainerWidth()
  const dashboard = useWatched(shown, dashboardOf, sameShape)
  const arrangement = useMemo(() => arrange(dashboard, turned), [dashboard, turned])
  const { columns, rowHeight } = drawn(dashboard.grid)
  // Another number gives the grid its places anew, after a drop that came to nothing.
  const [generation, setGeneration] = useState(0)
  const [covering, setCovering] = useState(false)
  const now = useRef<Now>({ arrangement, columns })
  useLayoutEffect(() => {
    now.current = { arrangement, columns }
  }, [arrangement, columns])
  const drag = useRef<Drag | undefined>(undefined)

  const layout = useMemo(
    () =>
      arrangement.shown.map(({ id, widget, place }): LayoutItem & { readonly generation: number } => {
        const free = editable && !widget.locked
        return {
          i: id,
          ...place,
          minW: 1,
          minH: 1,
          isDraggable: free,
          isResizable: free && widget.kind !== ROW_KIND,
          generation,
        }
      }),
    [arrangement, editable, generation],
  )

  const begin = useCallback(
    (id: string) => {
      const box = containerRef.current?.closest<HTMLElement>('.surface')
      const scroll =
        box &&
        edgeScroll(box, (clientX, clientY) =>
          document.dispatchEvent(new MouseEvent('mousemove', { clientX, clientY, bubbles: true })),
        )
      drag.current = { id, cancelled: false, last: undefined, scroll }
      selection.select(id)
    },
    [selection, containerRef],
  )
  const go = useCallback(
    (item: LayoutItem, event: Event) => {
      const going = drag.current
      if (!going || going.cancelled) return
      if (event instanceof MouseEvent) going.scroll?.at(event.clientX, event.clientY)
      const place = placeOf(item)
      if (going.last && sameCells(going.last, place)) return
      going.last = place
      const { x, y, w, h } = now.current.arrangement.toDocument(going.id, place)
      store.presence.set({ widget: going.id, editing: true, ghost: { widget: going.id, x, y, w, h } })
      setCovering(covered(now.current.arrangement, going.id, place).length > 0)
    },
    [store],
  )
  const drop = useCallback(
    (item: LayoutItem) => {
      const going = drag.current
      drag.current = undefined
      going?.scroll?.end()
      setCovering(false)
      if (!going) return
      store.presence.set({ widget: going.id })
      const shownNow = now.current.arrangement.shown.find(({ id }) => id === going.id)
      const place = placeOf(item)
      if (going.cancelled || !shownNow || sameCells(shownNow.place, place)) {
        if (going.cancelled) setGeneration((number) => number + 1)
        return
      }
      const title = shownNow.widget.title || kindLabel(shownNow.widget.kind)
      const next = now.current.arrangement.toDocument(going.id, place)
      const from = now.current.arrangement.toDocument(going.id, shownNow.place)
      if (!act(layoutEdits(going.id, from, next))) {
        setGeneration((number) => number + 1)
        return
      }
      const [below] = covered(now.current.arrangement, going.id, place)
      announce(placeInWords(title, place) + (below === undefined ? '' : `, covering ${below}`))
      if (below === undefined) return
      toasts.show({
        words: `“${title}” covers “${below}”.`,
        tone: 'warning',
        action: {
          label: 'Move to a free place',
          run: () => {
            const present = dashboardOf(store.getState())
            const taken = takenPlaces(present, going.id)
            const free = nearestFree(next, taken, present.grid.columns)
            act(layoutEdits(going.id, next, free), { label: `Moved “${title}” to a free place` })
          },
        },
      })
    },
    [store, act, announce, toasts],
  )

  useEffect(() => {
    // The library for drags knows no way to end one but letting go, so that is what it is told.
    const cancel = (event: KeyboardEvent) => {
      const going = drag.current
      if (event.key !== 'Escape' || !going) return
      event.stopPropagation()
      going.cancelled = true
      document.dispatchEvent(new MouseEvent('mouseup', { bubbles: true }))
    }
    addEventListener('keydown', cancel, true)
    return () => removeEventListener('keydown', cancel, true)
  }, [])

  const moving = useKeyMoving(now)
  const rows = useMemo(() => ({ states: arrangement.rows, turn: onTurn }), [arrangement.rows, onTurn])
  const children = useTiles(shown, arrangement, editable, marked)
  const gridConfig = useMemo(
    () => ({
      cols: Math.max(1, columns),
      rowHeight: Math.max(4, rowHeight),
      margin: [GAP, GAP] as const,
      containerPadding: [PADDING, PADDING] as const,
    }),
    [columns, rowHeight],
  )
  return (
    <MoveContext value={moving}>
      <RowsContext value={rows}>
        <div ref={containerRef} className="grid" data-covering={covering} data-editable={editable}>
          {mounted && (
            <>
              <GridLayout
                width={width}
                layout={layout}
                compactor={FREE}
                gridConfig={gridConfig}
                dragConfig={DRAG}
                resizeConfig={RESIZE}
                onDragStart={(_, __, item) => item && begin(item.i)}
                onDrag={(_, __, item, ___, event) => item && go(item, event)}
                onDragStop={(_, __, item) => item && drop(item)}
                onResizeStart={(_, __, item) => item && begin(item.i)}
                onResize={(_, __, item, ___, event) => item && go(item, event)}
                onResizeStop={(_, __, item) => item && drop(item)}
              >
                {children}
              </GridLayout>
              <Ghosts store={shown} arrangement={arrangement} grid={drawn(dashboard.grid)} width={width} />
            </>
          )}
        </div>
      </RowsContext>
    </MoveContext>
  )
}

interface Now {
  readonly arrangement: Arrangement
  readonly columns: number
}

interface Drag {
  readonly id: string
  cancelled: boolean
  last: Layout | undefined
  readonly scroll: EdgeScroll | null | undefined
}

const DRAG = {
  enabled: true,
  handle: '.tile-head[data-movable="true"]',
  cancel: 'button, input, textarea, select, a',
  threshold: 4,
} as const
const RESIZE = { enabled: true, handles: ['se'] as const }

/** The tiles, each the same element for as long as its own widget is shown: the grid compares them. */
function useTiles(
  shown: DashboardStore,
  { shown: entries }: Arrangement,
  editable: boolean,
  marked: readonly string[],
) {
  const draw = useCallback<WidgetRealtimeProps['children']>(
    (widget, { widgetId }) =>
      widget.kind === ROW_KIND ? (
        <RowBar id={widgetId} widget={widget} editable={editable} />
      ) : (
        <Tile id={widgetId} widget={widget} editable={editable} />
      ),
    [editable],
  )
  // In the order of reading, so that Tab goes from tile to tile as the eye does.
  const ids = entries
    .toSorted((one, other) => one.place.y - other.place.y || one.place.x - other.place.x)
    .map(({ id }) => id)
  const key = ids.join('\n')
  const marks = marked.join('\n')
  return useMemo(
    () =>
      ids.map((id) => (
        <div key={id} data-marked={marked.includes(id) || undefined}>
          <WidgetRealtime store={shown} widgetId={id}>
            {draw}
          </WidgetRealtime>
        </div>
      )),
    // `key` and `marks` say all that the lists say.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [key, marks, shown, draw],
  )
}

function useKeyMoving(now: { readonly current: Now }): Moving {
  const { store, announce } = useEditor()
  const { toasts } = useApp()
  const moves = useMemo(
    () => createKeyMoves(store, announce, (error) => toasts.failed('Moving', error)),
    [store, announce, toasts],
  )
  useEffect(() => moves.finish, [moves])
  return useMemo(
    () => ({
      finish: moves.finish,
      cancel: moves.cancel,
      press: (key, shift, id) => {
        const entry = now.current.arrangement.shown.find((each) => each.id === id)
        if (!entry || !key.startsWith('Arrow')) return false
        const title = entry.widget.title || kindLabel(entry.widget.kind)
        if (entry.widget.locked) {
          announce(`${title} is locked`)
          return true
        }
        const place = now.current.arrangement.toDocument(id, entry.place)
        return moves.press(key, shift, { id, title, place, columns: now.current.columns })
      },
    }),
    [moves, now, announce],
  )
}

/** The titles of what a widget would cover. Rows are thin, and covered often on the way. */
function covered({ shown }: Arrangement, id: string, place: Layout): readonly string[] {
  return shown
    .filter((other) => other.id !== id && other.widget.kind !== ROW_KIND && overlap(place, other.place))
    .map(({ widget }) => widget.title || kindLabel(widget.kind))
}

function placeOf({ x, y, w, h }: LayoutItem): Layout {
  return { x, y, w, h }
}

function sameCells(one: Layout, other: Layout): boolean {
  return one.x === other.x && one.y === other.y && one.w === other.w && one.h === other.h
}
