// Scrolling along while something is dragged to the edge of what can be seen.

/** So near to the edge it begins, in pixels. */
const EDGE = 48
/** At the edge itself, in pixels for each frame. */
const STEP_MAX = 14
/** So long it waits at the edge first: a drag may only pass there. In milliseconds. */
const WAITS_MS = 250

export interface EdgeScroll {
  /** Where the pointer is, in pixels of the window. */
  readonly at: (x: number, y: number) => void
  readonly end: () => void
}

/** `moved` is called after each step, because what lies below the pointer is another thing then. */
export function edgeScroll(box: HTMLElement, moved: (x: number, y: number) => void): EdgeScroll {
  let pointer: { readonly x: number; readonly y: number } | undefined
  let frame = 0
  let sinceMs: number | undefined
  const go = (nowMs: number) => {
    frame = 0
    if (!pointer) return
    const { top, bottom } = box.getBoundingClientRect()
    const step = stepAt(pointer.y, top, bottom)
    if (step === 0) {
      sinceMs = undefined
      return
    }
    sinceMs ??= nowMs
    if (nowMs - sinceMs < WAITS_MS) {
      frame = requestAnimationFrame(go)
      return
    }
    const before = box.scrollTop
    box.scrollTop += step
    if (box.scrollTop === before) return
    moved(pointer.x, pointer.y)
    frame = requestAnimationFrame(go)
  }
  return {
    at: (x, y) => {
      pointer = { x, y }
      if (frame === 0) frame = requestAnimationFrame(go)
    },
    end: () => {
      cancelAnimationFrame(frame)
      frame = 0
      sinceMs = undefined
      pointer = undefined
    },
  }
}

/** How far to scroll for a pointer at `y`: up is less than nothing, and the nearer to the edge the faster. */
export function stepAt(y: number, top: number, bottom: number): number {
  const above = top + EDGE - y
  if (above > 0) return -Math.ceil(Math.min(1, above / EDGE) * STEP_MAX)
  const below = y - (bottom - EDGE)
  return below > 0 ? Math.ceil(Math.min(1, below / EDGE) * STEP_MAX) : 0
}
