// Which widget is selected.

import { watched } from '../app/watched'
import type { Selection } from './slots'

/** Makes the selection of an editor. `reveal` brings a widget into sight and gives it the focus. */
export function createSelection(reveal: (id: string) => void): Selection {
  const selected = watched<string | undefined>(undefined)
  return {
    subscribe: selected.subscribe,
    getState: selected.getState,
    select: (id, options) => {
      selected.set(id)
      if (id !== undefined && options?.reveal) reveal(id)
    },
  }
}

/** Looks for the tile of a widget once it is drawn, which after adding one takes a moment. */
export function revealTile(id: string): void {
  let tries = 0
  const look = () => {
    const tile = document.querySelector<HTMLElement>(`.surface [data-tile="${CSS.escape(id)}"]`)
    if (tile) {
      tile.focus({ preventScroll: true })
      const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
      tile.scrollIntoView({ block: 'nearest', behavior: calm ? 'auto' : 'smooth' })
    } else if (tries++ < REVEAL_TRIES_MAX) requestAnimationFrame(look)
  }
  look()
}

/** In frames: half a second, after which it will not be drawn any more. */
const REVEAL_TRIES_MAX = 30

/** Where the focus goes when a tile goes that has it: to the next one, or the last. Nothing for who does not go by keys. */
export function neighbour(id: string): string | undefined {
  if (!document.activeElement?.matches(':focus-visible')) return undefined
  const all = [...document.querySelectorAll<HTMLElement>('.surface [data-tile]')]
  const at = all.findIndex((tile) => tile.dataset['tile'] === id)
  return (all[at + 1] ?? all[at - 1])?.dataset['tile']
}
