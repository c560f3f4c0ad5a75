// Who else is there, in a component.

import { useCallback, useMemo } from 'react'
import type { DashboardPresence, DocumentStore, Peer } from '@dovetail/client'
import { useWords } from '../context'
import { areSeveralLinks, calledBy } from '../state/naming'
import { useWatched } from './useWatched'

/** The others, and how to tell them where we are. */
export interface PresenceNow {
  /** One for each tab of each person. */
  readonly peers: readonly Peer<DashboardPresence>[]
  readonly set: (state: DashboardPresence) => void
  readonly clear: () => void
}

/** Follows who has a document open. */
export function usePresence(store: AnyStore): PresenceNow {
  const { presence } = store
  const peers = useWatched(presence)
  const set = useCallback((state: DashboardPresence) => presence.set(state), [presence])
  const clear = useCallback(() => presence.clear(), [presence])
  return { peers, set, clear }
}

/** Somebody, in however many tabs. */
export interface Person {
  readonly id: string
  readonly name: string
  /** From 0 to 7. */
  readonly color: number
  readonly editing: boolean
}

/** The people who have a document open. Renders anew only when somebody came, went, or began or ended editing. */
export function usePeople(store: AnyStore): readonly Person[] {
  return useNamed(store, usePeopleAsTold(store))
}

/** The same, by the names that they tell of themselves. */
export function usePeopleAsTold(store: AnyStore): readonly Person[] {
  return useWatched(store.presence, peopleOf, samePeople)
}

/** The people who are at one widget, those who edit it first. Renders anew only when that changed. */
export function useWidgetPeople(store: AnyStore, widgetId: string): readonly Person[] {
  const select = useCallback(
    (peers: readonly Peer<DashboardPresence>[]) =>
      peopleOf(
        peers.filter((peer) => peer.state.widget === widgetId || peer.state.ghost?.widget === widgetId),
      ),
    [widgetId],
  )
  return useNamed(store, useWatched(store.presence, select, samePeople))
}

/** People by what they are called here, beside all others who are here. */
function useNamed(store: AnyStore, people: readonly Person[]): readonly Person[] {
  const words = useWords()
  const several = useWatched(store.presence, haveSeveralLinks)
  return useMemo(
    () => people.map((person) => ({ ...person, name: calledBy(words, person, several) })),
    [people, words, several],
  )
}

function haveSeveralLinks(peers: readonly Peer<DashboardPresence>[]): boolean {
  return areSeveralLinks(peers.map(({ user }) => user.id))
}

type AnyStore = Pick<DocumentStore<unknown>, 'presence'>

/** Names have eight colours. */
const COLORS = 8

function peopleOf(peers: readonly Peer<DashboardPresence>[]): readonly Person[] {
  const people = new Map<string, Person>()
  for (const { user, color, state } of peers) {
    const editing =
      (state.editing ?? false) || state.ghost !== undefined || (people.get(user.id)?.editing ?? false)
    people.set(user.id, { id: user.id, name: user.name, color: Math.abs(color) % COLORS, editing })
  }
  return [...people.values()].sort((one, other) => Number(other.editing) - Number(one.editing))
}

function samePeople(one: readonly Person[], other: readonly Person[]): boolean {
  return one.length === other.length && one.every((person, at) => samePerson(person, other[at]))
}

function samePerson(one: Person, other: Person | undefined): boolean {
  return (
    one.id === other?.id &&
    one.name === other.name &&
    one.color === other.color &&
    one.editing === other.editing
  )
}
