// The first changes are the same bytes everywhere: docs/DASHBOARD.md names their hashes.

import { expect, test } from 'vitest'
import { Automerge } from '../../src/automerge'
import { firstDashboard, firstWidgetData } from '../../src/dashboard/first'

test.each([
  ['a dashboard', firstDashboard, 'ae8a07007e277ded56b9f79942f9d658a310440d2553b507897d2397e28d6f29'],
  ['widget data', firstWidgetData, 'd17362e64a7c9522f6a2d36e50131524d134618f17820e3239783a4f17abe176'],
])('DA5 the first change of %s is that of the core', (_, make, hash) => {
  expect(Automerge.getHeads(Automerge.load(make()))).toEqual([hash])
})
