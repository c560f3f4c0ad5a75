// A row: a bar across the grid that folds what it holds.

import type { Widget } from '@dovetail/client'
import { ChevronDown, Ellipsis, Pencil, Trash2 } from 'lucide-react'
import { createContext, useContext, useState, type KeyboardEvent } from 'react'
import { Menu } from '../app/Menu'
import { useEditor } from './context'
import { MoveContext } from './moving'
import { Rename } from './Rename'
import type { RowState } from './rows'
import { dashboardOf } from './shown'
import { removal } from './widgetActions'

/** What the rows hold, and the way to fold them. */
export interface Rows {
  readonly states: ReadonlyMap<string, RowState>
  readonly turn: (id: string) => void
}

export const RowsContext = createContext<Rows>({ states: new Map(), turn: () => undefined })

export function RowBar({
  id,
  widget,
  editable,
}: {
  readonly id: string
  readonly widget: Widget
  readonly editable: boolean
}) {
  const { store, act, selection, announce } = useEditor()
  const { states, turn } = useContext(RowsContext)
  const move = useContext(MoveContext)
  const [renaming, setRenaming] = useState(false)
  const state = states.get(id) ?? { expanded: true, holds: 0 }
  const title = widget.title || 'Row'
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Escape') {
      if (move.cancel()) event.stopPropagation()
      return
    }
    if (event.key === 'Enter' || event.key === ' ') turn(id)
    else if (!editable || !move.press(event.key, false, id)) return
    event.preventDefault()
  }
  const remove = () => {
    if (act(removal(dashboardOf(store.getState()), id), { label: `Removed the row “${title}”` })) {
      selection.select(undefined)
      announce(`Row ${title} removed`)
    }
  }
  return (
    <div
      className="row-bar"
      data-tile={id}
      tabIndex={0}
      role="group"
      aria-label={`Row ${title}`}
      onFocus={() => selection.select(id)}
      onBlur={move.finish}
      onKeyDown={onKeyDown}
    >
      <div className="row-head tile-head" data-movable={editable && !widget.locked}>
        <button
          type="button"
          className="row-fold"
          aria-expanded={state.expanded}
          onClick={() => turn(id)}
          disabled={state.holds === 0}
        >
          <ChevronDown size={15} aria-hidden="true" />
          {!renaming && <span>{title}</span>}
        </button>
        {renaming && (
          <Rename id={id} label="Title of the row" title={widget.title} onDone={() => setRenaming(false)} />
        )}
        <span className="muted row-count">
          {state.holds} {state.holds === 1 ? 'widget' : 'widgets'}
        </span>
        {editable && (
          <Menu
            label={`Menu of the row ${title}`}
            className="icon-button small tile-menu"
            groups={[
              [{ label: 'Rename', icon: Pencil, takesFocus: true, run: () => setRenaming(true) }],
              [{ label: 'Remove row', hint: 'The widgets stay', icon: Trash2, danger: true, run: remove }],
            ]}
          >
            <Ellipsis size={15} aria-hidden="true" />
          </Menu>
        )}
      </div>
    </div>
  )
}
