// A text to copy, with the button that does it.

import { Check, Copy } from 'lucide-react'
import { useEffect, useId, useRef, useState } from 'react'

interface CopyFieldProps {
  readonly label: string
  readonly value: string
  /** Takes the focus and selects the text, because it just came. */
  readonly focus?: boolean
  /** Its button is what a dialog begins at. */
  readonly first?: boolean
}

/** Where a page may not write to the clipboard, the text is selected to be copied by hand. */
export function CopyField({ label, value, focus = false, first = false }: CopyFieldProps) {
  const field = useRef<HTMLInputElement>(null)
  const id = useId()
  const [copied, setCopied] = useState<{ readonly value: string; readonly how: 'done' | 'by_hand' }>()
  useEffect(() => {
    if (!focus) return
    field.current?.focus()
    field.current?.select()
  }, [focus, value])
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value)
      setCopied({ value, how: 'done' })
    } catch {
      field.current?.focus()
      field.current?.select()
      setCopied({ value, how: 'by_hand' })
    }
  }
  const how = copied?.value === value ? copied.how : undefined
  return (
    <div className="field copy-field">
      <label htmlFor={id}>{label}</label>
      <div className="field-row">
        <input id={id} ref={field} readOnly value={value} onFocus={(event) => event.target.select()} />
        <button type="button" className="button" data-first={first || undefined} onClick={() => void copy()}>
          {how === 'done' ? <Check size={15} aria-hidden="true" /> : <Copy size={15} aria-hidden="true" />}
          {how === 'done' ? 'Copied' : 'Copy'}
        </button>
      </div>
      <p role="status" className="muted">
        {how === 'by_hand'
          ? 'The browser does not let this page copy. The text is selected: press Ctrl+C or ⌘C.'
          : ''}
      </p>
    </div>
  )
}
