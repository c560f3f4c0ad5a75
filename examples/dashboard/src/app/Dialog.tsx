// A dialog over the page, by the browser's own element: it keeps the focus inside, closes by Escape, and gives the focus back.
//
// Always true: what is inside is rendered only while it is open, so that it begins afresh each time. The focus begins at what has
// `data-first`, and else at the first thing that can have it.

import { X } from 'lucide-react'
import { useEffect, useId, useRef, type ReactNode } from 'react'

export interface DialogProps {
  readonly open: boolean
  readonly title: string
  readonly onClose: () => void
  readonly children: ReactNode
  /** Wider, for what lies side by side. */
  readonly wide?: boolean
}

/** Shows `children` over the page while `open`. */
export function Dialog(props: DialogProps) {
  return props.open ? <OpenDialog {...props} /> : null
}

function OpenDialog({ title, onClose, children, wide = false }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const { current } = element
    if (!current) return
    const before = document.activeElement
    if (!current.open) current.showModal()
    current.querySelector<HTMLElement>('[data-first]')?.focus()
    return () => {
      current.close()
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={element}
      className={`dialog${wide ? ' wide' : ''}`}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => {
        // The element itself is what lies around its content: a press beside the dialog closes it.
        if (event.target === event.currentTarget) onClose()
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <div className="dialog-inside">
        <h2 id={heading}>{title}</h2>
        {children}
        {/* The last in the order of Tab: the focus begins at what the dialog is for. */}
        <button type="button" className="icon-button dialog-close" aria-label="Close" onClick={onClose}>
          <X size={16} aria-hidden="true" />
        </button>
      </div>
    </dialog>
  )
}
