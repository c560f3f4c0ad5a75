// States of a dashboard that can be looked at: what they are called, and what the grid shows of them.
//
// Always true: a moment names a state by its heads, so it means the same whoever looks and whenever.

import type { Heads, HistoryGroup, NamedVersion } from '@dovetail/client'

/** A state in the past, or a named one. */
export interface Moment {
  readonly heads: Heads
  /** In a sentence behind "as it was": `on 3 June at 10:42` or `at “Before the move”`. */
  readonly when: string
  /** When it was made or named, in milliseconds since 1970. */
  readonly atMs: number
}

/** The state after a group of changes. */
export function momentOf(group: HistoryGroup): Moment {
  return { heads: group.heads, when: `on ${dateAndTime(group.toMs)}`, atMs: group.toMs }
}

/** A state that somebody named. */
export function momentOfVersion(version: NamedVersion): Moment {
  return { heads: version.heads, when: `at “${version.name}”`, atMs: version.atMs }
}

/** Tells moments apart. */
export function keyOfHeads(heads: Heads): string {
  return heads.join('.')
}

/**
 * Whether both are the same state. The heads of a group may become more when the history is read anew: what the server wrote
 * beside it meanwhile, as the name of a version, counts among them.
 */
export function isSame(one: Moment | undefined, other: Moment): boolean {
  return one?.atMs === other.atMs && one.heads.some((head) => other.heads.includes(head))
}

/** `3 Jun, 10:42`, with the year where it is another one. */
export function dateAndTime(atMs: number, nowMs = Date.now()): string {
  const year =
    new Date(atMs).getFullYear() === new Date(nowMs).getFullYear() ? {} : ({ year: 'numeric' } as const)
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    ...year,
  }).format(atMs)
}

/** The day that a heading names: `Today`, `Yesterday`, `Wednesday 3 June`. */
export function dayOf(atMs: number, nowMs: number): string {
  const day = startOfDay(atMs)
  const today = startOfDay(nowMs)
  if (day >= today) return 'Today'
  // Through the calendar: a day may have 23 hours.
  const yesterday = new Date(today)
  yesterday.setDate(yesterday.getDate() - 1)
  if (day === yesterday.getTime()) return 'Yesterday'
  const year =
    new Date(atMs).getFullYear() === new Date(nowMs).getFullYear() ? {} : ({ year: 'numeric' } as const)
  return new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', ...year }).format(
    atMs,
  )
}

function startOfDay(atMs: number): number {
  return new Date(atMs).setHours(0, 0, 0, 0)
}

/** Items under headings of their days, in the order in which they come. */
export function byDay<T>(
  items: readonly T[],
  atMs: (item: T) => number,
  nowMs: number,
): readonly { readonly day: string; readonly items: readonly T[] }[] {
  const days: { day: string; items: T[] }[] = []
  for (const item of items) {
    const day = dayOf(atMs(item), nowMs)
    const last = days.at(-1)
    if (last?.day === day) last.items.push(item)
    else days.push({ day, items: [item] })
  }
  return days
}

/** What is no name of a version, in words; nothing when it is one. The server takes the same. */
export function badVersionName(name: string): string | undefined {
  if (name.trim() === '') return 'Give it a name.'
  if (new TextEncoder().encode(name).length > VERSION_NAME_BYTES_MAX) return 'That is too long for a name.'
  if (/[/\p{Cc}]/u.test(name)) return 'A name has no slash and no line break.'
  return undefined
}

const VERSION_NAME_BYTES_MAX = 128
