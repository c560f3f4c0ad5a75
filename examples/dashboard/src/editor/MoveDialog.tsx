// Move and resize by numbers, for those who neither drag nor use the arrow keys.

import type { Layout, Widget } from '@dovetail/client'
import { useState, type SubmitEvent } from 'react'
import { Dialog } from '../app/Dialog'
import { kindLabel } from '../widgets/registry'
import { useEditor } from './context'
import { layoutEdits } from './keyMoves'
import { inside, placeInWords } from './placing'
import { dashboardOf } from './shown'

const FIELDS = [
  { name: 'x', label: 'Column', from: 1 },
  { name: 'y', label: 'Row', from: 1 },
  { name: 'w', label: 'Width', from: 0 },
  { name: 'h', label: 'Height', from: 0 },
] as const

export function MoveDialog({
  id,
  widget,
  onClose,
}: {
  readonly id: string
  readonly widget: Widget
  readonly onClose: () => void
}) {
  const { store, act, announce } = useEditor()
  const { columns } = dashboardOf(store.getState()).grid
  const [place, setPlace] = useState<Layout>(widget.layout)
  const title = widget.title || kindLabel(widget.kind)
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const next = inside(place, columns)
    const edits = layoutEdits(id, widget.layout, next)
    if (edits.length === 0 || act(edits)) {
      announce(placeInWords(title, next))
      onClose()
    }
  }
  return (
    <Dialog open title={`Move and resize ${title}`} onClose={onClose}>
      <form className="form" onSubmit={submit}>
        <p className="muted">In cells of the grid, which has {columns} columns.</p>
        <div className="field-row">
          {FIELDS.map(({ name, label, from }) => (
            <label key={name} className="field">
              <span>{label}</span>
              <input
                type="number"
                required
                min={1}
                max={name === 'x' || name === 'w' ? columns : 10_000}
                value={place[name] + from}
                onChange={(event) =>
                  setPlace({ ...place, [name]: Math.trunc(event.target.valueAsNumber || 0) - from })
                }
              />
            </label>
          ))}
        </div>
        <div className="form-end">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary">
            Move
          </button>
        </div>
      </form>
    </Dialog>
  )
}
