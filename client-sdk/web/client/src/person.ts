// Where what one person has on a device is kept: a name for the store of whoever a token or a link stands for.
//
// Always true: nothing here is checked, since it only says where to look on this device; the server decides what anybody may do.
// The name tells nobody the secret of a link.

import { digest } from './rules/text'

/** The store of nobody in particular, and the one that holds by itself. */
export const STORAGE_NAME = 'dovetail'

/** The most bytes that a subject has, see docs/SECURITY.md. */
const SUBJECT_LENGTH_MAX = 256

/**
 * A `storage.name` of their own for each person: by the subject of a token (its claim `sub`), which stays when the token is
 * renewed, without one by the secret of a link, and `dovetail` for who has neither.
 */
export function storageNameOf(who: {
  readonly token?: string | undefined
  readonly link?: string | undefined
}): string {
  const subject = who.token === undefined ? undefined : subjectOf(who.token)
  if (subject !== undefined) return `${STORAGE_NAME}-${digest(`user ${subject}`)}`
  return who.link === undefined ? STORAGE_NAME : `${STORAGE_NAME}-${digest(`link ${who.link}`)}`
}

/** Whom a token is for, as it says itself. */
function subjectOf(token: string): string | undefined {
  try {
    const claims = token.split('.')[1] ?? ''
    const binary = atob(claims.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0))
    const said: unknown = JSON.parse(new TextDecoder().decode(bytes))
    const subject = typeof said === 'object' && said !== null && 'sub' in said ? said.sub : undefined
    const isOne = typeof subject === 'string' && subject !== '' && subject.length <= SUBJECT_LENGTH_MAX
    return isOne ? subject : undefined
  } catch {
    // No server takes it.
    return undefined
  }
}
