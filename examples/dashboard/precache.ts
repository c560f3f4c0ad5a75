// Builds the service worker beside the app, with the list of the app's files in it.
//
// Edit path: ← the files that a build of the app wrote; → `sw.js` among them, one script without imports.
//
// Always true: the version of a build is a hash over its files, so that two builds of the same sources are the same build. What
// is compressed ahead of time is the same file in another form, and not listed.

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { build as viteBuild, type Plugin } from 'vite'
import type { Build, Kept } from './src/offline/plan'

/** The name of the worker, from the root: its place decides what it may answer for. */
export const WORKER = 'sw.js'

/** A plugin for vite: `plugins: [precache()]`. */
export function precache(): Plugin {
  let root = ''
  let outDir = ''
  return {
    name: 'dovetail-precache',
    apply: 'build',
    configResolved: (config) => {
      root = config.root
      outDir = resolve(config.root, config.build.outDir)
    },
    // Public files are there before what is built, so now everything is.
    writeBundle: {
      order: 'post',
      handler: async () => buildWorker(root, outDir, listed(await filesIn(outDir))),
    },
  }
}

/** A file as it was written. */
export interface Written {
  /** From the root of what was built, with `/`: `assets/main-3f2a.js`. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** Which of the files are kept, and by which revision. */
export function listed(files: readonly Written[]): Build {
  const kept = files
    .filter((file) => isKept(file.name))
    .map((file) => ({ file, entry: entryOf(file) }))
    .sort((one, other) => (one.entry.path < other.entry.path ? -1 : 1))
  const all = createHash('sha256')
  for (const { file, entry } of kept) all.update(`${entry.path} ${hashOf(file.bytes)}\n`)
  return { version: all.digest('hex').slice(0, VERSION_LENGTH), files: kept.map(({ entry }) => entry) }
}

/** Enough to tell builds apart. */
const VERSION_LENGTH = 16

function isKept(name: string): boolean {
  return (
    name !== WORKER &&
    !/\.(map|br|gz|zst)$/.test(name) &&
    !name.split('/').some((part) => part.startsWith('.'))
  )
}

function entryOf({ name, bytes }: Written): Kept {
  const path = name === 'index.html' ? '/' : `/${name}`
  return { path, revision: isNamedByContent(name) ? undefined : hashOf(bytes).slice(0, VERSION_LENGTH) }
}

/** Vite puts a hash of the content into the names of all that it puts into `assets`. */
function isNamedByContent(name: string): boolean {
  return /^assets\/.+-[\w-]{8}\.\w+$/.test(name)
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function filesIn(folder: string): Promise<readonly Written[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(
    paths.map(async (path) => ({
      name: relative(folder, path).split(sep).join('/'),
      bytes: await readFile(path),
    })),
  )
}

/** By a build of its own: as part of the app's, it would import files that the app shares with it. */
async function buildWorker(root: string, outDir: string, build: Build): Promise<void> {
  await viteBuild({
    root,
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    // What is not kept has no member in JSON; `plan.ts` reads that as no revision.
    define: { DOVETAIL_BUILD: JSON.stringify(build) },
    build: {
      outDir,
      emptyOutDir: false,
      target: 'es2022',
      lib: {
        entry: join(root, 'src/offline/sw.ts'),
        formats: ['iife'],
        name: 'dovetail',
        fileName: () => WORKER,
      },
    },
  })
}
