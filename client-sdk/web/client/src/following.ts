// What is made for a dashboard follows it: whoever may see the dashboard may see that too.
//
// Edit path: ← a document is made for another one, with or without a connection; → the server is told (`follows` in its access)
// as soon as it has both.
//
// Always true: nothing is asked before the server has both, as far as this device knows. Only what was made here, and for that, is let follow. A dashboard names documents that its writers put there;
// who shows one of ours in theirs gets no right to it by that. What is wanted is on the device, so a later visit does it too.

import type { Environment } from './environment'
import { DovetailError } from './errors'
import type { DocumentId } from './ids'
import { backoffMs, type Windows } from './link/backoff'
import type { Noted } from './outbox/device'
import type { Api } from './types'

/** Between two attempts: the server may have lost one of them, or may not be able to answer. */
const BETWEEN: Windows = { firstMs: 2_000, mostMs: 60_000 }

/** What it works on. */
export interface FollowingWorld {
  readonly device: {
    readonly all: () => Promise<readonly (readonly [DocumentId, Noted])[]>
    readonly note: (id: DocumentId, noted: Partial<Noted>) => void
  }
  readonly api: Pick<Api, 'access' | 'setAccess'>
  /** Whether a server is there. */
  readonly isLive: () => boolean
  /** Whether it knows who we are. It does not where it asks nobody, and before somebody signs in. */
  readonly isKnown: () => boolean
  readonly environment: Pick<Environment, 'random'>
}

export class Following {
  readonly #world: FollowingWorld
  #timer: ReturnType<typeof setTimeout> | undefined
  #attempts = 0
  #isLooking = false
  /** Something came while it looked. */
  #looksAgain = false
  /** What the server does not have yet, and something waits for. */
  readonly #missing = new Set<DocumentId>()
  #isOver = false

  constructor(world: FollowingWorld) {
    this.#world = world
  }

  /** `id` was made for `follows`. */
  made(id: DocumentId, follows: DocumentId): void {
    this.#world.device.note(id, { follows })
    this.look()
  }

  /** The server has this. */
  saved(id: DocumentId): void {
    // What is looked at now may not know of it.
    if (this.#isLooking || this.#missing.has(id)) this.look()
  }

  /** There is a connection, or something new to do. */
  look(): void {
    this.#attempts = 0
    this.#looksAgain = this.#isLooking
    if (!this.#isLooking) void this.#look()
  }

  close(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#isOver || !this.#world.isLive()) return
    this.#isLooking = true
    const isLeft = await this.#all()
    this.#isLooking = false
    if (this.#looksAgain) this.look()
    else if (isLeft) this.#later()
  }

  #later(): void {
    if (this.#isOver) return
    const leastMs = BETWEEN.firstMs
    const waitMs = backoffMs(++this.#attempts, this.#world.environment.random(), BETWEEN, leastMs)
    this.#timer = setTimeout(() => void this.#look(), waitMs)
  }

  /** Whether something is left to do. */
  async #all(): Promise<boolean> {
    let isLeft = false
    const all = await this.#world.device.all().catch(() => [])
    const known = new Map(all)
    // What this device knows nothing of was there before it.
    const isMissing = (id: DocumentId) => known.has(id) && known.get(id)?.saved === undefined
    this.#missing.clear()
    for (const [id, { follows }] of all) {
      if (follows === undefined || this.#isOver) continue
      const missing = [id, follows].filter(isMissing)
      for (const each of missing) this.#missing.add(each)
      if (missing.length > 0) continue
      if (await this.#isDone(id, follows)) this.#world.device.note(id, { follows: undefined })
      else isLeft = true
    }
    return isLeft
  }

  async #isDone(id: DocumentId, follows: DocumentId): Promise<boolean> {
    const { api } = this.#world
    try {
      const { grants, owner, etag, follows: already } = await api.access(id)
      // It is somebody else's by now, unless it is ours and we did not say yet who we are.
      if (grants === null) return this.#world.isKnown()
      if (already !== null) return true
      await api.setAccess(id, { owner, grants, follows }, etag)
      return true
    } catch (error) {
      return !isWorthTrying(error)
    }
  }
}

/** What the server does not have yet it may have soon; what it will not do it will not do later. */
function isWorthTrying(error: unknown): boolean {
  if (!(error instanceof DovetailError)) return true
  return error.passing || ['document_not_found', 'bad_access', 'precondition_failed'].includes(error.code)
}
