// Letting a conflict stay: why, and perhaps until when.

import { useEffect, useId, useRef, useState, type ReactNode } from 'react'
import { useWords } from '../context'
import { Button } from './Button'

interface WaiverFormProps {
  readonly onWaive: (waiver: { readonly reason: string; readonly untilMs: number | undefined }) => void
  readonly onCancel: () => void
}

/** A reason is a sentence or two; the server takes no more. */
const REASON_LENGTH_MAX = 1000

/** The focus goes into it; Escape leaves it. What is wrong is said at the field, when somebody wants to go on. */
export function WaiverForm({ onWaive, onCancel }: WaiverFormProps): ReactNode {
  const words = useWords()
  const first = useRef<HTMLTextAreaElement>(null)
  const [reason, setReason] = useState('')
  const [until, setUntil] = useState('')
  const [tried, setTried] = useState<Fault>()
  useEffect(() => first.current?.focus(), [])
  const submit = () => {
    const untilMs = endOfDay(until)
    const fault = faultOf(reason, untilMs, Date.now())
    setTried(fault)
    if (!fault) onWaive({ reason: reason.trim(), untilMs })
  }
  return (
    <form
      className="dovetail-waiver"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        event.stopPropagation()
        onCancel()
      }}
    >
      <Field label={words.conflicts.waiverReason} fault={tried === 'reason' && words.conflicts.reasonMissing}>
        {(described) => (
          <textarea
            ref={first}
            rows={2}
            maxLength={REASON_LENGTH_MAX}
            required
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            {...described}
          />
        )}
      </Field>
      <Field
        label={words.conflicts.waiverUntil}
        hint={words.conflicts.waiverUntilHint}
        fault={tried === 'until' && words.conflicts.untilPast}
      >
        {(described) => (
          <input
            type="date"
            value={until}
            onChange={(event) => setUntil(event.target.value)}
            {...described}
          />
        )}
      </Field>
      <div className="dovetail-actions">
        <button type="submit" className="dovetail-button" data-main="true">
          {words.conflicts.confirmWaive}
        </button>
        <Button onPress={onCancel}>{words.actions.cancel}</Button>
      </div>
    </form>
  )
}

type Fault = 'reason' | 'until' | undefined

function faultOf(reason: string, untilMs: number | undefined, nowMs: number): Fault {
  if (reason.trim() === '') return 'reason'
  return untilMs !== undefined && untilMs <= nowMs ? 'until' : undefined
}

/** The last moment of a day of the reader's calendar: "until Friday" has Friday in it. Nothing where no day is written. */
function endOfDay(date: string): number | undefined {
  const endMs = new Date(`${date}T23:59:59.999`).getTime()
  return Number.isNaN(endMs) ? undefined : endMs
}

interface FieldProps {
  readonly label: string
  readonly hint?: string
  readonly fault: string | false
  readonly children: (described: {
    readonly id: string
    readonly 'aria-describedby': string | undefined
    readonly 'aria-invalid': boolean
  }) => ReactNode
}

function Field({ label, hint, fault, children }: FieldProps): ReactNode {
  const id = useId()
  const described = fault || hint ? `${id}hint` : undefined
  return (
    <div className="dovetail-field">
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': described, 'aria-invalid': fault !== false })}
      <span
        id={described}
        role={fault ? 'alert' : undefined}
        className={fault ? 'dovetail-failure' : 'dovetail-faint'}
      >
        {fault || hint}
      </span>
    </div>
  )
}
