// A table that everybody edits: each cell is a field of its own in the document, so that two people in two cells never meet.
//
// Edit path: a cell is written when it is left, when Enter is pressed, and when it or the page goes; Escape takes back what was
// typed. What others write meanwhile shows in every cell that is not being typed into.
//
// Always true: what is typed goes into the row that it was typed for. When somebody removed that row, it is said and offered.

import type { WidgetDataStore } from '@dovetail/client'
import { Plus, Trash2 } from 'lucide-react'
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react'
import { useToasts } from '../app/context'
import { offerUndo } from '../app/toasts'
import { useEditor } from '../editor/context'
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
    attempt('Writing the cell', () => {
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
                    label={`Name of column ${at + 1}`}
                    text={data.columns[at] ?? ''}
                    onWrite={(text) => {
                      const columns = indexes.map((each) => (each === at ? text : (data.columns[each] ?? '')))
                      attempt('Renaming the column', () => store.setColumns(columns))
                    }}
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
                      label={`${nameOf(at)}, row ${rowAt + 1}`}
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
        {editable && <AddTools store={store} columns={indexes.map(nameOf)} />}
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
  readonly columns: readonly string[]
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
        onClick={() =>
          attempt('Adding a column', () => store.setColumns([...columns, `Column ${columns.length + 1}`]))
        }
      >
        <Plus size={13} aria-hidden="true" />
        Column
      </button>
    </>
  )
}

/** The page goes, or may: browsers say no more of it afterwards. */
const LEAVING = ['visibilitychange', 'pagehide']

/** One cell: what others write shows, until somebody types here. */
function Cell({
  label,
  text,
  onWrite,
}: {
  readonly label: string
  readonly text: string
  readonly onWrite: (text: string) => void
}) {
  const [typed, setTyped] = useState<string | undefined>(undefined)
  const write = () => {
    if (typed !== undefined && typed !== text) onWrite(typed)
    setTyped(undefined)
  }
  // What was typed is written too when the cell goes, with its row or with the table, and when the page does.
  const leave = useRef(write)
  useLayoutEffect(() => {
    leave.current = write
  })
  useLayoutEffect(() => () => leave.current(), [])
  const isTyping = typed !== undefined
  useEffect(() => {
    if (!isTyping) return
    const onLeave = () => leave.current()
    // Ahead of whoever puts on the disk what is written by then.
    for (const event of LEAVING) window.addEventListener(event, onLeave, { capture: true })
    return () => {
      for (const event of LEAVING) window.removeEventListener(event, onLeave, { capture: true })
    }
  }, [isTyping])
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Escape' && typed !== undefined) {
      event.stopPropagation()
      setTyped(undefined)
    }
    if (event.key === 'Enter') {
      write()
      below(event.currentTarget)?.focus()
    }
  }
  return (
    <input
      className="cell"
      aria-label={label}
      value={typed ?? text}
      onChange={(event) => setTyped(event.target.value)}
      onBlur={write}
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
