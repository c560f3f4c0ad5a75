// Everybody can use it: by keyboard alone, with a screen reader, light and dark, on a phone.

import assert from 'node:assert/strict'
import test from 'node:test'
import { saved, says, shows, showsNo, stat, widget } from '../app.mjs'
import { findings } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

test('CL138 a dashboard is made, filled, arranged and renamed by keyboard alone', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key)
  }
  /** Goes on with Tab until this has the focus. */
  const reach = async (locator) => {
    await seen(locator)
    for (let n = 0; n < 60; n++) {
      if (await locator.first().evaluate((element) => element === document.activeElement)) return
      await press('Tab')
    }
    assert.fail(`${locator} cannot be reached with Tab`)
  }
  await reach(page.getByRole('button', { name: 'New dashboard' }))
  await press('Enter')
  await page.waitForURL(/\/d\/\w+$/)
  await reach(page.getByRole('button', { name: 'Add widget' }))
  await press('Enter')
  await reach(page.getByRole('dialog').getByRole('button', { name: /^Stat/ }))
  await press('Enter')
  const tile = page.getByRole('group', { name: 'Stat, Stat' })
  await reach(tile)
  await press('ArrowRight', 'ArrowRight', 'ArrowDown')
  await press('Shift+ArrowRight')
  await seen(page.getByText(/Stat: column 3, row 2, 7 wide/))
  await saved(page)
  const id = /\/d\/(\w+)/.exec(page.url())[1]
  const layout = async () =>
    Object.values((await here.server.ask('GET', `/api/docs/${id}`)).body.widgets)[0].layout
  assert.deepEqual(await layout(), { x: 2, y: 1, w: 7, h: 4 })
  await reach(page.getByRole('button', { name: 'Menu of Stat' }))
  await press('Enter')
  await see(page, 'the focus on Rename', () => document.activeElement?.textContent?.startsWith('Rename'))
  await press('Enter')
  await see(page, 'a field for the name', () => document.activeElement?.tagName === 'INPUT')
  await press('Control+a')
  await page.keyboard.type('Load')
  await press('Enter')
  await shows(page, 'Load')
  await press('Control+z')
  await showsNo(page, 'Load')
})

for (const colorScheme of ['light', 'dark']) {
  test(`CL139 axe finds nothing serious in any state, ${colorScheme}`, async (t) => {
    const here = await world(t)
    const id = await here.server.dashboard({
      widgets: {
        a: stat('CPU', { w: 8, h: 6 }),
        b: stat('RAM', { x: 4, y: 2, w: 8, h: 6 }, { order: 'W' }),
        c: { ...stat('Notes', { y: 10 }), kind: 'note' },
        d: { ...stat('Heat', { x: 8, y: 10 }), kind: 'heatmap' },
        e: { ...stat('To do', { y: 16 }), kind: 'checklist' },
      },
    })
    const ana = await here.person({ colorScheme })
    const found = {}
    const look = async (page, state) => {
      const serious = await findings(page, `${colorScheme}-${state}`)
      if (serious.length > 0) found[state] = serious
    }
    const list = await ana.tab('/')
    await seen(list.getByRole('heading', { name: 'Dashboards' }))
    await look(list, 'list')
    await list.goto(`${here.server.url}/stories`)
    await seen(list.getByRole('heading').first())
    await look(list, 'stories')
    const page = await ana.tab(`/d/${id}`)
    await says(page, /needs attention/)
    await look(page, 'conflict')
    await page
      .getByRole('button', { name: /needs attention/ })
      .first()
      .click()
    await look(page, 'details')
    await page.getByRole('button', { name: 'Show what needs attention' }).click()
    await seen(page.getByRole('button', { name: 'Apply' }))
    await look(page, 'attention')
    for (const tab of ['History', 'Activity', 'Widget']) {
      await page.getByRole('tab', { name: tab }).first().click()
      await seen(page.getByRole('tabpanel', { name: tab }))
      await look(page, tab.toLowerCase())
    }
    await page.getByRole('button', { name: 'Share' }).click()
    await seen(page.getByRole('dialog', { name: 'Share' }))
    await look(page, 'share')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Add widget' }).first().click()
    await seen(page.getByRole('dialog', { name: 'Add widget' }))
    await look(page, 'add')
    await page.keyboard.press('Escape')
    await ana.offline()
    await says(page, /^Offline/)
    await look(page, 'offline')
    await page.setViewportSize({ width: 390, height: 800 })
    await look(page, 'phone')
    await ana.online()
    const missing = await ana.tab('/d/4NMNnkMhL8jXrdJ9jamS58PAVdXu')
    await seen(missing.getByRole('heading', { level: 1 }))
    await look(missing, 'missing')
    assert.deepEqual(found, {})
  })
}

test('CL140 a dashboard that is opened for the first time takes less than 1.1 MB', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: { ...stat('CPU'), kind: 'timeseries' } } })
  const ana = await here.person({ serviceWorkers: 'block' })
  const sizes = []
  ana.context.on('requestfinished', (request) => {
    sizes.push(request.sizes().then((size) => size.responseBodySize + size.responseHeadersSize))
  })
  const page = await ana.tab(`/d/${id}`)
  await seen(widget(page, 'CPU'))
  await saved(page)
  await page.waitForLoadState('networkidle')
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  t.diagnostic(`${bytes} bytes`)
  assert.ok(bytes < 1_100_000, `${bytes} bytes`)
})
