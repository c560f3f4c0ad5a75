import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Edit } from '@dovetail/client'
import { createKeyMoves, layoutEdits } from '../src/editor/keyMoves'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const CPU = { id: 'cpu', title: 'CPU', place: { x: 6, y: 4, w: 5, h: 3 }, columns: 12 }

function world() {
  const log: string[] = []
  const said: string[] = []
  const failed: unknown[] = []
  let shown: readonly Edit[] = []
  const moves = createKeyMoves(
    {
      gesture: (label) => {
        log.push(`begin ${label}`)
        return {
          show: (edits) => {
            shown = edits
          },
          commit: () => log.push('commit'),
          cancel: () => log.push('cancel'),
        }
      },
    },
    (words) => said.push(words),
    (error) => failed.push(error),
  )
  return { moves, log, said, failed, shown: () => shown }
}

test('many presses are one change, made when the keys have rested', () => {
  const { moves, log, said, shown } = world()
  moves.press('ArrowLeft', false, CPU)
  moves.press('ArrowLeft', false, CPU)
  moves.press('ArrowDown', true, CPU)
  expect(shown()).toEqual([
    { edit: 'moveWidget', id: 'cpu', x: 4, y: 4 },
    { edit: 'resizeWidget', id: 'cpu', w: 5, h: 4 },
  ])
  expect(said.at(-1)).toBe('CPU: column 5, row 5, 5 wide, 4 high')
  expect(log).toEqual(['begin Moved “CPU”'])
  vi.advanceTimersByTime(1_000)
  expect(log).toEqual(['begin Moved “CPU”', 'commit'])
})

test('Escape takes all of it back, once', () => {
  const { moves, log, said } = world()
  moves.press('ArrowLeft', false, CPU)
  expect(moves.cancel()).toBe(true)
  expect(said.at(-1)).toBe('Taken back. CPU: column 7, row 5, 5 wide, 3 high')
  expect(moves.cancel()).toBe(false)
  vi.advanceTimersByTime(1_000)
  expect(log).toEqual(['begin Moved “CPU”', 'cancel'])
})

test('another widget, or leaving it, ends the change', () => {
  const { moves, log } = world()
  moves.press('ArrowLeft', false, CPU)
  moves.press('ArrowLeft', false, { ...CPU, id: 'mem', title: 'Memory' })
  moves.finish()
  expect(log).toEqual(['begin Moved “CPU”', 'commit', 'begin Moved “Memory”', 'commit'])
})

test('other keys are not ours, and at the edge nothing is begun', () => {
  const { moves, log, said } = world()
  expect(moves.press('Enter', false, CPU)).toBe(false)
  expect(moves.press('ArrowUp', false, { ...CPU, place: { ...CPU.place, y: 0 } })).toBe(true)
  expect(log).toEqual([])
  expect(said).toEqual(['CPU is at the edge'])
})

test('what cannot be written is told', () => {
  const failed: unknown[] = []
  const moves = createKeyMoves(
    {
      gesture: () => {
        throw new Error('You may only look at this.')
      },
    },
    () => undefined,
    (error) => failed.push(error),
  )
  moves.press('ArrowLeft', false, CPU)
  expect(failed).toHaveLength(1)
})

test('only what differs is written', () => {
  const { place } = CPU
  expect(layoutEdits('cpu', place, place)).toEqual([])
  expect(layoutEdits('cpu', place, { ...place, x: 0 })).toEqual([
    { edit: 'moveWidget', id: 'cpu', x: 0, y: 4 },
  ])
  expect(layoutEdits('cpu', place, { ...place, h: 9 })).toEqual([
    { edit: 'resizeWidget', id: 'cpu', w: 5, h: 9 },
  ])
})
