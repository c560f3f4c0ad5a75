// A line over time, drawn by uPlot on a canvas; loaded only where a dashboard has one.
//
// Always true: what the canvas shows is said in words on it, and stands in a table for who asks for it. New points are set into the
// same plot; a plot is made anew only when its colours, its unit or its limits change.

import type { Point } from '@dovetail/client'
import { useNow, useWatched } from '@dovetail/react'
import { Table2 } from 'lucide-react'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useApp } from '../app/context'
import { cssColor, resolvedColor } from './colors'
import { isTime, timeText, valueText } from './format'
import { appearance, numberAt, PATHS, type Appearance } from './options'
import { NoData } from './Placeholder'
import { inTime, seriesInWords } from './points'
import type { ViewProps } from './view'

/** As many of the newest points stand in the table. */
const ROWS_SHOWN = 200

export default function TimeSeriesView({ id, widget, source, editable }: ViewProps) {
  const [asTable, setAsTable] = useState(false)
  const points = useMemo(() => (source.status === 'ready' ? inTime(source.data.points) : []), [source])
  if (source.status !== 'ready' || points.length === 0)
    return <NoData id={id} kind={widget.kind} source={source} editable={editable} />
  const look = appearance(widget)
  // One without a date has no place on the axis, and would leave none to the others; the table has it.
  const drawable = points.every(({ t }) => isTime(t)) ? points : points.filter(({ t }) => isTime(t))
  const fill = numberAt(widget.options, PATHS.fill) ?? 12
  const title = widget.title || 'Time series'
  return (
    <div className="view-series">
      {asTable ? (
        <PointsTable title={title} points={points} look={look} />
      ) : (
        <Plot title={title} points={drawable} look={look} fill={fill} />
      )}
      <button
        type="button"
        className="icon-button small reveal series-toggle"
        aria-pressed={asTable}
        onClick={() => setAsTable(!asTable)}
      >
        <Table2 size={14} aria-hidden="true" />
        <span className="sr">Show data</span>
      </button>
    </div>
  )
}

interface PlotProps {
  readonly title: string
  readonly points: readonly Point[]
  readonly look: Appearance
  /** In parts of a hundred. */
  readonly fill: number
}

function Plot({ title, points, look, fill }: PlotProps) {
  const place = useRef<HTMLDivElement>(null)
  const readout = useRef<HTMLParagraphElement>(null)
  const plot = useRef<uPlot>(null)
  const data = useMemo(
    (): uPlot.AlignedData => [points.map(({ t }) => t), points.map(({ v }) => v)],
    [points],
  )
  const latest = useRef(data)
  useLayoutEffect(() => {
    latest.current = data
  })
  const { shown: theme } = useWatched(useApp().theme)
  // What a plot is made of, as a text, so that a look that says the same again is the same.
  const key = JSON.stringify({ look, fill, theme })
  useEffect(() => {
    const element = place.current
    if (!element) return
    const made = new uPlot(optionsOf(element, look, fill, readout.current), latest.current, element)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize(sizeOf(element)))
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.current = null
      made.destroy()
    }
    // `key` says all that `look` and `fill` say.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key])
  useEffect(() => plot.current?.setData(data), [data])
  const now = useNow() ?? 0
  const words = seriesInWords(
    title,
    points,
    (v) => valueText(v, look),
    (t) => timeText(t, now),
  )
  return (
    <>
      <div ref={place} className="series-plot" role="img" aria-label={words} />
      <p ref={readout} className="series-readout" aria-hidden="true" />
    </>
  )
}

function PointsTable({ title, points, look }: Omit<PlotProps, 'fill'>) {
  const now = useNow() ?? 0
  return (
    <div className="view-table" tabIndex={0} role="region" aria-label={`Points of ${title}`}>
      <table aria-label={title}>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {points
            .slice(-ROWS_SHOWN)
            .toReversed()
            .map(({ t, v }) => (
              <tr key={t}>
                <td>{timeText(t, now)}</td>
                <td className="number">{valueText(v, look)}</td>
              </tr>
            ))}
        </tbody>
      </table>
      {points.length > ROWS_SHOWN && (
        <p className="muted table-foot">
          The newest {ROWS_SHOWN} of {points.length} points
        </p>
      )}
    </div>
  )
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: Math.max(1, element.clientWidth), height: Math.max(1, element.clientHeight) }
}

const FONT = '11px system-ui, sans-serif'

function optionsOf(
  element: HTMLElement,
  look: Appearance,
  fill: number,
  readout: HTMLElement | null,
): uPlot.Options {
  const color = (name: string) => resolvedColor(name, element)
  const line = color(cssColor(look.color))
  const axis: uPlot.Axis = {
    stroke: color('var(--muted)'),
    grid: { stroke: color('var(--line)'), width: 1 },
    ticks: { show: false },
    font: FONT,
  }
  return {
    ...sizeOf(element),
    ms: 1,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: true },
      y: { range: (_, least, most) => rangeOf(look, least, most) },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 70,
        values: (_, splits) => splits.map((at) => axisTime(at, splits)),
      },
      {
        ...axis,
        size: (plot, values) => widthOf(plot, values),
        space: 34,
        values: (_, splits) => splits.map((at) => axisValue(at, look)),
      },
    ],
    series: [
      {},
      {
        stroke: line,
        width: 1.75,
        fill: fill > 0 ? `color-mix(in srgb, ${line} ${Math.min(100, fill)}%, transparent)` : '',
        points: { show: (_, __, from, to) => to - from < 30, size: 5 },
        spanGaps: false,
      },
    ],
    hooks: {
      drawAxes: [(plot) => drawThresholds(plot, look, color)],
      setCursor: [
        (plot) => {
          if (!readout) return
          const at = plot.cursor.idx
          const [times, values] = plot.data
          const time = at === null || at === undefined ? undefined : times[at]
          readout.textContent =
            time === undefined ? '' : `${timeText(time, Date.now())}   ${valueText(values?.[at ?? 0], look)}`
        },
      ],
    },
  }
}

/** Beyond it, the room above and below would be more than a number can be. */
const DRAWN_MOST = 1e300

/** Between the words of an axis and the plot, in pixels. */
const AXIS_GAP = 12
/** An axis with longer words than that part of the plot leaves no room for the line. */
const AXIS_PART_MAX = 0.4

/** As wide as the longest word of the axis, in pixels. Before there are words, as wide as most. */
function widthOf(plot: uPlot, values: readonly string[] | null | undefined): number {
  if (!values?.length) return 46
  plot.ctx.save()
  plot.ctx.font = FONT
  const widest = Math.max(...values.map((words) => plot.ctx.measureText(words).width))
  plot.ctx.restore()
  return Math.ceil(Math.min(widest + AXIS_GAP, plot.width * AXIS_PART_MAX))
}

/** A flat line gets room above and below; limits that were set stand. */
export function rangeOf(
  look: Pick<Appearance, 'min' | 'max'>,
  least: number | null,
  most: number | null,
): [number, number] {
  const bounded = (value: number) => Math.min(DRAWN_MOST, Math.max(-DRAWN_MOST, value))
  const [low, high] = [bounded(look.min ?? least ?? 0), bounded(look.max ?? most ?? 1)]
  const room = high > low ? (high - low) * 0.08 : Math.max(1, Math.abs(high) * 0.1)
  const floor = look.min ?? (low >= 0 && low - room < 0 ? 0 : low - room)
  return [floor, look.max ?? high + room]
}

function drawThresholds(plot: uPlot, look: Appearance, color: (name: string) => string): void {
  const { ctx, bbox } = plot
  const [least, most] = [plot.scales['y']?.min ?? 0, plot.scales['y']?.max ?? 1]
  ctx.save()
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio])
  ctx.lineWidth = devicePixelRatio
  for (const { from, color: shade } of look.thresholds) {
    if (from === undefined || look.relative || from < least || from > most) continue
    const y = Math.round(plot.valToPos(from, 'y', true))
    ctx.strokeStyle = color(cssColor(shade))
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
  }
  ctx.restore()
}

const HOURS = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const SECONDS = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const DAYS = new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric' })

/** As fine as the steps between the marks need. */
function axisTime(at: number, splits: readonly number[]): string {
  const stepMs = (splits[1] ?? at) - (splits[0] ?? at)
  if (stepMs >= 86_400_000) return DAYS.format(at)
  if (stepMs > 0 && stepMs < 60_000) return SECONDS.format(at)
  const date = new Date(at)
  return date.getHours() === 0 && date.getMinutes() === 0 ? DAYS.format(at) : HOURS.format(at)
}

function axisValue(at: number, look: Appearance): string {
  return valueText(Number(at.toPrecision(12)), {
    unit: look.unit === '' ? 'short' : look.unit,
    decimals: undefined,
  })
}
