// What others get of the packages, and what the guide says of them.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { BOUNDS } from '../src/config'

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8')

/** Where an entry leads, by condition. */
type Target = string | { readonly [condition: string]: Target }

interface Manifest {
  readonly exports: { readonly [path: string]: Target }
  readonly files: readonly string[]
}

/** The files that an entry may lead to, but for what only this repository asks for. */
function reached(target: Target): string[] {
  if (typeof target === 'string') return [target]
  return Object.entries(target).flatMap(([condition, next]) =>
    condition === 'dovetail-source' ? [] : reached(next),
  )
}

test.each(['../package.json', '../../react/package.json'])(
  'CL216 what %s leads to is in its archive',
  (path) => {
    const { exports, files } = JSON.parse(read(path)) as Manifest
    const all = Object.values(exports).flatMap(reached)
    expect(all.length).toBeGreaterThan(0)
    for (const target of all)
      expect(
        files.some((folder) => target.startsWith(`./${folder}`)),
        target,
      ).toBe(true)
  },
)

test('CL217 the guide has every setting with what holds by itself and its bounds', () => {
  const rows = [
    ...read('../../../../docs/SDK-WEB.md').matchAll(/^\| `(\w+\.\w+)` \| (\d+) \| (\d+) to (\d+) \|/gm),
  ]
  const told = rows.map(([, name, ...numbers]) => [name, numbers.map(Number)])
  const settings = Object.entries(BOUNDS).flatMap(([group, bounds]) =>
    Object.entries(bounds).map(([name, bound]) => [`${group}.${name}`, [...bound]]),
  )
  expect(told).toEqual(settings)
})
