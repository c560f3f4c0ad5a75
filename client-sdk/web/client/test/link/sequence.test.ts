// Bodies of several frames.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { cbor } from '../../src/automerge'
import { BrokenSequence, cut, joined } from '../../src/link/sequence'

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const hex = (frame: Uint8Array) => Buffer.from(frame).toString('hex')

it('CL27 cuts a body where each item ends', () => {
  const items = [
    '00',
    '1903e8', // a number of two bytes
    '1a000f4240',
    '1b000000e8d4a51000',
    '20', // a negative one
    '43010203', // bytes
    '63666f6f', // a text
    '80',
    '83010203', // a list
    '9f0102ff', // one without a length
    'a1616101', // a map
    'b900016161a1616201', // one with the length that JavaScript writes
    'bf616101ff',
    '5f42010243030405ff', // bytes in pieces
    'd84043010203', // tagged bytes
    'f6',
    'f93c00',
    'fb3ff0000000000000',
  ]
  expect(cut(bytes(items.join(''))).map(hex)).toEqual(items)
  expect(cut(new Uint8Array())).toEqual([])
})

it('CL27 refuses what is not whole items', () => {
  for (const broken of [
    '43 0102',
    '83 0102',
    'a1 6161',
    '9f 01',
    '19 03',
    '1c',
    'ff',
    'd8',
    'bb ffffffffffffffff 00',
    '9f'.repeat(10_000),
    'c0'.repeat(10_000),
  ])
    expect(() => cut(bytes(broken)), broken.slice(0, 30)).toThrow(BrokenSequence)
})

it('CL27 gives back what was put together', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (values) => {
      const frames = values.map((value) => cbor.encode({ value }))
      expect(cut(joined(frames)).map(hex)).toEqual(frames.map(hex))
    }),
  )
})
