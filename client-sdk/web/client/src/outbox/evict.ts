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
  readonly device: Pick<DeviceNotes, 'all'>
  readonly config: Pick<ResolvedConfig, 'limits' | 'storage'>
  readonly environment: Environment
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
    const { device, config, environment, forget } = this.#world
    const old = toEvict(await device.all(), config.limits, environment.now())
    await evict(old, config.storage.name, environment, forget)
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

/** The lock that a tab shares with others for as long as it has a document open. */
export const openLock = (name: string, id: DocumentId): string => `dovetail/${name}/open/${id}`

/** Takes documents off the device, one by one, each only while nobody has it open. */
async function evict(
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
