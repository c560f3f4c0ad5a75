// What differs between two states of a dashboard, in words.
//
// Always true: words stand for what people see; what nobody sees (an order key, what an import keeps) is said once and in
// general. Two states that read the same have no differences.

import type { Dashboard, Layout, Widget } from '@dovetail/client'

/** One sentence without a full stop, and the widget that it is about. */
export interface Difference {
  readonly words: string
  readonly widget: string | undefined
}

/** What one has to do to get from one state to the other; of the dashboard first, then widget by widget, as they are read. */
export function compare(from: Dashboard, to: Dashboard): readonly Difference[] {
  const ids = new Set([...idsInOrder(to.widgets), ...idsInOrder(from.widgets)])
  return [
    ...ofDashboard(from, to).map((words) => ({ words, widget: undefined })),
    ...[...ids].flatMap((id) =>
      ofWidget(from.widgets[id], to.widgets[id]).map((words) => ({ words, widget: id })),
    ),
  ]
}

/** The widgets that differ and are there in `to`, to draw attention to them. */
export function marked(differences: readonly Difference[], to: Dashboard): readonly string[] {
  const ids = differences.flatMap(({ widget }) =>
    widget !== undefined && widget in to.widgets ? [widget] : [],
  )
  return [...new Set(ids)]
}

/** A widget as people call it. */
export function nameOf(widget: Pick<Widget, 'title' | 'kind'>): string {
  return widget.title ? `“${widget.title}”` : `a ${widget.kind || 'widget'} without a title`
}

function ofDashboard(from: Dashboard, to: Dashboard): string[] {
  const words: string[] = []
  if (from.title !== to.title)
    words.push(`The dashboard is called ${quoted(to.title)}, not ${quoted(from.title)}`)
  if (from.description !== to.description)
    words.push(`The description was ${changed(from.description, to.description)}`)
  if (from.grid.columns !== to.grid.columns) {
    words.push(`The grid has ${to.grid.columns} columns, not ${from.grid.columns}`)
  }
  if (from.grid.rowHeight !== to.grid.rowHeight) {
    words.push(`The rows of the grid are ${to.grid.rowHeight} pixels high, not ${from.grid.rowHeight}`)
  }
  if (!same(from.extra, to.extra)) words.push('What the import keeps besides the widgets changed')
  return words
}

function ofWidget(from: Widget | undefined, to: Widget | undefined): string[] {
  if (from === undefined) return to === undefined ? [] : [sentence(`${nameOf(to)} was added`)]
  if (to === undefined) return [sentence(`${nameOf(from)} was removed`)]
  if (from === to) return []
  const name = nameOf(to)
  const said: string[] = []
  if (from.title !== to.title)
    said.push(to.title ? `${nameOf(from)} was renamed to “${to.title}”` : `${nameOf(from)} lost its title`)
  if (from.kind !== to.kind)
    said.push(`${name} is a ${to.kind || 'widget of no kind'}, not a ${from.kind || 'widget of no kind'}`)
  said.push(...ofLayout(name, from.layout, to.layout))
  if (from.locked !== to.locked) said.push(`${name} was ${to.locked ? 'locked' : 'unlocked'}`)
  if (from.order !== to.order) said.push(`${name} has another place in the narrow layout`)
  if (from.parent !== to.parent)
    said.push(`${name} was ${to.parent === undefined ? 'taken out of its row' : 'put into a row'}`)
  if (from.data !== to.data || !same(from.dataSource, to.dataSource))
    said.push(`${name} has its data from elsewhere`)
  said.push(...ofOptions(name, from.options, to.options))
  return said.map(sentence)
}

function ofLayout(name: string, from: Layout, to: Layout): string[] {
  const steps = [
    inDirection(to.x - from.x, 'column', 'right', 'left'),
    inDirection(to.y - from.y, 'row', 'down', 'up'),
  ].filter((step) => step !== '')
  const words = steps.length > 0 ? [`${name} moved ${steps.join(' and ')}`] : []
  if (from.w === to.w && from.h === to.h) return words
  return [...words, `${name} is ${to.w} wide and ${to.h} high, not ${from.w} by ${from.h}`]
}

function inDirection(by: number, unit: string, forward: string, back: string): string {
  if (by === 0) return ''
  const many = Math.abs(by)
  return `${many} ${unit}${many === 1 ? '' : 's'} ${by > 0 ? forward : back}`
}

/** More would bury what differs besides. */
const OPTIONS_SAID_MAX = 5

function ofOptions(name: string, from: Widget['options'], to: Widget['options']): string[] {
  const all = leaves(from, to, [])
  const said = all.slice(0, OPTIONS_SAID_MAX).map(({ path, before, after }) => {
    const option = path.join(' › ')
    if (before === undefined) return `${name}: ${option} was set to ${shown(after)}`
    if (after === undefined) return `${name}: ${option} was taken away`
    return `${name}: ${option} is ${shown(after)}, not ${shown(before)}`
  })
  const more = all.length - said.length
  return more > 0 ? [...said, `${name}: ${more} more option${more === 1 ? '' : 's'} changed`] : said
}

interface Leaf {
  readonly path: readonly string[]
  readonly before: unknown
  readonly after: unknown
}

/** The places that differ, as deep as both sides are objects. */
function leaves(before: unknown, after: unknown, path: readonly string[]): Leaf[] {
  if (same(before, after)) return []
  if (!isRecord(before) || !isRecord(after)) return [{ path, before, after }]
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].flatMap((name) => leaves(before[name], after[name], [...path, name]))
}

/** Longer values are cut: this is no place to read a text. */
const VALUE_LENGTH_MAX = 40

function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (isRecord(value)) return 'something with parts'
  if (value === null || value === undefined) return 'nothing'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const cut = text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text
  return typeof value === 'string' ? `“${cut}”` : cut
}

function changed(from: string, to: string): string {
  if (from === '') return 'written'
  return to === '' ? 'removed' : 'changed'
}

function quoted(title: string): string {
  return title ? `“${title}”` : 'nothing'
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function idsInOrder(widgets: Dashboard['widgets']): string[] {
  return Object.entries(widgets)
    .sort(([, one], [, other]) => one.layout.y - other.layout.y || one.layout.x - other.layout.x)
    .map(([id]) => id)
}

function same(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, at) => same(item, other[at]))
  }
  if (!isRecord(one) || !isRecord(other)) return false
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => same(one[name], other[name]))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
