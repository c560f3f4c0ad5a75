// An edit of who may do what goes to the server, on top of what others have written meanwhile.
//
// Always true: what is written was read before, and is written only if it still is so (`If-Match`); otherwise it is read again
// and the edit is made anew. So nobody's grant is lost by two who share at the same time.

import type { Access, Api, DocumentId } from '@dovetail/client'
import { edited, NEW_LINK, type GrantEdit } from './grants'

/** What came of an edit. */
export type Written =
  /** `secret`: of the link that was made; it is told this once. */
  | { readonly outcome: 'written'; readonly access: Access; readonly secret: string | undefined }
  /** What the edit is about was taken away by somebody else. */
  | { readonly outcome: 'gone'; readonly access: Access }
  /** One is no administrator of the document any more. */
  | { readonly outcome: 'not_allowed'; readonly access: Access }

/** What somebody wants: an edit of the list, or another owner. */
export type AccessEdit = GrantEdit | { readonly do: 'takeOver'; readonly owner: string }

/** How often an edit is made anew. More in a row is no coincidence, and is told. */
const TRIES_MAX = 4

/** Makes the edit. Throws `DovetailError`: what `Api.access` and `Api.setAccess` throw. */
export async function writeAccess(
  api: Pick<Api, 'access' | 'setAccess'>,
  id: DocumentId,
  known: Access,
  edit: AccessEdit,
): Promise<Written> {
  let before = known
  for (let tries = 1; ; tries++) {
    const wanted = wish(before, edit)
    if (typeof wanted === 'string') return { outcome: wanted, access: before }
    try {
      const { access, links } = await api.setAccess(id, wanted, before.etag)
      const secret = edit.do === 'makeLink' ? newSecret(before, links) : undefined
      return { outcome: 'written', access, secret }
    } catch (error) {
      if (!isOutdated(error) || tries === TRIES_MAX) throw error
      before = await api.access(id)
    }
  }
}

function wish(before: Access, edit: AccessEdit): Parameters<Api['setAccess']>[1] | 'gone' | 'not_allowed' {
  if (before.grants === null) return 'not_allowed'
  if (edit.do === 'takeOver') return { owner: edit.owner, grants: before.grants }
  const grants = edited(before.grants, edit)
  return grants === undefined ? 'gone' : { owner: before.owner, grants }
}

/** The secret that was not there before. One link is made at a time, so there is one. */
function newSecret(before: Access, links: Readonly<Record<string, string>>): string | undefined {
  const known = new Set((before.grants ?? []).flatMap((grant) => ('link' in grant ? [grant.link] : [])))
  return Object.entries(links).find(([name]) => name !== NEW_LINK && !known.has(name))?.[1] ?? links[NEW_LINK]
}

function isOutdated(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'precondition_failed'
}
