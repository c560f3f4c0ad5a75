// The notices on the screen.

import { useWatched } from '@dovetail/react'
import { CircleAlert, CircleCheck, Info, TriangleAlert, X } from 'lucide-react'
import { useToasts } from './context'
import type { Toast, Tone } from './toasts'

const ICONS = {
  plain: Info,
  good: CircleCheck,
  warning: TriangleAlert,
  bad: CircleAlert,
} as const satisfies Record<Tone, typeof Info>

/** All notices, in a corner of the page; read out as they come. */
export function ToastList() {
  const toasts = useToasts()
  const shown = useWatched(toasts)
  return (
    <section
      className="toasts"
      aria-label="Notices"
      aria-live="polite"
      aria-relevant="additions"
      onPointerEnter={() => toasts.hold(true)}
      onPointerLeave={() => toasts.hold(false)}
      onFocus={() => toasts.hold(true)}
      onBlur={() => toasts.hold(false)}
    >
      {shown.map((toast) => (
        <Notice key={toast.key} toast={toast} />
      ))}
    </section>
  )
}

function Notice({ toast }: { readonly toast: Toast }) {
  const { dismiss } = useToasts()
  const Icon = ICONS[toast.tone]
  const { action } = toast
  return (
    <div className="toast" data-tone={toast.tone}>
      <Icon size={16} aria-hidden="true" />
      <p>{toast.words}</p>
      {action && (
        <button
          type="button"
          className="button small"
          onClick={() => {
            dismiss(toast.key)
            action.run()
          }}
        >
          {action.label}
        </button>
      )}
      <button
        type="button"
        className="icon-button small"
        aria-label="Dismiss"
        onClick={() => dismiss(toast.key)}
      >
        <X size={14} aria-hidden="true" />
      </button>
    </div>
  )
}
