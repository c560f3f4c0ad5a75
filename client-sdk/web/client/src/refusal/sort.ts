// Which changes of a document go, and which stay.
//
// Always true: what goes is what was refused and all that builds on it, also where it only waits for what it builds on. It is
// told in an order in which each change comes after those that it needs.

import { Automerge, type Doc } from '../automerge'
import { singleChanges } from './chunks'
import type { Ledger } from './ledger'
import { openChange, type OpenChange } from './operations'

/** A change that goes. */
export interface Going {
  readonly hash: string
  readonly actor: string
  readonly deps: readonly string[]
  readonly message: string | null
  /** Nothing where the ledger had to let go of it. */
  readonly bytes: Uint8Array | undefined
}

export interface Sorted {
  /** Everything can stay as it is. */
  readonly isClean: boolean
  /** What goes, and what went before and is built on by what waits: the ledger has it. */
  readonly going: readonly Going[]
  /** The heads of what stays of the document. */
  readonly keptHeads: readonly string[]
  /** Whether the operation of this id stays. */
  readonly isKept: (operation: string) => boolean
  /** What stays and is not in the document: made anew before, perhaps by another tab, or waiting still. */
  readonly joining: readonly Uint8Array[]
}

/** The history of a document, each change after those it builds on. */
export type Past = readonly Automerge.ChangeMetadata[]

/** `waiting`: changes that wait for others which the document does not have. */
export function sort(doc: Doc<unknown>, past: Past, waiting: readonly Uint8Array[], ledger: Ledger): Sorted {
  const goes = new Set<string>()
  const here = new Set<string>()
  const heads = new Set<string>()
  const lastOf = new Map<string, number>()
  for (const { hash, deps, actor, maxOp } of past) {
    here.add(hash)
    if (ledger.refused.has(hash) || deps.some((dep) => goes.has(dep))) {
      goes.add(hash)
      continue
    }
    for (const dep of deps) heads.delete(dep)
    heads.add(hash)
    lastOf.set(actor, maxOp)
  }
  const found = goes.size > 0 ? goingOf(doc, [...heads]) : []
  const recorded = [...madeAnew(ledger)].filter(([hash]) => !here.has(hash)).map(([, bytes]) => bytes)
  const brought = outsideOf([...recorded, ...waiting], here)
  const isClean = found.length === 0 && brought.length === 0
  const outside = isClean ? brought : outsideOf([...recorded, ...waiting, ...waitingIn(doc)], here)
  const late = lateOf(outside, goes, here, ledger)
  const staying = outside.filter((change) => !late.includes(change))
  for (const { open } of staying) {
    lastOf.set(open.actor, Math.max(lastOf.get(open.actor) ?? 0, open.startOp + open.ops.length - 1))
  }
  return {
    isClean,
    going: inOrder([...found, ...late.map(({ open, bytes }) => goingAs(open, bytes))], here, ledger),
    keptHeads: [...heads],
    isKept: (id) => {
      const at = id.indexOf('@')
      return Number(id.slice(0, at)) <= (lastOf.get(id.slice(at + 1)) ?? 0)
    },
    joining: staying.map(({ bytes }) => bytes),
  }
}

/** What the ledger says that lawful changes are now, unless that went too. */
function* madeAnew(ledger: Ledger): Iterable<[hash: string, bytes: Uint8Array]> {
  for (const { now } of ledger.remade.values()) {
    if (!now?.bytes || ledger.refused.has(now.hash) || ledger.remade.has(now.hash)) continue
    yield [now.hash, now.bytes]
  }
}

interface Outside {
  readonly open: OpenChange
  readonly bytes: Uint8Array
}

/** Those of them that are not here, each once. */
function outsideOf(changes: readonly Uint8Array[], here: ReadonlySet<string>): Outside[] {
  const found = changes.flatMap(looked).filter(({ open }) => !here.has(open.hash))
  return [...new Map(found.map((change) => [change.open.hash, change])).values()]
}

/**
 * What came before what it builds on. The server sends a change once on each connection, and does not send this one again: where
 * it were lost with the document that it waits in, all that others do from then on would wait for it.
 */
function waitingIn(doc: Doc<unknown>): Uint8Array[] {
  return Automerge.getMissingDeps(doc, []).length > 0 ? singleChanges(Automerge.save(doc)) : []
}

function looked(bytes: Uint8Array): Outside[] {
  const open = openChange(bytes)
  return open ? [{ open, bytes }] : []
}

/** Those outside the document that go: refused, made anew since, or on top of what goes. */
function lateOf(
  outside: readonly Outside[],
  goes: ReadonlySet<string>,
  here: ReadonlySet<string>,
  ledger: Ledger,
): Outside[] {
  const went = (hash: string) => ledger.refused.has(hash) || ledger.remade.has(hash)
  const late = new Set<string>()
  const isLate = ({ open: { hash, deps } }: Outside) =>
    went(hash) || deps.some((dep) => late.has(dep) || goes.has(dep) || (!here.has(dep) && went(dep)))
  // They come in any order, so that one may be late only because of one that is looked at after it.
  let before = -1
  while (late.size > before) {
    before = late.size
    for (const change of outside) if (isLate(change)) late.add(change.open.hash)
  }
  return outside.filter(({ open }) => late.has(open.hash))
}

/** Everything of the document that is not up to these heads. */
function goingOf(doc: Doc<unknown>, keptHeads: string[]): Going[] {
  const changes = Automerge.getChangesSince(doc, keptHeads)
  // Both are told in the same order.
  return Automerge.getChangesMetaSince(doc, keptHeads).map((change, at) => goingAs(change, changes[at]))
}

function goingAs({ hash, actor, deps, message }: Omit<Going, 'bytes'>, bytes: Uint8Array | undefined): Going {
  return { hash, actor, deps, message, bytes }
}

/** Puts each behind those it needs, and brings along what it needs of the ledger. */
function inOrder(all: readonly Going[], here: ReadonlySet<string>, ledger: Ledger): Going[] {
  const known = new Map(all.map((change) => [change.hash, change]))
  const find = (hash: string): Going | undefined => {
    const change = known.get(hash) ?? (here.has(hash) ? undefined : fromLedger(hash, ledger))
    if (change) known.set(hash, change)
    return change
  }
  // What a change became has to be looked at before it, as that may go as well.
  const needs = ({ hash, deps }: Going) => [...deps, ...nowOf(hash, ledger)].filter((it) => find(it))
  const ordered = new Set<Going>()
  const begun = new Set<string>()
  // A stack of our own: a chain of changes can be longer than what functions may call each other.
  const stack = all.map(({ hash }) => hash).reverse()
  for (let hash = stack.at(-1); hash !== undefined; hash = stack.at(-1)) {
    const change = find(hash)
    if (change && !begun.has(hash)) {
      begun.add(hash)
      stack.push(...needs(change).filter((it) => !begun.has(it)))
      continue
    }
    stack.pop()
    if (change) ordered.add(change)
  }
  return [...ordered]
}

function nowOf(hash: string, ledger: Ledger): string[] {
  const now = ledger.remade.get(hash)?.now
  return now ? [now.hash] : []
}

function fromLedger(hash: string, ledger: Ledger): Going | undefined {
  const bytes = ledger.refused.get(hash)?.bytes ?? ledger.remade.get(hash)?.bytes
  const open = bytes && openChange(bytes)
  return open && goingAs(open, bytes)
}
