// One number, large, with the way it went behind it.

import type { Point } from '@dovetail/client'
import { useNow } from '@dovetail/react'
import { useMemo } from 'react'
import { cssColor } from './colors'
import { formatted, timeText } from './format'
import { appearance, calculationOf, colorOf } from './options'
import { NoData } from './Placeholder'
import { inTime, reduced } from './points'
import type { ViewProps } from './view'

export function StatView({ id, widget, source, editable }: ViewProps) {
  const now = useNow() ?? 0
  const points = useMemo(() => (source.status === 'ready' ? inTime(source.data.points) : []), [source])
  if (source.status !== 'ready' || points.length === 0)
    return <NoData id={id} kind={widget.kind} source={source} editable={editable} />
  const look = appearance(widget)
  const value = reduced(points, calculationOf(widget))
  const color = cssColor(colorOf(value, look) ?? look.color)
  const { number, unit } = formatted(value, look)
  const change = reduced(points, 'diff') ?? 0
  const difference = formatted(Math.abs(change), look)
  return (
    <div className="view-stat" style={{ color }}>
      <Sparkline points={points} />
      <p className="stat-value">
        <span className="stat-main">
          <span className="stat-number">{number}</span>
          {unit !== '' && <span className="stat-unit">{unit}</span>}
        </span>
        {points.length > 1 && (
          <span className="stat-change" title={`Since ${timeText(points[0]?.t ?? now, now)}`}>
            <span aria-hidden="true">{change > 0 ? '▲' : change < 0 ? '▼' : '■'}</span>{' '}
            <span className="sr">{change > 0 ? 'up' : change < 0 ? 'down' : 'unchanged'} </span>
            {difference.number}
            {difference.unit !== '' && ` ${difference.unit}`}
          </span>
        )}
      </p>
    </div>
  )
}

/** More would not be seen in a tile. */
const SPARK_POINTS_MAX = 120

/** The line behind the number; decoration, since the number and its change are said in words. */
function Sparkline({ points }: { readonly points: readonly Point[] }) {
  const line = sparkline(points)
  if (line === undefined) return null
  return (
    <svg className="sparkline" viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`0,40 ${line} 100,40`} />
      <polyline points={line} vectorEffect="non-scaling-stroke" />
    </svg>
  )
}

/** The newest points as places in 100 by 40; nothing for fewer than two. */
export function sparkline(points: readonly Point[]): string | undefined {
  // Halves: the difference of two numbers may be more than a number can be.
  const values = points.slice(-SPARK_POINTS_MAX).flatMap(({ v }) => (v === null ? [] : [v / 2]))
  if (values.length < 2) return undefined
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const height = most > least ? most - least : 1
  const places = values.map((v, at) => {
    const x = (at / (values.length - 1)) * 100
    return `${x.toFixed(2)},${(38 - ((v - least) / height) * 34).toFixed(2)}`
  })
  return places.join(' ')
}
