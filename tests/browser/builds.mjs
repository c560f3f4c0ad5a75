// Another build of the app, as a later version would be: made by the app's own configuration, of sources that differ in one line.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const APP = fileURLToPath(new URL('../../examples/dashboard/', import.meta.url))

/** Builds it into a folder that is gone when the test ends. Pages of it say `window.build === name`. */
export async function anotherBuild(t, name) {
  const outDir = mkdtempSync(join(tmpdir(), 'dovetail-build-'))
  t.after(() => rmSync(outDir, { recursive: true, force: true }))
  await build({
    root: APP,
    configFile: join(APP, 'vite.config.ts'),
    logLevel: 'error',
    build: { outDir, emptyOutDir: true, reportCompressedSize: false },
    plugins: [
      {
        name: 'another-build',
        transform: (code, id) =>
          id.endsWith('/src/app/App.tsx')
            ? `${code}\nglobalThis.build = ${JSON.stringify(name)}\n`
            : undefined,
      },
    ],
  })
  return outDir
}
