// Where two texts differ, and one difference brought into another text.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rebased, stretch } from '../../src/document/stretch'

/** Few letters, so that many texts have much in common; some of two code units that begin alike. */
const texts = fc
  .array(fc.constantFrom('a', 'b', '😀', '😁', '𠀀'), { maxLength: 8 })
  .map((all) => all.join(''))

const isWhole = (text: string) => !/\p{Surrogate}/u.test(text)

test('CL271 a stretch makes the one text of the other, and takes no letter apart', () => {
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      const { start, end, put } = stretch(before, after)
      expect(before.slice(0, start) + put + before.slice(end)).toBe(after)
      expect([before.slice(0, start), before.slice(start, end), put].every(isWhole)).toBe(true)
    }),
  )
})

test('CL271 what was typed is brought into a text that others changed', () => {
  expect(rebased('one two', 'one and two', 'one two three')).toBe('one and two three')
  expect(rebased('one two', 'one two!', 'zero one two')).toBe('zero one two!')
  expect(rebased('one two', 'one', 'one two three')).toBe('one three')
  fc.assert(
    fc.property(texts, texts, (base, other) => {
      expect(rebased(base, other, base)).toBe(other)
      expect(rebased(base, base, other)).toBe(other)
    }),
  )
  fc.assert(
    fc.property(texts, texts, texts, (base, typed, now) => {
      expect(isWhole(rebased(base, typed, now))).toBe(true)
    }),
  )
})
