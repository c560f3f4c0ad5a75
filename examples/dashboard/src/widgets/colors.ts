// Colours by name, in a shade that can be read on light and on dark.
//
// Always true: what a document says becomes a colour of ours or a plain CSS colour, never another piece of CSS.

/** The colours that people choose from. */
export const COLORS = ['blue', 'teal', 'green', 'yellow', 'orange', 'red', 'pink', 'purple', 'gray'] as const

export type ColorName = (typeof COLORS)[number]

/** A colour for CSS: `var(--c-…)` for a name (Grafana's shades of it too), itself for a plain colour, else that of charts. */
export function cssColor(color: string | undefined): string {
  if (color === undefined) return 'var(--c-blue)'
  if (PLAIN.test(color)) return color
  const name = color.replace(/^(super-light|light|semi-dark|dark)-/, '')
  return `var(--c-${isColorName(name) ? name : 'blue'})`
}

/** The same as the browser resolves it in `element`, for a canvas, which knows no variables and neither light nor dark. */
export function resolvedColor(color: string, element: Element): string {
  const probe = element.ownerDocument.createElement('span')
  probe.style.color = color
  element.append(probe)
  const resolved = getComputedStyle(probe).color
  probe.remove()
  return resolved || color
}

const PLAIN = /^(#[0-9a-f]{3,8}|(rgb|hsl)a?\([\d\s.,%/deg]+\))$/i

function isColorName(name: string): name is ColorName {
  return (COLORS as readonly string[]).includes(name)
}
