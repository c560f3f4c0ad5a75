// Builds the bare pages: our client without the app, and the stock client, each with nothing around it.
//
// Always true: they are built as the app is, by the same bundler for the same browsers, so that what differs is what is in them.

import { existsSync } from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const ROOT = fileURLToPath(new URL('page/', import.meta.url))

/** The stock packages, as the tests of the wire have them. */
const STOCK = fileURLToPath(new URL('../../web/peers/2.5.6/index.mjs', import.meta.url))
const STOCK_PACKAGES = fileURLToPath(new URL('../../web/node_modules', import.meta.url))

/** Whether the stock client can be measured beside ours. */
export const hasStock = () => existsSync(STOCK_PACKAGES)

/** The folder with the pages, and how to get rid of it. */
export async function buildPages() {
  const outDir = mkdtempSync(join(tmpdir(), 'dovetail-bench-pages-'))
  await build({
    root: ROOT,
    base: '/bench/',
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['dovetail-source', 'module', 'browser'], alias: { 'stock-client': STOCK } },
    build: {
      outDir,
      target: 'es2022',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: { input: [join(ROOT, 'own.html'), ...(hasStock() ? [join(ROOT, 'stock.html')] : [])] },
    },
  })
  return { folder: outDir, remove: () => rmSync(outDir, { recursive: true, force: true }) }
}
