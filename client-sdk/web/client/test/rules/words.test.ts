// RU2, RU6, RU9: paths, canonical JSON, ids and messages are the same in every implementation.

import { describe, expect, it } from 'vitest'
import { Automerge, Counter, ImmutableString } from '../../src/automerge'
import { conflictId, fingerprintOf } from '../../src/rules/identity'
import { bounded, canonical, toJson } from '../../src/rules/json'
import { parseTemplate, render, type Items, type Words } from '../../src/rules/message'
import { byAge } from '../../src/rules/operation'
import { BadText, parsePath, pathToText } from '../../src/rules/path'
import { itemSubject } from '../../src/rules/subject'
import { byBytes, byTexts, bytesOf, cutToBytes, lineOf } from '../../src/rules/text'

/** Where a text goes wrong. */
function faultOf(read: () => unknown): number | undefined {
  try {
    read()
    return undefined
  } catch (error) {
    if (error instanceof BadText) return error.at
    throw error
  }
}

describe('texts', () => {
  it('are ordered by their bytes, not by the units of JavaScript', () => {
    const ordered = ['', 'a', 'ab', 'é', '\ud7ff', '\ue000', '\uffff', '𐀀', '𝄞', '\u{10ffff}']
    for (const [at, one] of ordered.entries()) {
      for (const [n, other] of ordered.entries()) {
        expect(Math.sign(byBytes(one, other))).toBe(Math.sign(at - n))
        expect(Math.sign(Buffer.compare(Buffer.from(one), Buffer.from(other)))).toBe(Math.sign(at - n))
      }
    }
    expect(byTexts(['a'], ['a', ''])).toBeLessThan(0)
    expect(byTexts(['b'], ['a', 'z'])).toBeGreaterThan(0)
  })

  it('are cut between code points', () => {
    expect(cutToBytes('aé𝄞', 7)).toBe('aé𝄞')
    expect(cutToBytes('aé𝄞', 6)).toBe('aé')
    expect(cutToBytes('aé𝄞', 2)).toBe('a')
    expect(cutToBytes('\ufeffa', 3)).toBe('\ufeff')
    expect(lineOf(Buffer.from('a\nb𝄞'), 5)).toBe('a b')
  })

  it('name operations by their age: the counter first, then the actor', () => {
    const ids = ['10@aa', '9@ff', '10@0aff', '_root', '10@aa01']
    expect([...ids].sort(byAge)).toEqual(['_root', '9@ff', '10@0aff', '10@aa', '10@aa01'])
  })
})

describe('canonical JSON', () => {
  it('is one form', () => {
    const value = { b: [1.0, 2, null, true], a: { ü: '\u0001\b"\\/\u2028', '\uffff': -0, '𝄞': 1e21 } }
    expect(canonical(value)).toBe(
      '{"a":{"ü":"\\u0001\\b\\"\\\\/\u2028","\uffff":0,"𝄞":1e+21},"b":[1,2,null,true]}',
    )
  })

  it('makes the ids and fingerprints that are pinned in the core', () => {
    const id = conflictId('6gMHXjsZ5cxdn4qSbgGYYY8CnKK', 'widgets-apart', ['a', 'b'])
    expect(id).toBe('8n7Yq1xf5Fynd1hGTXvYZD')
    expect(fingerprintOf(id, ['{"h":1}', '1'])).toBe('RSnRx2RtrK7RfVryiPJoYk')
    expect(fingerprintOf(id, ['1', '{"h":1}'])).toBe('RSnRx2RtrK7RfVryiPJoYk')
  })

  it('says of what is too much that it is the same', () => {
    const text = 'x'.repeat(4_097)
    expect(bounded(new ImmutableString(text.slice(1)), () => '')).toBe(text.slice(1))
    expect(bounded(text, () => '')).toEqual({ $text: expect.stringMatching(/^\w{20,22}$/) as unknown })
    const items = Array.from({ length: 256 }, (_, n) => n)
    expect(bounded(items, () => 'op')).toEqual(items)
    expect(bounded([...items, 1], () => 'op')).toEqual({ $large: 'op' })
    // A text that people type in is a value, and so is what it says.
    expect(bounded([...items.slice(0, 255), 'typed'], () => 'op')).toEqual({ $large: 'op' })
    expect(toJson({ bytes: new Uint8Array([1, 2, 255]), at: new Date(5), not: Number.NaN, big: 5n })).toEqual(
      {
        bytes: { $bytes: 'AQL/' },
        at: 5,
        not: null,
        big: 5,
      },
    )
  })
})

describe('paths', () => {
  it.each([
    ['widgets.*.layout', 'widgets.*.layout'],
    ['$.widgets.*.options.threshold', 'widgets.*.options.threshold'],
    ['$["a.b"].c', '["a.b"].c'],
    ['["plain"][*]["q\\"uote"]', 'plain.*["q\\"uote"]'],
    ['größe.data-source_2', 'größe.data-source_2'],
    ['*', '*'],
    ['[""]', '[""]'],
  ])('%s is read', (text, plain) => {
    expect(pathToText(parsePath(text))).toBe(plain)
    expect(parsePath(plain)).toEqual(parsePath(text))
  })

  it.each([
    ['', 1],
    ['a..b', 3],
    ['a.b.', 5],
    ['widgets. *', 9],
    ['a[0]', 3],
    ['a["b', 5],
    ['a["b"', 6],
    ['a["\\q"]', 3],
    ['a["\\', 6],
    ['$', 2],
    ['$a', 2],
    ['a b', 2],
    ['*.*.*', 6],
    ['a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q', 34],
    ['a'.repeat(2_000), 1],
  ])('%s is refused with its place', (text, at) => {
    expect(faultOf(() => parsePath(text))).toBe(at)
  })

  it('lead to subjects that stay', () => {
    expect(itemSubject(['a/b', '~c'])).toBe('a~1b/~0c')
    expect(itemSubject(['ä'.repeat(128)])).toBe('ä'.repeat(128))
    expect(itemSubject(['ä'.repeat(129)])).toMatch(/^#\w{20,22}$/)
  })
})

describe('messages', () => {
  const fields: Readonly<Record<string, string | number>> = {
    'a/title': 'CPU',
    'a/o/a b': 1,
    'b/title': ' ',
    'b/long': 'x\n'.repeat(500),
  }
  const words: Words<string> = {
    field: (side, field) => fields[`${side}${field}`],
    key: (side) => (side === 'a' ? 'aaa' : 'bbb'),
    found: 5,
    limit: undefined,
    values: [5, { b: 1, a: 2 }],
  }
  const said = (template: string, items: Items = 2): string =>
    render(
      parseTemplate(template, items, (names) => `/${names.join('/')}`),
      words,
    )

  it('are filled in and cut', () => {
    expect(said('{a.title} and {b.title} {{share}}')).toBe('CPU and bbb {share}')
    expect(said('{a.o["a b"]}: {values} of {limit}, {found}')).toBe('1: 5, {"a":2,"b":1} of nothing, 5')
    expect(said('{b.nothing.here} {a.key}')).toBe('bbb aaa')
    expect(said('{b.long}')).toBe(`${'x '.repeat(40)}…`)
    const long = said('{b.long}'.repeat(60))
    expect(long.endsWith('…')).toBe(true)
    expect(bytesOf(long)).toBeLessThanOrEqual(2_003)
  })

  it.each<[string, Items, number]>([
    ['', 1, 1],
    ['{title', 1, 1],
    ['ok } no', 1, 4],
    ['x {a..b}', 2, 6],
    ['x {title}', 2, 4],
    ['{*}', 1, 2],
    ['{title}', 0, 2],
  ])('%s is refused with its place', (template, items, at) => {
    expect(faultOf(() => said(template, items))).toBe(at)
  })
})

describe('counters', () => {
  it.each([3, 2 ** 53 - 1, -(2 ** 53) + 1])(
    'CL234 are numbers to the rules however far they have come: %s',
    (far) => {
      const doc = Automerge.load<{ load: Counter }>(
        Automerge.save(Automerge.from({ load: new Counter(far) })),
      )
      expect(toJson(doc)).toEqual({ load: far })
    },
  )
})
