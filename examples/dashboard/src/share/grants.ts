// Who may do what with a document: what the dialog shows of it, and each thing that one can do to it.
//
// Edit path: ← a choice in the dialog; → the whole list as the server takes it, in `write.ts`.
//
// Always true: every edit is a function of the list as it is, so that it can be made again on what somebody else has written
// meanwhile. A grant that an edit does not name stays as it came, places and all.

import type { Grant } from '@dovetail/client'

export type Role = Grant['role']

/** Whom a grant is for. */
export type Grantee =
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'everyone' }
  /** `name` tells links apart, and is no secret. */
  | { readonly kind: 'link'; readonly name: string }

/** One thing that is done to the list. */
export type GrantEdit =
  /** For somebody who has one already it takes the place of that. */
  | {
      readonly do: 'give'
      readonly to: Exclude<Grantee, { kind: 'link' }>
      readonly role: Role
      readonly untilMs: number | undefined
    }
  | { readonly do: 'makeLink'; readonly role: Role; readonly untilMs: number | undefined }
  | { readonly do: 'setRole'; readonly key: string; readonly role: Role }
  | { readonly do: 'setUntil'; readonly key: string; readonly untilMs: number | undefined }
  | { readonly do: 'revoke'; readonly key: string }

/** Whom a grant is for. */
export function granteeOf(grant: Grant): Grantee {
  if ('user' in grant) return { kind: 'user', name: grant.user }
  if ('group' in grant) return { kind: 'group', name: grant.group }
  if ('link' in grant) return { kind: 'link', name: grant.link }
  return { kind: 'everyone' }
}

/** Tells the grants of a list apart. */
export function keyOf(grantee: Grantee): string {
  return grantee.kind === 'everyone' ? 'everyone' : `${grantee.kind} ${grantee.name}`
}

/** The list after an edit; nothing when what the edit is about is not there any more. */
export function edited(grants: readonly Grant[], edit: GrantEdit): readonly Grant[] | undefined {
  switch (edit.do) {
    case 'give': {
      const key = keyOf(edit.to)
      const grant = limited({ ...written(edit.to), role: edit.role }, edit.untilMs)
      return has(grants, key) ? each(grants, key, () => grant) : [...grants, grant]
    }
    case 'makeLink':
      return [...grants, limited({ link: NEW_LINK, role: edit.role }, edit.untilMs)]
    case 'setRole':
      return has(grants, edit.key) ? each(grants, edit.key, (grant) => withRole(grant, edit.role)) : undefined
    case 'setUntil':
      return has(grants, edit.key)
        ? each(grants, edit.key, (grant) => limited(grant, edit.untilMs))
        : undefined
    case 'revoke':
      return has(grants, edit.key)
        ? grants.filter((grant) => keyOf(granteeOf(grant)) !== edit.key)
        : undefined
  }
}

/** Stands for a link that is to be made. */
export const NEW_LINK = 'new'

/** What the server takes as the name of a user or a group, in bytes. */
export const NAME_BYTES_MAX = 256

/** Why a name is none, in words; nothing when it is one. */
export function badName(kind: 'user' | 'group', name: string): string | undefined {
  if (name === '') return kind === 'user' ? 'Say who.' : 'Say which group.'
  if (new TextEncoder().encode(name).length > NAME_BYTES_MAX) return 'That is too long for a name.'
  if (/\p{Cc}/u.test(name)) return 'A name has no line breaks or other control characters.'
  if (kind === 'user' && /^(local|dovetail)$|^link:/.test(name)) return 'That name belongs to the server.'
  return undefined
}

/** How long something may hold. */
export const EXPIRIES = [
  { id: 'never', words: 'No end' },
  { id: 'hour', words: 'An hour' },
  { id: 'day', words: 'A day' },
  { id: 'week', words: 'A week' },
  { id: 'month', words: '30 days' },
] as const

export type Expiry = (typeof EXPIRIES)[number]['id']

/** When that is over, in milliseconds since 1970; nothing for what holds for good. */
export function untilOf(expiry: Expiry, nowMs: number): number | undefined {
  const lasts = LASTS_MS[expiry]
  return lasts === undefined ? undefined : nowMs + lasts
}

const HOUR_MS = 3_600_000

const LASTS_MS: Readonly<Record<Expiry, number | undefined>> = {
  never: undefined,
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  week: 7 * 24 * HOUR_MS,
  month: 30 * 24 * HOUR_MS,
}

/** A role, as one says what somebody may do. */
export const ROLE_WORDS: Readonly<Record<Role, string>> = {
  read: 'Can view',
  write: 'Can edit',
  admin: 'Can administer',
}

/** Where a grant for writing holds, in words; nothing when it is everywhere. */
export function placesOf(grant: Grant): string | undefined {
  if (grant.paths === undefined || grant.paths.length === 0) return undefined
  return grant.paths
    .map((place) => (typeof place === 'string' ? place : `${place.path} (add only)`))
    .join(', ')
}

/** The address that opens a document by a link. What stands behind `#` is sent to no server. */
export function linkAddress(origin: string, documentId: string, secret: string): string {
  return `${origin}/d/${encodeURIComponent(documentId)}#link=${encodeURIComponent(secret)}`
}

function has(grants: readonly Grant[], key: string): boolean {
  return grants.some((grant) => keyOf(granteeOf(grant)) === key)
}

function each(grants: readonly Grant[], key: string, change: (grant: Grant) => Grant): readonly Grant[] {
  return grants.map((grant) => (keyOf(granteeOf(grant)) === key ? change(grant) : grant))
}

function written(
  to: Exclude<Grantee, { kind: 'link' }>,
): { readonly user: string } | { readonly group: string } | { readonly everyone: true } {
  switch (to.kind) {
    case 'user':
      return { user: to.name }
    case 'group':
      return { group: to.name }
    case 'everyone':
      return { everyone: true }
  }
}

/** Places limit the role to write, and the server refuses them beside another one. */
function withRole(grant: Grant, role: Role): Grant {
  const { paths, ...rest } = grant
  return role === 'write' && paths !== undefined ? { ...rest, role, paths } : { ...rest, role }
}

function limited(grant: Grant, untilMs: number | undefined): Grant {
  const { until, ...rest } = grant
  if (untilMs === undefined) return until === undefined ? grant : rest
  return { ...rest, until: untilMs }
}
