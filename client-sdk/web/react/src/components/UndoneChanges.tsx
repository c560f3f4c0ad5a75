// What the server did not take: what it was, why, and what became of what was made after it.
//
// Always true: it stays until somebody dismisses it; nobody's work disappears without a word.

import { useState, type ReactNode } from 'react'
import type { DocumentStore, RefusedEdit } from '@dovetail/client'
import { useWords } from '../context'
import { useWatched } from '../hooks/useWatched'
import { Button } from './Button'
import { Icon } from './icons'
import { Time } from './Time'

/** What the banner takes. */
export interface UndoneChangesProps {
  readonly store: Pick<DocumentStore<unknown>, 'refused'>
  /** Keeps what was undone in a document of one's own; without it there is no button for that. */
  readonly onSaveCopy?: ((edit: RefusedEdit) => void) | undefined
  /** What the app can do about an edit besides: a button of its own, or none. */
  readonly remedy?: ((edit: RefusedEdit) => UndoneRemedy | undefined) | undefined
}

/** A button of an app, and what it does. */
export interface UndoneRemedy {
  readonly label: string
  readonly run: () => void
}

/** Nothing while nothing was refused. */
export function UndoneChanges({ store, onSaveCopy, remedy }: UndoneChangesProps): ReactNode {
  const words = useWords()
  const refused = useWatched(store.refused)
  if (refused.length === 0) return null
  return (
    <section className="dovetail-undone" aria-label={words.undone.region}>
      {refused.map((edit) => (
        <Undone
          key={edit.id}
          edit={edit}
          onDismiss={() => store.refused.dismiss(edit.id)}
          onSaveCopy={onSaveCopy && (() => onSaveCopy(edit))}
          remedy={remedy?.(edit)}
        />
      ))}
    </section>
  )
}

interface UndoneProps {
  readonly edit: RefusedEdit
  readonly onDismiss: () => void
  readonly onSaveCopy: (() => void) | undefined
  readonly remedy: UndoneRemedy | undefined
}

function Undone({ edit, onDismiss, onSaveCopy, remedy }: UndoneProps): ReactNode {
  const words = useWords()
  const [open, setOpen] = useState(false)
  return (
    <div className="dovetail-banner" data-tone="error">
      <Icon name="undo" />
      <p role="alert">{words.undone.sentence(edit)}</p>
      <div className="dovetail-actions">
        {remedy && <Button onPress={remedy.run}>{remedy.label}</Button>}
        <Button expanded={open} onPress={() => setOpen(!open)}>
          {words.actions.details}
        </Button>
        {onSaveCopy && <Button onPress={onSaveCopy}>{words.actions.saveCopy}</Button>}
        <Button onPress={onDismiss}>{words.actions.dismiss}</Button>
      </div>
      {open && <UndoneDetails edit={edit} />}
    </div>
  )
}

function UndoneDetails({ edit }: { readonly edit: RefusedEdit }): ReactNode {
  const words = useWords()
  return (
    <div className="dovetail-undone-details">
      <Time atMs={edit.atMs} /> <code>{edit.code}</code>
      <ul>
        {edit.patch.map((operation) => (
          <li key={`${operation.op} ${operation.path}`}>{words.undone.patch(operation)}</li>
        ))}
      </ul>
    </div>
  )
}
