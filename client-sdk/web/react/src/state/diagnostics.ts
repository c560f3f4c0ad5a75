// What somebody sends along who asks for help: how the client is, as text.
//
// Always true: nothing of a document's content is in it, no label of a change, and no token.

import type { DocumentStore } from '@dovetail/client'
import type { PageClient } from '../context'

/** How `client` and `store` are, as JSON that can be read. */
export function diagnostics(
  client: Pick<PageClient, 'link' | 'session' | 'storage'>,
  store: DocumentStore<unknown>,
  nowMs: number,
): string {
  const state = store.getState()
  const saving = store.saving.getState()
  const conflicts = store.conflicts.getState()
  const report = {
    at: new Date(nowMs).toISOString(),
    document: {
      id: store.id,
      status: state.status,
      ...(state.status === 'ready' && { heads: state.heads, gone: state.gone }),
      ...(state.status === 'missing' && { reason: state.reason }),
      ...(state.status === 'failed' && { code: state.error.code }),
    },
    link: client.link.getState(),
    session: client.session.getState(),
    storage: client.storage.getState(),
    saving: {
      ...saving,
      changes: saving.changes.map(({ hash, madeAtMs }) => ({ hash, madeAtMs })),
    },
    permission: store.permission.getState(),
    conflicts: { open: conflicts.open, judged: conflicts.judged, undecided: conflicts.undecided },
    refused: store.refused.getState().map(({ id, code, atMs }) => ({ id, code, atMs })),
    browser: typeof navigator === 'undefined' ? undefined : navigator.userAgent,
  }
  return JSON.stringify(report, undefined, 2)
}
