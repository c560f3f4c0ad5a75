// What the widgets of a dashboard show lies in documents of their own. They are shared with it by following it: what was made here
// does so by itself, what was attached later only when somebody who may decide that says so.
//
// Always true: nothing is let follow that its owner did not see listed by name. A dashboard names documents that any of its
// writers put there, and some of those may be private.

import { documentId, type Api, type Dashboard, type DocumentId, type DocumentState } from '@dovetail/client'

/** A document that is shown, and the title of the first widget that shows it. */
export interface Shown {
  readonly id: DocumentId
  readonly title: string
}

/** What the widgets show: as one text, so that it is the same one for as long as it says the same. */
export function shownIn(state: DocumentState<Dashboard>): string {
  if (state.status !== 'ready') return '[]'
  const shown = new Map<DocumentId, string>()
  for (const { data, title, kind } of Object.values(state.value.widgets)) {
    const id = data === undefined ? undefined : documentId(data)
    if (id !== undefined && !shown.has(id)) shown.set(id, title || kind)
  }
  return JSON.stringify(
    [...shown].map(([id, title]) => ({ id, title })).sort((one, other) => (one.id < other.id ? -1 : 1)),
  )
}

/** Those that follow nothing yet, and that one may let follow. What cannot be asked after is left out. */
export async function unshared(api: Pick<Api, 'access'>, shown: readonly Shown[]): Promise<readonly Shown[]> {
  const found: Shown[] = []
  // One after the other: a dashboard with a hundred tables would send as many requests at once.
  for (const each of shown) {
    const access = await api.access(each.id).catch(() => undefined)
    if (access?.grants && access.follows === null) found.push(each)
  }
  return found
}

/** Lets them follow the dashboard. Gives those that could not be. */
export async function shareToo(
  api: Pick<Api, 'access' | 'setAccess'>,
  dashboard: DocumentId,
  shown: readonly Shown[],
): Promise<readonly Shown[]> {
  const left: Shown[] = []
  for (const each of shown) {
    try {
      const { owner, grants, etag } = await api.access(each.id)
      await api.setAccess(each.id, { owner, grants: grants ?? [], follows: dashboard }, etag)
    } catch {
      left.push(each)
    }
  }
  return left
}
