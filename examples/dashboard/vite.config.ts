// How the app is built: one page, files with their hash in the name, the WebAssembly of Automerge as a file of its own, which the
// page asks for before its scripts have run, and a service worker that knows all files of the build.
//
// Always true: nothing is inlined as a `data:` address or a style element, because the server's policy for the page forbids both.

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import react from '@vitejs/plugin-react'
import { build, defineConfig, type Plugin } from 'vite'
import type { Build, Kept } from './src/offline/plan'

const ROOT = import.meta.dirname

export default defineConfig({
  root: ROOT,
  plugins: [react(), preloadWasm(), serviceWorker()],
  // The packages of this workspace are taken as they are written, so that they need not be built first.
  resolve: { conditions: ['development', 'module', 'browser'] },
  server: { host: '127.0.0.1' },
  preview: { host: '127.0.0.1' },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    // The polyfill would be an inline script.
    modulePreload: { polyfill: false },
  },
})

/** Puts a preload for the WebAssembly into the page: it is the largest file, and needed first. */
function preloadWasm(): Plugin {
  return {
    name: 'dovetail-preload-wasm',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (_, { bundle }) =>
        Object.keys(bundle ?? {})
          .filter((name) => name.endsWith('.wasm'))
          .map((name) => ({
            tag: 'link',
            attrs: {
              rel: 'preload',
              as: 'fetch',
              href: `/${name}`,
              type: 'application/wasm',
              crossorigin: '',
            },
            injectTo: 'head',
          })),
    },
  }
}

/** Builds `sw.js` when all else is there, with the list of what is there. */
function serviceWorker(): Plugin {
  let folder = ''
  return {
    name: 'dovetail-service-worker',
    apply: 'build',
    configResolved: (config) => {
      folder = join(config.root, config.build.outDir)
    },
    closeBundle: {
      sequential: true,
      order: 'post',
      handler: async () => {
        await build({
          configFile: false,
          root: ROOT,
          publicDir: false,
          logLevel: 'warn',
          define: { DOVETAIL_BUILD: JSON.stringify(await builtFiles(folder)) },
          build: {
            outDir: folder,
            emptyOutDir: false,
            target: 'es2022',
            lib: {
              entry: join(ROOT, 'src/offline/sw.ts'),
              formats: ['iife'],
              name: 'worker',
              fileName: () => 'sw.js',
            },
          },
        })
      },
    },
  }
}

/** What the service worker keeps: all of the build but itself. The page is known by its address. */
async function builtFiles(folder: string): Promise<Build> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((name) => name !== 'sw.js' && !/\.(map|br|gz)$/.test(name))
    .sort()
  const files = await Promise.all(
    names.map(async (name): Promise<Kept> => {
      const content = await readFile(join(folder, name))
      const revision = name.startsWith('assets/') ? undefined : hashOf(content)
      return { path: name === 'index.html' ? '/' : `/${name}`, revision }
    }),
  )
  return { version: hashOf(JSON.stringify(files)), files }
}

function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16)
}
