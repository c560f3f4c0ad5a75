// Compresses what was built, as browsers take it: the server sends these files as they lie here.
//
// Always true: only what gets smaller by a tenth or more has compressed forms, and none of what is compressed already.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const DIST = fileURLToPath(new URL('dist/', import.meta.url))

/** Below it, a form of its own saves less than its head costs. */
const BYTES_LEAST = 1024

const WORTH_IT = /\.(html|js|css|svg|json|webmanifest|wasm|map|txt)$/

const forms = {
  br: (bytes) =>
    brotliCompressSync(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  gz: (bytes) => gzipSync(bytes, { level: 9 }),
}

for (const name of readdirSync(DIST, { recursive: true })) {
  if (!WORTH_IT.test(name)) continue
  const bytes = readFileSync(join(DIST, name))
  if (bytes.length < BYTES_LEAST) continue
  for (const [ending, compress] of Object.entries(forms)) {
    const smaller = compress(bytes)
    if (smaller.length < bytes.length * 0.9) writeFileSync(join(DIST, `${name}.${ending}`), smaller)
  }
}
