// Where a document is: on this device, or on the server, or nowhere yet.
//
// Edit path: ← somebody opens a document; → its handle, as soon as there is one.
//
// Always true: a document without a single change is none: what is stored of it waits for a base that left the device. Who looks
// is told once that it is missing, and why; what comes after that, from the server or from another tab, is found all the same.

import { parseAutomergeUrl, type DocHandle, type Repo } from '../automerge'
import type { DocumentUrl } from '../ids'
import type { Draft } from './assign'
import { keepsAll } from './whole'

/** Why there is no such document, as far as the server says; `there`: it has one, and we may see it. */
export type WhyMissing = 'unreachable' | 'not_found' | 'deleted' | 'there'

/** `missing` is called when it is not here and the server did not send it at once. */
export async function find(
  repo: Repo,
  url: DocumentUrl,
  missing: () => Promise<void>,
): Promise<DocHandle<Draft>> {
  const finding = repo.find<Draft>(url, { allowableStates: ['ready', 'unavailable'] })
  const begun = repo.handles[parseAutomergeUrl(url).documentId]
  if (begun) keepsAll(begun)
  const handle = await finding
  if (isHere(handle)) return handle
  await missing()
  await comes(handle)
  return handle
}

/** Waits until a document that nobody had is here after all. */
function comes(handle: DocHandle<Draft>): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!isHere(handle)) return
      handle.off('heads-changed', later)
      resolve()
    }
    // The handle says that something came before it says that it is ready.
    const later = () => queueMicrotask(look)
    handle.on('heads-changed', later)
    look()
  })
}

function isHere(handle: DocHandle<Draft>): boolean {
  return handle.isReady() && handle.heads().length > 0
}
