// What a proposal does, in words about widgets and places in place of paths.
//
// Always true: cells are counted from 1, as the announcements of the grid count them.

import type { Dashboard, Widget } from '@dovetail/client'
import { nameOf } from './compare'

/** A sentence without a full stop; nothing where the path alone says more. */
export function becoming(dashboard: Dashboard, path: readonly string[], value: unknown): string | undefined {
  const [, , member, part, ...deeper] = path
  const widget = widgetAt(dashboard, path)
  if (!widget || deeper.length > 0) return undefined
  const name = nameOf(widget)
  const said = (words: string) => `${name.charAt(0).toUpperCase()}${name.slice(1)} ${words}`
  if (member === 'layout' && typeof value === 'number') {
    switch (part) {
      case 'x':
        return said(`goes to column ${value + 1}`)
      case 'y':
        return said(`goes to row ${value + 1}`)
      case 'w':
        return said(`becomes ${value} wide`)
      case 'h':
        return said(`becomes ${value} high`)
      default:
        return undefined
    }
  }
  if (member === 'title' && part === undefined && typeof value === 'string')
    return said(`is called “${value}”`)
  if (member === 'parent' && part === undefined && (value === undefined || value === null))
    return said('leaves its row')
  return undefined
}

/** How the core calls the one of two things that is changed: it knows no titles. */
const LATER = 'the later one'

/** The label of a proposal with the widget by its title. `path`: a place that it would write. */
export function proposing(dashboard: Dashboard, label: string, path: readonly string[] | undefined): string {
  const widget = path && widgetAt(dashboard, path)
  if (!widget) return label
  const name = nameOf(widget)
  const others = Object.values(dashboard.widgets).filter((other) => other !== widget)
  const isOneOfTwo = others.some((other) => nameOf(other) === name)
  return label.replace(LATER, () => (isOneOfTwo ? `the later ${name}` : name))
}

function widgetAt({ widgets }: Dashboard, [root, id]: readonly string[]): Widget | undefined {
  return root === 'widgets' && id !== undefined ? widgets[id] : undefined
}
