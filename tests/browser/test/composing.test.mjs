// Letters that are composed by an input method: nothing that others do, and no key of it, gets in their way.

import assert from 'node:assert/strict'
import test from 'node:test'
import { addWidget, choose, newDashboard, saved, shows } from '../app.mjs'
import { see, seen, world } from '../world.mjs'

const note = (page) => page.getByRole('textbox', { name: 'Write Note' })

const reads = (page, text) =>
  see(page, text, (wanted) => document.querySelector('textarea')?.value === wanted, text)

/** An input method in a tab, as Chromium is told of one. */
async function inputMethod(page) {
  const browser = await page.context().newCDPSession(page)
  return {
    shows: (text) =>
      browser.send('Input.imeSetComposition', {
        text,
        selectionStart: text.length,
        selectionEnd: text.length,
      }),
    takes: (text) => browser.send('Input.insertText', { text }),
    press: (key) =>
      browser.send('Input.dispatchKeyEvent', {
        type: 'rawKeyDown',
        key,
        code: key,
        windowsVirtualKeyCode: 229,
      }),
  }
}

test('CL306 who composes letters in a note finds them whole, whatever others type there meanwhile', async (t) => {
  const here = await world(t)
  const [ana, bo] = [await here.person(), await here.person()]
  const anas = await ana.tab('/')
  const id = await newDashboard(anas)
  await addWidget(anas, 'Note')
  await anas.getByRole('button', { name: 'Write' }).click()
  await note(anas).fill('start ')
  await saved(anas)
  const bos = await bo.tab(`/d/${id}`)
  await shows(bos, 'Note')
  await bos.getByRole('button', { name: 'Write' }).click()
  await reads(bos, 'start ')

  await anas.bringToFront()
  await note(anas).press('Control+End')
  const method = await inputMethod(anas)
  await method.shows('か')
  await note(bos).press('Control+Home')
  await note(bos).pressSequentially('Bo: ')
  // What she composes is seen by him, and nothing of his is put under her fingers.
  await reads(bos, 'Bo: start か')
  await see(bos, 'saved', () => /^Saved/.test(document.querySelector('.dovetail-pill').textContent))
  await method.shows('かん')
  await note(bos).pressSequentially('hello ')
  await reads(bos, 'Bo: hello start かん')
  assert.equal(await note(anas).inputValue(), 'start かん')
  await method.shows('漢')
  await method.takes('漢')
  for (const page of [anas, bos]) await reads(page, 'Bo: hello start 漢')
  await note(anas).pressSequentially('!')
  for (const page of [anas, bos]) await reads(page, 'Bo: hello start 漢!')
  await saved(anas)
})

test('CL307 Enter and Escape belong to the input method for as long as letters are composed', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  await newDashboard(page)
  await addWidget(page, 'Table')
  const method = await inputMethod(page)
  const composed = async (field) => {
    await method.shows('かん')
    for (const key of ['Enter', 'Escape']) await method.press(key)
    assert.equal(await field.inputValue(), 'かん')
    assert.ok(await field.evaluate((each) => each === document.activeElement))
    await method.takes('漢')
    await field.press('Enter')
  }
  const cell = page.getByRole('textbox', { name: 'Name, row 1', exact: true })
  await cell.fill('')
  await composed(cell)
  assert.ok(
    await page
      .getByRole('textbox', { name: 'Name, row 2', exact: true })
      .evaluate((each) => each === document.activeElement),
  )
  assert.equal(await cell.inputValue(), '漢')
  const title = page.getByRole('textbox', { name: 'Title of the dashboard' })
  await title.click()
  await composed(title)
  assert.equal(await title.inputValue(), '漢')
  await choose(page, 'Table', 'Rename')
  await composed(page.getByRole('textbox', { name: 'Title of the widget' }))
  await shows(page, '漢')
  await addWidget(page, 'Checklist')
  const item = page.getByRole('textbox', { name: 'New item' })
  await item.click()
  await composed(item)
  await seen(page.getByRole('checkbox', { name: '漢' }))
  assert.equal(await item.inputValue(), '')
})

test('CL308 what was typed for a list and not added yet waits, and is on the list after a reload', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  await newDashboard(page)
  await addWidget(page, 'Checklist')
  await saved(page)
  const item = page.getByRole('textbox', { name: 'New item' })
  await item.fill('dropped')
  await seen(page.getByRole('button', { name: /^Saving 1 change/ }))
  await item.press('Escape')
  await saved(page)
  await item.fill('Call Bo')
  await seen(page.getByRole('button', { name: /^Saving 1 change/ }))
  await page.reload()
  await seen(page.getByRole('checkbox', { name: 'Call Bo' }))
  assert.equal(await page.getByRole('checkbox').count(), 1)
  assert.equal(await page.getByRole('textbox', { name: 'New item' }).inputValue(), '')
  await saved(page)
})

test('CL308 what was typed for a list and not added yet is on it when the list is removed and brought back', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  await newDashboard(page)
  await addWidget(page, 'Checklist')
  await saved(page)
  await page.getByRole('textbox', { name: 'New item' }).fill('Call Bo')
  await choose(page, 'Checklist', 'Remove')
  await page.getByRole('textbox', { name: 'New item' }).waitFor({ state: 'detached' })
  await page.keyboard.press('Control+z')
  await seen(page.getByRole('checkbox', { name: 'Call Bo' }))
  assert.equal(await page.getByRole('textbox', { name: 'New item' }).inputValue(), '')
  await saved(page)
})
