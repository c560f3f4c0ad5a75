// Numbers side by side, as bars that lie: names of any length have room.

import type { Point, WidgetData } from '@dovetail/client'
import { useMemo } from 'react'
import { cssColor } from './colors'
import { timeText, valueText } from './format'
import { appearance, colorOf } from './options'
import { NoData } from './Placeholder'
import { barsOf, inTime, type Bar } from './points'
import type { ViewProps } from './view'

/** More do not fit a tile; a table shows them all. */
const BARS_MAX = 60
/** Of points the last few are bars, by their time. */
const POINTS_AS_BARS = 12

export function BarsView({ id, widget, source, editable }: ViewProps) {
  const bars = useMemo(() => (source.status === 'ready' ? barsIn(source.data) : []), [source])
  if (source.status !== 'ready' || bars.length === 0)
    return <NoData id={id} kind={widget.kind} source={source} editable={editable} />
  const look = appearance(widget)
  const values = bars.map(({ value }) => value)
  const min = look.min ?? Math.min(0, ...values)
  const max = look.max ?? Math.max(0, ...values)
  const size = max > min ? max - min : 1
  return (
    <ul className="view-bars" aria-label={widget.title || 'Bars'}>
      {bars.slice(0, BARS_MAX).map(({ label, value }, at) => {
        const part = Math.min(1, Math.max(0, (value - min) / size))
        return (
          <li key={`${label} ${at}`}>
            <span className="bar-label" title={label}>
              {label}
            </span>
            <span className="bar-track" aria-hidden="true">
              <span
                className="bar-fill"
                style={{ width: `${part * 100}%`, background: cssColor(colorOf(value, look) ?? look.color) }}
              />
            </span>
            <span className="bar-value">{valueText(value, look)}</span>
          </li>
        )
      })}
      {bars.length > BARS_MAX && <li className="more">and {bars.length - BARS_MAX} more</li>}
    </ul>
  )
}

function barsIn(data: WidgetData): readonly Bar[] {
  if (data.shape !== 'points') return barsOf(data.columns, data.rows)
  const now = Date.now()
  return inTime(data.points)
    .filter((point): point is Point & { v: number } => point.v !== null)
    .slice(-POINTS_AS_BARS)
    .map(({ t, v }) => ({ label: timeText(t, now), value: v }))
}
