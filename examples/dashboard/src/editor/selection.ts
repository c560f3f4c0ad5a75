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

/**
 * Scrolls to the tile of a widget where it comes to rest, if it is not in sight there; the focus stays where it is. What is returned
 * ends that.
 */
export function scrollToTile(id: string): () => void {
  let isOver = false
  const scroll = async () => {
    const tile = document.querySelector<HTMLElement>(`.surface [data-tile="${CSS.escape(id)}"]`)
    const place = tile?.closest('.react-grid-item, .column > li')
    const surface = tile?.closest('.surface')
    if (!place || !surface) return
    // It may be on its way to where it is now.
    await Promise.allSettled(place.getAnimations().map(({ finished }) => finished))
    if (isOver || isInSight(place, surface)) return
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
    place.scrollIntoView({ block: 'center', behavior: calm ? 'auto' : 'smooth' })
  }
  // What moves begins to move with the frame after the one in which it is drawn.
  requestAnimationFrame(() => requestAnimationFrame(() => void scroll()))
  return () => {
    isOver = true
  }
}

/** Whether it is, or as much of it as there is room for. */
function isInSight(place: Element, surface: Element): boolean {
  const [of, within] = [place.getBoundingClientRect(), surface.getBoundingClientRect()]
  const end = within.bottom - COVERED_PX
  const isTall = of.height > end - within.top
  return isTall ? of.top < end && of.bottom > within.top : of.top >= within.top && of.bottom <= end
}

/** How much at the end of the surface the bar of a preview may cover, in pixels. */
const COVERED_PX = 70

/** In frames: half a second, after which it will not be drawn any more. */
const REVEAL_TRIES_MAX = 30

/** Where the focus goes when a tile goes that has it: to the next one, or the last. Nothing for who does not go by keys. */
export function neighbour(id: string): string | undefined {
  if (!document.activeElement?.matches(':focus-visible')) return undefined
  const all = [...document.querySelectorAll<HTMLElement>('.surface [data-tile]')]
  const at = all.findIndex((tile) => tile.dataset['tile'] === id)
  return (all[at + 1] ?? all[at - 1])?.dataset['tile']
}
