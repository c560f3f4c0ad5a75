// A table that everybody edits: each cell is a field of its own in the document, so that two people in two cells never meet.
//
// Edit path: a cell is written when it is left, when Enter is pressed, and when it or the page goes (editor/useDraft.ts); Escape takes
// back what was typed. What others write meanwhile shows in every cell that is not being typed into.
//
// Always true: what is typed goes into the row that it was typed for. When somebody removed that row, it is said and offered. Columns
// go by their place.

import type { WidgetDataStore } from '@dovetail/client'
import { Plus, Trash2 } from 'lucide-react'
import { useState, type KeyboardEvent } from 'react'
import { useToasts } from '../app/context'
import { offerUndo } from '../app/toasts'
import { isComposing } from '../editor/composing'
import { useEditor } from '../editor/context'
import { useDraft, type DraftOptions } from '../editor/useDraft'
import { NoData } from './Placeholder'
import { cellText, cellValue } from './points'
import type { ViewProps } from './view'

/** As many rows are shown at once; more on demand. */
const ROWS_SHOWN = 100

/** Long enough to read that a row is gone and to decide about what was typed, which is nowhere else. */
const OFFERED_MS = 60_000

export function TableView({ id, widget, source, editable }: ViewProps) {
  const [limit, setLimit] = useState(ROWS_SHOWN)
  const { attempt } = useEditor()
  const toasts = useToasts()
  if (source.status !== 'ready')
    return <NoData id={id} kind={widget.kind} source={source} editable={editable} />
  const { data, store } = source
  const count = Math.max(data.columns.length, ...data.rows.slice(0, limit).map((row) => row.length), 0)
  if (count === 0)
    return (
      <NoData
        id={id}
        kind={widget.kind}
        source={source}
        editable={editable}
        words="This table has no columns yet"
      />
    )
  const indexes = Array.from({ length: count }, (_, at) => at)
  const write = (row: string | number, at: number, text: string) => {
    const value = cellValue(text)
    return attempt('Writing the cell', () => {
      if (!store.setCell(row, at, value)) offer(text, at)
    })
  }
  const offer = (text: string, at: number) => {
    const value = cellValue(text)
    const cells = indexes.map((each) => (each === at ? value : null))
    toasts.show({
      words: `Somebody removed the row meanwhile. You typed “${text}” for ${nameOf(at)}.`,
      tone: 'warning',
      lastsMs: OFFERED_MS,
      action: {
        label: 'Add as a row',
        run: () => attempt('Adding a row', () => store.addRow(cells)),
      },
    })
  }
  const rows = data.rows.slice(0, limit).map((row, at) => ({ row, id: store.rowId(row) ?? at }))
  const numeric = indexes.map((at) => isNumeric(data.rows.slice(0, limit), at))
  const nameOf = (at: number) => data.columns[at] ?? `Column ${at + 1}`
  return (
    <div className="view-table" tabIndex={-1}>
      <table aria-label={widget.title || 'Table'}>
        <thead>
          <tr>
            {indexes.map((at) => (
              <th key={at} scope="col" className={numeric[at] ? 'number' : undefined}>
                {editable ? (
                  <Cell
                    store={store}
                    name={`Name of column ${at + 1}`}
                    label="Renamed a column"
                    text={data.columns[at] ?? ''}
                    onWrite={(text) => attempt('Renaming the column', () => store.renameColumn(at, text))}
                  />
                ) : (
                  nameOf(at)
                )}
              </th>
            ))}
            {editable && (
              <th className="table-tool">
                <span className="sr">Remove</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ row, id: rowId }, rowAt) => (
            <tr key={rowId}>
              {indexes.map((at) => (
                <td key={at} className={numeric[at] ? 'number' : undefined}>
                  {editable ? (
                    <Cell
                      store={store}
                      name={`${nameOf(at)}, row ${rowAt + 1}`}
                      label="Changed a cell"
                      text={cellText(row[at])}
                      onWrite={(text) => write(rowId, at, text)}
                    />
                  ) : (
                    cellText(row[at])
                  )}
                </td>
              ))}
              {editable && (
                <td className="table-tool">
                  <button
                    type="button"
                    className="icon-button small"
                    aria-label={`Remove row ${rowAt + 1}`}
                    onClick={() => {
                      attempt('Removing the row', () => {
                        if (!store.removeRow(rowId)) return
                        offerUndo(toasts, { words: `Removed row ${rowAt + 1}.` }, store.undoing.latest())
                      })
                    }}
                  >
                    <Trash2 size={13} aria-hidden="true" />
                  </button>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      <div className="table-foot">
        {data.rows.length > limit && (
          <button type="button" className="button small" onClick={() => setLimit(limit + ROWS_SHOWN)}>
            Show {Math.min(ROWS_SHOWN, data.rows.length - limit)} more of {data.rows.length} rows
          </button>
        )}
        {editable && <AddTools store={store} columns={count} />}
      </div>
    </div>
  )
}

/** A column of numbers stands at its end, head and all, so that digits stand below digits. */
function isNumeric(rows: readonly (readonly unknown[])[], at: number): boolean {
  const cells = rows
    .map((row) => row[at])
    .filter((cell) => cell !== null && cell !== undefined && cell !== '')
  return cells.length > 0 && cells.every((cell) => typeof cell === 'number')
}

function AddTools({
  store,
  columns,
}: {
  readonly store: WidgetDataStore
  /** How many there are. */
  readonly columns: number
}) {
  const { attempt } = useEditor()
  return (
    <>
      <button
        type="button"
        className="button small quiet"
        onClick={() => attempt('Adding a row', () => store.addRow())}
      >
        <Plus size={13} aria-hidden="true" />
        Row
      </button>
      <button
        type="button"
        className="button small quiet"
        onClick={() => attempt('Adding a column', () => store.addColumn(`Column ${columns + 1}`))}
      >
        <Plus size={13} aria-hidden="true" />
        Column
      </button>
    </>
  )
}

/** One cell: what others write shows, until somebody types here. */
function Cell({ name, ...options }: DraftOptions & { readonly name: string }) {
  const draft = useDraft(options)
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (isComposing(event)) return
    if (event.key === 'Escape' && draft.isTyping) {
      event.stopPropagation()
      draft.drop()
    }
    if (event.key === 'Enter' && draft.write()) below(event.currentTarget)?.focus()
  }
  return (
    <input
      className="cell"
      aria-label={name}
      value={draft.text}
      onChange={(event) => draft.type(event.target.value)}
      onBlur={draft.write}
      onKeyDown={onKeyDown}
    />
  )
}

/** The cell below: Enter goes there, as in spreadsheets. */
function below(input: HTMLInputElement): HTMLInputElement | null {
  const cell = input.closest('td')
  const row = cell?.parentElement
  const next = row?.nextElementSibling
  if (!cell || !row || !next) return null
  const at = [...row.children].indexOf(cell)
  return next.children[at]?.querySelector('input') ?? null
}
