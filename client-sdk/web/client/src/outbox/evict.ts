// Documents leave the device when they were not opened for long, or when there are too many.
//
// Always true: one that has an edit which is not on the server stays, and so does one that any tab has open.

import type { ResolvedConfig } from '../config'
import type { DocumentId } from '../ids'
import type { Environment } from '../environment'
import type { Noted } from './device'

const DAY_MS = 24 * 60 * 60 * 1000

/** Which documents may leave: those that were not opened for `unopenedDaysMax`, and the longest unopened above `documentsKeptMax`. */
export function toEvict(
  kept: readonly (readonly [DocumentId, Noted])[],
  limits: ResolvedConfig['limits'],
  nowMs: number,
): DocumentId[] {
  const byOpening = [...kept].sort(([, one], [, other]) => (other.openedAtMs ?? 0) - (one.openedAtMs ?? 0))
  const oldestMs = nowMs - limits.unopenedDaysMax * DAY_MS
  return byOpening
    .filter(([, { openedAtMs }], at) => at >= limits.documentsKeptMax || (openedAtMs ?? 0) < oldestMs)
    .filter(([, { pending, saved }]) => pending === 0 && saved !== undefined)
    .map(([id]) => id)
}

/** The lock that a tab shares with others for as long as it has a document open. */
export const openLock = (name: string, id: DocumentId): string => `dovetail/${name}/open/${id}`

/** Takes documents off the device, one by one, each only while nobody has it open. */
export async function evict(
  ids: readonly DocumentId[],
  name: string,
  environment: Environment,
  forget: (id: DocumentId) => Promise<void>,
): Promise<void> {
  for (const id of ids) {
    await environment.withLock(openLock(name, id), { ifAvailable: true }, async (held) => {
      if (held) await forget(id)
    })
  }
}
