// The caret in a text that others change.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { movedCaret } from '../src/widgets/caret'

/** A text with the caret in it, as `|`. */
const split = (marked: string) => ({ text: marked.replace('|', ''), caret: marked.indexOf('|') })

test.each([
  ['one| two', 'zero one| two'],
  ['one| two', 'one| and two'],
  ['one t|wo', 'zero one t|wo three'],
  ['Hello wor|ld', 'Oh, Hello wor|ld!'],
  ['the |same the same', 'So, the |same the same, too'],
  ['all of t|his goes', 'all we saw| goes'],
  ['|', '|a'],
])('CL271 from %s it goes to %s', (from, to) => {
  const [before, next] = [split(from), split(to)]
  expect(movedCaret(before.text, next.text, before.caret)).toBe(next.caret)
})

test('CL271 it stays behind its letter, wherever and however often others write and erase', () => {
  const letters = Array.from('abcdefghijklmnopqrst')
  const kept = fc.array(fc.boolean(), { minLength: letters.length, maxLength: letters.length })
  const added = fc.array(fc.nat(letters.length), { maxLength: 6 })
  fc.assert(
    fc.property(kept, added, fc.nat(letters.length - 1), (isKept, places, at) => {
      const next = letters.flatMap((letter, n) => [
        ...places.filter((place) => place === n).map(() => '–'),
        ...(isKept[n] || n === at ? [letter] : []),
      ])
      const behind = movedCaret(letters.join(''), next.join(''), at + 1)
      expect(next[behind - 1]).toBe(letters[at])
    }),
  )
})
