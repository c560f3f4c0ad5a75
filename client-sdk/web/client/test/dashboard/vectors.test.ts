// Dashboards are read and edited here as in the core: both are held to the cases of `crdt-core/vectors`.

import { expect, test } from 'vitest'
import { Automerge } from '../../src/automerge'
import { possibleWritesOf, writesOf } from '../../src/dashboard/edit'
import { between, isOrderKey, spread } from '../../src/dashboard/order'
import { place } from '../../src/dashboard/place'
import { readDashboard, readWidget, readWidgetData } from '../../src/dashboard/read'
import { plain, type PlainObject } from '../../src/document/plain'
import { writeToDraft, writeToPlain } from '../../src/document/writes'
import { DovetailError } from '../../src/errors'
import type { Edit } from '../../src/types'
import { documentOf } from '../document/values'
import { readJson } from '../rules/vectors'

type Maybe<T> = T | null

interface OrderCases {
  readonly between: readonly { lower: Maybe<string>; upper: Maybe<string>; key?: string }[]
  readonly keys: readonly { text: string; isKey: boolean }[]
  readonly place: readonly {
    orders: Readonly<Record<string, string>>
    id: string
    after: Maybe<string>
    edits: readonly Edit[]
  }[]
  readonly spread: readonly { count: number; keys: readonly string[] }[]
}

interface EditCase {
  readonly before: PlainObject
  readonly edits: readonly Edit[]
  readonly after?: PlainObject
  readonly error?: string
}

interface ReadCases {
  readonly dashboards: readonly { document: PlainObject; dashboard: unknown }[]
  readonly widgetData: readonly { document: PlainObject; data: Readonly<Record<string, unknown>> }[]
}

const order = readJson('crdt-core/vectors/order.json') as OrderCases
const editing = readJson('crdt-core/vectors/edits.json') as readonly EditCase[]
const reading = readJson('crdt-core/vectors/dashboards.json') as ReadCases

test('CL67 keys between keys are those of the core, letter by letter', () => {
  expect(order.between.length).toBeGreaterThan(100)
  for (const { lower, upper, key } of order.between) {
    expect([lower, upper, between(lower ?? undefined, upper ?? undefined)]).toEqual([lower, upper, key])
  }
  for (const { text, isKey } of order.keys) expect([text, isOrderKey(text)]).toEqual([text, isKey])
  for (const { count, keys } of order.spread) expect(spread(count)).toEqual(keys)
})

test('CL67 a widget is placed by the edits of the core', () => {
  for (const { orders, id, after, edits } of order.place) {
    const widgets = Object.fromEntries(
      Object.entries(orders).map(([id, order]) => [id, readWidget({ kind: 'note', order })]),
    )
    expect([id, after, place(widgets, id, after ?? undefined)]).toEqual([id, after, edits])
  }
})

test.each(editing.map((one) => [JSON.stringify(one.edits).slice(0, 120), one] as const))(
  'CL68 edits do what they do in the core: %s',
  (_, { before, edits, after, error }) => {
    if (error !== undefined) {
      expect(codeOf(() => writesOf(before, edits))).toBe(error)
      expect(possibleWritesOf(before, edits).fault?.code).toBe(error)
      return
    }
    const writes = writesOf(before, edits)
    expect(writeToPlain(before, writes)).toEqual(after)
    expect(possibleWritesOf(before, edits)).toEqual({ writes, possible: edits })
    const doc = documentOf(before)
    const edited = Automerge.change(doc, (draft) => writeToDraft(draft, writes))
    expect(plain(edited)).toEqual(after)
    const isSame = JSON.stringify(before) === JSON.stringify(after)
    if (isSame) expect(Automerge.getHeads(edited)).toEqual(Automerge.getHeads(doc))
  },
)

test('CL68 any document is read as a dashboard, as in the core', () => {
  for (const { document, dashboard } of reading.dashboards) expect(readDashboard(document)).toEqual(dashboard)
  for (const { document, data } of reading.widgetData) {
    expect(readWidgetData(document)).toEqual(data)
  }
})

function codeOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    return error instanceof DovetailError ? error.code : String(error)
  }
  return undefined
}
