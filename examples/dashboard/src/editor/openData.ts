// The documents that the tiles show, next to the dashboard itself: what of them people must be told with it.
//
// Always true: the page says "Saved" only when the tables, texts and points that it shows, or showed since it was opened, are saved as
// well, also before their tiles have opened them. What waits of them is told with the widget that it is in. What the server refused of
// them is told where everything refused is told.

import {
  documentUrl,
  type Dashboard,
  type DashboardStore,
  type DeviceSaving,
  type DocumentId,
  type RefusedEdit,
  type SavingState,
  type Watchable,
  type WidgetDataStore,
} from '@dovetail/client'
import { staticWatchable } from '@dovetail/react'
import { watched } from '../app/watched'
import { dashboardOf, overlaid } from './shown'

export interface OpenData {
  /** A tile shows this document, until what is returned is called. */
  readonly add: (store: WidgetDataStore) => () => void
  /** The store of the dashboard, as what tells of the page sees it. */
  readonly whole: DashboardStore
  /** The document of a tile in which an edit was refused; nothing when that was in the dashboard. */
  readonly refusedIn: (edit: RefusedEdit) => WidgetDataStore | undefined
}

type Part = Pick<DashboardStore, 'refused'>

/** Begins with the dashboard alone. `device`: what waits of all documents that are here. */
export function createOpenData(dashboard: DashboardStore, device: Watchable<DeviceSaving>): OpenData {
  // A document that two tiles show is there twice, and counts once.
  const shown = watched<readonly WidgetDataStore[]>([])
  const parts = (): readonly Part[] => [dashboard, ...new Set(shown.getState())]
  const named = namedIn(dashboard)
  const inWidget = wordedByWidget()
  // A tile that goes may leave something behind that waits.
  const wasShown = new Set<DocumentId>()
  const belonging = () =>
    device
      .getState()
      .documents.filter(({ id }) => id !== dashboard.id && (wasShown.has(id) || named(id) !== undefined))
      .map((saving) => inWidget(saving, named(saving.id) ?? ''))
  const refused = combined(
    shown,
    () => parts().map((part) => part.refused),
    (all) => all.flat(),
  )
  const isIn = (part: Part, id: string) => part.refused.getState().some((edit: RefusedEdit) => edit.id === id)
  const dismiss = (id: string) => {
    for (const part of parts()) if (isIn(part, id)) part.refused.dismiss(id)
  }
  const makeAgain = async (id: string, make: () => void) =>
    (await parts()
      .find((part) => isIn(part, id))
      ?.refused.makeAgain(id, make)) ?? false
  return {
    add: (store) => {
      wasShown.add(store.id)
      shown.set([...shown.getState(), store])
      return () => {
        const at = shown.getState().indexOf(store)
        shown.set(shown.getState().toSpliced(at, 1))
      }
    },
    refusedIn: ({ id }) =>
      shown.getState().find(({ refused }) => refused.getState().some((edit) => edit.id === id)),
    whole: overlaid(dashboard, {
      saving: combined(device, () => [dashboard.saving, ...belonging().map(staticWatchable)], savingOf),
      refused: { ...refused, dismiss, makeAgain },
    }),
  }
}

/**
 * The title of the widget that names a document; nothing where none does. The addresses are compared as they stand, because to read
 * each of them would take long.
 */
function namedIn(dashboard: DashboardStore): (id: DocumentId) => string | undefined {
  let last:
    { readonly widgets: Dashboard['widgets']; readonly named: ReadonlyMap<string, string> } | undefined
  return (id) => {
    const { widgets } = dashboardOf(dashboard.getState())
    if (last?.widgets !== widgets) {
      const named = Object.values(widgets).flatMap(({ data, title }) =>
        data === undefined ? [] : [[data, title] as const],
      )
      last = { widgets, named: new Map(named) }
    }
    return last.named.get(id) ?? last.named.get(documentUrl(id))
  }
}

/** What waits of a document, said with the widget that it is in. The same again as long as it is the same. */
function wordedByWidget(): (saving: SavingState, title: string) => SavingState {
  const made = new WeakMap<SavingState, { readonly title: string; readonly worded: SavingState }>()
  return (saving, title) => {
    if (title === '' || saving.changes.length === 0) return saving
    const known = made.get(saving)
    if (known?.title === title) return known.worded
    const changes = saving.changes.map((change) =>
      change.label === '' ? change : { ...change, label: `${change.label} in “${title}”` },
    )
    const worded = { ...saving, changes }
    made.set(saving, { title, worded })
    return worded
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
