// One number between two limits, as an arc.

import { useMemo } from 'react'
import { cssColor } from './colors'
import { formatted, valueText } from './format'
import { appearance, calculationOf, colorOf, type Appearance } from './options'
import { NoData } from './Placeholder'
import { inTime, reduced } from './points'
import type { ViewProps } from './view'

/** From lower left over the top to lower right. */
const ARC_DEGREES = 240
const RADIUS = 42

export function GaugeView({ id, widget, source, editable }: ViewProps) {
  const points = useMemo(() => (source.status === 'ready' ? inTime(source.data.points) : []), [source])
  if (source.status !== 'ready' || points.length === 0)
    return <NoData id={id} kind={widget.kind} source={source} editable={editable} />
  const look = appearance(widget)
  const value = reduced(points, calculationOf(widget))
  const { min = 0, max = look.unit === 'percentunit' ? 1 : 100 } = look
  const part = value === null || max <= min ? 0 : Math.min(1, Math.max(0, (value - min) / (max - min)))
  const color = cssColor(colorOf(value, look) ?? look.color)
  const { number, unit } = formatted(value, look)
  return (
    <div
      className="view-gauge"
      role="img"
      aria-label={`${widget.title || 'Gauge'}: ${valueText(value, look)}, from ${valueText(min, look)} to ${valueText(max, look)}`}
    >
      <svg viewBox="0 0 100 80" aria-hidden="true">
        <path className="gauge-track" d={arc(0, 1)} />
        {ticks(look, min, max).map(({ from, to, color: shade }) => (
          <path
            key={from}
            className="gauge-zone"
            d={arc(from, to, RADIUS + 5.5)}
            style={{ stroke: cssColor(shade) }}
          />
        ))}
        {part > 0.002 && <path className="gauge-value" d={arc(0, part)} style={{ stroke: color }} />}
        <text x="50" y="52" className="gauge-number">
          {number}
        </text>
        <text x="50" y="64" className="gauge-unit">
          {unit}
        </text>
        <text x="13" y="79" className="gauge-end">
          {formatted(min, look).number}
        </text>
        <text x="87" y="79" className="gauge-end">
          {formatted(max, look).number}
        </text>
      </svg>
    </div>
  )
}

/** The coloured zones of the thresholds, as parts of the arc. */
function ticks(look: Appearance, min: number, max: number) {
  if (look.thresholds.length < 2 || max <= min) return []
  const partOf = (from: number | undefined) => {
    const value = from === undefined ? 0 : look.relative ? from / 100 : (from - min) / (max - min)
    return Math.min(1, Math.max(0, value))
  }
  return look.thresholds
    .map(({ from, color }, at) => {
      const next = look.thresholds[at + 1]
      return { from: partOf(from), to: next ? partOf(next.from) : 1, color }
    })
    .filter(({ from, to }) => to - from > 0.004)
}

function arc(from: number, to: number, radius = RADIUS): string {
  const [start, end] = [pointAt(from, radius), pointAt(to, radius)]
  const large = (to - from) * ARC_DEGREES > 180 ? 1 : 0
  return `M ${start} A ${radius} ${radius} 0 ${large} 1 ${end}`
}

function pointAt(part: number, radius: number): string {
  const degrees = 150 + part * ARC_DEGREES
  const angle = (degrees * Math.PI) / 180
  return `${(50 + radius * Math.cos(angle)).toFixed(2)} ${(50 + radius * Math.sin(angle)).toFixed(2)}`
}
