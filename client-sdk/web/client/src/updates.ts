// What others change in a document, told as it arrives.
//
// Always true: nothing is worked out while nobody listens. Changes of this device, of whichever tab, are none of others.

import { Automerge, type Doc } from './automerge'
import type { Draft } from './document/assign'
import { inWords } from './rules/said'
import type { Heads, RemoteUpdate, Updates } from './types'

/** How many places of one update are named: more than a screen can point at. */
const PLACES_MAX = 1_000

/** How many changes of one update are named. */
const CHANGES_MAX = 100

export class DocumentUpdates implements Updates {
  readonly #listeners = new Set<(update: RemoteUpdate) => void>()
  readonly #now: () => number
  /** The actors of this device, as far as they are known now. */
  readonly #actors: () => Promise<ReadonlySet<string>>

  constructor(now: () => number, actors: () => Promise<ReadonlySet<string>>) {
    this.#now = now
    this.#actors = actors
  }

  listen(listener: (update: RemoteUpdate) => void): () => void {
    const call = (update: RemoteUpdate) => listener(update)
    this.#listeners.add(call)
    return () => void this.#listeners.delete(call)
  }

  /** The document went from one state to another by what came from elsewhere. */
  came(doc: Doc<Draft>, from: Heads, to: Heads): void {
    if (this.#listeners.size > 0) void this.#tell(doc, from, to)
  }

  async #tell(doc: Doc<Draft>, from: Heads, to: Heads): Promise<void> {
    const atMs = this.#now()
    // Looked at now: the document may be an outdated one by the time that the actors are known.
    const came = Automerge.getChangesMetaSince(doc, [...from])
    const places = widest(Automerge.diff(doc, [...from], [...to]).map(({ path }) => path))
    const ours = await this.#actors()
    const changes = came
      .filter(({ actor }) => !ours.has(actor))
      .slice(0, CHANGES_MAX)
      .map(({ actor, time, message }) => ({
        actor,
        author: undefined,
        madeAtMs: time * 1000,
        label: inWords(message ?? ''),
      }))
    if (changes.length === 0) return
    for (const call of [...this.#listeners]) call({ atMs, from, to, places, changes })
  }
}

/** Each place once, and none that lies in another. */
function widest(paths: readonly (readonly (string | number)[])[]): (string | number)[][] {
  const taken = new Map<string, (string | number)[]>()
  for (const path of [...paths].sort((one, other) => one.length - other.length)) {
    const isInside = path.some((_, at) => taken.has(JSON.stringify(path.slice(0, at + 1))))
    if (!isInside && taken.size < PLACES_MAX) taken.set(JSON.stringify(path), [...path])
  }
  return [...taken.values()]
}
