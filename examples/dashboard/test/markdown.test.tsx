import { act, cleanup, render, screen } from '@testing-library/react'
import { marked } from 'marked'
import { useState } from 'react'
import { flushSync } from 'react-dom'
import { afterEach, expect, test, vi } from 'vitest'
import { draw, LETTERS_MAX, Markdown } from '../src/widgets/Markdown'

afterEach(() => {
  cleanup()
  vi.restoreAllMocks()
})

test('CL288 a text that is too long is shown as it was written, and says so', () => {
  const long = `**${'x'.repeat(LETTERS_MAX)}**`
  const { container } = render(<Markdown text={long} />)
  expect(container.querySelector('.as-written')?.textContent).toBe(long)
  expect(screen.getByText(/more than 50,000 letters, so it is shown as it was written/)).toBeTruthy()
  expect(draw(`**${'x'.repeat(LETTERS_MAX - 4)}**`).as).toBe('html')
})

test('CL288 a text that is too deep is shown as it was written without an attempt, and says so', () => {
  const parse = vi.spyOn(marked, 'parse')
  const deep = `Before\n${'> '.repeat(20_000)}down`
  const { container, rerender } = render(<Markdown text={deep} />)
  expect(container.querySelector('.as-written')?.textContent).toBe(deep)
  expect(screen.getByText(/cannot be drawn as Markdown/)).toBeTruthy()
  expect(['- ', '1. ', '>'].map((mark) => draw(mark.repeat(100)).as)).toEqual([
    'written',
    'written',
    'written',
  ])
  expect(parse).not.toHaveBeenCalled()
  rerender(<Markdown text="> > **down**" />)
  expect(container.querySelector('strong')?.textContent).toBe('down')
  expect(draw(`${'-'.repeat(200)}\n\n${'*'.repeat(200)}`).as).toBe('html')
})

test('CL288 a text that the parser gives up at is shown as it was written', () => {
  vi.spyOn(marked, 'parse').mockImplementation(() => {
    throw new RangeError('Maximum call stack size exceeded')
  })
  expect(draw('deep in a way that is not known yet')).toEqual({ as: 'written', why: 'undrawable' })
})

test('CL288 the same text is drawn once, wherever and however often it is shown', () => {
  const parse = vi.spyOn(marked, 'parse')
  const text = 'once *only*'
  const two = render(
    <>
      <Markdown text={text} />
      <Markdown text={text} />
    </>,
  )
  two.rerender(<Markdown text={text} />)
  expect(parse).toHaveBeenCalledTimes(1)
})

test('CL288 letters that come one after the other are drawn together', () => {
  const parse = vi.spyOn(marked, 'parse')
  let write: (text: string) => void = () => undefined
  function Note() {
    const [text, setText] = useState('')
    write = setText
    return (
      <>
        <output>{text}</output>
        <Markdown text={text} />
      </>
    )
  }
  const { container } = render(<Note />)
  parse.mockClear()
  act(() => {
    for (const text of ['l', 'le', 'let', 'lett', 'lette', 'letter']) flushSync(() => write(text))
    expect(screen.getByRole('status').textContent).toBe('letter')
    expect(parse).not.toHaveBeenCalled()
  })
  expect(container.querySelector('.markdown')?.textContent).toBe('letter\n')
  expect(parse).toHaveBeenCalledTimes(1)
})
