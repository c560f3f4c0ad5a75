// The narrow layout: one column in the order of the keys, to be put into another order by a handle.
//
// Edit path: a handle is dragged, or its arrow keys are pressed → at the drop the order key of the one widget that moved, between
// those of its new neighbours. Places on the grid are never written from here.

import type { DashboardStore } from '@dovetail/client'
import { useWatched, WidgetRealtime, type WidgetRealtimeProps } from '@dovetail/react'
import { GripVertical } from 'lucide-react'
import { useCallback, useMemo, useRef, useState, type PointerEvent } from 'react'
import { kindLabel } from '../widgets/registry'
import { behindWhom, column, indexAt, type Entry } from './narrow'
import { useEditor } from './context'
import { edgeScroll } from './edgeScroll'
import { MoveContext } from './moving'
import { RowBar, RowsContext } from './RowBar'
import { ROW_KIND } from './rows'
import { dashboardOf, sameShape } from './shown'
import { Tile } from './Tile'

export interface ColumnProps {
  readonly shown: DashboardStore
  readonly turned: ReadonlySet<string>
  readonly onTurn: (id: string) => void
  readonly marked: readonly string[]
}

export function Column({ shown, turned, onTurn, marked }: ColumnProps) {
  const { editable } = useEditor()
  const dashboard = useWatched(shown, dashboardOf, sameShape)
  const { entries, rows } = useMemo(() => column(dashboard, turned), [dashboard, turned])
  const list = useRef<HTMLOListElement>(null)
  const place = usePlace(entries)
  const drag = useHandle(list, entries, place)
  const draw = useCallback<WidgetRealtimeProps['children']>(
    (widget, { widgetId }) =>
      widget.kind === ROW_KIND ? (
        <RowBar id={widgetId} widget={widget} editable={editable} />
      ) : (
        <Tile id={widgetId} widget={widget} editable={editable} />
      ),
    [editable],
  )
  const moving = useMemo(
    () => ({
      press: (key: string, shift: boolean, id: string) => {
        if (shift || (key !== 'ArrowUp' && key !== 'ArrowDown')) return false
        place(id, entries.findIndex((entry) => entry.id === id) + (key === 'ArrowUp' ? -1 : 1))
        return true
      },
      finish: () => undefined,
      cancel: () => false,
    }),
    [place, entries],
  )
  const rowsNow = useMemo(() => ({ states: rows, turn: onTurn }), [rows, onTurn])
  return (
    <MoveContext value={moving}>
      <RowsContext value={rowsNow}>
        <ol ref={list} className="column" data-editable={editable}>
          {entries.map(({ id, widget }, at) => (
            <li
              key={id}
              data-kind={widget.kind}
              data-marked={marked.includes(id) || undefined}
              data-dragged={drag.id === id || undefined}
              data-drop={drag.to === at && drag.id !== undefined && drag.id !== id ? drag.side : undefined}
              style={
                widget.kind === ROW_KIND
                  ? undefined
                  : { height: heightOf(widget.layout.h, dashboard.grid.rowHeight) }
              }
            >
              {editable && (
                <button
                  type="button"
                  className="column-handle"
                  aria-label={`Reorder ${widget.title || kindLabel(widget.kind)}`}
                  aria-describedby="column-keys"
                  onPointerDown={(event) => drag.begin(event, id)}
                  onKeyDown={(event) => {
                    if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return
                    event.preventDefault()
                    place(id, at + (event.key === 'ArrowUp' ? -1 : 1))
                  }}
                >
                  <GripVertical size={16} aria-hidden="true" />
                </button>
              )}
              <WidgetRealtime store={shown} widgetId={id}>
                {draw}
              </WidgetRealtime>
            </li>
          ))}
        </ol>
        <p id="column-keys" className="sr">
          Arrow up and arrow down change the order.
        </p>
      </RowsContext>
    </MoveContext>
  )
}

/** In pixels: as on the grid, but neither a slit nor longer than a phone. */
function heightOf(cells: number, rowHeight: number): number {
  return Math.min(440, Math.max(110, cells * (rowHeight + 8)))
}

/** Puts an entry at a place among the others, counted without itself. */
function usePlace(entries: readonly Entry[]): (id: string, to: number) => void {
  const { store, act, announce } = useEditor()
  return useCallback(
    (id, to) => {
      const where = behindWhom(entries, id, to)
      const entry = entries.find((each) => each.id === id)
      if (!where || !entry) return
      const title = entry.widget.title || kindLabel(entry.widget.kind)
      if (!act(store.place(id, where.after), { label: `Reordered “${title}”` })) return
      announce(`${title}: ${Math.min(Math.max(0, to), entries.length - 1) + 1} of ${entries.length}`)
    },
    [entries, store, act, announce],
  )
}

interface Handle {
  readonly id: string | undefined
  /** Where it would go. */
  readonly to: number | undefined
  readonly side: 'before' | 'after'
  readonly begin: (event: PointerEvent<HTMLElement>, id: string) => void
}

/** Follows a finger or a mouse that drags a handle. */
function useHandle(
  list: { readonly current: HTMLElement | null },
  entries: readonly Entry[],
  place: (id: string, to: number) => void,
): Handle {
  const [dragged, setDragged] = useState<{ readonly id: string; readonly to: number } | undefined>(undefined)
  const begin = (down: PointerEvent<HTMLElement>, id: string) => {
    if (down.button !== 0) return
    const handle = down.currentTarget
    handle.setPointerCapture(down.pointerId)
    const from = entries.findIndex((entry) => entry.id === id)
    let to = from
    setDragged({ id, to })
    const look = (y: number) => {
      const items = [...(list.current?.children ?? [])].filter((_, at) => at !== from)
      const middles = items.map((item) => {
        const { top, height } = item.getBoundingClientRect()
        return top + height / 2
      })
      to = indexAt(middles, y)
      setDragged({ id, to })
    }
    const box = list.current?.closest<HTMLElement>('.surface')
    const scroll = box && edgeScroll(box, (_, y) => look(y))
    const move = (event: globalThis.PointerEvent) => {
      look(event.clientY)
      scroll?.at(event.clientX, event.clientY)
    }
    const end = (drop: boolean) => {
      handle.removeEventListener('pointermove', move)
      handle.removeEventListener('pointerup', up)
      handle.removeEventListener('pointercancel', cancel)
      removeEventListener('keydown', key, true)
      scroll?.end()
      setDragged(undefined)
      if (drop) place(id, to)
    }
    const up = () => end(true)
    const cancel = () => end(false)
    const key = (event: globalThis.KeyboardEvent) => {
      if (event.key === 'Escape') end(false)
    }
    handle.addEventListener('pointermove', move)
    handle.addEventListener('pointerup', up)
    handle.addEventListener('pointercancel', cancel)
    addEventListener('keydown', key, true)
  }
  const from = entries.findIndex((entry) => entry.id === dragged?.id)
  // `to` counts without the dragged one; below it, all others stand one further down.
  const below = dragged !== undefined && dragged.to > from
  return {
    id: dragged?.id,
    to: dragged === undefined ? undefined : dragged.to,
    side: below ? 'after' : 'before',
    begin,
  }
}
