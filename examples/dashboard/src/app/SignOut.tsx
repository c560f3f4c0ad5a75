// Asks before somebody signs out: what waits for the server, and whether what is kept here shall go.

import type { DeviceSaving, Dovetail } from '@dovetail/client'
import { DovetailError } from '@dovetail/client'
import { useWatched } from '@dovetail/react'
import { LogOut } from 'lucide-react'
import { useState, type SubmitEvent } from 'react'
import { useApp } from './context'
import { Dialog } from './Dialog'
import { startAnew } from './startAnew'
import { changes, losesWithTab } from './waiting'

/** Shown while `open`. Who signs out begins with a new page. */
export function SignOut({ open, onClose }: { readonly open: boolean; readonly onClose: () => void }) {
  return (
    <Dialog open={open} title="Sign out" onClose={onClose}>
      <SignOutForm />
    </Dialog>
  )
}

function SignOutForm() {
  const { dovetail, credentials } = useApp()
  const saving = useWatched(dovetail.saving)
  const [removing, setRemoving] = useState(false)
  const [failed, setFailed] = useState<string>()
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    setFailed(undefined)
    try {
      if (removing) {
        await removeAll(dovetail)
        credentials.forgetLinks()
      }
      credentials.signOut()
      startAnew()
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      {saving.pending > 0 && (
        <p role="status">
          <strong>{changes(saving.pending)} not on the server yet.</strong> {becomesOf(saving, removing)}
        </p>
      )}
      <p>Nobody else who signs in on this device is shown what you have here.</p>
      <label className="check">
        <input type="checkbox" checked={removing} onChange={(event) => setRemoving(event.target.checked)} />
        Remove what is saved on this device
      </label>
      {failed !== undefined && <p role="alert">{failed}</p>}
      <div className="form-end">
        <button type="submit" className="button primary" disabled={saving.status === 'counting'}>
          <LogOut size={15} aria-hidden="true" />
          {removing ? 'Remove and sign out' : 'Sign out'}
        </button>
      </div>
    </form>
  )
}

/** What becomes of what waits. */
function becomesOf(saving: DeviceSaving, removing: boolean): string {
  if (removing) return 'Removing what is saved here loses that for good.'
  return losesWithTab(saving)
    ? 'This device does not keep all of it: what is in this tab only is lost when you sign out.'
    : 'That is kept on this device, and sent when you sign in here again.'
}

/** Nothing that this person had is on the device any more. Throws when another tab has some of it open. */
async function removeAll(dovetail: Dovetail): Promise<void> {
  for (const { id } of await dovetail.kept()) {
    try {
      await dovetail.forget(id, { evenUnsaved: true })
    } catch (error) {
      if (!(error instanceof DovetailError) || error.code !== 'still_open') throw error
      throw new Error('Another tab has some of it open. Close that tab, and try again.', { cause: error })
    }
  }
}
