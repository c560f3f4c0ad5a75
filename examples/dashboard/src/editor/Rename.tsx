// The field in which a widget or a row gets another title.
//
// Edit path: Enter, leaving the field, and whatever takes it away write the title (useDraft.ts); Escape leaves it as it was.

import { isComposing } from './composing'
import { useEditor } from './context'
import { useDraft } from './useDraft'

export interface RenameProps {
  readonly id: string
  /** What the field is called. */
  readonly label: string
  readonly title: string
  readonly onDone: () => void
}

export function Rename({ id, label, title, onDone }: RenameProps) {
  const { store, act } = useEditor()
  const draft = useDraft({
    store,
    label: 'Renamed a widget',
    text: title,
    onWrite: (typed) => {
      const next = typed.trim()
      return next === title || act({ edit: 'renameWidget', id, title: next })
    },
  })
  const finish = () => {
    if (draft.write()) onDone()
  }
  return (
    <input
      className="tile-rename"
      aria-label={label}
      value={draft.text}
      autoFocus
      onFocus={(event) => event.target.select()}
      onChange={(event) => draft.type(event.target.value)}
      onBlur={finish}
      onKeyDown={(event) => {
        event.stopPropagation()
        if (isComposing(event)) return
        if (event.key === 'Escape') draft.drop()
        if (event.key === 'Enter' || event.key === 'Escape') finish()
      }}
    />
  )
}
