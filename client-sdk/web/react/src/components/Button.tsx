// The one button.

import type { ReactNode, Ref } from 'react'

/** What a button takes. */
interface ButtonProps {
  readonly ref?: Ref<HTMLButtonElement> | undefined
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
export function Button(props: ButtonProps): ReactNode {
  const { ref, onPress, main, disabled, expanded, describedBy, children } = props
  return (
    <button
      ref={ref}
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
