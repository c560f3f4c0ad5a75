// What is typed into widgets and is not in them yet, like the next item of a list.
//
// Always true: before a widget is removed, what was typed into it is written: whoever brings the widget back has it again.

export interface Drafts {
  /** Something is being typed into a widget, until what is returned is called. */
  readonly hold: (widget: string, write: () => void) => () => void
  /** Writes what is being typed into a widget. */
  readonly write: (widget: string) => void
}

/** Nothing is being typed yet. */
export function createDrafts(): Drafts {
  const held = new Set<{ readonly widget: string; readonly write: () => void }>()
  return {
    hold: (widget, write) => {
      const one = { widget, write }
      held.add(one)
      return () => void held.delete(one)
    },
    write: (widget) => {
      for (const each of [...held]) if (each.widget === widget) each.write()
    },
  }
}
