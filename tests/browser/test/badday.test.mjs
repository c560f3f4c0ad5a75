// What goes wrong around the page: a browser that keeps nothing, another version, deleted documents, hostile text.

import assert from 'node:assert/strict'
import test from 'node:test'
import {
  addWidget,
  callDashboard,
  keptForOffline,
  newDashboard,
  rename,
  saved,
  says,
  shows,
  stat,
} from '../app.mjs'
import { Proxy } from '../proxy.mjs'
import { see, seen, world } from '../world.mjs'

test('CL143 where the browser keeps nothing, the page works and says so', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  await ana.context.addInitScript(() => {
    const denied = () => {
      throw new DOMException('The operation is insecure.', 'SecurityError')
    }
    Object.defineProperty(globalThis, 'indexedDB', { get: denied })
    Object.defineProperty(globalThis, 'localStorage', { get: denied })
  })
  const page = await ana.tab('/')
  const id = await newDashboard(page)
  await addWidget(page, 'Stat')
  await seen(page.getByText(/keeps nothing/i))
  await see(page, 'nothing that waits', () =>
    /saved|keep|kept/i.test(document.querySelector('header')?.textContent ?? ''),
  )
  const bo = await here.person()
  await shows(await bo.tab(`/d/${id}`), 'Stat')
})

test('CL144 where the device has no room left, that is said, and nothing is lost while the page is open', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const ana = await here.person()
  // As the browser refuses a write for which there is no room.
  await ana.context.addInitScript(() => {
    const { put } = IDBObjectStore.prototype
    IDBObjectStore.prototype.put = function (...written) {
      if (globalThis.isFull) throw new DOMException('The quota has been exceeded.', 'QuotaExceededError')
      return put.apply(this, written)
    }
  })
  const page = await ana.tab(`/d/${id}`)
  await shows(page, 'CPU')
  await saved(page)
  await page.evaluate(() => (globalThis.isFull = true))
  await ana.offline()
  await page.evaluate(() => globalThis.dispatchEvent(new Event('offline')))
  await rename(page, 'CPU', 'Processor')
  await seen(page.getByText(/storage of this device is full|no room/i))
  await page.evaluate(() => (globalThis.isFull = false))
  await ana.online()
  await saved(page)
  const { body } = await here.server.ask('GET', `/api/docs/${id}`)
  assert.equal(body.widgets.a.title, 'Processor')
})

test('CL145 a server of another version is named, with a way on', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const ana = await here.person()
  const page = await ana.tab(`/d/${id}`)
  await shows(page, 'CPU')
  await saved(page)
  await page.routeWebSocket(/\/sync/, (socket) =>
    socket.close({ code: 1002, reason: 'unsupported protocol version' }),
  )
  await page.reload()
  await says(page, /Another version/)
  await seen(page.getByText(/speaks another version/))
  await seen(page.getByRole('button', { name: 'Reload' }))
  await shows(page, 'CPU')
})

test('CL146 what somebody deletes while it is open is told, stays as a copy, and comes back', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const [ana, bo] = [await here.person(), await here.person()]
  const bos = await bo.tab(`/d/${id}`)
  await shows(bos, 'CPU')
  const anas = await ana.tab('/')
  await anas.getByRole('button', { name: 'Menu of Hosts' }).click()
  await anas.getByRole('menuitem', { name: 'Delete' }).click()
  await seen(anas.getByText('Deleted “Hosts”.'))
  await seen(bos.getByText(/deleted this/))
  await shows(bos, 'CPU')
  const cleos = await (await here.person()).tab(`/d/${id}`)
  await seen(cleos.getByRole('heading', { name: 'This dashboard was deleted' }))
  await anas.getByRole('button', { name: 'Undo' }).click()
  await seen(anas.getByRole('link', { name: 'Hosts' }))
  await cleos.reload()
  await shows(cleos, 'CPU')
  await rename(bos, 'CPU', 'Processor')
  await shows(cleos, 'Processor')
})

test('CL147 an address that leads nowhere, and a document that is no dashboard, are told with a way on', async (t) => {
  const here = await world(t)
  const { body } = await here.server.ask('POST', '/api/docs', { body: { milk: 2 } })
  const ana = await here.person()
  const page = await ana.tab('/d/4NMNnkMhL8jXrdJ9jamS58PAVdXu')
  await seen(page.getByRole('heading', { name: 'This dashboard is not there' }))
  await page.getByRole('link', { name: 'All dashboards', exact: true }).click()
  await seen(page.getByRole('button', { name: 'New dashboard' }))
  await page.goto(`${here.server.url}/d/nonsense`)
  await seen(page.getByRole('link', { name: /dashboards/i }))
  await page.goto(`${here.server.url}/d/${body.id}`)
  await seen(page.getByRole('heading', { name: 'This is no dashboard' }))
  await page.getByRole('link', { name: 'View as JSON' }).click()
  await seen(page.getByText(/milk: 2/))
})

const HOSTILE = [
  '<script>globalThis.hacked = 1</script>',
  '<img src=x onerror="globalThis.hacked = 2">',
  '<svg onload="globalThis.hacked = 3"><script>globalThis.hacked = 4</script></svg>',
  '<iframe src="javascript:parent.hacked = 5"></iframe>',
  '[click](javascript:globalThis.hacked=6)',
  '<a href="data:text/html,<script>hacked</script>">data</a>',
  '<form action="https://example.com"><input name=q></form>',
  '<style>body { display: none }</style>',
  '<a class="side-panel" id="root" data-tile="a" aria-label="Sign in" href="https://example.com/">Sign in</a>',
  '**bold**',
].join('\n\n')

test('CL148 hostile text in a note does nothing', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  await newDashboard(page)
  await addWidget(page, 'Note')
  await page.getByRole('region', { name: 'Text of Note' }).dblclick()
  await page.getByRole('textbox', { name: 'Write Note' }).fill(HOSTILE)
  await callDashboard(page, 'Done writing')
  const note = page.getByRole('region', { name: 'Text of Note' }).locator('.markdown')
  await seen(note.getByText('bold', { exact: true }))
  const found = await note.evaluate((body) => ({
    elements: [
      ...body.querySelectorAll(
        'script, iframe, form, style, object, embed, [onerror], [onload], [class], [id], [style], [data-tile], [aria-label]',
      ),
    ].map((one) => one.outerHTML),
    addresses: [...body.querySelectorAll('a[href], img[src]')]
      .map((one) => one.getAttribute('href') ?? one.getAttribute('src'))
      .filter((address) => /^(javascript|data|vbscript):/i.test(address)),
    hacked: globalThis.hacked,
  }))
  assert.deepEqual(found, { elements: [], addresses: [], hacked: undefined })
})

test('CL149 a newer build is offered, and taken with one click and nothing lost', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const proxy = await Proxy.before(here.server.url)
  t.after(() => proxy.close())
  const ana = await here.person()
  const page = await ana.tab(`${proxy.url}/d/${id}`)
  await shows(page, 'CPU')
  await keptForOffline(page)
  await page.reload()
  await shows(page, 'CPU')
  proxy.update()
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await seen(page.getByText('Update available'))
  await rename(page, 'CPU', 'Processor')
  await page.getByRole('button', { name: 'Reload to update' }).click()
  await see(page, 'the newer build', () => [...document.scripts].some(({ src }) => src.includes('newer-')))
  await shows(page, 'Processor')
})
