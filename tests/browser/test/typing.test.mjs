// What somebody is typing: others read along, it is not many changes, and none of it is lost when the page goes.

import assert from 'node:assert/strict'
import test from 'node:test'
import { addWidget, choose, keptForOffline, newDashboard, saved, shows, titles } from '../app.mjs'
import { see, seen, world } from '../world.mjs'

const note = (page) => page.getByRole('textbox', { name: 'Write Note' })

const reads = (page, what, text) =>
  see(page, what, (wanted) => document.querySelector('textarea')?.value.includes(wanted), text)

/** In the pill or below it, as the connection has it. */
const waits = (page, words) => see(page, words, (wanted) => document.body.textContent.includes(wanted), words)

/** Ana and Bo, each about to write into the same note. */
async function twoInANote(t) {
  const here = await world(t)
  const [ana, bo] = [await here.person(), await here.person()]
  const anas = await ana.tab('/')
  const id = await newDashboard(anas)
  await addWidget(anas, 'Note')
  await anas.getByRole('button', { name: 'Write' }).click()
  await saved(anas)
  const bos = await bo.tab(`/d/${id}`)
  await shows(bos, 'Note')
  await bos.getByRole('button', { name: 'Write' }).click()
  return { here, id, anas, bos }
}

test('CL270 two hundred letters in a note are few changes, and others read along', async (t) => {
  const { here, id, anas, bos } = await twoInANote(t)
  const { body } = await here.server.ask('GET', `/api/docs/${id}`)
  const [{ data }] = Object.values(body.widgets)
  const changes = async () => {
    const { body } = await here.server.ask('GET', `/api/docs/${data.replace('automerge:', '')}/history`)
    return body.groups.reduce((sum, group) => sum + group.changes, 0)
  }
  const before = await changes()
  const words = 'Nobody waits for the end of a sentence. '.repeat(5)
  const beganAt = Date.now()
  const typing = note(anas).pressSequentially(words, { delay: 25 })
  await reads(bos, 'the beginning while the rest is typed', 'Nobody')
  assert.notEqual(await note(anas).inputValue(), words, 'it is still being typed')
  await typing
  const seconds = (Date.now() - beganAt) / 1000
  await reads(bos, 'the whole text', words)
  await saved(anas)
  const made = (await changes()) - before
  // One for each second, and one for each pause that a busy machine makes.
  assert.ok(made <= 2 * seconds + 2 && made < words.length / 4, `${made} changes in ${seconds} s`)

  // It is taken back in large parts.
  await note(anas).press('Control+z')
  await see(
    bos,
    'the end of some of it',
    (all) => (document.querySelector('textarea')?.value.length ?? all) < all,
    words.length,
  )
})

test('CL271 two who type into one note without a pause both find all of it', async (t) => {
  const { anas, bos } = await twoInANote(t)
  const [hers, his] = ['abcdefghijklmnopqrstuvwxyz'.repeat(2), '0123456789'.repeat(5)]
  await Promise.all([
    note(anas).pressSequentially(hers, { delay: 60 }),
    note(bos).pressSequentially(his, { delay: 60 }),
  ])
  for (const page of [anas, bos]) {
    await see(
      page,
      'both texts, each in one piece',
      ([one, other]) => {
        const text = document.querySelector('textarea')?.value ?? ''
        return text === one + other || text === other + one
      },
      [hers, his],
    )
  }
})

test('CL272 a name and a cell that are being typed are said to wait, and are there after a reload without a network', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  // The worker keeps the app from the second visit on.
  await ana.tab('/')
  const page = await ana.tab('/')
  await newDashboard(page)
  await addWidget(page, 'Table')
  await saved(page)
  await keptForOffline(page)
  await page.reload()
  await saved(page)
  await ana.offline()
  const cell = await seen(page.getByRole('textbox', { name: 'Name, row 1' }))
  await cell.fill('Typed and not left')
  await waits(page, '1 change kept')
  await page.reload()
  await seen(page.locator('input.cell'))
  await see(page, 'the cell', () =>
    [...document.querySelectorAll('input.cell')].some(({ value }) => value === 'Typed and not left'),
  )

  await choose(page, 'Table', 'Rename')
  await page.getByRole('textbox', { name: 'Title of the widget' }).pressSequentially('Hosts')
  await waits(page, '2 changes kept')
  await page.reload()
  await shows(page, 'Hosts')
  assert.ok((await titles(page)).includes('Hosts'))
})
