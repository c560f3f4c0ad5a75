// One edit, taken back: what of it is still as the edit left it becomes as it was before.
//
// Edit path: ← two states of a document, before and after an edit (undo.ts); → steps, which are made in one change. They are
// found out first: inside a change a document shows none of its other states.
//
// ```text
//   before ──edit──▶ after ──others──▶ now ──steps──▶
//   wanted           left              now
// ```
//
// Always true: a place that differs now from how the edit left it is somebody else's by now, and stays. Maps are compared member
// by member, lists item by item wherever these stand by now; of a text only the letters of the edit go or come back; a counter
// counts back, whatever others counted.

import { Automerge, Counter, type Doc, type Patch } from '../automerge'
import type { Heads } from '../types'
import { insert, isCountable, isMap, put, type Draft, type DraftList } from './assign'
import { counted, plain, samePlain } from './plain'

/** The states between which an edit is taken back. */
export interface Taken {
  /** The document as it is now. */
  readonly doc: Doc<Draft>
  readonly before: Heads
  readonly after: Heads
}

/** Does a part of it, inside the change. */
export type Back = (draft: Draft) => void

type Key = string | number
type Holder = Record<Key, unknown>

/** One object of the document in three states, and where it is now. */
interface Place {
  readonly wanted: Holder
  readonly left: Holder
  readonly now: Holder
  readonly path: readonly Key[]
}

/** Where a part of it is in each. */
interface At {
  readonly wanted: Key
  readonly left: Key
  readonly now: Key
}

/** What takes the edit between `before` and `after` back, in this order; nothing when nothing is left of it. */
export function takingBack(taken: Taken): Back[] {
  const { doc, before, after } = taken
  const [wanted, left] = [Automerge.view(doc, [...before]), Automerge.view(doc, [...after])]
  return members(taken, { wanted, left, now: doc, path: [] })
}

function members(taken: Taken, place: Place): Back[] {
  const names = new Set([...Object.keys(place.left), ...Object.keys(place.wanted)])
  return [...names].flatMap((name) => {
    if (isSame(place.left, place.wanted, name, name)) return []
    const within = inside(taken, place, { left: name, wanted: name, now: name })
    if (within) return within
    return isSame(place.left, place.now, name, name) ? [register(place, name)] : []
  })
}

/**
 * What is taken back within an object or a counter. Nothing where it is to be taken as a whole: it is no such thing, or another
 * one by now, as when it was removed and came back.
 */
function inside(taken: Taken, place: Place, at: At): Back[] | undefined {
  const [left, wanted, now] = [place.left[at.left], place.wanted[at.wanted], place.now[at.now]]
  const path = [...place.path, at.now]
  if (left instanceof Counter && wanted instanceof Counter) {
    return now instanceof Counter ? [counting(path, counted(wanted) - counted(left))] : []
  }
  const inner = { left, wanted, now, path } as Place
  if (isMap(left) && isMap(wanted) && isMap(now)) return members(taken, inner)
  const id = sequenceAt(taken, place, at)
  if (id === undefined) return undefined
  return typeof left === 'string' && typeof wanted === 'string'
    ? letters(taken, { id, path, length: left.length }, wanted)
    : items(taken, { id, path, length: (left as readonly unknown[]).length }, inner)
}

/** A list or a text that is the same in all three states. */
interface Sequence {
  readonly id: string
  readonly path: readonly Key[]
  /** As the edit left it. */
  readonly length: number
}

function sequenceAt({ doc, before, after }: Taken, { left, wanted, now }: Place, at: At): string | undefined {
  const id = idOf(doc, left, at.left, after)
  const isOne =
    id === idOf(doc, wanted, at.wanted, before) && id === idOf(doc, now, at.now, Automerge.getHeads(doc))
  return isOne ? id : undefined
}

function counting(path: readonly Key[], by: number): Back {
  return (draft) => {
    const counter = valueAt(draft, path)
    if (counter instanceof Counter && isCountable(counter, counted(counter) + by)) counter.increment(by)
  }
}

/** A value that was put, replaced or removed as a whole, and that nobody touched since. */
function register({ wanted, now, path }: Place, name: string): Back {
  const theirs = hiddenBy(now, name)
  const value = theirs ?? wanted[name]
  const isThere = theirs !== undefined || Object.hasOwn(wanted, name)
  return (draft) => {
    const holder = valueAt(draft, path) as Holder
    if (isThere) put(holder, name, value, 'kinds')
    else delete holder[name]
  }
}

/**
 * What somebody else wrote there at the same time, and the edit hides: without the edit it is what counts. Objects stay hidden,
 * as a copy of one would be another.
 */
function hiddenBy(now: Holder, name: string): unknown {
  const written = Object.values(Automerge.getConflicts(now, name) ?? {}) as unknown[]
  const hidden = written.findLast((value) => !samePlain(plain(value), plain(now[name])))
  return hidden === undefined || isMap(hidden) || Array.isArray(hidden) ? undefined : hidden
}

// ------------------------------------------------------------------------------------------ lists and texts

function items(taken: Taken, sequence: Sequence, place: Place): Back[] {
  const list = (draft: Draft) => valueAt(draft, place.path) as DraftList
  return steps(taken, sequence, (left, wanted) => isSame(place.left, place.wanted, left, wanted))
    .reverse()
    .flatMap((step): Back[] => {
      const { now } = step
      if (step.what === 'inserted') {
        const value = place.wanted[step.wanted]
        return [(draft) => insert(list(draft), now, [value], 'kinds')]
      }
      const isMine = isSame(place.left, place.now, step.left, now)
      if (step.what === 'gone') return isMine ? [(draft) => list(draft).deleteAt(now)] : []
      const within = inside(taken, place, { left: step.left, wanted: step.wanted, now })
      if (within) return within
      const value = place.wanted[step.wanted]
      return isMine ? [(draft) => put(list(draft) as unknown as Holder, now, value, 'kinds')] : []
    })
}

function letters(taken: Taken, text: Sequence, wanted: string): Back[] {
  const all = steps(taken, text, () => true)
  return runs(all)
    .reverse()
    .map(({ now, gone, inserted: [from, to] }) => {
      return (draft) => Automerge.getBackend(draft).splice(text.id, now, gone, wanted.slice(from, to))
    })
}

/** Steps that follow each other, as one: of letters there may be many. */
function runs(steps: readonly Step[]): { now: number; gone: number; inserted: [number, number] }[] {
  const all: { now: number; gone: number; inserted: [number, number] }[] = []
  for (const step of steps) {
    const last = all.at(-1)
    if (step.what === 'inserted') {
      if (last?.gone === 0 && last.now === step.now && last.inserted[1] === step.wanted) last.inserted[1] += 1
      else all.push({ now: step.now, gone: 0, inserted: [step.wanted, step.wanted + 1] })
    } else if (last && last.gone > 0 && last.now + last.gone === step.now) last.gone += 1
    else all.push({ now: step.now, gone: 1, inserted: [0, 0] })
  }
  return all
}

/**
 * What has to happen to an item or a letter: `left` counts them as the edit left them, `wanted` as they were before it, and `now`
 * as they are, in front of which one is inserted.
 */
type Step =
  | { readonly what: 'gone'; readonly left: number; readonly now: number }
  | { readonly what: 'changed'; readonly left: number; readonly wanted: number; readonly now: number }
  | { readonly what: 'inserted'; readonly wanted: number; readonly now: number }

/** In their order; made from behind, the places of those before stay. Nothing for those that others removed. */
function steps(
  { doc, before, after }: Taken,
  { id, path, length }: Sequence,
  isSameItem: (left: number, wanted: number) => boolean,
): Step[] {
  // By its id, as a path of Automerge's cannot say every name. What is in new items is told as well.
  const own = (to: Heads) =>
    Automerge.getBackend(doc)
      .diffPath(id, [...after], [...to], { recursive: false })
      .filter((patch) => patch.path.length === path.length + 1)
  const wanted = origins(length, own(before))
  const there = new Map(
    origins(length, own(Automerge.getHeads(doc))).flatMap((left, now) =>
      left === undefined ? [] : [[left, now]],
    ),
  )
  const stays = new Set(wanted)
  const all: Step[] = []
  // How far we are in the items as the edit left them, and behind the last of those that are still there.
  let left = 0
  let behind = 0
  // Next to the item that stood before it, or after it. Where others removed both, behind those before.
  const spot = () => (there.has(left - 1) ? behind : (there.get(left) ?? behind))
  const pass = (step: (now: number) => void) => {
    const now = there.get(left)
    if (now !== undefined) {
      step(now)
      behind = now + 1
    }
    left += 1
  }
  const removeUpTo = (end: number) => {
    while (left < end) pass((now) => (stays.has(left) ? undefined : all.push({ what: 'gone', left, now })))
  }
  for (const [n, origin] of wanted.entries()) {
    if (origin === undefined) all.push({ what: 'inserted', wanted: n, now: spot() })
    else {
      removeUpTo(origin)
      pass((now) => (isSameItem(origin, n) ? undefined : all.push({ what: 'changed', left, wanted: n, now })))
    }
  }
  removeUpTo(length)
  return all
}

/** For each item after the patches, which one it was of the `length` items before them; nothing for new ones. */
function origins(length: number, patches: readonly Patch[]): (number | undefined)[] {
  const all: (number | undefined)[] = Array.from({ length }, (_, n) => n)
  for (const patch of patches) {
    const at = Number(patch.path.at(-1))
    if (patch.action === 'del') all.splice(at, patch.length ?? 1)
    else if (patch.action === 'insert' || patch.action === 'splice') {
      const added = patch.action === 'insert' ? patch.values.length : patch.value.length
      all.splice(at, 0, ...Array.from({ length: added }, () => undefined))
    }
  }
  return all
}

// ------------------------------------------------------------------------------------------ values

/** Whether both have the same there, or nothing. */
function isSame(one: Holder, other: Holder, name: Key, otherName: Key): boolean {
  return (
    Object.hasOwn(one, name) === Object.hasOwn(other, otherName) &&
    samePlain(plain(one[name]), plain(other[otherName]))
  )
}

/** Which object a place holds in a state; nothing when it holds a value. */
function idOf(doc: Doc<Draft>, holder: Holder, name: Key, heads: Heads): string | undefined {
  const value = holder[name]
  if (isMap(value) || Array.isArray(value)) return Automerge.getObjectId(value) ?? undefined
  const within = typeof value === 'string' ? Automerge.getObjectId(holder) : null
  // A text is a string here, which knows nothing of where it is from.
  const text = within && Automerge.getBackend(doc).getWithType(within, name, [...heads])
  return text && text[0] === 'text' ? text[1] : undefined
}

function valueAt(draft: Draft, path: readonly Key[]): unknown {
  return path.reduce<unknown>((place, step) => (place as Holder)[step], draft)
}
