// @vitest-environment node
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listed, precache } from '../precache'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('the list of what is kept', () => {
  const files = [
    { name: 'index.html', bytes: bytes('<p>') },
    { name: 'theme.js', bytes: bytes('x') },
    { name: 'assets/main-3f2a_-B1.js', bytes: bytes('main') },
    { name: 'assets/main-3f2a_-B1.js.br', bytes: bytes('compressed') },
    { name: 'assets/main-3f2a_-B1.js.map', bytes: bytes('map') },
    { name: '.vite/manifest.json', bytes: bytes('{}') },
    { name: 'sw.js', bytes: bytes('before') },
  ]

  it('has each file once, the page under its address, and a revision where the name has none', () => {
    const { files: kept } = listed(files)
    expect(kept.map(({ path, revision }) => [path, typeof revision])).toEqual([
      ['/', 'string'],
      ['/assets/main-3f2a_-B1.js', 'undefined'],
      ['/theme.js', 'string'],
    ])
  })

  it('is another version when any file is another, and the same when none is', () => {
    const { version } = listed(files)
    expect(listed([...files].reverse()).version).toBe(version)
    const changed = files.map((file) => (file.name === 'theme.js' ? { ...file, bytes: bytes('y') } : file))
    expect(listed(changed).version).not.toBe(version)
    expect(listed(files.filter((file) => file.name !== 'sw.js')).version).toBe(version)
  })
})

describe('the plugin', () => {
  let root = ''

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'precache-'))
    await mkdir(join(root, 'src/offline'), { recursive: true })
    await mkdir(join(root, 'public'))
    await writeFile(join(root, 'public/theme.js'), 'theme()')
    await writeFile(join(root, 'index.html'), '<script type="module" src="/src/main.ts"></script>')
    await writeFile(join(root, 'src/main.ts'), 'document.title = "x"')
    await writeFile(join(root, 'src/offline/sw.ts'), 'globalThis.build = DOVETAIL_BUILD')
    await build({ root, configFile: false, logLevel: 'silent', plugins: [precache()] })
  })

  afterAll(() => rm(root, { recursive: true }))

  it('writes a worker that knows the files of its build and imports nothing', async () => {
    const worker = await readFile(join(root, 'dist/sw.js'), 'utf8')
    expect(worker).toMatch(/\/assets\/index-[\w-]{8}\.js/)
    expect(worker).toContain('/theme.js')
    expect(worker).not.toMatch(/\bimport\b|DOVETAIL_BUILD/)
    expect(await readFile(join(root, 'dist/index.html'), 'utf8')).toContain('/assets/')
  })
})
