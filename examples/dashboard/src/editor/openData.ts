// The documents that the tiles show, next to the dashboard itself: what of them people must be told with it.
//
// Always true: the page says "Saved" only when the tables, texts and points that it shows are saved as well, and what the server
// refused of them is told where everything refused is told.

import type { DashboardStore, RefusedEdit, SavingState, Watchable, WidgetDataStore } from '@dovetail/client'
import { watched } from '../app/watched'
import { overlaid } from './shown'

export interface OpenData {
  /** A tile shows this document, until what is returned is called. */
  readonly add: (store: WidgetDataStore) => () => void
  /** The store of the dashboard, as what tells of the page sees it. */
  readonly whole: DashboardStore
  /** The address of the document of a tile in which an edit was refused; nothing when that was in the dashboard. */
  readonly refusedIn: (edit: RefusedEdit) => string | undefined
}

type Part = Pick<DashboardStore, 'saving' | 'refused'>

/** Begins with the dashboard alone. */
export function createOpenData(dashboard: DashboardStore): OpenData {
  // A document that two tiles show is there twice, and counts once.
  const shown = watched<readonly WidgetDataStore[]>([])
  const parts = (): readonly Part[] => [dashboard, ...new Set(shown.getState())]
  const refused = combined(
    shown,
    () => parts().map((part) => part.refused),
    (all) => all.flat(),
  )
  const dismiss = (id: string) => {
    for (const part of parts()) {
      if (part.refused.getState().some((edit: RefusedEdit) => edit.id === id)) part.refused.dismiss(id)
    }
  }
  return {
    add: (store) => {
      shown.set([...shown.getState(), store])
      return () => {
        const at = shown.getState().indexOf(store)
        shown.set(shown.getState().toSpliced(at, 1))
      }
    },
    refusedIn: ({ id }) =>
      shown.getState().find(({ refused }) => refused.getState().some((edit) => edit.id === id))?.url,
    whole: overlaid(dashboard, {
      saving: combined(shown, () => parts().map((part) => part.saving), savingOf),
      refused: { ...refused, dismiss },
    }),
  }
}

/** What waits of several documents, as one. */
export function savingOf(all: readonly SavingState[]): SavingState {
  const [only] = all
  if (only && all.length === 1) return only
  const times = all.map(({ savedAtMs }) => savedAtMs)
  const known = times.filter((time) => time !== undefined)
  return {
    status: worst(
      all.map(({ status }) => status),
      ['unkept', 'kept'],
      'saved',
    ),
    pending: sum(all.map(({ pending }) => pending)),
    changes: all
      .flatMap(({ changes }) => changes)
      .sort((one, other) => one.madeAtMs - other.madeAtMs)
      .slice(0, CHANGES_MAX),
    bytes: sum(all.map(({ bytes }) => bytes)),
    // All was saved when the last of them was.
    savedAtMs: known.length === times.length ? Math.max(...known) : undefined,
    room: worst(
      all.map(({ room }) => room),
      ['full', 'near'],
      'enough',
    ),
  }
}

/** As many as one document lists. */
const CHANGES_MAX = 100

/** One value of several that change, and of which there are now more, now fewer. */
function combined<T>(
  list: Watchable<unknown>,
  parts: () => readonly Watchable<T>[],
  fold: (all: readonly T[]) => T,
): Watchable<T> {
  let last: { readonly of: readonly T[]; readonly value: T } | undefined
  return {
    getState: () => {
      const of = parts().map((part) => part.getState())
      if (last?.of.length === of.length && last.of.every((value, at) => Object.is(value, of[at])))
        return last.value
      last = { of, value: fold(of) }
      return last.value
    },
    subscribe: (listener) => {
      let ends: readonly (() => void)[] = []
      const follow = () => {
        for (const end of ends) end()
        ends = parts().map((part) => part.subscribe(listener))
      }
      follow()
      const end = list.subscribe(() => {
        follow()
        listener()
      })
      return () => {
        end()
        for (const each of ends) each()
      }
    },
  }
}

/** The first of `order` that is among the values; `best` when none is. */
function worst<T>(values: readonly T[], order: readonly T[], best: T): T {
  return order.find((value) => values.includes(value)) ?? best
}

function sum(values: readonly number[]): number {
  return values.reduce((one, other) => one + other, 0)
}
