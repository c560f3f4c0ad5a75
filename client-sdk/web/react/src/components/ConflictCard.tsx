// One open conflict: what is wrong, who did what, what can be done, and the two ways out.

import { useEffect, useId, useRef, useState, type ReactNode } from 'react'
import type { Conflict } from '@dovetail/client'
import { useWords } from '../context'
import type { ConflictsNow } from '../hooks/useConflicts'
import { useDeciding, type Deciding } from '../hooks/useDeciding'
import { useStable } from '../hooks/useStable'
import { Button } from './Button'
import type { ProposalPreview } from './ConflictResolutionUI'
import { Icon } from './icons'
import { Time } from './Time'
import { WaiverForm } from './WaiverForm'

/** What every conflict in the list takes. */
export interface ConflictItemProps {
  readonly conflict: Conflict
  readonly conflicts: ConflictsNow
  /** What an author is called. */
  readonly nameOf: (author: string | null | undefined) => string
  readonly mayDecide: boolean
  /** Called with a sentence that says what was decided. */
  readonly onDecided: (sentence: string) => void
}

interface ConflictCardProps extends ConflictItemProps {
  readonly onPreview: ((preview: ProposalPreview | undefined) => void) | undefined
}

/** One open conflict. */
export function ConflictCard(props: ConflictCardProps): ReactNode {
  const { conflict, conflicts, nameOf, mayDecide, onDecided } = props
  const words = useWords()
  const deciding = useDeciding()
  const title = useId()
  const waive = useRef<HTMLButtonElement>(null)
  const [waiving, setWaiving] = useState(false)
  return (
    <article className="dovetail-conflict" data-conflict={conflict.severity} aria-labelledby={title}>
      <h3 id={title}>
        <Icon name="warning" />
        <span className="dovetail-unseen">{words.conflicts.severity(conflict.severity)}: </span>
        {conflict.message}
      </h3>
      {conflict.explanation && <p>{conflict.explanation}</p>}
      <Causes conflict={conflict} nameOf={nameOf} />
      {conflict.proposals.length === 0 ? (
        <p className="dovetail-faint">{words.conflicts.noProposal}</p>
      ) : (
        <Proposals {...props} deciding={deciding} />
      )}
      <Failure deciding={deciding} />
      <Button
        ref={waive}
        disabled={!mayDecide}
        expanded={waiving}
        describedBy={title}
        onPress={() => setWaiving(!waiving)}
      >
        {words.conflicts.waive}
      </Button>
      {waiving && (
        <WaiverForm
          onCancel={() => {
            setWaiving(false)
            waive.current?.focus()
          }}
          onWaive={(waiver) =>
            deciding.decide(
              () => conflicts.waive(conflict.id, waiver),
              () => onDecided(words.conflicts.waivedNow(conflict.message)),
            )
          }
        />
      )}
    </article>
  )
}

/** Why a decision did not work, told at once. */
export function Failure({ deciding }: { readonly deciding: Deciding }): ReactNode {
  const words = useWords()
  return (
    <p role="alert" className="dovetail-failure">
      {deciding.failed === undefined ? '' : words.conflicts.failed(deciding.failed)}
    </p>
  )
}

function Causes({ conflict, nameOf }: Pick<ConflictItemProps, 'conflict' | 'nameOf'>): ReactNode {
  const words = useWords()
  if (conflict.causes.length === 0) return null
  return (
    <ul className="dovetail-causes" aria-label={words.conflicts.causes}>
      {conflict.causes.map((cause) => (
        <li key={cause.change}>
          {words.conflicts.cause(cause.mine ? words.conflicts.you : nameOf(cause.author), cause.message)}{' '}
          {/* 0: its maker's clock did not say. */}
          {cause.time > 0 && <Time atMs={cause.time} />}
        </li>
      ))}
    </ul>
  )
}

/** The first proposal is the best and is chosen to begin with; it is shown once somebody comes here, not before. */
function Proposals(props: ConflictCardProps & { readonly deciding: Deciding }): ReactNode {
  const { conflict, conflicts, mayDecide, onDecided, deciding } = props
  const preview = useStable(props.onPreview)
  const words = useWords()
  const group = useId()
  const [wished, setWished] = useState<string>()
  const offered = conflict.proposals.find(({ name }) => name === wished) ?? conflict.proposals[0]
  const chosen = offered?.name ?? ''
  const writes = conflicts.preview(conflict.id, chosen)
  const show = (proposal: string) =>
    preview({ conflictId: conflict.id, proposal, writes: conflicts.preview(conflict.id, proposal) })
  // Somebody else may settle it while it is looked at.
  useEffect(() => () => preview(undefined), [preview])
  const apply = () =>
    deciding.decide(
      () => conflicts.settle(conflict.id, chosen),
      () => onDecided(words.conflicts.settledNow(conflict.message)),
    )
  return (
    <fieldset
      disabled={!mayDecide}
      onFocus={() => show(chosen)}
      onBlur={(left) => {
        // From a choice to the button beside it is no leaving.
        if (!left.currentTarget.contains(left.relatedTarget)) preview(undefined)
      }}
    >
      <legend>{words.conflicts.proposals}</legend>
      {conflict.proposals.map(({ name, label }) => (
        <label key={name} onPointerEnter={() => show(name)} onPointerLeave={() => preview(undefined)}>
          <input
            type="radio"
            name={group}
            value={name}
            checked={name === chosen}
            onChange={() => {
              setWished(name)
              show(name)
            }}
          />{' '}
          {label}
        </label>
      ))}
      {writes.length > 0 && (
        <ul className="dovetail-faint" id={`${group}writes`}>
          {writes.map(({ path, value }) => (
            <li key={path.join('/')}>{words.conflicts.becomes(path, value)}</li>
          ))}
        </ul>
      )}
      <Button main describedBy={writes.length > 0 ? `${group}writes` : undefined} onPress={apply}>
        {words.conflicts.apply}
      </Button>
    </fieldset>
  )
}
