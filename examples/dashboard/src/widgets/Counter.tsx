// A number that everybody adds to. It is an Automerge counter in the document, so that presses made at the same time, or apart,
// all count.

import { Minus, Plus } from 'lucide-react'
import { useEditor } from '../editor/context'
import { cssColor } from './colors'
import { COUNT_PATH } from './count'
import { formatted } from './format'
import { appearance, numberAt, PATHS } from './options'
import type { ViewProps } from './view'

export function CounterView({ id, widget, editable }: ViewProps) {
  const { store, attempt } = useEditor()
  const look = appearance(widget)
  const count = numberAt(widget.options, COUNT_PATH) ?? 0
  const step = Math.max(1, Math.trunc(numberAt(widget.options, PATHS.step) ?? 1))
  const goal = numberAt(widget.options, PATHS.goal)
  const part = goal !== undefined && goal > 0 ? Math.min(1, Math.max(0, count / goal)) : undefined
  const add = (by: number) => attempt('Counting', () => store.count(id, COUNT_PATH, by))
  return (
    <div className="view-counter">
      <div className="counter-row">
        <button
          type="button"
          className="counter-button"
          aria-label={`Take ${step} away`}
          disabled={!editable}
          onClick={() => add(-step)}
        >
          <Minus size={20} aria-hidden="true" />
        </button>
        <output
          className="counter-number"
          style={{ color: cssColor(look.color) }}
          aria-label={widget.title || 'Count'}
        >
          {formatted(count, { unit: '', decimals: 0 }).number}
        </output>
        <button
          type="button"
          className="counter-button"
          aria-label={`Add ${step}`}
          disabled={!editable}
          onClick={() => add(step)}
        >
          <Plus size={20} aria-hidden="true" />
        </button>
      </div>
      {goal !== undefined && part !== undefined && (
        <p className="counter-goal">
          <span className="progress-track" aria-hidden="true">
            <span
              className="progress-fill"
              style={{ width: `${part * 100}%`, background: cssColor(look.color) }}
            />
          </span>
          {Math.round(part * 100)} % of {formatted(goal, { unit: '', decimals: 0 }).number}
        </p>
      )}
    </div>
  )
}
