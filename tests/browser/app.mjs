// The app as people meet it: by the names of its buttons and what stands on the page.

import { see, seen } from './world.mjs'

/** A new dashboard from the list; gives its id. */
export async function newDashboard(page) {
  await page.getByRole('button', { name: 'New dashboard' }).first().click()
  await page.waitForURL(/\/d\/\w+$/)
  return idOf(page)
}

export const idOf = (page) => /\/d\/(\w+)/.exec(page.url())?.[1]

export async function addWidget(page, kind) {
  await page.getByRole('button', { name: 'Add widget' }).first().click()
  const dialog = page.getByRole('dialog', { name: 'Add widget' })
  await dialog.getByRole('button', { name: new RegExp(`^${kind}`) }).click()
  return seen(widget(page, kind))
}

export const widget = (page, title) => page.getByRole('region', { name: title, exact: true })

export async function choose(page, title, action) {
  await page.getByRole('button', { name: `Menu of ${title}` }).click()
  await page.getByRole('menuitem', { name: action }).click()
}

export async function rename(page, title, next) {
  await choose(page, title, 'Rename')
  const field = page.locator('input:focus, textarea:focus')
  await field.fill(next)
  await field.press('Enter')
  await seen(widget(page, next))
}

export async function callDashboard(page, title) {
  await page.getByRole('textbox', { name: 'Title of the dashboard' }).fill(title)
}

/** Waits until the pill says this. */
export function says(page, words) {
  return seen(page.getByRole('banner').getByRole('button', { name: words }))
}

export const saved = (page) => says(page, /^Saved/)

/** Waits until the dashboard is called so. */
export async function called(page, title) {
  await see(
    page,
    `the title ${title}`,
    (wanted) => document.querySelector('h1 input, h1 textarea')?.value === wanted,
    title,
  )
}

/** The titles of all widgets that are on the page. */
export const titles = (page) =>
  page
    .getByRole('main')
    .getByRole('region')
    .evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')))

/** Waits until there is a widget of this title, also on a page that is not in front. */
export async function shows(page, title) {
  await see(
    page,
    `the widget ${title}`,
    (wanted) =>
      [...document.querySelectorAll('main [aria-label]')].some(
        (one) => one.getAttribute('aria-label') === wanted,
      ),
    title,
  )
}

export async function showsNo(page, title) {
  await see(
    page,
    `the end of the widget ${title}`,
    (gone) =>
      ![...document.querySelectorAll('main [aria-label]')].some(
        (one) => one.getAttribute('aria-label') === gone,
      ),
    title,
  )
}

/** A widget as HTTP takes it. */
export const stat = (title, layout, more = {}) => ({
  kind: 'stat',
  title,
  order: 'V',
  layout: { x: 0, y: 0, w: 6, h: 4, ...layout },
  options: {},
  ...more,
})

/** Waits until the worker keeps the whole app, so that it starts without a network. */
export async function keptForOffline(page) {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
}
