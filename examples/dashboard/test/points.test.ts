import { expect, test } from 'vitest'
import { movedCaret } from '../src/widgets/caret'
import { itemsOf } from '../src/widgets/Checklist'
import { agoText, timeText, valueText } from '../src/widgets/format'
import { barsOf, cellText, cellValue, inTime, parseCsv, reduced, seriesInWords } from '../src/widgets/points'
import { sparkline } from '../src/widgets/Stat'
import { rangeOf } from '../src/widgets/TimeSeries'
import { readNumber } from '../src/editor/readNumber'
import { feedLine } from '../src/editor/DataSection'

const point = (t: number, v: number | null) => ({ t, v })

test('points that merging brought out of order are drawn in order, the last of equal times', () => {
  const ordered = [point(1, 1), point(2, 2)]
  expect(inTime(ordered)).toBe(ordered)
  expect(inTime([point(3, 3), point(1, 1), point(3, 4), point(2, null)])).toEqual([
    point(1, 1),
    point(2, null),
    point(3, 4),
  ])
})

test('many points are one value', () => {
  const points = [point(1, 4), point(2, -2), point(3, 10), point(4, null)]
  const values = [
    'lastNotNull',
    'last',
    'mean',
    'min',
    'max',
    'sum',
    'count',
    'range',
    'diff',
    'firstNotNull',
  ]
  expect(values.map((name) => reduced(points, name))).toEqual([10, null, 4, -2, 10, 12, 4, 12, 6, 4])
  expect(reduced([], 'mean')).toBeNull()
  expect(reduced([], 'count')).toBe(0)
})

test('numbers fit a tile, with their unit', () => {
  const text = (value: number | null, unit: string, decimals?: number) => valueText(value, { unit, decimals })
  expect(text(1536, 'bytes')).toBe('1.5 KiB')
  expect(text(0.256, 'percentunit')).toBe('25.6 %')
  expect(text(0.0042, 's')).toBe('4.2 ms')
  expect(text(7260, 's')).toBe('2.02 h')
  expect(text(-12_481, 'short')).toBe('-12.5 K')
  expect(text(3, 'apples')).toBe('3 apples')
  expect(text(2, '', 2)).toBe('2.00')
  expect(text(0, 'bytes')).toBe('0 B')
  expect(text(null, 'bytes')).toBe('–')
})

test('times are said as people say them', () => {
  const now = new Date(2026, 10, 23, 14, 5, 0).getTime()
  expect(timeText(now - 60_000, now)).toBe('14:04:00')
  expect(timeText(now - 86_400_000, now)).toContain('Nov 22')
  expect(agoText(now - 20_000, now)).toBe('just now')
  expect(agoText(now - 26 * 3_600_000, now)).toBe('yesterday')
  expect(agoText(now - 5 * 86_400_000, now)).toBe('5 days ago')
})

test('a line is told in words', () => {
  const words = seriesInWords(
    'CPU',
    [point(1, 5), point(2, 7)],
    (v) => `${v ?? '–'} %`,
    (t) => `${t} o’clock`,
  )
  expect(words).toBe(
    'CPU: line chart of 2 points from 1 o’clock to 2 o’clock. Last 7 %, lowest 5 %, highest 7 %.',
  )
  expect(seriesInWords('CPU', [], String, String)).toBe('CPU: no points yet')
})

test('a table becomes bars by its first column of numbers', () => {
  expect(
    barsOf(
      ['host', 'zone', 'load'],
      [
        ['web', 'a', 3],
        ['db', 'b', '4.5'],
        ['idle', 'c', null],
        [null, 'd', 1],
      ],
    ),
  ).toEqual([
    { label: 'web', value: 3 },
    { label: 'db', value: 4.5 },
    { label: 'Row 4', value: 1 },
  ])
  expect(barsOf(['host'], [['web']])).toEqual([])
})

test('what is typed into a cell is a number only when it is written back the same', () => {
  expect(['42', '-1.5', '007', '1e3', '', ' ', 'web'].map(cellValue)).toEqual([
    42,
    -1.5,
    '007',
    '1e3',
    null,
    null,
    'web',
  ])
  expect([null, 7, true, 'x', { a: 1 }].map(cellText)).toEqual(['', '7', 'true', 'x', '{"a":1}'])
})

test('tables are pasted from spreadsheets and as CSV', () => {
  expect(parseCsv('a\tb\n1\t2\n')).toEqual([
    ['a', 'b'],
    ['1', '2'],
  ])
  expect(parseCsv('name,says\r\n"Bo, the 2nd","she said ""hi""\nand left"\r\n\r\n')).toEqual([
    ['name', 'says'],
    ['Bo, the 2nd', 'she said "hi"\nand left'],
  ])
  expect(parseCsv('a;b,c\n1;2')).toEqual([
    ['a', 'b,c'],
    ['1', '2'],
  ])
  expect(parseCsv('')).toEqual([])
})

test('a number may be typed with a comma, and is nothing while it is half typed', () => {
  expect(['1,5', ' 3 ', '-', '', '1.2.3'].map((typed) => readNumber(typed))).toEqual([
    1.5,
    3,
    undefined,
    undefined,
    undefined,
  ])
  expect(readNumber('11', 0, 10)).toBeUndefined()
})

test('the caret stays with its letter when others write', () => {
  expect(movedCaret('hello world', 'oh hello world', 5)).toBe(8)
  expect(movedCaret('hello world', 'hello wide world', 3)).toBe(3)
  expect(movedCaret('hello world', 'hello', 11)).toBe(5)
  expect(movedCaret('abc', 'abc', 2)).toBe(2)
})

test('a checklist is in the order in which it was written', () => {
  const items = {
    b: { text: 'second', done: true, at: 2 },
    a: { text: 'first', done: false, at: 1 },
    odd: 7,
  }
  expect(itemsOf({ items }).map(({ text, done }) => [text, done])).toEqual([
    ['', false],
    ['first', false],
    ['second', true],
  ])
  expect(itemsOf({ items: 'no' })).toEqual([])
})

test('the line for a shell never has the token in it', () => {
  expect(feedLine('https://example.org', '4NMN', false)).toBe(
    `curl https://example.org/api/docs/4NMN/points \\\n  -H 'content-type: application/json' \\\n  -d '{"v": 42}'`,
  )
  expect(feedLine('https://example.org', '4NMN', true)).toContain('Bearer $DOVETAIL_TOKEN')
})

test('CL247 whatever numbers and times a document has, there is something to read and to draw', () => {
  const look = { unit: '', decimals: undefined }
  expect(timeText(9e15, 0)).toBe('no date')
  expect(agoText(-9e15, 0)).toBe('no date')
  for (const value of [1.7e308, -1.7e308, 1e300 * 1e300]) {
    expect(valueText(value, look).length).toBeLessThan(12)
    expect(valueText(value, { unit: 'bytes', decimals: 20 }).length).toBeLessThan(14)
  }
  expect(valueText(999_999_999_999_999, look)).toBe('999,999,999,999,999')
  expect(sparkline([point(1, -1.7e308), point(2, 1.7e308)])).toBe('0.00,38.00 100.00,4.00')
  expect(sparkline([point(1, 1)])).toBeUndefined()
  const { min, max } = { min: undefined, max: undefined }
  expect(rangeOf({ min, max }, -1.7e308, 1.7e308).every(Number.isFinite)).toBe(true)
})
