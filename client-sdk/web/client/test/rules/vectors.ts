// The cases in `crdt-core/vectors/rules`, which every implementation of the rules is held to.

import { readFileSync } from 'node:fs'
import { Automerge, type Doc } from '../../src/automerge'
import type { RuleSetJson } from '../../src/rules'

/** One case: a rule set, a document, a moment, and what is found. */
export interface Vector {
  readonly name: string
  readonly ruleSet: RuleSetJson
  readonly document: string
  readonly automerge: string
  readonly now: number
  readonly conflicts: readonly unknown[]
  readonly undecided: readonly unknown[]
}

/** A file of the repository as JSON. */
export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../../../../${path}`, import.meta.url), 'utf8'))
}

export function vectors(name: string): readonly Vector[] {
  return readJson(`crdt-core/vectors/rules/${name}.json`) as readonly Vector[]
}

export function documentOf({ automerge }: { readonly automerge: string }): Doc<unknown> {
  return Automerge.load(Buffer.from(automerge, 'base64'))
}
