// The dialog to share: who may do what with a dashboard, and the ways to change that.
//
// Always true: only administrators of the document are shown who else has access; others see what they may do themselves. The secret
// of a link is shown once, when it was made.

import type { Access } from '@dovetail/client'
import { useWatched } from '@dovetail/react'
import { useId, useState, type ReactNode, type SyntheticEvent } from 'react'
import { Crown, Globe, Link2, User, Users } from 'lucide-react'
import { useApp } from '../app/context'
import { Dialog } from '../app/Dialog'
import type { ShareProps } from '../editor/slots'
import { CopyField } from './CopyField'
import { GrantRow } from './GrantRow'
import {
  badName,
  EXPIRIES,
  granteeOf,
  keyOf,
  linkAddress,
  ROLE_WORDS,
  untilOf,
  type Expiry,
  type Role,
} from './grants'
import { ShownToo } from './ShownToo'
import { useAccess, type UsesAccess } from './useAccess'
import type { AccessEdit } from './write'
import './share.css'

/** The dialog; nothing while it is not open. */
export function ShareDialog({ store, open, onClose }: ShareProps) {
  return (
    <Dialog open={open} title="Share" onClose={onClose} wide>
      <ShareContent store={store} />
    </Dialog>
  )
}

function ShareContent({ store }: Pick<ShareProps, 'store'>) {
  const { dovetail } = useApp()
  const access = useAccess(dovetail.api, store.id)
  return (
    <div className="share">
      <CopyField
        label="Address, for those who have access"
        first
        value={`${location.origin}/d/${store.id}`}
      />
      <Body store={store} uses={access} />
    </div>
  )
}

function Body({ store, uses }: Pick<ShareProps, 'store'> & { readonly uses: UsesAccess }) {
  switch (uses.now.status) {
    case 'loading':
      return (
        <p role="status" className="muted">
          Asking who has access…
        </p>
      )
    case 'failed':
      return (
        <div role="alert" className="share-failed">
          <p>Who has access cannot be told right now: {uses.now.reason}</p>
          <button type="button" className="button" onClick={uses.reload}>
            Try again
          </button>
        </div>
      )
    case 'ready':
      return uses.now.access.grants === null ? (
        <OwnRights access={uses.now.access} store={store} />
      ) : (
        <Administration store={store} uses={uses} now={uses.now} />
      )
  }
}

/** For those who do not administer the document. */
function OwnRights({ access, store }: Pick<ShareProps, 'store'> & { readonly access: Access }) {
  const { paths } = useWatched(store.permission)
  return (
    <section aria-label="What you may do">
      <h3>What you may do</h3>
      <p>
        {ROLE_WORDS[access.role].replace('Can', 'You can')}
        {access.role === 'write' && paths !== undefined
          ? ', but only at these places: '
          : access.role === 'read'
            ? ' this dashboard, and not change it.'
            : ' this dashboard.'}
        {paths?.map(({ path, append }) => (
          <code key={path} className="share-place">
            {path}
            {append ? ' (add only)' : ''}
          </code>
        ))}
      </p>
      <p className="muted">
        {access.owner === null
          ? 'Nobody owns it. Whoever administers the server can share it.'
          : `It belongs to ${access.owner}. Ask them to share it with others.`}
      </p>
    </section>
  )
}

interface AdministrationProps extends Pick<ShareProps, 'store'> {
  readonly uses: UsesAccess
  readonly now: Extract<UsesAccess['now'], { readonly status: 'ready' }>
}

function Administration({ store, uses, now }: AdministrationProps) {
  const { dovetail } = useApp()
  const me = useWatched(dovetail.session)?.user
  const { access, busy, said, secret } = now
  const grants = access.grants ?? []
  const { edit } = uses
  const settings = (
    <>
      <section aria-label="Who has access">
        <h3>Who has access</h3>
        <ul className="share-grants">
          <Owner owner={access.owner} me={me?.id} busy={busy} edit={edit} />
          {grants.map((grant) => (
            <GrantRow
              key={keyOf(granteeOf(grant))}
              grant={grant}
              isMe={
                me !== null &&
                me !== undefined &&
                'user' in grant &&
                grant.user === me.id &&
                access.owner !== me.id
              }
              busy={busy}
              edit={edit}
            />
          ))}
        </ul>
        {grants.length === 0 && (
          <p className="muted">Nobody else has access{access.owner === null ? '' : ' yet'}.</p>
        )}
      </section>
      <p role={said?.tone === 'bad' ? 'alert' : 'status'} className="share-said" data-tone={said?.tone}>
        {said?.words}
      </p>
      <Give busy={busy} edit={edit} owner={access.owner} />
      <MakeLink busy={busy} edit={edit} />
      {secret !== undefined && (
        <div className="share-secret">
          <CopyField
            label="The link. It is shown only now: copy it before you close this."
            value={linkAddress(location.origin, store.id, secret)}
            focus
          />
        </div>
      )}
      <ShownToo store={store} />
    </>
  )
  return me === null ? <Everybody>{settings}</Everybody> : settings
}

/** On a server that asks nobody who they are. `children`: what counts once it does. */
function Everybody({ children }: { readonly children: ReactNode }) {
  return (
    <>
      <section aria-label="Who may see and change it">
        <h3>Who may see and change it</h3>
        <ul className="share-grants">
          <li className="share-grant">
            <Globe size={16} aria-hidden="true" />
            <span className="share-who">Everybody who reaches this server</span>
            <span className="share-fixed">Can do everything</span>
          </li>
        </ul>
        <p className="muted">This server asks nobody who they are, so the address above is all they need.</p>
      </section>
      <details className="share-later">
        <summary>Access for when this server asks who people are</summary>
        <p className="share-note">What you set here counts as soon as it does, and not before.</p>
        {children}
      </details>
    </>
  )
}

interface EditsAccess {
  readonly busy: boolean
  readonly edit: (edit: AccessEdit, words: string) => Promise<boolean>
}

function Owner({
  owner,
  me,
  busy,
  edit,
}: EditsAccess & { readonly owner: string | null; readonly me: string | undefined }) {
  return (
    <li className="share-grant">
      <Crown size={16} aria-hidden="true" />
      <span className="share-who">
        {owner ?? 'Nobody'}
        {owner !== null && owner === me && <small>you</small>}
      </span>
      <span className="share-fixed">Owner</span>
      {me !== undefined && owner !== me && (
        <button
          type="button"
          className="button"
          disabled={busy}
          onClick={() => void edit({ do: 'takeOver', owner: me }, 'It belongs to you now.')}
        >
          Take over
        </button>
      )}
    </li>
  )
}

type GiveTo = 'user' | 'group' | 'everyone'

const GIVE_TO = [
  { id: 'user', words: 'A person', icon: User },
  { id: 'group', words: 'A group', icon: Users },
  { id: 'everyone', words: 'Everyone who signs in', icon: Globe },
] as const

function Give({ busy, edit, owner }: EditsAccess & { readonly owner: string | null }) {
  const [kind, setKind] = useState<GiveTo>('user')
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('read')
  const [expiry, setExpiry] = useState<Expiry>('never')
  const [wrong, setWrong] = useState<string>()
  const hint = useId()
  const submit = async (event: SyntheticEvent) => {
    event.preventDefault()
    const wanted = name.trim()
    const bad = kind === 'everyone' ? undefined : (badName(kind, wanted) ?? alreadyOwner(kind, wanted, owner))
    setWrong(bad)
    if (bad !== undefined) return
    const to = kind === 'everyone' ? ({ kind } as const) : ({ kind, name: wanted } as const)
    const who = kind === 'everyone' ? 'Everyone who signs in' : wanted
    const done = await edit(
      { do: 'give', to, role, untilMs: untilOf(expiry, Date.now()) },
      `${who} ${ROLE_WORDS[role].toLowerCase()} now.`,
    )
    if (done) setName('')
  }
  return (
    <form className="share-form" aria-label="Give access" onSubmit={(event) => void submit(event)} noValidate>
      <h3>Give access</h3>
      <div className="share-fields">
        <label className="field">
          <span>To</span>
          <select value={kind} onChange={(event) => setKind(event.target.value as GiveTo)}>
            {GIVE_TO.map(({ id, words }) => (
              <option key={id} value={id}>
                {words}
              </option>
            ))}
          </select>
        </label>
        {kind !== 'everyone' && (
          <label className="field share-name">
            <span>{kind === 'user' ? 'Who' : 'Which group'}</span>
            <input
              value={name}
              maxLength={256}
              autoCapitalize="none"
              spellCheck={false}
              placeholder={kind === 'user' ? 'ana' : 'ops'}
              aria-invalid={wrong !== undefined}
              aria-describedby={hint}
              onChange={(event) => setName(event.target.value)}
            />
          </label>
        )}
        <RoleField role={role} onChange={setRole} />
        <ExpiryField expiry={expiry} onChange={setExpiry} />
        <button type="submit" className="button primary" disabled={busy}>
          Give access
        </button>
      </div>
      <p id={hint} role="alert" className="share-wrong">
        {wrong}
      </p>
    </form>
  )
}

function MakeLink({ busy, edit }: EditsAccess) {
  const [role, setRole] = useState<Role>('read')
  const [expiry, setExpiry] = useState<Expiry>('week')
  return (
    <section className="share-form" aria-label="Link">
      <h3>Share by a link</h3>
      <p className="muted">Whoever has the link gets in without signing in.</p>
      <div className="share-fields">
        <RoleField role={role} onChange={setRole} label="Whoever has it" />
        <ExpiryField expiry={expiry} onChange={setExpiry} />
        <button
          type="button"
          className="button"
          disabled={busy}
          onClick={() =>
            void edit({ do: 'makeLink', role, untilMs: untilOf(expiry, Date.now()) }, 'A link was made.')
          }
        >
          <Link2 size={15} aria-hidden="true" />
          Make a link
        </button>
      </div>
    </section>
  )
}

function RoleField(props: {
  readonly role: Role
  readonly onChange: (role: Role) => void
  readonly label?: string
}) {
  const { role, onChange, label = 'Role' } = props
  return (
    <label className="field">
      <span>{label}</span>
      <select value={role} onChange={(event) => onChange(event.target.value as Role)}>
        {(Object.keys(ROLE_WORDS) as Role[]).map((one) => (
          <option key={one} value={one}>
            {ROLE_WORDS[one]}
          </option>
        ))}
      </select>
    </label>
  )
}

function ExpiryField({
  expiry,
  onChange,
}: {
  readonly expiry: Expiry
  readonly onChange: (expiry: Expiry) => void
}) {
  return (
    <label className="field">
      <span>For how long</span>
      <select value={expiry} onChange={(event) => onChange(event.target.value as Expiry)}>
        {EXPIRIES.map(({ id, words }) => (
          <option key={id} value={id}>
            {words}
          </option>
        ))}
      </select>
    </label>
  )
}

function alreadyOwner(kind: GiveTo, name: string, owner: string | null): string | undefined {
  return kind === 'user' && name === owner ? 'They own it, and may do everything already.' : undefined
}
