// The editor on a phone: everything of its bar is on the screen and can be read, whoever is here and whatever is wrong.

import assert from 'node:assert/strict'
import test from 'node:test'
import { says, shows, stat } from '../app.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

const TITLE = 'Night shift of the data centre'
const phone = (width, more = {}) => ({ viewport: { width, height: 780 }, hasTouch: true, ...more })

/** Where what is in the bar stands, and whether words of it are cut. */
const bar = (page) =>
  page.evaluate(() => {
    const box = (selector) => {
      const found = document.querySelector(selector)
      if (!found) return undefined
      const { left, right, top, bottom } = found.getBoundingClientRect()
      return { left, right, top, bottom }
    }
    const words = document.querySelector('.dovetail-pill > span')
    return {
      wide: document.documentElement.scrollWidth,
      boxes: {
        home: box('.editor-bar .home'),
        title: box('.editor-bar h1'),
        pill: box('.dovetail-pill'),
        // Nobody, where there is no connection.
        ...(box('.dovetail-people') && { people: box('.dovetail-people') }),
        menu: box('.editor-bar [aria-label="Menu"]'),
      },
      isCut: words.scrollWidth > words.clientWidth,
    }
  })

/** All of it is on a screen that is so wide, which does not move sideways. */
async function fits(page, width) {
  const seen = await bar(page)
  assert.equal(seen.wide, width)
  for (const [name, { left, right }] of Object.entries(seen.boxes)) {
    assert.ok(left >= 0 && right <= width, `${name} is on a screen of ${width} px: ${left} to ${right}`)
  }
  return seen
}

for (const width of [360, 390]) {
  test(`CL320 on a phone of ${width} px the bar shows pill, title, people and menu, with three others and a conflict`, async (t) => {
    const here = await world(t)
    const id = await here.server.dashboard({
      title: TITLE,
      widgets: { a: stat('CPU', { w: 8, h: 6 }), b: stat('RAM', { x: 4, y: 2, w: 8, h: 6 }, { order: 'W' }) },
    })
    const anas = await (await here.person(phone(width))).tab(`/d/${id}`)
    await shows(anas, 'CPU')
    for (let other = 0; other < 3; other++) {
      await shows(await (await here.person()).tab(`/d/${id}`), 'CPU')
    }
    await says(anas, /1 needs attention/)
    await see(anas, 'three others', () => document.querySelectorAll('.dovetail-avatar').length === 3)

    const { boxes, isCut } = await fits(anas, width)
    assert.equal(isCut, false, 'the words of the pill are whole')
    assert.ok(boxes.title.right - boxes.title.left > width / 2, 'the title has room')
    assert.ok(boxes.pill.right <= boxes.people.left || boxes.pill.bottom <= boxes.people.top)
    await looksFine(anas, `phone-bar-${width}`)

    await anas.getByRole('button', { name: 'Menu', exact: true }).click()
    await seen(anas.getByRole('menuitem', { name: 'Duplicate dashboard' }))
    assert.deepEqual(await anas.evaluate(() => [scrollX, document.documentElement.scrollWidth]), [0, width])
    await anas.keyboard.press('Escape')
    await anas.emulateMedia({ colorScheme: 'dark' })
    await looksFine(anas, `phone-bar-${width}-dark`)
    // Whatever the pill says, the page below it stays where it is.
    const before = await bar(anas)
    await anas.context().setOffline(true)
    await says(anas, /^Offline/)
    assert.equal((await bar(anas)).boxes.title.bottom, before.boxes.title.bottom)
    assert.equal((await bar(anas)).boxes.pill.bottom, before.boxes.pill.bottom)
    for (const wider of [641, 900]) {
      await anas.setViewportSize({ width: wider, height: 780 })
      await see(anas, `a screen of ${wider} px`, (px) => innerWidth === px, wider)
      await fits(anas, wider)
    }
  })
}
