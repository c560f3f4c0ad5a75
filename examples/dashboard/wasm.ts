// The WebAssembly of Automerge as the app ships it: without the names of its functions, and asked for by the page at once.
//
// Always true: what runs is byte for byte what the package has. Only sections that no engine looks at are left out: the names are
// a fifth of the file, and would be read by nobody but in the trace of a crash inside of it.

import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

/** Puts every `*.wasm?url` of a build into it without names. */
export function slimWasm(): Plugin {
  return {
    name: 'dovetail-slim-wasm',
    apply: 'build',
    enforce: 'pre',
    load: {
      filter: { id: /\.wasm\?url$/ },
      async handler(id) {
        const bytes = withoutNames(await readFile(id.replace(/\?url$/, '')))
        const reference = this.emitFile({ type: 'asset', name: 'automerge.wasm', source: bytes })
        return `export default import.meta.ROLLUP_FILE_URL_${reference}`
      },
    },
  }
}

/** Puts a preload for the WebAssembly into the page: it is the largest file, and needed first. */
export function preloadWasm(): Plugin {
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

/** The magic word and the version, in bytes. */
const HEAD_BYTES = 8

/** What tools write for tools. `target_features` stays: it is small, and engines may come to look at it. */
const LEFT_OUT: ReadonlySet<string> = new Set(['name', 'producers'])

/** A module without the sections that only tools read. Throws when it is no module. */
export function withoutNames(module: Uint8Array): Uint8Array {
  const kept = [module.subarray(0, HEAD_BYTES)]
  let at = HEAD_BYTES
  while (at < module.length) {
    const size = number(module, at + 1)
    const end = size.end + size.value
    if (end > module.length) throw new Error('This WebAssembly breaks off')
    if (module[at] !== 0 || !LEFT_OUT.has(nameAt(module, size.end))) kept.push(module.subarray(at, end))
    at = end
  }
  return Buffer.concat(kept)
}

/** The name of a custom section. */
function nameAt(module: Uint8Array, at: number): string {
  const length = number(module, at)
  return new TextDecoder().decode(module.subarray(length.end, length.end + length.value))
}

/** A number in LEB128, as WebAssembly writes sizes. */
function number(module: Uint8Array, from: number): { readonly value: number; readonly end: number } {
  let value = 0
  for (let at = from, shift = 0; shift < 35; at++, shift += 7) {
    const byte = module[at]
    if (byte === undefined) break
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return { value, end: at + 1 }
  }
  throw new Error('This is no WebAssembly')
}
