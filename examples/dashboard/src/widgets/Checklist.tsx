// Things to do. Every item is an entry of its own under its own id in the options, so that ticks, words and new items of several
// people merge one by one.

import { unique } from '@dovetail/client'
import { Plus, X } from 'lucide-react'
import { useLayoutEffect, type KeyboardEvent, type SubmitEvent } from 'react'
import { isComposing } from '../editor/composing'
import { useEditor } from '../editor/context'
import { useDraft } from '../editor/useDraft'
import { at, numberAt, textAt } from './options'
import type { ViewProps } from './view'

/** One thing to do. */
export interface Item {
  readonly id: string
  readonly text: string
  readonly done: boolean
}

/** The items in the order in which they were added. */
export function itemsOf(options: unknown): readonly Item[] {
  const items = at(options, ['items'])
  if (typeof items !== 'object' || items === null) return []
  return Object.entries(items)
    .map(([id, item]: [string, unknown]) => ({
      id,
      text: textAt(item, ['text']) ?? '',
      done: at(item, ['done']) === true,
      addedAt: numberAt(item, ['at']) ?? 0,
    }))
    .sort((one, other) => one.addedAt - other.addedAt || (one.id < other.id ? -1 : 1))
}

export function ChecklistView({ id, widget, editable }: ViewProps) {
  const { act } = useEditor()
  const items = itemsOf(widget.options)
  const done = items.filter((item) => item.done).length
  return (
    <div className="view-checklist">
      {items.length > 0 && (
        <p className="checklist-progress">
          <span className="progress-track" aria-hidden="true">
            <span className="progress-fill" style={{ width: `${(done / items.length) * 100}%` }} />
          </span>
          {done} of {items.length} done
        </p>
      )}
      <ul>
        {items.map((item) => (
          <li key={item.id} className={item.done ? 'done' : undefined}>
            <label>
              <input
                type="checkbox"
                checked={item.done}
                disabled={!editable}
                onChange={(event) =>
                  act(
                    { edit: 'setOption', id, path: ['items', item.id, 'done'], value: event.target.checked },
                    { label: `${event.target.checked ? 'Ticked' : 'Unticked'} “${item.text}”` },
                  )
                }
              />
              <span>{item.text}</span>
            </label>
            {editable && (
              <button
                type="button"
                className="icon-button small reveal"
                aria-label={`Remove “${item.text}”`}
                onClick={() =>
                  act(
                    { edit: 'clearOption', id, path: ['items', item.id] },
                    { label: `Took “${item.text}” off the list` },
                  )
                }
              >
                <X size={13} aria-hidden="true" />
              </button>
            )}
          </li>
        ))}
      </ul>
      {items.length === 0 && !editable && <p className="muted">Nothing on this list yet.</p>}
      {editable && <NewItem id={id} />}
    </div>
  )
}

/** What was typed and not added yet is added when the page goes, or the list. */
function NewItem({ id }: { readonly id: string }) {
  const { store, act, drafts } = useEditor()
  const add = (text: string) => {
    const words = text.trim()
    if (words === '') return true
    const value = { text: words, done: false, at: Date.now() }
    return act(
      { edit: 'setOption', id, path: ['items', unique()], value },
      { label: `Put “${words}” on the list` },
    )
  }
  const draft = useDraft({ store, label: 'Put something on the list', text: '', onWrite: add })
  const { isTyping, write } = draft
  useLayoutEffect(
    () => (isTyping ? drafts.hold(id, () => void write()) : undefined),
    [drafts, id, isTyping, write],
  )
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    draft.write()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !draft.isTyping || isComposing(event)) return
    event.stopPropagation()
    draft.drop()
  }
  return (
    <form className="checklist-add" onSubmit={submit}>
      <input
        aria-label="New item"
        placeholder="Add an item…"
        value={draft.text}
        onChange={({ target: { value } }) => (value === '' ? draft.drop() : draft.type(value))}
        onKeyDown={onKeyDown}
      />
      <button
        type="submit"
        className="icon-button small"
        aria-label="Add item"
        disabled={draft.text.trim() === ''}
      >
        <Plus size={15} aria-hidden="true" />
      </button>
    </form>
  )
}
