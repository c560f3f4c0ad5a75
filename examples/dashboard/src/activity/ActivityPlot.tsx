// The plot of the activity: a row for each person or widget, a cell for each stretch of time, the darker the more.
//
// Always true: how dark a cell is follows the square root of its number, so that one busy hour does not make all others look empty;
// the smallest number can still be told from none.

import type { Activity, Row, Stretch } from './fold'

interface ActivityPlotProps {
  readonly activity: Activity
  /** The key of the row that the list is limited to. */
  readonly chosen: string | undefined
  readonly onChoose: (key: string | undefined) => void
}

/** The rows, with the time below them. */
export function ActivityPlot({ activity, chosen, onChoose }: ActivityPlotProps) {
  const { rows, stretches, most } = activity
  return (
    <figure className="activity-plot" aria-label="Edits over time">
      {rows.map((row) => (
        <div key={row.key} className="activity-row" data-faint={chosen !== undefined && chosen !== row.key}>
          <button
            type="button"
            className="activity-name"
            aria-pressed={row.key === chosen}
            title={row.label}
            onClick={() => onChoose(row.key === chosen ? undefined : row.key)}
          >
            <span>{row.label}</span>
            <small>{row.total}</small>
          </button>
          <Cells row={row} stretches={stretches} most={most} />
        </div>
      ))}
      <Axis stretches={stretches} />
    </figure>
  )
}

/** In units of the picture: a cell is 8 wide and 14 high, with 1 between two. */
const CELL = { w: 8, h: 14, gap: 1 } as const

function Cells({
  row,
  stretches,
  most,
}: {
  readonly row: Row
  readonly stretches: readonly Stretch[]
  readonly most: number
}) {
  const width = row.cells.length * (CELL.w + CELL.gap) - CELL.gap
  return (
    <svg
      className="activity-cells"
      viewBox={`0 0 ${width} ${CELL.h}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={summary(row, stretches)}
    >
      {row.cells.map((edits, at) => {
        const stretch = stretches[at]
        return (
          <rect
            key={at}
            x={at * (CELL.w + CELL.gap)}
            y={0}
            width={CELL.w}
            height={CELL.h}
            rx={1.5}
            className={edits > 0 ? 'activity-some' : 'activity-none'}
            fillOpacity={edits > 0 ? darkness(edits, most) : 1}
          >
            {stretch && edits > 0 && <title>{`${counted(edits)}, ${nameOfStretch(stretch)}`}</title>}
          </rect>
        )
      })}
    </svg>
  )
}

/** How many times are written below the plot; more would run into each other. */
const TICKS = 4

function Axis({ stretches }: { readonly stretches: readonly Stretch[] }) {
  const [first, last] = [stretches[0], stretches.at(-1)]
  if (!first || !last) return null
  const days = (last.toMs - first.fromMs) / DAY_MS
  const ticks = Array.from({ length: TICKS }, (_, n) => stretches[Math.floor((n * stretches.length) / TICKS)])
  return (
    <div className="activity-axis" aria-hidden="true">
      {ticks.map((stretch) => stretch && <span key={stretch.fromMs}>{tick(stretch.fromMs, days)}</span>)}
      <span>now</span>
    </div>
  )
}

const DAY_MS = 86_400_000

function tick(atMs: number, days: number): string {
  const style =
    days <= 2
      ? ({ hour: '2-digit', minute: '2-digit' } as const)
      : days <= 8
        ? ({ weekday: 'short' } as const)
        : days <= 300
          ? ({ day: 'numeric', month: 'short' } as const)
          : ({ month: 'short', year: 'numeric' } as const)
  return new Intl.DateTimeFormat('en-GB', style).format(atMs)
}

function darkness(edits: number, most: number): number {
  return 0.25 + 0.75 * Math.sqrt(edits / Math.max(1, most))
}

function summary(row: Row, stretches: readonly Stretch[]): string {
  const most = Math.max(...row.cells)
  const stretch = stretches[row.cells.indexOf(most)]
  return `${row.label}: ${counted(row.total)}${stretch ? `, most of them ${nameOfStretch(stretch)}` : ''}`
}

function nameOfStretch({ fromMs, toMs }: Stretch): string {
  const from = new Intl.DateTimeFormat('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  })
  if (toMs - fromMs > DAY_MS * 1.1) {
    const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
    return `${day.format(fromMs)} to ${day.format(toMs)}`
  }
  const to = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
  return `${from.format(fromMs)} to ${to.format(toMs)}`
}

function counted(edits: number): string {
  return `${edits} ${edits === 1 ? 'edit' : 'edits'}`
}
