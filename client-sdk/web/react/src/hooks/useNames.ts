// What people are called: authors are known by ids, and whoever is here has told a name.

import { useCallback } from 'react'
import type { DocumentStore } from '@dovetail/client'
import { useProvided } from '../context'
import { areSeveralLinks, calledBy } from '../state/naming'
import { usePeopleAsTold } from './usePresence'
import { useWatched } from './useWatched'

type Author = string | null | undefined

/**
 * Says who an author is: "You", the name of somebody who is here, or the id; "Somebody" where none is known, and "Somebody with a
 * link" who came by one. `among`: the authors who are named beside each other, so that several links can be told apart.
 */
export function useNames(
  store: Pick<DocumentStore<unknown>, 'presence'>,
  among: readonly Author[] = NOBODY,
): (author: Author) => string {
  const { client, words } = useProvided()
  const me = useWatched(client.session)?.user
  const people = usePeopleAsTold(store)
  const several = areSeveralLinks([...people.map(({ id }) => id), ...among])
  return useCallback(
    (author) => {
      if (author === null || author === undefined || author === '') return words.conflicts.someone
      if (author === me?.id) return words.conflicts.you
      const told = people.find((person) => person.id === author) ?? { id: author, name: author }
      return calledBy(words, told, several)
    },
    [words, me, people, several],
  )
}

const NOBODY: readonly Author[] = []
