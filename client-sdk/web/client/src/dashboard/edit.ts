// Edits of a dashboard become writes. The same as `crdt-core/src/dashboard/apply.rs`, held to it by
// `crdt-core/vectors/edits.json`.
//
// Edit path: ← a person's `Edit`; → `Write`s, which a change carries out or a screen shows beforehand.
//
// Always true: a batch is done as a whole or not at all. Nothing is refused because it is unwise: overlaps and double titles are
// for the rules to tell of, and for people to settle.

import { DovetailError } from '../errors'
import { documentId, documentUrl } from '../ids'
import { isObject, type Plain, type PlainObject } from '../document/plain'
import { writeToPlain, type Step, type Write } from '../document/writes'
import type { Edit, Grid, Layout, NewWidget } from '../types'
import { isOrderKey, MIDDLE } from './order'
import { GRID, isWidgetId, LAYOUT } from './read'
import { EDITS_MAX } from '../generated/constants'

/** What the edits do to `root`, the plain values of a dashboard, one after the other. Throws `DovetailError`, see `DashboardStore.edit`. */
export function writesOf(root: PlainObject, edits: readonly Edit[]): Write[] {
  if (edits.length > EDITS_MAX) {
    throw new DovetailError(
      'too_many_edits',
      `A change has at most ${EDITS_MAX} edits, this one has ${edits.length}.`,
    )
  }
  const all: Write[] = []
  let now = root
  for (const edit of edits) {
    const writes = writesOfOne(now, edit)
    now = writeToPlain(now, writes)
    all.push(...writes)
  }
  return all
}

/** The same, but without those edits that cannot be made, and why the first of them cannot. */
export function possibleWritesOf(
  root: PlainObject,
  edits: readonly Edit[],
): { readonly writes: readonly Write[]; readonly possible: readonly Edit[]; readonly fault?: DovetailError } {
  const writes: Write[] = []
  const possible: Edit[] = []
  let now = root
  let fault: DovetailError | undefined
  for (const edit of edits) {
    try {
      const made = writesOfOne(now, edit)
      now = writeToPlain(now, made)
      writes.push(...made)
      possible.push(edit)
    } catch (error) {
      if (!(error instanceof DovetailError)) throw error
      fault ??= error
    }
  }
  return { writes, possible, ...(fault ? { fault } : {}) }
}

/** Routing only: which place gets which value. */
function writesOfOne(root: PlainObject, edit: Edit): Write[] {
  switch (edit.edit) {
    case 'setTitle':
      return [{ path: ['title'], value: text(edit.title) }]
    case 'setDescription':
      return [{ path: ['description'], value: text(edit.description) }]
    case 'setGrid':
      return numbers(root, ['grid'], positive({ ...GRID, ...edit.grid }))
    case 'createWidget':
      return created(['widgets', free(root, edit.id)], edit.widget)
    case 'removeWidget':
      return [{ path: found(root, edit.id) }]
    case 'moveWidget':
      return numbers(root, [...found(root, edit.id), 'layout'], { x: edit.x, y: edit.y })
    case 'resizeWidget':
      return numbers(root, [...found(root, edit.id), 'layout'], { w: edit.w, h: edit.h })
    case 'setLayout':
      return numbers(root, [...found(root, edit.id), 'layout'], cells(edit.layout))
    case 'renameWidget':
      return [{ path: [...found(root, edit.id), 'title'], value: text(edit.title) }]
    case 'setKind':
      return [{ path: [...found(root, edit.id), 'kind'], value: text(edit.kind) }]
    case 'reorder':
      return [{ path: [...found(root, edit.id), 'order'], value: orderKey(edit.order) }]
    case 'setParent':
      return [
        optional(
          [...found(root, edit.id), 'parent'],
          edit.parent === null ? undefined : widgetId(edit.parent),
        ),
      ]
    case 'setDataSource':
      return [optional([...found(root, edit.id), 'dataSource'], json(edit.dataSource ?? undefined))]
    case 'setOption':
      return [{ path: option(root, edit.id, edit.path), value: json(edit.value) ?? null }]
    case 'clearOption':
      return cleared(root, edit.id, edit.path)
    case 'setLocked':
      return [{ path: [...found(root, edit.id), 'locked'], value: edit.locked }]
    case 'attachData':
      return [{ path: [...found(root, edit.id), 'data'], value: dataUrl(edit.data) }]
    case 'detachData':
      return [{ path: [...found(root, edit.id), 'data'] }]
  }
}

function optional(path: readonly Step[], value: Plain | undefined): Write {
  return value === undefined ? { path } : { path, value }
}

/** The place of a widget that is there. */
function found(root: PlainObject, id: string): readonly Step[] {
  const widget = at(root, ['widgets', id])
  if (!isObject(widget)) {
    throw new DovetailError('unknown_widget', `There is no widget ${id}; somebody may have removed it.`)
  }
  return ['widgets', id]
}

function free(root: PlainObject, id: string): string {
  const widgets = root['widgets']
  if (widgets !== undefined && !isObject(widgets)) throw notAnObject('widgets')
  if (widgets && Object.hasOwn(widgets, widgetId(id)))
    throw new DovetailError('widget_exists', `There is a widget ${id} already.`)
  return id
}

function created(path: readonly Step[], widget: NewWidget): Write[] {
  const counters = (widget.counters ?? []).map((counter): Write => {
    return { path: [...path, 'options', ...counter], value: 0, counts: true }
  })
  return [{ path, value: newWidget(widget) }, ...counters]
}

function newWidget(widget: NewWidget): Plain {
  const { kind, title, layout, order, dataSource, options, locked, parent, data } = widget
  return {
    kind: text(kind),
    title: text(title ?? ''),
    layout: checked(cells(layout ?? LAYOUT)),
    order: orderKey(order ?? MIDDLE),
    options: json(options ?? {}) ?? {},
    locked: locked ?? false,
    ...(dataSource === undefined || dataSource === null ? {} : { dataSource: json(dataSource) ?? null }),
    ...(parent === undefined ? {} : { parent: widgetId(parent) }),
    ...(data === undefined ? {} : { data: dataUrl(data) }),
  }
}

function cells({ x, y, w, h }: Layout): Record<string, number> {
  return { x, y, w, h }
}

/** Each is a register of its own, so that a move and a resize at the same time both stand. */
function numbers(
  root: PlainObject,
  path: readonly Step[],
  members: Readonly<Record<string, number>>,
): Write[] {
  const there = at(root, path)
  if (there !== undefined && !isObject(there)) throw notAnObject(String(path.at(-1)))
  return Object.entries(checked(members)).map(([name, value]) => ({ path: [...path, name], value }))
}

function checked(members: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  for (const [name, value] of Object.entries(members)) {
    if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 31)
      throw badEdit(`${name} is a whole number of 32 bits, not ${value}`)
  }
  return members
}

function positive({ columns, rowHeight }: Grid): Readonly<Record<string, number>> {
  for (const [name, value] of Object.entries({ columns, rowHeight }))
    if (!(value >= 0 && value < 2 ** 32)) throw badEdit(`${name} is a whole number from 0, not ${value}`)
  return { columns, rowHeight }
}

/** The way to an option. An index right behind a list's end adds an item. */
function option(root: PlainObject, id: string, path: readonly Step[]): readonly Step[] {
  const whole = [...found(root, id), 'options']
  const options = at(root, whole)
  if (options !== undefined && !isObject(options)) throw notAnObject('options')
  let place: Plain | undefined = options ?? {}
  for (const step of path) {
    // From what is not there yet on, everything is made.
    if (place !== undefined) place = stepInto(place, step, id, path)
    else if (typeof step === 'number' && step !== 0) throw nowhere(id, path)
  }
  if (path.length === 0) throw nowhere(id, path)
  return [...whole, ...path.map((step) => (typeof step === 'string' ? name(step) : step))]
}

function stepInto(place: Plain, step: Step, id: string, path: readonly Step[]): Plain | undefined {
  if (typeof step === 'string' && isObject(place)) return Object.hasOwn(place, step) ? place[step] : undefined
  if (
    typeof step === 'number' &&
    Array.isArray(place) &&
    Number.isInteger(step) &&
    step >= 0 &&
    step <= place.length
  ) {
    return (place as readonly Plain[])[step]
  }
  throw nowhere(id, path)
}

function cleared(root: PlainObject, id: string, path: readonly Step[]): Write[] {
  const whole = [...found(root, id), 'options', ...path]
  if (path.length === 0) throw nowhere(id, path)
  return at(root, whole) === undefined ? [] : [{ path: whole }]
}

function at(root: Plain | undefined, path: readonly Step[]): Plain | undefined {
  return path.reduce<Plain | undefined>((place, step) => {
    if (typeof step === 'number') return Array.isArray(place) ? (place as readonly Plain[])[step] : undefined
    return isObject(place) && Object.hasOwn(place, step) ? place[step] : undefined
  }, root)
}

function text(value: unknown): string {
  if (typeof value === 'string') return value
  throw badEdit(`a text was expected, not ${typeof value}`)
}

function widgetId(value: unknown): string {
  if (typeof value === 'string' && isWidgetId(value)) return name(value)
  throw badEdit('a widget id has 1 to 128 bytes')
}

/** JavaScript keeps this name for itself, and Automerge takes it in no document there. */
function name(text: string): string {
  if (text === '__proto__') throw badEdit('__proto__ cannot be a name')
  return text
}

function orderKey(value: unknown): string {
  if (typeof value === 'string' && isOrderKey(value)) return value
  throw badEdit('an order key is 1 to 250 letters and digits, the last not 0')
}

function dataUrl(value: unknown): string {
  const id = typeof value === 'string' ? documentId(value) : undefined
  if (id === undefined) throw badEdit('data is the id or the automerge: URL of a document')
  return documentUrl(id)
}

/** A value as JSON has it; nothing for `undefined`. */
function json(value: unknown): Plain | undefined {
  if (value === undefined || value === null || typeof value === 'string' || typeof value === 'boolean')
    return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (Array.isArray(value)) return value.map((item) => json(item) ?? null)
  if (
    typeof value === 'object' &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)
  ) {
    const members = Object.entries(value).map(([member, inner]) => [name(member), json(inner)] as const)
    return Object.fromEntries(
      members.filter((entry): entry is readonly [string, Plain] => entry[1] !== undefined),
    )
  }
  throw badEdit('an option is what JSON can say')
}

function nowhere(id: string, path: readonly Step[]): DovetailError {
  return new DovetailError(
    'no_such_place',
    `Widget ${id} has no place at ${JSON.stringify(path)} for an option.`,
  )
}

function notAnObject(field: string): DovetailError {
  return new DovetailError('not_an_object', `${field} of this document is not an object.`)
}

function badEdit(wrong: string): DovetailError {
  return new DovetailError('bad_edit', `This edit cannot be made: ${wrong}.`)
}
