// A small picture of tiles that belongs to a dashboard: always the same for the same id, so that one finds it again by its look.

import type { ReactNode } from 'react'

/** Decoration; the title says which dashboard it is. */
export function Motif({ id }: { readonly id: string }) {
  const random = seeded(id)
  const hue = Math.floor(random() * HUES)
  const tiles = split({ x: 0, y: 0, w: 12, h: 6 }, random, 3)
  return (
    <svg
      className="motif"
      viewBox="-1 -1 122 62"
      preserveAspectRatio="none"
      data-hue={hue}
      aria-hidden="true"
    >
      {tiles.map((tile, at) => (
        <g key={at} transform={`translate(${tile.x * 10} ${tile.y * 10})`}>
          <rect
            className="motif-tile"
            x="1.5"
            y="1.5"
            width={tile.w * 10 - 3}
            height={tile.h * 10 - 3}
            rx="2.5"
          />
          {drawing(tile.w * 10, tile.h * 10, random)}
        </g>
      ))}
    </svg>
  )
}

const HUES = 6

interface Tile {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

/** What stands in a tile: a bar, several, or a line. All in units of the picture. */
function drawing(width: number, height: number, random: () => number): ReactNode {
  const [left, right, low] = [7, width - 7, height - 7]
  if (width < 30 || height < 20)
    return (
      <rect
        className="motif-bar"
        x={left}
        y={height / 2 - 2.5}
        width={(right - left) * 0.7}
        height="5"
        rx="2"
      />
    )
  if (random() < 0.35) {
    const count = Math.max(3, Math.floor((right - left) / 9))
    return (
      <>
        {Array.from({ length: count }, (_, at) => {
          const size = (0.25 + random() * 0.7) * (height - 16)
          return (
            <rect
              key={at}
              className="motif-bar"
              x={left + (at * (right - left)) / count}
              y={low - size}
              width="5"
              height={size}
              rx="1"
            />
          )
        })}
      </>
    )
  }
  const count = Math.max(5, Math.floor((right - left) / 8))
  let level = 0.3 + random() * 0.4
  const points = Array.from({ length: count }, (_, at) => {
    level = Math.min(1, Math.max(0, level + (random() - 0.5) * 0.5))
    return `${(left + (at * (right - left)) / (count - 1)).toFixed(1)},${(low - level * (height - 16)).toFixed(1)}`
  })
  return <polyline className="motif-line" points={points.join(' ')} />
}

/** Cuts a tile in two, again and again. */
function split(tile: Tile, random: () => number, depth: number): readonly Tile[] {
  if (depth === 0 || (depth < 3 && random() < 0.25)) return [tile]
  const across = tile.w >= tile.h * 1.6
  const size = across ? tile.w : tile.h
  const least = across ? 3 : 2
  if (size < least * 2 || (!across && depth < 2)) return [tile]
  const cut = Math.max(least, Math.min(size - least, Math.round(size * (0.35 + random() * 0.3))))
  const first = across ? { ...tile, w: cut } : { ...tile, h: cut }
  const second = across
    ? { ...tile, x: tile.x + cut, w: tile.w - cut }
    : { ...tile, y: tile.y + cut, h: tile.h - cut }
  return [...split(first, random, depth - 1), ...split(second, random, depth - 1)]
}

/** Numbers from 0 to 1 that are always the same for the same text (mulberry32). */
function seeded(text: string): () => number {
  let state = 2166136261
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 16777619)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
