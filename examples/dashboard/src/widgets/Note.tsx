// A text that several people write at once, shown as Markdown and written as plain text.
//
// Edit path: every keystroke → `setText`, which shows it at once, and writes what differs when typing pauses; ← what others write comes
// in with that, and the caret stays with the letter that it stood at.
//
// Always true: while letters are being composed the field is set by nobody: an input method would go on with what is not there any more.

import type { WidgetDataStore } from '@dovetail/client'
import { Eye, NotebookPen, Pencil } from 'lucide-react'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { isComposing } from '../editor/composing'
import { useEditor } from '../editor/context'
import { movedCaret } from './caret'
import { Markdown } from './Markdown'
import { NoData } from './Placeholder'
import type { ViewProps } from './view'

export default function NoteView({ id, widget, source, editable }: ViewProps) {
  const [writing, setWriting] = useState(false)
  const { store: dashboard } = useEditor()
  if (source.status !== 'ready')
    return (
      <NoData id={id} kind={widget.kind} source={source} editable={editable} words="Nothing written yet" />
    )
  const { data, store } = source
  const title = widget.title || 'Note'
  const open = (now: boolean) => {
    setWriting(now)
    dashboard.presence.set({ widget: id, editing: now })
  }
  const showsEditor = editable && writing
  return (
    <div className={`view-note${showsEditor ? ' writing' : ''}`}>
      {showsEditor && <Writer title={title} text={data.text} store={store} onDone={() => open(false)} />}
      {data.text.trim() === '' && !showsEditor ? (
        <div
          className="view-empty"
          role="region"
          aria-label={`Text of ${title}`}
          onDoubleClick={() => editable && open(true)}
        >
          <NotebookPen size={22} aria-hidden="true" />
          <p>Nothing written yet</p>
          {editable && (
            <button type="button" className="button small" onClick={() => open(true)}>
              <Pencil size={13} aria-hidden="true" />
              Write
            </button>
          )}
        </div>
      ) : (
        <div
          className="note-page"
          tabIndex={0}
          role="region"
          aria-label={`Text of ${title}`}
          onDoubleClick={() => editable && open(true)}
        >
          <Markdown text={data.text} />
        </div>
      )}
      {editable && (writing || data.text.trim() !== '') && (
        <button
          type="button"
          className={`button small note-toggle${writing ? '' : ' reveal'}`}
          onClick={() => open(!writing)}
        >
          {writing ? <Eye size={13} aria-hidden="true" /> : <Pencil size={13} aria-hidden="true" />}
          {writing ? 'Done' : 'Write'}
        </button>
      )}
    </div>
  )
}

function Writer({
  title,
  text,
  store,
  onDone,
}: {
  readonly title: string
  readonly text: string
  readonly store: WidgetDataStore
  readonly onDone: () => void
}) {
  const { attempt } = useEditor()
  const area = useRef<HTMLTextAreaElement>(null)
  // What the field shows, and where the caret was in it: the browser moves the caret to the end when a text is set from outside.
  const shown = useRef({ text, start: text.length, end: text.length })
  const remember = () => {
    const { current } = area
    if (current)
      shown.current = { text: current.value, start: current.selectionStart, end: current.selectionEnd }
  }
  useLayoutEffect(() => {
    const { current } = area
    if (!current) return
    const { text: before, start, end } = shown.current
    if (before !== text && document.activeElement === current) {
      current.setSelectionRange(movedCaret(before, text, start), movedCaret(before, text, end))
    }
    remember()
  }, [text])
  useLayoutEffect(() => area.current?.focus(), [])
  const composing = useComposing(store)
  return (
    <textarea
      ref={area}
      className="note-writer"
      aria-label={`Write ${title}`}
      value={text}
      spellCheck
      onSelect={remember}
      onCompositionStart={composing.begin}
      onCompositionEnd={composing.end}
      onChange={(event) => {
        const { value } = event.target
        remember()
        attempt('Writing', () => store.setText(value))
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        event.stopPropagation()
        if (!isComposing(event)) onDone()
      }}
    />
  )
}

/** Holds the text while letters are being composed. */
function useComposing(store: WidgetDataStore): Composing {
  const composing = useMemo(() => composingIn(store), [store])
  useEffect(() => composing.over, [composing])
  return composing
}

interface Composing {
  readonly begin: () => void
  readonly end: () => void
  /** The field goes. */
  readonly over: () => void
}

function composingIn(store: WidgetDataStore): Composing {
  let letGo: (() => void) | undefined
  let soon: ReturnType<typeof setTimeout> | undefined
  const over = () => {
    letGo?.()
    letGo = undefined
  }
  return {
    begin: () => {
      clearTimeout(soon)
      letGo ??= store.holdText()
    },
    // Some browsers tell of the last letters after this.
    end: () => {
      soon = setTimeout(over)
    },
    over,
  }
}
