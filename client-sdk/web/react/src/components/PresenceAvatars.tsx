// Who else has the document open: initials in each person's colour.

import type { ReactNode } from 'react'
import type { DocumentStore } from '@dovetail/client'
import { useWords } from '../context'
import { usePeople, type Person } from '../hooks/usePresence'

/** What the row of people takes. */
export interface PresenceAvatarsProps {
  readonly store: Pick<DocumentStore<unknown>, 'presence'>
  /** So many are shown, the others are a number. */
  readonly most?: number | undefined
}

/** One for each person, however many tabs they have. Nothing when nobody else is there. */
export function PresenceAvatars({ store, most = 5 }: PresenceAvatarsProps): ReactNode {
  const words = useWords()
  const people = usePeople(store)
  if (people.length === 0) return null
  // A "+1" takes the room of the one whom it stands for.
  const shown = people.length <= most + 1 ? people : people.slice(0, most)
  const others = people.slice(shown.length)
  return (
    <ul className="dovetail-people" aria-label={words.presence.list(people.length)}>
      {shown.map((person) => (
        <Avatar key={person.id} person={person} />
      ))}
      {others.length > 0 && <Others people={others} />}
    </ul>
  )
}

function Avatar({ person }: { readonly person: Person }): ReactNode {
  const words = useWords()
  const name = person.editing ? words.presence.editing(person.name) : person.name
  return (
    <li className="dovetail-avatar" data-color={person.color} data-editing={person.editing} title={name}>
      <span aria-hidden="true">{initials(person.name)}</span>
      <span className="dovetail-unseen">{name}</span>
    </li>
  )
}

function Others({ people }: { readonly people: readonly Person[] }): ReactNode {
  const words = useWords()
  const names = words.presence.others(people.map((person) => person.name))
  return (
    <li className="dovetail-avatar" data-more="true" title={names}>
      <span aria-hidden="true">{words.presence.more(people.length)}</span>
      <span className="dovetail-unseen">{names}</span>
    </li>
  )
}

/** The first letters of the first and the last name; letters as people see them, of which some are several characters. */
function initials(name: string): string {
  const parts = name.split(/\s+/).filter((part) => part !== '')
  const [first, last] = [parts[0], parts.length > 1 ? parts.at(-1) : undefined]
  return `${firstLetter(first)}${firstLetter(last)}` || '?'
}

const LETTERS = new Intl.Segmenter()

function firstLetter(text = ''): string {
  for (const { segment } of LETTERS.segment(text)) return segment.toUpperCase()
  return ''
}
