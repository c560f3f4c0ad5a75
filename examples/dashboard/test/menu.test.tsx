// Menus and tabs by keyboard and pointer, as screen readers know them.

import { cleanup, render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { useState } from 'react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Menu, type MenuEntry } from '../src/app/Menu'
import { Tabs } from '../src/app/Tabs'

afterEach(cleanup)

function shown(groups: readonly (readonly MenuEntry[])[], around = vi.fn()) {
  render(
    <div onKeyDown={around} onPointerDown={around}>
      <button type="button">before</button>
      <Menu label="More" groups={groups}>
        …
      </Menu>
      <button type="button">after</button>
    </div>,
  )
  return around
}

const button = () => screen.getByRole('button', { name: 'More' })
const focused = () => document.activeElement?.textContent

const entries = () => {
  const run = { rename: vi.fn(), locked: vi.fn(), remove: vi.fn() }
  const groups: MenuEntry[][] = [
    [
      { label: 'Rename', takesFocus: true, run: run.rename },
      { label: 'Reset', disabled: true, run: run.locked },
      { label: 'Remove', run: run.remove },
    ],
    [],
  ]
  return { run, groups }
}

describe('a menu', () => {
  it('CL172 opens by a press and by arrows, and says so', async () => {
    shown(entries().groups)
    expect(button().getAttribute('aria-haspopup')).toBe('menu')
    expect(button().getAttribute('aria-expanded')).toBe('false')
    await userEvent.click(button())
    expect(button().getAttribute('aria-expanded')).toBe('true')
    expect(screen.getByRole('menu', { name: 'More' })).toBe(document.activeElement)
    expect(screen.getAllByRole('group')).toHaveLength(1)
    await userEvent.click(button())
    expect(screen.queryByRole('menu')).toBeNull()
    button().focus()
    await userEvent.keyboard('{ArrowUp}')
    expect(focused()).toBe('Remove')
    await userEvent.keyboard('{Escape}')
    expect(document.activeElement).toBe(button())
    await userEvent.keyboard('{Enter}')
    expect(focused()).toBe('Rename')
  })

  it('goes round by arrows past what cannot be chosen, and to what begins with the letters typed', async () => {
    const around = shown(entries().groups)
    button().focus()
    await userEvent.keyboard('{ArrowDown}')
    around.mockClear()
    await userEvent.keyboard('{ArrowDown}')
    expect(focused()).toBe('Remove')
    await userEvent.keyboard('{ArrowDown}')
    expect(focused()).toBe('Rename')
    await userEvent.keyboard('rem')
    expect(focused()).toBe('Remove')
    await userEvent.keyboard('{Home}')
    expect(focused()).toBe('Rename')
    await userEvent.keyboard('{End}')
    expect(focused()).toBe('Remove')
    expect(around).not.toHaveBeenCalled()
  })

  it('CL172 does what is chosen and gives the focus back, but not where the choice goes elsewhere', async () => {
    const { run, groups } = entries()
    shown(groups)
    await userEvent.click(button())
    await userEvent.click(screen.getByRole('menuitem', { name: 'Reset' }))
    expect(run.locked).not.toHaveBeenCalled()
    await userEvent.click(screen.getByRole('menuitem', { name: 'Remove' }))
    expect(run.remove).toHaveBeenCalledOnce()
    expect(document.activeElement).toBe(button())
    run.rename.mockImplementation(() => screen.getByRole('button', { name: 'after' }).focus())
    await userEvent.click(button())
    await userEvent.click(screen.getByRole('menuitem', { name: 'Rename' }))
    expect(focused()).toBe('after')
    expect(screen.queryByRole('menu')).toBeNull()
  })

  it('closes by a press elsewhere, and by Tab, which goes on behind the button', async () => {
    shown(entries().groups)
    await userEvent.click(button())
    await userEvent.click(screen.getByRole('button', { name: 'before' }))
    expect(screen.queryByRole('menu')).toBeNull()
    button().focus()
    await userEvent.keyboard('{ArrowDown}{Tab}')
    expect(screen.queryByRole('menu')).toBeNull()
    expect(focused()).toBe('after')
  })

  it('tells which of several holds', async () => {
    const light = { label: 'Light', checked: true, run: vi.fn() }
    shown([[light, { ...light, label: 'Dark', checked: false }]])
    await userEvent.click(button())
    expect(screen.getByRole('menuitemradio', { name: 'Light' }).getAttribute('aria-checked')).toBe('true')
    expect(screen.getByRole('menuitemradio', { name: 'Dark' }).getAttribute('aria-checked')).toBe('false')
  })
})

describe('tabs', () => {
  function Example() {
    const [chosen, choose] = useState<'one' | 'two' | 'three'>('one')
    const tabs = (['one', 'two', 'three'] as const).map((id) => ({ id, title: id }))
    return (
      <Tabs label="Numbers" tabs={tabs} chosen={chosen} onChoose={choose}>
        <p>This is {chosen}</p>
      </Tabs>
    )
  }

  it('CL172 are one stop for Tab, and the arrows choose', async () => {
    render(<Example />)
    await userEvent.tab()
    expect(focused()).toBe('one')
    await userEvent.keyboard('{ArrowLeft}')
    expect(focused()).toBe('three')
    expect(screen.getByRole('tabpanel', { name: 'three' }).textContent).toBe('This is three')
    await userEvent.keyboard('{ArrowRight}')
    expect(focused()).toBe('one')
    await userEvent.click(screen.getByRole('tab', { name: 'two' }))
    expect(screen.getByRole('tab', { selected: true }).textContent).toBe('two')
    await userEvent.tab()
    expect(document.activeElement).toBe(document.body)
  })
})
