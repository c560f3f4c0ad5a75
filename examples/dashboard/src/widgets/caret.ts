// Where the caret goes when somebody else changes the text around it.

/** So many letters beside the caret are looked for: as many as make a place certain, and no more than is looked at in no time. */
const BESIDE_MAX = 24

/** The place in `next` that `caret` had in `before`: next to the same letter, wherever others wrote meanwhile. */
export function movedCaret(before: string, next: string, caret: number): number {
  if (before === next) return caret
  const shorter = Math.min(before.length, next.length)
  let start = 0
  while (start < shorter && before[start] === next[start]) start++
  let end = 0
  while (end < shorter - start && before[before.length - 1 - end] === next[next.length - 1 - end]) end++
  if (caret <= start) return caret
  if (caret > before.length - end) return caret + next.length - before.length
  const changed = next.slice(start, next.length - end)
  const place = placeIn(changed, before.slice(start, caret), before.slice(caret, before.length - end))
  // What it stood in is gone: behind what came in its place.
  return start + (place ?? changed.length)
}

/** Behind the letters that stood before the caret, or else in front of those behind it, where they are there once. */
function placeIn(text: string, left: string, right: string): number | undefined {
  for (let count = Math.min(BESIDE_MAX, left.length); count > 0; count--) {
    const at = onlyPlaceOf(left.slice(-count), text)
    if (at !== undefined) return at + count
  }
  for (let count = Math.min(BESIDE_MAX, right.length); count > 0; count--) {
    const at = onlyPlaceOf(right.slice(0, count), text)
    if (at !== undefined) return at
  }
  return undefined
}

function onlyPlaceOf(part: string, text: string): number | undefined {
  const at = text.indexOf(part)
  return at >= 0 && text.indexOf(part, at + 1) < 0 ? at : undefined
}
