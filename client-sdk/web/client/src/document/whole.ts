// No document of the repo loses what is in it.
//
// Edit path: ← the repo puts another state in the place of a document's; → that state, with everything that was there.
//
// While a document is on its way from the server, automerge-repo 2.5.6 looks for it on the disk once more for each message about it.
// What it finds there, where another tab wrote it meanwhile, it puts in the place of what came and of what was edited since: the test
// shows the repo alone lose an edit by that.
//
// Always true: what is taken out of a document is taken out by `replaceBy`, and by nobody else.

import { Automerge, type Doc, type DocHandle } from '../automerge'

const kept = new WeakSet<DocHandle<unknown>>()
const replacing = new WeakSet<Doc<unknown>>()

/** From now on what the handle is given comes on top of what it has. */
export function keepsAll(handle: DocHandle<unknown>): void {
  if (kept.has(handle)) return
  kept.add(handle)
  const update = handle.update.bind(handle)
  handle.update = (change) =>
    update((doc) => {
      const heads = Automerge.getHeads(doc)
      const next = change(doc)
      return replacing.has(next) || Automerge.hasHeads(next, heads) ? next : Automerge.merge(doc, next)
    })
}

/** Puts a state in the place of another one that has more. */
export function replaceBy(handle: Pick<DocHandle<unknown>, 'update'>, doc: Doc<unknown>): void {
  replacing.add(doc)
  handle.update(() => doc)
}
