// The same widget data on several devices that hear of each other only when a test says so.

import { Automerge, type Doc } from '../../src/automerge'
import type { Draft } from '../../src/document/assign'
import type { Dovetail, WidgetData, WidgetDataStore } from '../../src/types'

interface Handle {
  doc(): Doc<Draft>
  update(next: (doc: Doc<Draft>) => Doc<Draft>): void
}

/** What is shown. */
export function content(store: WidgetDataStore): WidgetData {
  const state = store.getState()
  if (state.status !== 'ready') throw new Error(`it is ${state.status}`)
  return state.value
}

export function handleOf(store: WidgetDataStore): Handle {
  const { surroundings } = store as unknown as {
    surroundings: { repo: { handles: Record<string, Handle> } }
  }
  const handle = surroundings.repo.handles[store.id]
  if (!handle) throw new Error('the document is not here')
  return handle
}

/** One of it on each device. They begin with the same change, so what is done in one can be brought to another. */
export function everywhere(
  devices: readonly Dovetail[],
  shape: WidgetData['shape'],
): readonly WidgetDataStore[] {
  return devices.map((device) => device.createWidgetData(shape))
}

/** What one has by now, as far as it is a change, comes to another. */
export function bring(from: WidgetDataStore, to: WidgetDataStore): void {
  const theirs = Automerge.clone(handleOf(from).doc())
  handleOf(to).update((doc) => Automerge.merge(doc, theirs))
}

/** Everybody comes to have everything. */
export function meet(all: readonly WidgetDataStore[]): void {
  for (const store of all) (store as unknown as { flush(): void }).flush()
  for (const from of all) for (const to of all) if (from !== to) bring(from, to)
  for (const from of all) for (const to of all) if (from !== to) bring(from, to)
}

/** How many changes it has. */
export function changes(store: WidgetDataStore): number {
  return Automerge.getChangesMetaSince(handleOf(store).doc(), []).length
}
