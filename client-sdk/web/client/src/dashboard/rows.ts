// Rows that others removed without knowing what was written into them here: Automerge lets the removal stand, and what was written is
// nowhere then.
//
// Always true: who removed a row and knew what was in it meant that, and nobody is told.

import { Automerge, type Doc } from '../automerge'
import type { Draft } from '../document/assign'
import { openChange, type OpenChange } from '../refusal/operations'
import type { Heads, WidgetData } from '../types'

/** A row, and what it is called by. */
export interface NamedRow {
  readonly id: string
  readonly cells: WidgetData['rows'][number]
}

/** As many different people are looked at that something came from at once. */
const SIDES_MAX = 20

/** As many changes of ours are looked into, the newest: each takes 2 ms, and nobody removes rows all the time. */
const CHANGES_MAX = 500

/** Those of `gone` into which a change of ours was written that whoever removed them did not know. `before`: the state without what came. */
export function lostRows(
  doc: Doc<Draft>,
  before: Heads,
  gone: readonly NamedRow[],
  isOurs: (actor: string) => boolean,
): readonly NamedRow[] {
  const lost = new Set<NamedRow>()
  for (const side of sides(doc, before, isOurs)) {
    const ours = unknownTo(doc, side, isOurs)
    const written = gone.filter(({ id }) => ours.some((change) => writes(change, id)))
    if (written.length === 0) continue
    const there = rowIds(Automerge.view(doc, [side]))
    for (const row of written) if (!there.has(row.id)) lost.add(row)
  }
  return [...lost]
}

/** The last changes of each of those that something came from. */
function sides(doc: Doc<Draft>, before: Heads, isOurs: (actor: string) => boolean): string[] {
  const came = Automerge.getChangesMetaSince(doc, [...before])
  const known = new Set(came.flatMap(({ deps }) => deps))
  return came
    .filter(({ hash, actor }) => !known.has(hash) && !isOurs(actor))
    .map(({ hash }) => hash)
    .slice(-SIDES_MAX)
}

/** What was made here and was not known where the change `side` was made. */
function unknownTo(doc: Doc<Draft>, side: string, isOurs: (actor: string) => boolean): OpenChange[] {
  const bytes = Automerge.getChangesSince(doc, [side])
  return Automerge.getChangesMetaSince(doc, [side])
    .flatMap(({ actor }, at) => (isOurs(actor) ? (bytes[at] ?? []) : []))
    .slice(-CHANGES_MAX)
    .flatMap((change) => openChange(change) ?? [])
}

/** Whether it puts something into a cell of the row; a cell that is only made is empty. */
function writes({ ops }: OpenChange, row: string): boolean {
  return ops.some(
    ({ obj, action, insert, value }) => obj === row && action === 'set' && !(insert && value === null),
  )
}

function rowIds(doc: Doc<Draft>): ReadonlySet<string> {
  const { rows } = doc
  return new Set(Array.isArray(rows) ? rows.flatMap((row: unknown) => idOf(row) ?? []) : [])
}

function idOf(row: unknown): string | undefined {
  return (Array.isArray(row) && Automerge.getObjectId(row)) || undefined
}
