// What the server lets somebody do with a document, and who that is: the tabs of one device may be different people.
//
// Edit path: ← the server tells a tab what it may do; → the notes of the device and the other tabs, with the name of whoever it is
// about; → those tabs that are the same person by the same link.
//
// Always true: nobody takes a right of somebody else's for their own. Who does not know yet who they are (there was no connection)
// believes what all who it could be agree on, and nothing where they do not. The secret of a link is told and kept as a digest.

import type { DovetailConfig } from './config'
import { digest } from './rules/text'
import type { PermissionState, Session } from './types'

/** Who asks the server. */
export interface Whose {
  /** Whom the server takes them for; `null` where it asks nobody, nothing while that is not known. */
  readonly user: string | null | undefined
  /** A digest of the secret of the link that they came by; `null` without one. */
  readonly link: string | null
}

/** What one of them may do. */
export interface Right extends PermissionState {
  readonly whose: Whose
}

/** More people than this do not share one store of one device; of those that did, the last are remembered. */
const RIGHTS_MAX = 20

/** Who this tab is. */
export function whose(config: Pick<DovetailConfig, 'link'>, session: Session | undefined): Whose {
  const user = session && (session.user?.id ?? null)
  return { user, link: config.link === undefined ? null : digest(config.link) }
}

/** `right` in the place of what was known of the same person. */
export function withRight(rights: readonly Right[], right: Right): readonly Right[] {
  return [...rights.filter((each) => !isSame(each.whose, right.whose)), right].slice(-RIGHTS_MAX)
}

/** Both, of each person what `newer` has. */
export function withRights(rights: readonly Right[], newer: readonly Right[]): readonly Right[] {
  return newer.reduce(withRight, rights)
}

/** What `me` may do, as far as these say; `undefined` when they say nothing, or not the same. */
export function rightOf(rights: readonly Right[], me: Whose): PermissionState | undefined {
  const mine = rights.filter((right) => mayBe(me, right.whose))
  const [first, ...others] = mine.map(({ role, paths }) => ({ role, paths }))
  return others.every((other) => JSON.stringify(other) === JSON.stringify(first)) ? first : undefined
}

/** Whether what is said of `other` may be about `me`. */
export function mayBe(me: Whose, other: Whose): boolean {
  return me.link === other.link && (me.user === undefined || me.user === other.user)
}

/** Reads what another tab, or another version of the app, says of somebody. */
export function readWhose(value: unknown): Whose | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { user, link } = value as Record<string, unknown>
  return isName(user) && isName(link) ? { user, link } : undefined
}

function isName(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && value.length <= 1024)
}

function isSame(one: Whose, other: Whose): boolean {
  return one.user === other.user && one.link === other.link
}
