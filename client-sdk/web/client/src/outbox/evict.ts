// Documents leave the device when they were not opened for long, or when there are too many.
//
// Always true: one that has an edit which is not on the server stays, and so does one that any tab has open. They are looked for as
// long as the page is there, which may be for months.

import type { ResolvedConfig } from '../config'
import type { DocumentId } from '../ids'
import type { Environment } from '../environment'
import type { DeviceNotes, Noted } from './device'

const HOUR_MS = 60 * 60 * 1000
const DAY_MS = 24 * HOUR_MS

/** Old documents are looked for when the page has been there for a while, so that they are in nobody's way. */
const FIRST_AFTER_MS = 20_000

/**
 * And then again: what a page opens in an hour is no more than was opened before, and to look reads the notes alone, of which there
 * are some hundred.
 */
const AGAIN_EVERY_MS = HOUR_MS

/** What it works on. */
export interface EvictionWorld {
  readonly device: Pick<DeviceNotes, 'all' | 'read'>
  readonly limits: ResolvedConfig['limits']
  readonly now: Environment['now']
  /** Does it where no tab has the document open. */
  readonly alone: (id: DocumentId, work: () => Promise<void>) => Promise<boolean>
  readonly forget: (id: DocumentId) => Promise<void>
}

/** Looks for them now and then, until it is closed. */
export class Eviction {
  readonly #world: EvictionWorld
  readonly #first: ReturnType<typeof setTimeout>
  readonly #again: ReturnType<typeof setInterval>

  constructor(world: EvictionWorld) {
    this.#world = world
    // One that fails is made up for by the next.
    const look = () => void this.#look().catch(() => undefined)
    this.#first = setTimeout(look, FIRST_AFTER_MS)
    this.#again = setInterval(look, AGAIN_EVERY_MS)
  }

  close(): void {
    clearTimeout(this.#first)
    clearInterval(this.#again)
  }

  async #look(): Promise<void> {
    const { device, limits, now, alone, forget } = this.#world
    const kept = await device.all()
    const opened = new Map(kept.map(([id, { openedAtMs }]) => [id, openedAtMs]))
    for (const id of toEvict(kept, limits, now())) {
      await alone(id, async () => {
        // Others go before it, which takes a while: it may have been opened and edited meanwhile.
        const { pending, openedAtMs } = await device.read(id)
        if (pending === 0 && openedAtMs === opened.get(id)) await forget(id)
      })
    }
  }
}

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
