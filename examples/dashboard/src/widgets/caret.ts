// Where the caret goes when somebody else changes the text around it.

/** The place in `next` that `caret` had in `before`. Both texts differ in one stretch, as texts do that were merged often. */
export function movedCaret(before: string, next: string, caret: number): number {
  if (before === next) return caret
  const shorter = Math.min(before.length, next.length)
  let start = 0
  while (start < shorter && before[start] === next[start]) start++
  let end = 0
  while (end < shorter - start && before[before.length - 1 - end] === next[next.length - 1 - end]) end++
  if (caret <= start) return caret
  if (caret >= before.length - end) return caret + next.length - before.length
  // It stood in what is gone: behind what came in its place.
  return next.length - end
}
