// Which rules are in force, as far as this device knows: for judging documents here, with a connection or without.
//
// Edit path: ← the server says which version of each kind's rules is in force; → they are fetched once, kept on this device, and
// every open document of the kind is judged by them.
//
// Always true: a rule set that this version cannot read judges nothing here; then what the server says is all there is.

import type { Ask } from './api'
import type { Doc } from './automerge'
import type { Judge } from './conflicts'
import { DASHBOARD_KIND } from './generated/constants'
import type { Draft } from './document/assign'
import { DovetailError } from './errors'
import type { DocumentId } from './ids'
import {
  compileRules,
  defaultDashboardRules,
  judge,
  preview,
  RuleError,
  settle,
  unwaive,
  waive,
  type Decided,
  type RuleSet,
} from './rules'
import type { Notes } from './storage/notes'
import type { Session, Watchable } from './types'

const PREFIX = 'rules/'

interface Known {
  readonly version: number
  /** As the server gave it; nothing of the set that holds by itself. */
  readonly set: unknown
  /** Nothing when it cannot be used here. */
  readonly rules: RuleSet | undefined
}

export class RuleBook {
  readonly #ask: Ask
  readonly #notes: Promise<Notes>
  readonly #session: Watchable<Session | undefined>
  readonly #now: () => number
  readonly #changed: (kind: string) => void
  readonly #known = new Map<string, Known>()
  readonly #stop: () => void

  /** `changed`: other rules are in force for documents of this kind, or are known by now. */
  constructor(
    ask: Ask,
    notes: Promise<Notes>,
    session: Watchable<Session | undefined>,
    now: () => number,
    changed: (kind: string) => void,
  ) {
    this.#ask = ask
    this.#notes = notes
    this.#session = session
    this.#now = now
    this.#changed = changed
    // The set that a server has as long as nobody sets another one: what a device without a server judges by.
    this.#known.set(DASHBOARD_KIND, { version: 0, set: undefined, rules: compiled(defaultDashboardRules) })
    this.#stop = session.subscribe(() => void this.#look())
    void this.#remember()
  }

  /** Judges a document of this kind; nothing where no rules are known. */
  judgeOf(kind: string | undefined, id: DocumentId): Judge | undefined {
    const rules = kind === undefined ? undefined : this.#known.get(kind)?.rules
    return rules && judgeBy(rules, id, this.#now)
  }

  /** All notes are gone: what is known is noted again. */
  async noteAgain(): Promise<void> {
    const notes = await this.#notes
    for (const [kind, { version, set }] of this.#known) {
      if (set === undefined) continue
      const { version: noted } = ((await notes.get(PREFIX + kind)) ?? {}) as { version?: unknown }
      // Another tab may know of newer ones.
      if (typeof noted !== 'number' || noted < version) await notes.set(PREFIX + kind, { version, set })
    }
  }

  close(): void {
    this.#stop()
  }

  async #remember(): Promise<void> {
    for (const [key, value] of await (await this.#notes).entries(PREFIX)) {
      const { version, set } = value as { version?: unknown; set?: unknown }
      if (typeof version === 'number') this.#take(key.slice(PREFIX.length), version, set)
    }
    await this.#look()
  }

  /** Fetches what is in force and not known here. */
  async #look(): Promise<void> {
    const inForce = Object.entries(this.#session.getState()?.rules ?? {})
    for (const [kind, version] of inForce) {
      if (this.#known.get(kind)?.version === version) continue
      try {
        const { body } = await this.#ask(`/api/rules/${encodeURIComponent(kind)}`)
        const { version: now, set } = body as { version: number; set: unknown }
        this.#take(kind, now, set)
        await (await this.#notes).set(PREFIX + kind, { version: now, set })
      } catch (error) {
        // Asked again with the next connection. Until then what was in force last is better than nothing.
        if (!(error instanceof DovetailError)) throw error
      }
    }
  }

  #take(kind: string, version: number, set: unknown): void {
    this.#known.set(kind, { version, set, rules: compiled(set) })
    this.#changed(kind)
  }
}

function compiled(set: unknown): RuleSet | undefined {
  try {
    return compileRules(set)
  } catch (error) {
    if (error instanceof RuleError) return undefined
    throw error
  }
}

function judgeBy(rules: RuleSet, id: DocumentId, now: () => number): Judge {
  return {
    judge: (doc, isMine) => judge(doc, id, rules, now(), undefined, isMine),
    settle: (doc, conflictId, proposal, by) =>
      decided(settle(doc, id, rules, conflictId, proposal, by, now())),
    waive: (doc, conflictId, { reason, untilMs, by }) =>
      decided(waive(doc, id, rules, conflictId, { reason, until: untilMs, by }, now())),
    unwaive: (doc, conflictId) => decided(unwaive(doc, id, rules, conflictId, now())),
    preview: (doc, conflictId, proposal) => preview(doc, id, rules, conflictId, proposal),
  }
}

function decided(result: Decided): Doc<Draft> {
  if (result.decided) return result.doc
  throw new DovetailError(result.error, `${result.message}.`)
}
