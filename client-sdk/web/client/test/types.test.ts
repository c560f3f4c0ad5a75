// What the core says is described once: in `src/generated/types.ts`, which is made of it.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const SOURCE = join(import.meta.dirname, '../src')

/** The names that a file declares, each with how its declaration begins. */
function declared(path: string): (readonly [name: string, beginning: string])[] {
  const found = readFileSync(path, 'utf8').matchAll(/^(?:export )?(?:type|interface) (\w+)([^;]{0,80})/gm)
  return [...found].map(([, name = '', beginning = '']) => [name, beginning])
}

/** What a name of the core is made of here, where it says more than the core does. */
const ON_TOP_OF: Readonly<Record<string, RegExp>> = {
  Conflict: /^ = Omit<Found, /,
  Undecided: /^ = Omit<UndecidedOnServer, /,
  Edit: /^ = Exclude<CoreEdit, /,
  NewWidget: /^ = CoreNewWidget & /,
  OwnMessage: /Said<'dovetail-ack'>/,
}

test('CL185 nothing that the core generates is described a second time', () => {
  const ofCore = new Set(declared(join(SOURCE, 'generated/types.ts')).map(([name]) => name))
  expect(ofCore.size).toBeGreaterThan(30)
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  const ours = files.filter((file) => file.endsWith('.ts') && !file.startsWith('generated'))
  const again = ours.flatMap((file) =>
    declared(join(SOURCE, file))
      .filter(([name, beginning]) => ofCore.has(name) && ON_TOP_OF[name]?.test(beginning) !== true)
      .map(([name]) => `${name} in ${file}`),
  )
  expect(again).toEqual([])
})
