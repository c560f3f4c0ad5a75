// What goes to Grafana, on dashboards that were made there and on those that were not.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { withPanelIds } from '../src/files/panelIds'

const REAL = join(import.meta.dirname, '../../../tests/data/grafana')

test('CL280 every panel has a number of its own, and the first of several keeps theirs', () => {
  const dashboard = {
    panels: [
      { title: 'made here' },
      { title: 'CPU', id: 2 },
      { title: 'its copy', id: 2 },
      {
        title: 'a row',
        id: 3,
        panels: [
          { title: 'CPU once more', id: 2 },
          { title: 'RAM', id: 7 },
        ],
      },
      { title: 'odd', id: '7' },
      { title: 'odder', id: -1 },
      null,
    ],
  }
  expect(withPanelIds(dashboard)).toEqual({
    panels: [
      { title: 'made here', id: 1 },
      { title: 'CPU', id: 2 },
      { title: 'its copy', id: 4 },
      {
        title: 'a row',
        id: 3,
        panels: [
          { title: 'CPU once more', id: 5 },
          { title: 'RAM', id: 7 },
        ],
      },
      { title: 'odd', id: 6 },
      { title: 'odder', id: 8 },
      null,
    ],
  })
})

test('CL280 rows of the old form are no panels, and what is in them has ids', () => {
  const rows = [
    { title: 'Top', panels: [{ id: 1 }, {}] },
    { title: 'Below', panels: [{ id: 1 }] },
  ]
  expect(withPanelIds({ rows })).toEqual({
    rows: [
      { title: 'Top', panels: [{ id: 1 }, { id: 2 }] },
      { title: 'Below', panels: [{ id: 3 }] },
    ],
  })
})

test.each(readdirSync(REAL).filter((name) => name.endsWith('.json')))('CL280 %s stays as it is', (name) => {
  const dashboard = JSON.parse(readFileSync(join(REAL, name), 'utf8')) as unknown
  expect(withPanelIds(dashboard)).toEqual(dashboard)
})
