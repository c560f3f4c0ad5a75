// What goes with a dashboard when it is deleted, and comes back with it: the tables and texts that were made for it.
//
// A widget that is removed keeps what it showed: undo, the history and devices that were away meanwhile may all bring the widget back.
// So it is the end of the dashboard that ends them.
//
// Always true: a document goes along only when it follows this very dashboard, which only its owner can have said, and we administer
// it; naming it in a widget is no reason. Points stay, because feeds go on writing them and copies of the dashboard show them. The
// server keeps what is deleted, so that all of it can be brought back.

import {
  documentId,
  type Api,
  type Dashboard,
  type DocumentId,
  type DocumentState,
  type Dovetail,
} from '@dovetail/client'

/** As many requests at once: more would hold up what people do meanwhile. */
const AT_ONCE = 4

/** Deletes what was made for a dashboard, out of the widget data that are listed; gives what went. What cannot go stays. */
export async function removeBelongings(
  dovetail: Pick<Dovetail, 'api' | 'openWidgetData'>,
  dashboard: DocumentId,
  listed: readonly DocumentId[],
): Promise<readonly DocumentId[]> {
  const gone = await each(listed, async (id) => {
    const { grants, follows } = await dovetail.api.access(id)
    if (grants === null || follows !== dashboard || !(await isWritten(dovetail, id))) return []
    await dovetail.api.remove(id)
    return [id]
  })
  return gone.flat()
}

/** By people, and not by a feed. */
async function isWritten(dovetail: Pick<Dovetail, 'openWidgetData'>, id: DocumentId): Promise<boolean> {
  const store = dovetail.openWidgetData(id)
  try {
    const state = await store.settled()
    return state.status === 'ready' && state.value.shape !== 'points'
  } finally {
    store.release()
  }
}

/** Brings documents back; what was not deleted, or is not ours to bring back, stays as it is. */
export async function restoreBelongings(
  api: Pick<Api, 'undelete'>,
  ids: readonly DocumentId[],
): Promise<void> {
  await each(ids, (id) => api.undelete(id))
}

/** The documents that the widgets show. */
export function dataOf({ widgets }: Pick<Dashboard, 'widgets'>): readonly DocumentId[] {
  const ids = Object.values(widgets).flatMap(
    ({ data }) => (data === undefined ? undefined : documentId(data)) ?? [],
  )
  return [...new Set(ids)]
}

/** Brings a dashboard back with what it shows. Throws when the dashboard itself cannot be. */
export async function bringBack(
  dovetail: Pick<Dovetail, 'api' | 'openDashboard' | 'reconnect'>,
  id: DocumentId,
): Promise<void> {
  await dovetail.api.undelete(id)
  dovetail.reconnect()
  const store = dovetail.openDashboard(id)
  try {
    await restoreBelongings(dovetail.api, dataOf(await there(store)))
    // Tiles that found theirs deleted ask again.
    dovetail.reconnect()
  } finally {
    store.release()
  }
}

/** What a store has once it is there and nobody deleted it. */
function there(store: ReturnType<Dovetail['openDashboard']>): Promise<Dashboard> {
  const now = (state: DocumentState<Dashboard>) =>
    state.status === 'ready' && state.gone === undefined ? state.value : undefined
  return new Promise((resolve) => {
    const look = () => {
      const dashboard = now(store.getState())
      if (!dashboard) return false
      resolve(dashboard)
      return true
    }
    if (look()) return
    const end = store.subscribe(() => {
      if (look()) end()
    })
  })
}

/** A few at a time, in order; what fails is left out. */
async function each<In, Out>(all: readonly In[], run: (item: In) => Promise<Out>): Promise<readonly Out[]> {
  const done: Out[] = []
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const some = await Promise.allSettled(all.slice(at, at + AT_ONCE).map(run))
    for (const result of some) if (result.status === 'fulfilled') done.push(result.value)
  }
  return done
}
