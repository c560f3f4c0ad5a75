// Moving and resizing by keys: many presses are one change.
//
// Edit path: ← arrow keys on a tile; each shows its place at once, as part of one gesture → one change when the keys have
// rested for a moment, or the tile is left. Escape takes all of it back.

import type { DashboardStore, Edit, Gesture, Layout } from '@dovetail/client'
import { byKey, placeInWords, same } from './placing'

/** Keys that rest for so long have finished, in milliseconds. */
const REST_MS = 900

export interface KeyMoves {
  /** True when the key was one of ours. */
  readonly press: (key: string, shift: boolean, target: MoveTarget) => boolean
  /** Ends the gesture that goes on, as one change. */
  readonly finish: () => void
  /** Takes back the gesture that goes on; false when there is none. */
  readonly cancel: () => boolean
}

/** What is moved. */
export interface MoveTarget {
  readonly id: string
  readonly title: string
  /** In the document. */
  readonly place: Layout
  readonly columns: number
}

interface Going {
  readonly id: string
  readonly title: string
  readonly from: Layout
  readonly place: Layout
  readonly gesture: Gesture<Edit>
}

/** `failed` is told why a change could not be made. */
export function createKeyMoves(
  store: Pick<DashboardStore, 'gesture'>,
  announce: (words: string) => void,
  failed: (error: unknown) => void,
): KeyMoves {
  let going: Going | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const end = (how: 'commit' | 'cancel') => {
    clearTimeout(timer)
    const ended = going
    going = undefined
    if (!ended) return false
    try {
      ended.gesture[how]()
    } catch (error) {
      failed(error)
    }
    if (how === 'cancel') announce(`Taken back. ${placeInWords(ended.title, ended.from)}`)
    return true
  }
  return {
    press: (key, shift, target) => {
      if (!key.startsWith('Arrow')) return false
      if (going && going.id !== target.id) end('commit')
      const now = going?.place ?? target.place
      const moved = byKey(key, shift, now, target.columns)
      if (!moved) {
        if (key.length > 'Arrow'.length) announce(`${target.title} is at the edge`)
        return true
      }
      try {
        const next: Going = {
          id: target.id,
          title: target.title,
          from: going?.from ?? target.place,
          place: moved.place,
          gesture: going?.gesture ?? store.gesture(`Moved “${target.title}”`),
        }
        next.gesture.show(layoutEdits(next.id, next.from, next.place))
        going = next
      } catch (error) {
        failed(error)
        return true
      }
      announce(placeInWords(target.title, moved.place))
      clearTimeout(timer)
      timer = setTimeout(() => end('commit'), REST_MS)
      return true
    },
    finish: () => void end('commit'),
    cancel: () => end('cancel'),
  }
}

/** The edits that bring a widget from one place to another: only what differs is written. */
export function layoutEdits(id: string, from: Layout, to: Layout): readonly Edit[] {
  if (same(from, to)) return []
  const edits: Edit[] = []
  if (from.x !== to.x || from.y !== to.y) edits.push({ edit: 'moveWidget', id, x: to.x, y: to.y })
  if (from.w !== to.w || from.h !== to.h) edits.push({ edit: 'resizeWidget', id, w: to.w, h: to.h })
  return edits
}
