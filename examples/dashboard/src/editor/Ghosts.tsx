// Where others are dragging a widget to, while they do.

import type { DashboardPresence, DashboardStore, Grid, Peer } from '@dovetail/client'
import { sameItems, usePeople, useWatched } from '@dovetail/react'
import { GAP, PADDING } from './Grid'
import type { Arrangement } from './rows'

export function Ghosts({
  store,
  arrangement,
  grid,
  width,
}: {
  readonly store: DashboardStore
  readonly arrangement: Arrangement
  readonly grid: Grid
  /** Of the grid, in pixels. */
  readonly width: number
}) {
  const peers = useWatched(store.presence, dragging, sameItems)
  const people = usePeople(store)
  const columns = Math.max(1, grid.columns)
  const cell = (width - 2 * PADDING - (columns - 1) * GAP) / columns
  return peers.map(({ key, user, color, state: { ghost } }) => {
    const target = ghost && arrangement.shown.find(({ id }) => id === ghost.widget)
    if (!target) return null
    // The ghost is in the document; what is expanded here moves it on this screen as it moves the widget.
    const y = ghost.y + target.place.y - arrangement.toDocument(ghost.widget, target.place).y
    return (
      <div
        key={key}
        className="ghost"
        data-color={color}
        aria-hidden="true"
        style={{
          translate: `${PADDING + ghost.x * (cell + GAP)}px ${PADDING + y * (grid.rowHeight + GAP)}px`,
          width: ghost.w * (cell + GAP) - GAP,
          height: ghost.h * (grid.rowHeight + GAP) - GAP,
        }}
      >
        <span>{people.find(({ id }) => id === user.id)?.name}</span>
      </div>
    )
  })
}

function dragging(peers: readonly Peer<DashboardPresence>[]): readonly Peer<DashboardPresence>[] {
  return peers.filter(({ state }) => state.ghost !== undefined)
}
