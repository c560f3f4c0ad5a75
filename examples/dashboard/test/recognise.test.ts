// @vitest-environment node
import { describe, expect, it } from 'vitest'
import { badSize, BYTES_MAX, recognise } from '../src/files/recognise'

const bytes = (text: string) => new TextEncoder().encode(text)
const json = (value: unknown) => bytes(JSON.stringify(value))

describe('what a file is', () => {
  it('knows our own JSON, without what belongs to the server', () => {
    const value = { kind: 'dashboard', title: 'Hosts', widgets: {}, _dovetail: { versions: {} } }
    expect(recognise(json(value))).toEqual({
      as: 'dashboard',
      value: { kind: 'dashboard', title: 'Hosts', widgets: {} },
      title: 'Hosts',
      carried: new Map(),
    })
  })

  it('knows Automerge by its first bytes', () => {
    const file = new Uint8Array([0x85, 0x6f, 0x4a, 0x83, 1, 2])
    expect(recognise(file)).toEqual({ as: 'automerge', bytes: file })
  })

  it.each([
    ['panels', { title: 'Node', panels: [] }],
    ['rows, as it was long ago', { title: 'Node', rows: [] }],
    ['in the envelope of its interface', { dashboard: { title: 'Node', panels: [] }, meta: {} }],
  ])('knows Grafana: %s', (_, value) => {
    expect(recognise(json(value))).toEqual({ as: 'grafana', value, title: 'Node' })
  })

  it('reads a mark of the byte order over', () => {
    expect(recognise(bytes('\uFEFF{"panels": []}'))).toMatchObject({ as: 'grafana' })
  })

  it.each([
    ['nothing', new Uint8Array(), 'empty'],
    ['blanks', bytes(' \n'), 'nothing in this file'],
    ['a picture', new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13]), 'a picture'],
    ['a ZIP archive', new Uint8Array([0x50, 0x4b, 3, 4]), 'ZIP'],
    ['a web page', bytes('<!doctype html><p>'), 'web page'],
    ['other bytes', new Uint8Array([0xc3, 0x28, 0]), 'neither JSON nor'],
    ['a text', bytes('Dear Ana'), 'no JSON'],
    ['JSON that breaks off', bytes('{"panels": ['), 'breaks off'],
    ['a list', bytes('[1]'), 'a list'],
    ['a number', bytes('1'), 'a single value'],
    ['some other JSON', json({ name: 'x' }), 'no widgets and no panels'],
    ['a dashboard whose widgets are none', json({ kind: 'dashboard', widgets: [] }), 'no widgets'],
    ['what a widget shows', json({ kind: 'widget-data' }), 'a single widget'],
    ['the newer form of Grafana', json({ elements: {}, layout: {} }), 'schema v2'],
    [
      'the newer form in its envelope',
      json({ kind: 'Dashboard', spec: { elements: {}, layout: {} } }),
      'schema v2',
    ],
  ])('says so of %s', (_, file, words) => {
    const found = recognise(file)
    expect(found.as).toBe('nothing')
    expect(found).toHaveProperty('why', expect.stringContaining(words))
  })

  it('looks at the size before reading', () => {
    expect(badSize(0)).toContain('empty')
    expect(badSize(BYTES_MAX)).toBeUndefined()
    expect(badSize(BYTES_MAX + 1)).toContain('17 MiB')
  })
})
