// One open conflict: what is wrong, who did what, what can be done, and the two ways out.

import { useEffect, useId, useMemo, useRef, useState, type FocusEvent, type ReactNode } from 'react'
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
  /** Shows what it is about. */
  readonly onShow: ((conflict: Conflict) => void) | undefined
  readonly onPreview: ((preview: ProposalPreview | undefined) => void) | undefined
}

/** One open conflict. */
export function ConflictCard(props: ConflictCardProps): ReactNode {
  const { conflict, conflicts, mayDecide, onDecided, onShow } = props
  const words = useWords()
  const deciding = useDeciding()
  const title = useId()
  const waiver = useRef<HTMLButtonElement>(null)
  const [waiving, setWaiving] = useState(false)
  const others = (
    <>
      <Button
        ref={waiver}
        disabled={!mayDecide}
        expanded={waiving}
        describedBy={title}
        onPress={() => setWaiving(!waiving)}
      >
        {words.conflicts.waive}
      </Button>
      {onShow && (
        <Button describedBy={title} onPress={() => onShow(conflict)}>
          {words.conflicts.show}
        </Button>
      )}
    </>
  )
  return (
    <article
      className="dovetail-conflict"
      data-conflict={conflict.severity}
      aria-labelledby={title}
      onClick={(press) => {
        if (!(press.target as Element).closest(PRESSED_FOR_ITSELF)) onShow?.(conflict)
      }}
    >
      <h3 id={title}>
        <Icon name="warning" />
        <span className="dovetail-unseen">{words.conflicts.severity(conflict.severity)}: </span>
        {capital(conflict.message)}
      </h3>
      {conflict.explanation && <p>{conflict.explanation}</p>}
      <Causes {...props} />
      {conflict.proposals.length === 0 ? (
        <>
          <p className="dovetail-faint">{words.conflicts.noProposal}</p>
          <div className="dovetail-actions">{others}</div>
        </>
      ) : (
        <Proposals {...props} deciding={deciding}>
          {others}
        </Proposals>
      )}
      <Outcome deciding={deciding} />
      {waiving && (
        <WaiverForm
          onCancel={() => {
            setWaiving(false)
            waiver.current?.focus()
          }}
          onWaive={(wanted) =>
            deciding.decide(
              () => conflicts.waive(conflict.id, wanted),
              () => onDecided(words.conflicts.waivedNow(conflict.message)),
            )
          }
        />
      )}
    </article>
  )
}

/** A press on these has a meaning of its own. */
const PRESSED_FOR_ITSELF = 'button, input, label, a, textarea, select, form'

/** That a decision is being made, where that takes its time; why one did not work, told at once. */
export function Outcome({ deciding }: { readonly deciding: Deciding }): ReactNode {
  const words = useWords()
  return (
    <>
      <p aria-live="polite" className="dovetail-deciding dovetail-faint">
        {deciding.takesLong ? words.conflicts.deciding : ''}
      </p>
      <p role="alert" className="dovetail-failure">
        {deciding.failed === undefined ? '' : words.conflicts.failed(deciding.failed)}
      </p>
    </>
  )
}

function Causes({ conflict, nameOf }: ConflictItemProps): ReactNode {
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

/**
 * The first proposal is the best and is chosen to begin with; it is shown once somebody comes here, not before. `children`: what
 * else one can do, beside the button to apply.
 */
function Proposals(
  props: ConflictCardProps & { readonly deciding: Deciding; readonly children: ReactNode },
): ReactNode {
  const { conflict, conflicts, mayDecide, onDecided, deciding, children } = props
  const preview = useStable(props.onPreview)
  const words = useWords()
  const group = useId()
  const place = useRef<HTMLDivElement>(null)
  const [wished, setWished] = useState<string>()
  const offered = conflict.proposals.find(({ name }) => name === wished) ?? conflict.proposals[0]
  const chosen = offered?.name ?? ''
  // To know what would be written, the rules are asked once more, which takes a while: not before somebody wants to know. What is
  // said then stands below the buttons: nothing moves under a finger that is on its way down.
  const [isAsked, ask] = useState(false)
  const writesOf = conflicts.preview
  const writes = useMemo(
    () => (isAsked ? writesOf(conflict.id, chosen) : NO_WRITES),
    [isAsked, writesOf, conflict, chosen],
  )
  const show = (proposal: string) => {
    ask(true)
    const known = isAsked && proposal === chosen ? writes : writesOf(conflict.id, proposal)
    preview({ conflictId: conflict.id, proposal, writes: known })
  }
  // Somebody else may settle it while it is looked at.
  useEffect(() => () => preview(undefined), [preview])
  const apply = () =>
    deciding.decide(
      () => conflicts.settle(conflict.id, chosen),
      () => onDecided(words.conflicts.settledNow(conflict.message)),
    )
  const looking = {
    onFocus: () => show(chosen),
    onBlur: (left: FocusEvent) => {
      // From a choice to the button below it is no leaving.
      if (!place.current?.contains(left.relatedTarget)) preview(undefined)
    },
  }
  return (
    <div ref={place}>
      <fieldset disabled={!mayDecide} {...looking}>
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
      </fieldset>
      <div className="dovetail-actions">
        <span className="dovetail-apply" {...looking}>
          <Button
            main
            disabled={!mayDecide}
            describedBy={writes.length > 0 ? `${group}writes` : undefined}
            onPress={apply}
          >
            {words.conflicts.apply}
          </Button>
        </span>
        {children}
      </div>
      {writes.length > 0 && (
        <ul className="dovetail-writes" id={`${group}writes`}>
          {writes.map(({ path, value }) => (
            <li key={path.join('/')}>{words.conflicts.becomes(path, value)}</li>
          ))}
        </ul>
      )}
    </div>
  )
}

const NO_WRITES: ReturnType<ConflictsNow['preview']> = []

/** Rules word what they find in the middle of a sentence, too. */
function capital(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1)
}
