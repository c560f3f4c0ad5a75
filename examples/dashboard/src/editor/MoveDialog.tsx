// Move and resize by numbers, for those who neither drag nor use the arrow keys.

import type { Layout, Widget } from '@dovetail/client'
import { useWatched } from '@dovetail/react'
import { useState, type SubmitEvent } from 'react'
import { Dialog } from '../app/Dialog'
import { kindLabel } from '../widgets/registry'
import { useEditor } from './context'
import { layoutEdits } from './keyMoves'
import { inside, placeInWords } from './placing'
import { coveredAt } from './rows'
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
  // As it is now, whoever moves something meanwhile.
  const dashboard = useWatched(store, dashboardOf)
  const { columns } = dashboard.grid
  const [place, setPlace] = useState<Layout>(widget.layout)
  const title = widget.title || kindLabel(widget.kind)
  const taken = takenWords(coveredAt(dashboard, id, inside(place, columns)).map(nameIn))
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
        <p className="form-hint" role="status">
          {taken}
        </p>
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

function nameIn({ title, kind }: Widget): string {
  return title ? `“${title}”` : `a ${kindLabel(kind).toLowerCase()} without a title`
}

/** More of them are a number. */
const NAMED_MAX = 3

/** That a place is taken, which is allowed, and what becomes of it. Nothing where it is free. */
function takenWords(names: readonly string[]): string {
  if (names.length === 0) return ''
  const more = names.length - NAMED_MAX
  const all = more > 0 ? [...names.slice(0, NAMED_MAX), `${more} more`] : names
  const listed = new Intl.ListFormat('en-GB', { type: 'conjunction' }).format(all)
  const [are, them] = names.length === 1 ? ['is', 'Both'] : ['are', 'All']
  const sentence = `${listed} ${are} there already.`
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)} ${them} would share the place, and need attention.`
}
