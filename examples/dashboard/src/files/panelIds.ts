// The ids of panels in a file for Grafana: each has a number of its own.
//
// The server gives every panel as it came. A panel that was made or duplicated here has no id, or that of another one; Grafana's own
// pages give ids then, but what puts files into Grafana without a page, and links to a single panel, take them as they are.
//
// Always true: whoever has an id to themselves keeps it, and of several with one id the first, since others refer to it.

/** What Grafana's schema takes as an id is from 1 to this: 32 bits without a sign. */
const ID_MAX = 2 ** 32 - 1

type Json = Readonly<Record<string, unknown>>

/** The dashboard with an id for every panel, also for those inside of rows, of either form. */
export function withPanelIds(dashboard: unknown): unknown {
  if (!isObject(dashboard)) return dashboard
  const taken = new Set(panelsIn(dashboard).flatMap(({ id }) => (isId(id) ? [id] : [])))
  const given = new Set<unknown>()
  let next = 1
  const free = () => {
    while (taken.has(next)) next++
    taken.add(next)
    return next
  }
  const numbered = (panel: Json): Json => {
    const id = isId(panel['id']) && !given.has(panel['id']) ? panel['id'] : free()
    given.add(id)
    return within({ ...panel, id }, 'panels', numbered)
  }
  const rowNumbered = (row: Json) => within(row, 'panels', numbered)
  return within(within(dashboard, 'panels', numbered), 'rows', rowNumbered)
}

/** The object with each of the objects in one of its lists made anew. */
function within(object: Json, list: string, make: (item: Json) => Json): Json {
  const items = object[list]
  if (!Array.isArray(items)) return object
  return { ...object, [list]: items.map((item: unknown) => (isObject(item) ? make(item) : item)) }
}

/** All panels, in the order in which they are given ids. */
function panelsIn(object: Json): readonly Json[] {
  const inner = objectsIn(object['panels']).flatMap((panel) => [panel, ...panelsIn(panel)])
  return [...inner, ...objectsIn(object['rows']).flatMap(panelsIn)]
}

function objectsIn(list: unknown): readonly Json[] {
  return Array.isArray(list) ? list.filter(isObject) : []
}

function isId(id: unknown): id is number {
  return Number.isInteger(id) && (id as number) >= 1 && (id as number) <= ID_MAX
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
