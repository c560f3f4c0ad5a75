// Which changes brought a conflict about, and which of them did not know of each other.
//
// Edit path: ← the registers in play of a violation; → the causes of a conflict, and one sentence made of them.
//
// Whether a change knew of another is read off the register that the other set: a register in play is live, so nobody has
// overwritten it, so whoever knew of it saw its value. Only for items without a name of their own the history is walked, and
// that has a bound.

import type { Cause, Touched } from './conflict'
import type { Reading } from './document'
import { quoted, shown } from './message'
import { pathToText } from './path'
import { byBytes, lineOf } from './text'
import { CAUSES_MAX, type Register } from './violation'

/** How many changes one walk looks at; what is not found within it counts as known. */
const WALK_MAX = 2_000

/** The most bytes of what a change says of itself: its message, its author. */
const WORDS_BYTES_MAX = 200

/** Who is behind an actor, as far as this device knows. */
export type AuthorOf = (actor: string, seq: number) => string | undefined

/** Whether an actor is whoever reads this. */
export type IsMine = (actor: string) => boolean

type Meta = NonNullable<ReturnType<Reading['handle']['getChangeMetaByHash']>>

/** What is known of one change, and what it set. */
interface Known {
  readonly meta: Meta
  readonly registers: readonly Register[]
  readonly author: string | undefined
  readonly touched: readonly Touched[]
  readonly apartFrom: string[]
}

/** The causes, oldest first, and what they amount to in words. Without `authorOf` changes say themselves who made them. */
export function causesOf(
  reading: Reading,
  registers: readonly Register[],
  authorOf: AuthorOf | undefined,
  isMine: IsMine = () => false,
): { readonly causes: readonly Cause[]; readonly explanation: string } {
  const known = changesThatSet(reading, registers, authorOf)
  tellApart(reading, known)
  return { causes: known.map(causeOf), explanation: inWords(known, isMine) }
}

/** The changes that set the registers, oldest first; the latest few of them. */
function changesThatSet(
  reading: Reading,
  registers: readonly Register[],
  authorOf: AuthorOf | undefined,
): readonly Known[] {
  const byHash = new Map<string, Register[]>()
  for (const register of registers) {
    const hash = reading.changes.hashOf(register.op)
    if (hash !== undefined) byHash.set(hash, [...(byHash.get(hash) ?? []), register])
  }
  const known = [...byHash].flatMap(([hash, registers]): readonly Known[] => {
    const meta = reading.handle.getChangeMetaByHash(hash)
    if (!meta) return []
    const author = authorOf ? authorOf(meta.actor, meta.seq) : claimed(meta)
    return [{ meta, registers, author, touched: touched(reading, hash, registers), apartFrom: [] }]
  })
  known.sort(({ meta: one }, { meta: other }) => one.maxOp - other.maxOp || byBytes(one.actor, other.actor))
  return known.slice(-CAUSES_MAX)
}

/** Notes of each change which of the others its maker did not know of. */
function tellApart(reading: Reading, known: readonly Known[]): void {
  // Who knew of a change knew of all that its maker knew of, so in a plain history there is one question for each change.
  const knew: ReadonlySet<Known>[] = []
  for (const [at, younger] of known.entries()) {
    const knowsOf = new Set<Known>()
    for (const [n, older] of [...known.slice(0, at).entries()].reverse()) {
      if (knowsOf.has(older) || !knows(reading, younger, older)) continue
      for (const one of [older, ...(knew[n] ?? [])]) knowsOf.add(one)
    }
    for (const older of known.slice(0, at)) {
      if (knowsOf.has(older)) continue
      older.apartFrom.push(younger.meta.hash)
      younger.apartFrom.push(older.meta.hash)
    }
    knew.push(knowsOf)
  }
}

function causeOf({ meta, author, touched, apartFrom }: Known): Cause {
  return {
    change: meta.hash,
    actor: meta.actor,
    ...(author === undefined ? {} : { author }),
    time: Math.max(meta.time, 0) * 1_000,
    ...(meta.message === null ? {} : { message: words(meta.message) }),
    touched,
    apart_from: apartFrom,
  }
}

function touched(reading: Reading, hash: string, registers: readonly Register[]): readonly Touched[] {
  const bySubject = new Map<string, { created: boolean; fields: Set<string> }>()
  for (const { subject, item, names } of registers) {
    const created = reading.changes.hashOf(item) === hash
    const known = bySubject.get(subject) ?? { created, fields: new Set() }
    bySubject.set(subject, known)
    if (names.length > 0) known.fields.add(pathToText(names))
  }
  return [...bySubject]
    .sort(([one], [other]) => byBytes(one, other))
    .map(([subject, { created, fields }]) => ({ subject, fields: [...fields], created }))
}

/** Whether the maker of `one` knew of `other`, which has no more operations before it. */
function knows(reading: Reading, one: Known, other: Known): boolean {
  // An actor knows what it did.
  if (one.meta.actor === other.meta.actor) return true
  return reading.changes.knows(one.meta.hash, other.meta.hash, () => {
    const [register] = other.registers
    const place = register && placeOf(reading, register)
    if (!register || !place) return finds(reading, one.meta, other.meta)
    const seen = reading.all(place.holder, place.name, [one.meta.hash])
    return seen.some(({ op }) => op === register.op)
  })
}

/** The object that holds the register, and its name there. */
function placeOf(
  reading: Reading,
  { names, item }: Register,
): { readonly holder: string; readonly name: string } | undefined {
  const name = names.at(-1)
  if (name === undefined) return undefined
  const holder = names
    .slice(0, -1)
    .reduce<string | undefined>((object, step) => object && reading.mapAt(object, step), item)
  return holder === undefined ? undefined : { holder, name }
}

/** Whether `other` is found among what `one` builds on. */
function finds(reading: Reading, one: Meta, other: Meta): boolean {
  const open = [one]
  const seen = new Set<string>()
  for (let change = open.pop(); change; change = open.pop()) {
    for (const dep of change.deps) {
      if (dep === other.hash) return true
      if (seen.has(dep)) continue
      seen.add(dep)
      if (seen.size > WALK_MAX) return true
      const before = reading.handle.getChangeMetaByHash(dep)
      // A change counts on from all that it knows of, so below this there is nothing to find.
      if (before && before.maxOp > other.maxOp) open.push(before)
    }
  }
  return false
}

/** One sentence: what happened to what, and whether that was at the same time. */
function inWords(known: readonly Known[], isMine: IsMine): string {
  let sentence = ''
  for (const [at, one] of known.entries()) {
    const clause = clauseOf(one, isMine)
    if (clause === undefined) continue
    const isApart = known.slice(0, at).some(({ meta }) => one.apartFrom.includes(meta.hash))
    sentence += sentence === '' ? clause : `${isApart ? ' while ' : ', then '}${clause}`
  }
  return sentence === '' ? '' : `${sentence}.`
}

function clauseOf({ meta, touched, registers, author }: Known, isMine: IsMine): string | undefined {
  const parts = touched.flatMap((one) => {
    const register = registers.find(({ subject }) => subject === one.subject)
    return register ? [whatHappened(one, register)] : []
  })
  const last = parts.pop()
  if (last === undefined) return undefined
  const what = parts.length === 0 ? last : `${parts.join(', ')} and ${last}`
  const by = isMine(meta.actor) ? 'you' : author && quoted(author)
  return by === undefined ? what : `${what} by ${by}`
}

function whatHappened({ created, fields }: Touched, register: Register): string {
  const label = `"${quoted(register.label)}"`
  const names = new Set(fields.map((field) => field.split('.').at(-1) ?? ''))
  const any = (...some: readonly string[]): boolean => some.some((name) => names.has(name))
  const only = (...all: readonly string[]): boolean => [...names].every((name) => all.includes(name))
  const [moved, resized] = [any('x', 'y'), any('w', 'h')]
  const [field] = fields
  if (created) return `${label} was added`
  if (field === undefined) return `${label} was set`
  if (moved && resized && only('x', 'y', 'w', 'h')) return `${label} was moved and resized`
  if (moved && only('x', 'y')) return `${label} was moved`
  if (resized && only('w', 'h')) return `${label} was resized`
  if (fields.length > 1) return `${fields.join(' and ')} of ${label} were set`
  return `${field} of ${label} was set${register.value === undefined ? '' : ` to ${shown(register.value)}`}`
}

/** Whom the change itself names: authors are bytes to Automerge, a name where they are text, hex otherwise. */
function claimed({ author }: Meta): string | undefined {
  if (author === null) return undefined
  const bytes = Uint8Array.from(author.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))
  const name = strictText(bytes)
  return name === undefined || /\p{Cc}/u.test(name) ? words(author) : words(name)
}

function strictText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function words(text: string): string {
  return lineOf(new TextEncoder().encode(text), WORDS_BYTES_MAX)
}
