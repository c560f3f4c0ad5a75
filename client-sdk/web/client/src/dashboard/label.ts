// What edits are, in words, where whoever makes them gives none: it stands in the history and in the list of what waits.

import type { Edit, Widget } from '../types'

/** One line for all edits of a change. */
export function labelOf(edits: readonly Edit[], widgets: Readonly<Record<string, Widget>>): string {
  const [first, ...rest] = new Set(edits.map((edit) => labelOfOne(edit, widgets)))
  if (first === undefined) return ''
  return rest.length === 0 ? first : `${first}, and ${rest.length} more`
}

function labelOfOne(edit: Edit, widgets: Readonly<Record<string, Widget>>): string {
  switch (edit.edit) {
    case 'setTitle':
      return `Called the dashboard “${edit.title}”`
    case 'setDescription':
      return 'Described the dashboard'
    case 'setGrid':
      return 'Changed the grid'
    case 'createWidget':
      return `Added ${quoted(edit.widget.title, edit.widget.kind)}`
    case 'removeWidget':
      return `Removed ${named(edit.id, widgets)}`
    case 'moveWidget':
      return `Moved ${named(edit.id, widgets)}`
    case 'resizeWidget':
      return `Resized ${named(edit.id, widgets)}`
    case 'setLayout':
      return `Moved and resized ${named(edit.id, widgets)}`
    case 'renameWidget':
      return `Renamed ${named(edit.id, widgets)} to “${edit.title}”`
    case 'setKind':
      return `Made ${named(edit.id, widgets)} a ${edit.kind}`
    case 'reorder':
      return `Reordered ${named(edit.id, widgets)}`
    case 'setParent':
      return edit.parent === null
        ? `Took ${named(edit.id, widgets)} out of its row`
        : `Put ${named(edit.id, widgets)} into a row`
    case 'setDataSource':
    case 'attachData':
    case 'detachData':
      return `Changed where ${named(edit.id, widgets)} has its data from`
    case 'setOption':
    case 'clearOption':
      return `Changed ${edit.path.join('.')} of ${named(edit.id, widgets)}`
    case 'setLocked':
      return `${edit.locked ? 'Locked' : 'Unlocked'} ${named(edit.id, widgets)}`
  }
}

function named(id: string, widgets: Readonly<Record<string, Widget>>): string {
  return quoted(widgets[id]?.title, widgets[id]?.kind ?? id)
}

function quoted(title: string | undefined, otherwise: string): string {
  return title ? `“${title}”` : `a ${otherwise} without a title`
}
