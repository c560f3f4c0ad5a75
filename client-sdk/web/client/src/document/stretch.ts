// Where two texts differ.
//
// Always true: no pair of code units that is one letter is taken apart.

/** `before.slice(start, end)` became `put`. */
export interface Stretch {
  readonly start: number
  readonly end: number
  readonly put: string
}

/** The one stretch in which `after` differs from `before`. */
export function stretch(before: string, after: string): Stretch {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before[start] === after[start]) start++
  if (isInPair(before, start) || isInPair(after, start)) start--
  let same = 0
  while (same < shorter - start && before[before.length - 1 - same] === after[after.length - 1 - same]) same++
  if (isInPair(before, before.length - same) || isInPair(after, after.length - same)) same--
  return { start, end: before.length - same, put: after.slice(start, after.length - same) }
}

/** `now` with what `typed` changed of `base`. Where both changed the same, what either removed goes, and what either put stays. */
export function rebased(base: string, typed: string, now: string): string {
  const [mine, theirs] = [stretch(base, typed), stretch(base, now)]
  const [first, second] = mine.start <= theirs.start ? [mine, theirs] : [theirs, mine]
  const between = base.slice(first.end, Math.max(first.end, second.start))
  const end = Math.max(first.end, second.end)
  return base.slice(0, first.start) + first.put + between + second.put + base.slice(end)
}

/** Whether the place is between the two code units of one letter. */
function isInPair(text: string, at: number): boolean {
  return at > 0 && (text.codePointAt(at - 1) ?? 0) > 0xffff
}
