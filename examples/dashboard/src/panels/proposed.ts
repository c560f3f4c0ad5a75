// A dashboard as it would be when a proposal were made: what the grid shows before anybody decides.
//
// Always true: nothing is changed; what a proposal writes outside of what a dashboard shows is passed over.

import type { Dashboard } from '@dovetail/client'

/** One place, and what would stand there; `undefined`: nothing. */
export interface Write {
  readonly path: readonly string[]
  readonly value: unknown
}

/** The dashboard with the writes in it. */
export function proposed(dashboard: Dashboard, writes: readonly Write[]): Dashboard {
  return writes.reduce<Dashboard>((so, write) => {
    const [member] = write.path
    if (member === undefined || !SHOWN.has(member)) return so
    return put(so, write.path, write.value) as Dashboard
  }, dashboard)
}

/** The widgets that the writes are about. */
export function touched(writes: readonly Write[]): readonly string[] {
  const ids = writes.flatMap(({ path: [member, id] }) =>
    member === 'widgets' && id !== undefined ? [id] : [],
  )
  return [...new Set(ids)]
}

/** Members of a dashboard that a screen shows. A write to another one would not be seen. */
const SHOWN: ReadonlySet<string> = new Set(['title', 'description', 'grid', 'widgets'])

function put(into: unknown, path: readonly string[], value: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (Array.isArray(into)) {
    return into.map((item: unknown, at) => (String(at) === step ? put(item, rest, value) : item))
  }
  const members: Readonly<Record<string, unknown>> =
    typeof into === 'object' && into !== null ? { ...into } : {}
  const next = put(members[step], rest, value)
  if (next !== undefined) return { ...members, [step]: next }
  return Object.fromEntries(Object.entries(members).filter(([name]) => name !== step))
}
