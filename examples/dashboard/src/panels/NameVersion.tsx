// Gives a state a name, so that it is found again.

import type { DashboardStore } from '@dovetail/client'
import { useId, useState, type SyntheticEvent } from 'react'
import { useToasts } from '../app/context'
import { Dialog } from '../app/Dialog'
import { reasonOf } from '../app/toasts'
import { badVersionName, type Moment } from './moments'
import type { VersionsNow } from './useVersions'

interface NameVersionProps {
  readonly store: DashboardStore
  /** The state to name; nothing for the present one. */
  readonly moment: Moment | undefined
  readonly versions: VersionsNow
  readonly open: boolean
  readonly onClose: () => void
}

/** The dialog to name a version. */
export function NameVersion(props: NameVersionProps) {
  return (
    <Dialog open={props.open} title="Name this version" onClose={props.onClose}>
      <NameForm {...props} />
    </Dialog>
  )
}

type Progress = { readonly step: 'editing'; readonly wrong: string | undefined } | { readonly step: 'naming' }

function NameForm({ store, moment, versions, onClose }: NameVersionProps) {
  const toasts = useToasts()
  const [name, setName] = useState('')
  const [note, setNote] = useState('')
  const [progress, setProgress] = useState<Progress>({ step: 'editing', wrong: undefined })
  const hint = useId()
  const taken = versions.all.some((version) => version.name === name.trim())
  const submit = async (event: SyntheticEvent) => {
    event.preventDefault()
    const wanted = name.trim()
    const bad = badVersionName(wanted)
    if (bad !== undefined) {
      setProgress({ step: 'editing', wrong: bad })
      return
    }
    setProgress({ step: 'naming' })
    try {
      await store.history.name(wanted, {
        ...(note.trim() === '' ? {} : { note: note.trim() }),
        ...(moment === undefined ? {} : { heads: moment.heads }),
      })
      versions.refresh()
      toasts.show({ words: `Named “${wanted}”.`, tone: 'good' })
      onClose()
    } catch (error) {
      setProgress({ step: 'editing', wrong: reasonOf(error) })
    }
  }
  const wrong = progress.step === 'editing' ? progress.wrong : undefined
  return (
    <form className="form" onSubmit={(event) => void submit(event)} noValidate>
      <p className="muted">
        {moment === undefined ? 'The dashboard as it is now.' : `The dashboard as it was ${moment.when}.`}
      </p>
      <label className="field">
        <span>Name</span>
        <input
          value={name}
          autoFocus
          maxLength={128}
          placeholder="Before the move"
          aria-invalid={wrong !== undefined}
          aria-describedby={hint}
          onChange={(event) => setName(event.target.value)}
        />
      </label>
      <p
        id={hint}
        role={wrong === undefined ? undefined : 'alert'}
        className={wrong === undefined ? 'muted' : 'panel-wrong'}
      >
        {wrong ?? (taken ? 'There is a version of this name; it will stand for this state instead.' : '')}
      </p>
      <label className="field">
        <span>Note (optional)</span>
        <textarea value={note} rows={2} maxLength={1000} onChange={(event) => setNote(event.target.value)} />
      </label>
      <div className="form-end">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="button primary" disabled={progress.step === 'naming'}>
          {progress.step === 'naming' ? 'Naming…' : 'Name it'}
        </button>
      </div>
    </form>
  )
}
