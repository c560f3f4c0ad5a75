// One conflict that may stay: why, who says so, until when, and the way back.

import { useId, type ReactNode } from 'react'
import { useWords } from '../context'
import { useDeciding } from '../hooks/useDeciding'
import { Button } from './Button'
import { Outcome, type ConflictItemProps } from './ConflictCard'

/** One waived conflict. */
export function WaivedConflict(props: ConflictItemProps): ReactNode {
  const { conflict, conflicts, nameOf, mayDecide, onDecided } = props
  const words = useWords()
  const deciding = useDeciding()
  const title = useId()
  const { waiver } = conflict
  const by = waiver?.by === undefined ? undefined : nameOf(waiver.by)
  const until = waiver?.until === undefined ? undefined : words.date(waiver.until)
  return (
    <article className="dovetail-conflict" data-waived="true" aria-labelledby={title}>
      <h4 id={title}>{conflict.message}</h4>
      {waiver && (
        <p>
          {waiver.reason} <span className="dovetail-faint">{words.conflicts.waivedBy(by, until)}</span>
        </p>
      )}
      <Outcome deciding={deciding} />
      <Button
        disabled={!mayDecide}
        describedBy={title}
        onPress={() =>
          deciding.decide(
            () => conflicts.unwaive(conflict.id),
            () => onDecided(words.conflicts.unwaivedNow(conflict.message)),
          )
        }
      >
        {words.conflicts.unwaive}
      </Button>
    </article>
  )
}
