// The base of every hook: a component that follows something that can be watched.

import { useMemo, useSyncExternalStore } from 'react'
import type { Watchable } from '@dovetail/client'

/** The value, anew after each change. */
export function useWatched<T>(watchable: Watchable<T>): T
/**
 * A part of the value, which renders anew only when that part is another one by `same` (`Object.is` by itself). A `select` that
 * makes an object each time wants a `same` that looks into it. Both may be written in place.
 */
export function useWatched<T, S>(
  watchable: Watchable<T>,
  select: (value: T) => S,
  same?: (one: S, other: S) => boolean,
): S
export function useWatched<T, S>(
  watchable: Watchable<T>,
  select: (value: T) => T | S = itself,
  same: (one: T | S, other: T | S) => boolean = Object.is,
): T | S {
  const read = useMemo(() => remembering(watchable.getState, select, same), [watchable, select, same])
  return useSyncExternalStore(watchable.subscribe, read, read)
}

/** Reads and selects; gives what it gave last for as long as that is the same. */
function remembering<T, S>(
  read: () => T,
  select: (value: T) => S,
  same: (one: S, other: S) => boolean,
): () => S {
  let last: { readonly of: T; readonly selected: S } | undefined
  return () => {
    const value = read()
    if (last && Object.is(last.of, value)) return last.selected
    const selected = select(value)
    last = { of: value, selected: last && same(last.selected, selected) ? last.selected : selected }
    return last.selected
  }
}

function itself<T>(value: T): T {
  return value
}

/** Whether two lists have the same items in the same order. */
export function sameItems<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, at) => Object.is(item, other[at]))
}
