// Asks for a token, when the server wants to know who we are.

import { useWatched } from '@dovetail/react'
import { storageNameOf, type LinkState, type StorageState } from '@dovetail/client'
import { KeyRound } from 'lucide-react'
import { useState, type SubmitEvent } from 'react'
import { useApp } from './context'
import { Dialog } from './Dialog'
import { startAnew } from './startAnew'
import { changes } from './waiting'

/** Whether the server has refused us for want of a token that it takes. */
export function wantsToken(link: LinkState): boolean {
  // A token that somebody took back helps nobody by being asked for again.
  return link.status === 'refused' && link.code.startsWith('token_') && link.code !== 'token_revoked'
}

/** Shown by itself when the server asks, and when somebody wants to sign in; there is one on the page. */
export function SignIn() {
  const { dovetail, credentials, signingIn } = useApp()
  const open = useWatched(signingIn)
  const link = useWatched(dovetail.link)
  const [later, setLater] = useState(false)
  const asked = wantsToken(link)
  const close = () => {
    setLater(true)
    signingIn.set(false)
  }
  return (
    <Dialog open={open || (asked && !later)} title="Sign in" onClose={close}>
      <TokenForm
        reason={link.status === 'refused' ? link.reason : undefined}
        had={credentials.token() !== undefined}
        onToken={(token, stay) => {
          credentials.signIn(token, stay)
          setLater(false)
          signingIn.set(false)
          if (credentials.isSomebodyElse()) startAnew()
          else dovetail.reconnect()
        }}
      />
    </Dialog>
  )
}

function TokenForm({
  reason,
  had,
  onToken,
}: {
  readonly reason: string | undefined
  readonly had: boolean
  readonly onToken: (token: string, stay: boolean) => void
}) {
  const [token, setToken] = useState('')
  const [stay, setStay] = useState(false)
  const meanwhile = keptMeanwhile(useWatched(useApp().dovetail.storage))
  const staying = useStaying(token.trim())
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const clean = token.trim()
    if (clean !== '') onToken(clean, stay)
  }
  return (
    <form className="form" onSubmit={submit}>
      <p>
        {had
          ? 'The server does not take the token that this browser had. Paste a new one.'
          : 'This server wants to know who you are. Paste the token that you were given.'}{' '}
        {meanwhile}
      </p>
      {/* Without a token it only says how programs send one. */}
      {had && reason !== undefined && <p className="muted">The server says: {reason}</p>}
      <label className="field">
        <span>Token</span>
        <input
          type="password"
          autoComplete="current-password"
          spellCheck={false}
          autoFocus
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
      </label>
      {staying > 0 && (
        <p role="status">
          <strong>{changes(staying)} not on the server yet.</strong> What was made here before is somebody
          else’s then: it stays on this device, and is not sent as whoever signs in now.
        </p>
      )}
      <label className="check">
        <input type="checkbox" checked={stay} onChange={(event) => setStay(event.target.checked)} />
        Stay signed in on this device
      </label>
      <div className="form-end">
        <button type="submit" className="button primary" disabled={token.trim() === ''}>
          <KeyRound size={15} aria-hidden="true" />
          Sign in
        </button>
      </div>
    </form>
  )
}

/** What becomes of what was done here while the server does not take it. Before the browser has said whether it keeps anything, nothing is promised. */
function keptMeanwhile(storage: StorageState): string {
  switch (storage.status) {
    case 'opening':
      return ''
    case 'kept':
      return 'What you did here is kept meanwhile.'
    case 'memory':
    case 'full':
      return 'Keep this tab open meanwhile: what is not on the server yet is in it only, and closing it loses that.'
  }
}

/** How many changes stay behind on this device when somebody signs in with `token`, because it is somebody else. */
function useStaying(token: string): number {
  const { dovetail, credentials } = useApp()
  const waiting = useWatched(dovetail.saving, ({ pending }) => pending)
  return token !== '' && storageNameOf({ token }) !== credentials.storageName ? waiting : 0
}
