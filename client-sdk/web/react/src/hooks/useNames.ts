// What people are called: authors are known by ids, and whoever is here has told a name.

import { useCallback } from 'react'
import type { DocumentStore } from '@dovetail/client'
import { useProvided } from '../context'
import { usePeople } from './usePresence'
import { useWatched } from './useWatched'

/** Says who an author is: "You", the name of somebody who is here, or the id; "Somebody" where none is known. */
export function useNames(
  store: Pick<DocumentStore<unknown>, 'presence'>,
): (author: string | null | undefined) => string {
  const { client, words } = useProvided()
  const me = useWatched(client.session)?.user
  const people = usePeople(store)
  return useCallback(
    (author) => {
      if (author === null || author === undefined || author === '') return words.conflicts.someone
      if (author === me?.id) return words.conflicts.you
      return people.find((person) => person.id === author)?.name ?? author
    },
    [words, me, people],
  )
}
