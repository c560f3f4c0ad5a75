// One grant: whom it is for, what they may do, until when, and the way to take it back.
//
// Always true: who would lock themselves out is asked first.

import type { Grant } from '@dovetail/client'
import { Globe, Link2, User, Users } from 'lucide-react'
import { useState } from 'react'
import { dateAndTime } from '../panels/moments'
import {
  EXPIRIES,
  granteeOf,
  keyOf,
  placesOf,
  ROLE_WORDS,
  untilOf,
  type Expiry,
  type Grantee,
  type Role,
} from './grants'
import type { AccessEdit } from './write'

interface GrantRowProps {
  readonly grant: Grant
  /** It is what lets us in. */
  readonly isMe: boolean
  readonly busy: boolean
  readonly edit: (edit: AccessEdit, words: string) => Promise<boolean>
}

const ICONS = { user: User, group: Users, everyone: Globe, link: Link2 } as const

/** One line of the list. */
export function GrantRow({ grant, isMe, busy, edit }: GrantRowProps) {
  const [sure, setSure] = useState<AccessEdit>()
  const grantee = granteeOf(grant)
  const Icon = ICONS[grantee.kind]
  const name = nameOf(grantee)
  const key = keyOf(grantee)
  const places = placesOf(grant)
  const make = (wanted: AccessEdit, words: string) => {
    if (isMe && sure === undefined) setSure(wanted)
    else void edit(wanted, words)
  }
  return (
    <li className="share-grant">
      <Icon size={16} aria-hidden="true" />
      <span className="share-who">
        {name}
        {isMe && <small>you</small>}
        {places !== undefined && <small>only at {places}</small>}
      </span>
      <select
        aria-label={`Role of ${name}`}
        value={grant.role}
        disabled={busy}
        onChange={(event) => {
          const role = event.target.value as Role
          make({ do: 'setRole', key, role }, `${name} ${ROLE_WORDS[role].toLowerCase()} now.`)
        }}
      >
        {(Object.keys(ROLE_WORDS) as Role[]).map((role) => (
          <option key={role} value={role}>
            {ROLE_WORDS[role]}
          </option>
        ))}
      </select>
      <select
        aria-label={`How long ${name} has access`}
        value=""
        disabled={busy}
        onChange={(event) => {
          const untilMs = untilOf(event.target.value as Expiry, Date.now())
          make(
            { do: 'setUntil', key, untilMs },
            `${name} has access ${untilMs === undefined ? 'with no end' : `until ${dateAndTime(untilMs)}`}.`,
          )
        }}
      >
        <option value="" disabled>
          {untilWords(grant.until)}
        </option>
        {EXPIRIES.map(({ id, words }) => (
          <option key={id} value={id}>
            {words}
          </option>
        ))}
      </select>
      <button
        type="button"
        className="button small"
        disabled={busy}
        aria-label={`Revoke ${name}`}
        onClick={() => make({ do: 'revoke', key }, `${name} has no access any more.`)}
      >
        Revoke
      </button>
      {sure !== undefined && (
        <div role="alertdialog" aria-label="Your own access" className="share-sure">
          <p>This is what lets you in yourself. Without it you may not be able to take it back.</p>
          <button type="button" className="button" onClick={() => setSure(undefined)} autoFocus>
            Leave it
          </button>
          <button
            type="button"
            className="button danger"
            onClick={() => {
              setSure(undefined)
              void edit(sure, 'Your own access was changed.')
            }}
          >
            Change it all the same
          </button>
        </div>
      )}
    </li>
  )
}

function nameOf(grantee: Grantee): string {
  switch (grantee.kind) {
    case 'user':
      return grantee.name
    case 'group':
      return `Group ${grantee.name}`
    case 'everyone':
      return 'Everyone who signs in'
    case 'link':
      return `Link ${grantee.name.slice(0, LINK_NAME_SHOWN)}`
  }
}

/** Enough to tell the links of a document apart. */
const LINK_NAME_SHOWN = 6

function untilWords(untilMs: number | undefined): string {
  if (untilMs === undefined) return 'No end'
  return untilMs <= Date.now() ? 'Over' : `Until ${dateAndTime(untilMs)}`
}
