// @vitest-environment node
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { withoutNames } from '../wasm'

const path = createRequire(import.meta.url).resolve('@automerge/automerge/automerge.wasm')

describe('the WebAssembly that is shipped', () => {
  it('is the one of the package but for the names, which are a fifth of it', async () => {
    const whole = await readFile(path)
    const slim = withoutNames(whole)
    expect(slim.length).toBeLessThan(whole.length * 0.85)
    const [before, after] = await Promise.all([
      WebAssembly.compile(whole),
      WebAssembly.compile(Buffer.from(slim)),
    ])
    expect(WebAssembly.Module.exports(after)).toEqual(WebAssembly.Module.exports(before))
    expect(WebAssembly.Module.imports(after)).toEqual(WebAssembly.Module.imports(before))
    expect(WebAssembly.Module.customSections(before, 'name')).toHaveLength(1)
    expect(WebAssembly.Module.customSections(after, 'name')).toHaveLength(0)
    expect(WebAssembly.Module.customSections(after, 'target_features')).toHaveLength(1)
    expect(Buffer.from(withoutNames(slim)).equals(slim)).toBe(true)
  })

  it('is not made of what breaks off', async () => {
    const whole = await readFile(path)
    expect(() => withoutNames(whole.subarray(0, whole.length - 1))).toThrow('breaks off')
  })
})
