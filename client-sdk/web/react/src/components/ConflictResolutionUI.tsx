// What does not fit together, in words, with what can be done about it.
//
// Always true: nothing is decided without a press of a button; after a decision the focus is on the heading and the
// decision is said, because what was decided is gone from the list.

import { useRef, useState, type ReactNode } from 'react'
import type { Conflict, DocumentStore, PermissionState } from '@dovetail/client'
import { useWords } from '../context'
import { useConflicts, type ConflictsNow } from '../hooks/useConflicts'
import { useNames } from '../hooks/useNames'
import { useWatched } from '../hooks/useWatched'
import { Button } from './Button'
import { ConflictCard } from './ConflictCard'
import { WaivedConflict } from './WaivedConflict'

/** What a proposal would write, to show it where it would be. */
export interface ProposalPreview {
  readonly conflictId: string
  readonly proposal: string
  readonly writes: readonly { readonly path: readonly string[]; readonly value: unknown }[]
}

/** What the list takes. */
export interface ConflictResolutionUIProps {
  readonly store: DocumentStore<unknown>
  /** Called with the proposal that somebody looks at, and with nothing when nobody does any more. */
  readonly onPreview?: ((preview: ProposalPreview | undefined) => void) | undefined
  /** Shows what a conflict is about; without it there is no button for that. */
  readonly onShow?: ((conflict: Conflict) => void) | undefined
}

/** As many are listed at once, and more by a button: nobody decides about more in one look. */
const LISTED = 20

/** All conflicts of a document: the open ones to decide, and those that may stay. */
export function ConflictResolutionUI({ store, onPreview, onShow }: ConflictResolutionUIProps): ReactNode {
  const words = useWords()
  const conflicts = useConflicts(store)
  const nameOf = useNames(store, conflicts.conflicts.flatMap(authorsOf))
  const mayDecide = useWatched(store.permission, canWrite)
  const heading = useRef<HTMLHeadingElement>(null)
  const [said, setSaid] = useState('')
  const [most, setMost] = useState(LISTED)
  const decided = (sentence: string) => {
    setSaid(sentence)
    heading.current?.focus()
  }
  const card = { conflicts, nameOf, mayDecide, onDecided: decided }
  const open = inState(conflicts, 'open')
  return (
    <section className="dovetail-conflicts" aria-label={words.conflicts.title}>
      <h2 ref={heading} tabIndex={-1}>
        {words.conflicts.title} <span className="dovetail-count">{conflicts.open}</span>
      </h2>
      <p role="status" className="dovetail-unseen">
        {said}
      </p>
      <Remarks conflicts={conflicts} mayDecide={mayDecide} />
      <Unlisted conflicts={conflicts} />
      {open.slice(0, most).map((conflict) => (
        <ConflictCard key={conflict.id} conflict={conflict} onPreview={onPreview} onShow={onShow} {...card} />
      ))}
      {open.length > most && (
        <Button onPress={() => setMost(most + LISTED)}>
          {words.conflicts.more(Math.min(LISTED, open.length - most), open.length)}
        </Button>
      )}
      {conflicts.judged !== 'not_yet' && conflicts.open === 0 && (
        <p className="dovetail-none">{words.conflicts.none}</p>
      )}
      {inState(conflicts, 'waived').length > 0 && <h3>{words.conflicts.waived}</h3>}
      {inState(conflicts, 'waived').map((conflict) => (
        <WaivedConflict key={conflict.id} conflict={conflict} {...card} />
      ))}
    </section>
  )
}

function authorsOf({ causes, waiver }: Conflict): readonly (string | undefined)[] {
  return [...causes.map(({ author }) => author), waiver?.by]
}

/** What one has to know before reading the list. */
function Remarks({
  conflicts,
  mayDecide,
}: {
  readonly conflicts: ConflictsNow
  readonly mayDecide: boolean
}): ReactNode {
  const words = useWords()
  return (
    <>
      {conflicts.judged === 'not_yet' && <p className="dovetail-none">{words.conflicts.notYet}</p>}
      {conflicts.judged === 'here' && <p className="dovetail-faint">{words.conflicts.judgedHere}</p>}
      {!mayDecide && conflicts.conflicts.length > 0 && <p>{words.conflicts.viewOnly}</p>}
    </>
  )
}

/** What the list does not have. */
function Unlisted({ conflicts }: { readonly conflicts: ConflictsNow }): ReactNode {
  const words = useWords()
  if (conflicts.undecided.length + conflicts.beyond.length === 0) return null
  return (
    <ul className="dovetail-faint">
      {conflicts.undecided.map(({ rule }) => (
        <li key={`undecided ${rule}`}>{words.conflicts.undecided(rule)}</li>
      ))}
      {conflicts.beyond.map(({ rule, conflicts: more }) => (
        <li key={`beyond ${rule}`}>{words.conflicts.beyond(rule, more)}</li>
      ))}
    </ul>
  )
}

/** Those of the mode `audit` are for whoever runs the server. */
function inState(conflicts: ConflictsNow, state: Conflict['state']): readonly Conflict[] {
  return conflicts.conflicts.filter((conflict) => conflict.state === state && conflict.mode !== 'audit')
}

/** Who is not known yet may try; the client says no where it has to. */
function canWrite({ role }: PermissionState): boolean {
  return role !== 'read' && role !== 'none'
}
