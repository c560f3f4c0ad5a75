// One widget on the grid or in the column: its bar with title and menu, and its inside.
//
// Always true: a tile renders when its own widget changes, and not when others do. Keys work on the tile itself; a key that was
// meant for something inside it is left alone.

import { unique, type Widget } from '@dovetail/client'
import {
  Copy,
  Ellipsis,
  LockKeyhole,
  LockKeyholeOpen,
  Move,
  Pencil,
  SlidersHorizontal,
  Trash2,
} from 'lucide-react'
import { memo, useContext, useState, type KeyboardEvent } from 'react'
import { useWatched } from '@dovetail/react'
import { Boundary, FailedPart } from '../app/Boundary'
import { useApp } from '../app/context'
import { copiedData, notesOf } from '../app/duplicate'
import { Menu, type MenuEntry } from '../app/Menu'
import { laterDialog } from '../app/later'
import { offerUndo } from '../app/toasts'
import { kindLabel, kindOf } from '../widgets/registry'
import { WidgetBody } from '../widgets/WidgetBody'
import { useEditor } from './context'
import { MoveContext } from './moving'
import { Rename } from './Rename'
import { neighbour } from './selection'
import { dashboardOf } from './shown'
import { copy, removal } from './widgetActions'

const MoveDialog = laterDialog('The dialog to move', () =>
  import('./MoveDialog').then((move) => move.MoveDialog),
)

export interface TileProps {
  readonly id: string
  readonly widget: Widget
  readonly editable: boolean
}

/** Everything of a widget but the ring around it. */
export const Tile = memo(function Tile({ id, widget, editable }: TileProps) {
  const { selection, openOptions } = useEditor()
  const move = useContext(MoveContext)
  const selected = useWatched(selection, (selectedId) => selectedId === id)
  const [renaming, setRenaming] = useState(false)
  const [moving, setMoving] = useState(false)
  const actions = useActions(id, widget)
  const title = widget.title || kindLabel(widget.kind)

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.target !== event.currentTarget) return
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Escape') {
      // One thing at a time: what is left to close is closed by the next press.
      if (move.cancel()) event.stopPropagation()
      else if (selection.getState() !== undefined) {
        selection.select(undefined)
        event.stopPropagation()
      }
      return
    }
    if (event.key === 'Enter') {
      event.preventDefault()
      openOptions(id)
    }
    if (!editable) return
    if (event.key === 'F2') setRenaming(true)
    else if (event.key === 'Delete') actions.remove()
    else if (!move.press(event.key, event.shiftKey, id)) return
    event.preventDefault()
  }
  return (
    <div
      className="tile"
      data-tile={id}
      data-kind={kindOf(widget.kind)?.kind ?? 'unknown'}
      data-selected={selected}
      tabIndex={0}
      role="group"
      aria-label={`${title}, ${kindLabel(widget.kind)}${widget.locked ? ', locked' : ''}`}
      aria-describedby={editable ? 'grid-keys' : undefined}
      onFocus={() => selection.select(id)}
      onBlur={move.finish}
      onKeyDown={onKeyDown}
    >
      <header className="tile-head" data-movable={editable && !widget.locked}>
        {renaming ? (
          <Rename
            id={id}
            label="Title of the widget"
            title={widget.title}
            onDone={() => setRenaming(false)}
          />
        ) : (
          <h2 className="tile-title" title={title} onDoubleClick={() => editable && setRenaming(true)}>
            {title}
          </h2>
        )}
        {widget.locked && <LockKeyhole className="tile-lock" size={13} role="img" aria-label="Locked" />}
        <TileMenu
          title={title}
          widget={widget}
          editable={editable}
          actions={actions}
          onRename={() => setRenaming(true)}
          onMove={() => setMoving(true)}
          onOptions={() => openOptions(id)}
        />
      </header>
      <div className="tile-body">
        <Boundary
          of={widget}
          failed={(error, tryAgain) => <FailedPart what="This widget" error={error} onRetry={tryAgain} />}
        >
          <WidgetBody id={id} widget={widget} editable={editable} />
        </Boundary>
      </div>
      {moving && <MoveDialog id={id} widget={widget} onClose={() => setMoving(false)} />}
    </div>
  )
})

interface Actions {
  readonly duplicate: () => void
  readonly lock: (locked: boolean) => void
  readonly remove: () => void
}

function useActions(id: string, widget: Widget): Actions {
  const { store, act, selection, announce, drafts } = useEditor()
  const { dovetail, toasts } = useApp()
  const title = widget.title || kindLabel(widget.kind)
  return {
    duplicate: () => {
      const data =
        widget.data === undefined ? Promise.resolve(undefined) : copiedData(dovetail, store.id, widget.data)
      data.then(
        (made) => {
          const copied = unique()
          const edits = copy(store, dashboardOf(store.getState()), id, copied, widget, made?.url)
          if (!act(edits, { label: `Duplicated “${title}”` })) return
          selection.select(copied, { reveal: true })
          for (const words of made === undefined ? [] : notesOf([{ ...made, title }])) toasts.show({ words })
        },
        (error: unknown) => toasts.failed(`Duplicating “${title}”`, error),
      )
    },
    lock: (locked) => {
      if (act({ edit: 'setLocked', id, locked })) announce(`${title} ${locked ? 'locked' : 'unlocked'}`)
    },
    remove: () => {
      const next = neighbour(id)
      drafts.write(id)
      if (!act(removal(dashboardOf(store.getState()), id), { label: `Removed “${title}”` })) return
      selection.select(next, { reveal: next !== undefined })
      announce(`${title} removed`)
      offerUndo(toasts, { words: `Removed “${title}”.` }, store.undoing.latest())
    },
  }
}

function TileMenu({
  title,
  widget,
  editable,
  actions,
  onRename,
  onMove,
  onOptions,
}: {
  readonly title: string
  readonly widget: Widget
  readonly editable: boolean
  readonly actions: Actions
  readonly onRename: () => void
  readonly onMove: () => void
  readonly onOptions: () => void
}) {
  const { locked } = widget
  const all: readonly (readonly MenuEntry[])[] = [
    [
      { label: 'Rename', icon: Pencil, keys: 'F2', disabled: !editable, takesFocus: true, run: onRename },
      {
        label: editable ? 'Edit options' : 'Show options',
        icon: SlidersHorizontal,
        keys: 'Enter',
        run: onOptions,
      },
      { label: 'Duplicate', icon: Copy, disabled: !editable, run: actions.duplicate },
      { label: 'Move and resize…', icon: Move, disabled: !editable || locked, takesFocus: true, run: onMove },
      {
        label: locked ? 'Unlock' : 'Lock',
        icon: locked ? LockKeyholeOpen : LockKeyhole,
        disabled: !editable,
        run: () => actions.lock(!locked),
      },
    ],
    [{ label: 'Remove', icon: Trash2, keys: 'Del', danger: true, disabled: !editable, run: actions.remove }],
  ]
  return (
    <Menu label={`Menu of ${title}`} className="icon-button small tile-menu" groups={all}>
      <Ellipsis size={15} aria-hidden="true" />
    </Menu>
  )
}
