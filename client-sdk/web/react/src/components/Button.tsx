// The one button.

import type { ReactNode } from 'react'

/** What a button takes. */
interface ButtonProps {
  readonly onPress: () => void
  /** The one that is meant, of several. */
  readonly main?: boolean | undefined
  readonly disabled?: boolean | undefined
  /** It opens something, and whether that is open. */
  readonly expanded?: boolean | undefined
  readonly describedBy?: string | undefined
  readonly children: ReactNode
}

/** Never submits a form. */
export function Button({ onPress, main, disabled, expanded, describedBy, children }: ButtonProps): ReactNode {
  return (
    <button
      type="button"
      className="dovetail-button"
      data-main={main}
      disabled={disabled}
      aria-expanded={expanded}
      aria-describedby={describedBy}
      onClick={onPress}
    >
      {children}
    </button>
  )
}
