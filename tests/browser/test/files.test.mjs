// Files: what is dropped onto the list becomes a dashboard, or is told why it is none; what is exported can be read again.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { addWidget, called, saved, says, shows, stat } from '../app.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

const GRAFANA = fileURLToPath(new URL('../../data/grafana/nats.json', import.meta.url))

/** Drags files over the page and lets them go there, as the system does it for a hand. */
async function drop(page, ...files) {
  const browser = await page.context().newCDPSession(page)
  const data = { items: [], files, dragOperationsMask: 1 }
  const at = (type) => browser.send('Input.dispatchDragEvent', { type, x: 600, y: 500, data })
  await at('dragEnter')
  await at('dragOver')
  await seen(page.getByText('Drop it here to make a dashboard of it'))
  await looksFine(page, 'drop-here')
  await at('drop')
  await see(page, 'the end of the drag', () => document.querySelector('.drop-here') === null)
  await browser.detach()
}

function folder(t) {
  const made = mkdtempSync(join(tmpdir(), 'dovetail-files-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return (name, content) => {
    writeFileSync(join(made, name), content)
    return join(made, name)
  }
}

test('CL142 a file that is dropped becomes a dashboard', async (t) => {
  const file = folder(t)
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  await seen(page.getByRole('heading', { name: 'No dashboards yet' }))
  await drop(page, GRAFANA)
  await page.waitForURL(/\/d\/\w+$/)
  await called(page, JSON.parse(readFileSync(GRAFANA, 'utf8')).title)
  await saved(page)

  // Several at once are all in the list, and the one that is none is told with its name.
  await page.getByRole('link', { name: 'All dashboards' }).click()
  const ours = (title) => JSON.stringify({ kind: 'dashboard', schemaVersion: 1, title, widgets: {} })
  await drop(
    page,
    file('one.json', ours('The first')),
    file('two.json', ours('The second')),
    file('holiday.json', '{"album": []}'),
  )
  await seen(page.getByRole('link', { name: 'The first' }))
  await seen(page.getByRole('link', { name: 'The second' }))
  await seen(page.getByText(/Importing holiday\.json: This JSON has no widgets/))
})

test('CL142 a file that is no dashboard makes nothing, and is told in words', async (t) => {
  const file = folder(t)
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  await seen(page.getByRole('heading', { name: 'No dashboards yet' }))
  const none = [
    [file('sunset.json', Buffer.from('89504e470d0a1a0a', 'hex')), /a picture, not a dashboard/],
    [file('cut.json', '{"kind": "dashboard", "widg'), /a mistake in it, or breaks off/],
    [file('letter.txt', 'Dear Ana,'), /a text, but no JSON/],
    [file('nothing.json', ''), /The file is empty/],
    [file('torn.automerge', Buffer.from('856f4a83ffffffff', 'hex')), /Automerge document is damaged/],
  ]
  for (const [path, words] of none) {
    await drop(page, path)
    const told = await seen(page.getByText(words))
    assert.match(await told.textContent(), new RegExp(`^Importing ${basename(path)}: `))
  }
  await seen(page.getByRole('heading', { name: 'No dashboards yet' }))
  const { body } = await here.server.ask('GET', '/api/docs')
  assert.deepEqual(body.documents, [])
})

test('CL155 what is exported is the dashboard, in each form, and our own two come back as they were', async (t) => {
  const file = folder(t)
  const here = await world(t)
  const id = await here.server.dashboard({
    title: 'Hosts',
    widgets: { a: stat('CPU'), b: stat('RAM', { x: 6 }) },
  })
  const ana = await here.person()
  const page = await ana.tab(`/d/${id}`)
  await shows(page, 'CPU')
  await saved(page)
  const exported = {}
  for (const way of ['JSON', 'Automerge', 'Grafana', 'Picture']) {
    await page.getByRole('button', { name: 'Export' }).click()
    const coming = page.waitForEvent('download')
    await page.getByRole('menuitem', { name: new RegExp(`^${way}`) }).click()
    const download = await coming
    exported[way] = { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) }
  }
  const { body } = await here.server.ask('GET', `/api/docs/${id}`)
  assert.deepEqual(JSON.parse(exported.JSON.bytes).widgets, body.widgets)
  assert.deepEqual(
    JSON.parse(exported.Grafana.bytes).panels.map(({ id, title }) => [id, title]),
    [
      [1, 'CPU'],
      [2, 'RAM'],
    ],
  )
  assert.equal(exported.Picture.bytes.subarray(0, 4).toString('hex'), '89504e47')
  for (const way of ['JSON', 'Automerge']) {
    await page.getByRole('link', { name: 'All dashboards' }).click()
    await page.waitForURL((url) => url.pathname === '/')
    await drop(page, file(exported[way].name, exported[way].bytes))
    await page.waitForURL((url) => /^\/d\/\w+$/.test(url.pathname) && !url.pathname.includes(id))
    await called(page, 'Hosts')
    for (const title of ['CPU', 'RAM']) await shows(page, title)
    await saved(page)
  }
})

test('CL327 a picture is of the dashboard: without who is here, what needs attention, and what one works with', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({
    widgets: {
      a: stat('CPU', { w: 8, h: 6 }),
      b: stat('RAM', { x: 4, y: 2, w: 8, h: 6 }, { order: 'W' }),
      c: stat('Visits', { x: 14, w: 8, h: 6 }, { kind: 'counter', order: 'X' }),
    },
  })
  const [page, bos] = [
    await (await here.person()).tab(`/d/${id}`),
    await (await here.person()).tab(`/d/${id}`),
  ]
  await Promise.all([shows(page, 'CPU'), shows(bos, 'CPU')])
  await says(page, /1 needs attention/)
  await addWidget(page, 'Table')
  await addWidget(page, 'Checklist')
  await bos
    .getByRole('group', { name: /^Visits, / })
    .getByRole('heading')
    .click()
  await see(page, 'Bo at the counter', () => document.querySelector('.dovetail-widget[data-color]') !== null)
  const frames = await page.evaluate(() => [
    getComputedStyle(document.querySelector('.dovetail-widget[data-color]')).borderTopColor,
    getComputedStyle(document.querySelector('.dovetail-widget[data-conflict]'), '::after').borderTopColor,
    getComputedStyle(document.querySelector('.counter-button')).backgroundColor,
  ])
  await page.getByRole('button', { name: 'Export' }).click()
  const coming = page.waitForEvent('download')
  await page.getByRole('menuitem', { name: /^Picture/ }).click()
  const bytes = readFileSync(await (await coming).path())
  const folderOfPictures = process.env.DOVETAIL_PICTURES
  if (folderOfPictures) writeFileSync(join(folderOfPictures, 'exported-picture.png'), bytes)
  const counts = await page.evaluate(pixelsOf, { picture: bytes.toString('base64'), colors: frames })
  assert.deepEqual(counts, [0, 0, 0], frames.join(' '))
  assert.equal(await page.locator('[data-taking-picture]').count(), 0)
})

/** How many pixels of a picture have each of these colours. Runs in a page. */
async function pixelsOf({ picture, colors }) {
  const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0))
  const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
  const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d')
  canvas.drawImage(image, 0, 0)
  const { data } = canvas.getImageData(0, 0, image.width, image.height)
  return colors.map((color) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = color
    canvas.fillRect(0, 0, 1, 1)
    const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data
    let count = 0
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] === r && data[at + 1] === g && data[at + 2] === b) count++
    }
    return count
  })
}
