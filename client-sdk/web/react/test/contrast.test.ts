// What can be known of the styles without a browser: that texts stand out, and that each colour has its two shades.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const CSS = readFileSync(`${import.meta.dirname}/../src/styles.css`, 'utf8')

/** The variables with two shades: light and dark. */
const shades = [...CSS.matchAll(/--dovetail-([\w-]+):\s*light-dark\(([^,()]+),\s*([^,()]+)\);/g)]
const [light, dark] = [2, 3].map(
  (shade) => Object.fromEntries(shades.map((found) => [found[1], found[shade]])) as Record<string, string>,
)

const colors = Array.from({ length: 8 }, (_, at) => `color-${at}`)
const tones = ['ok', 'info', 'warn', 'error']

describe('colours', () => {
  it.each([
    ['light', light!],
    ['dark', dark!],
  ])('CL119 stand out in %s', (_, theme) => {
    const weak: string[] = []
    const look = (text: string, ground: string, least: number) => {
      if (contrast(theme[text]!, theme[ground]!) < least) weak.push(`${text} on ${ground}`)
    }
    for (const color of colors) {
      look('on-color', color, 4.5)
      look(color, 'panel', 3)
    }
    for (const text of ['text', 'faint', ...tones]) look(text, 'panel', 4.5)
    for (const tone of tones)
      if (contrast(theme[tone]!, tinted(theme[tone]!, theme['panel']!)) < 4.5) weak.push(`${tone} tinted`)
    look('on-accent', 'accent', 4.5)
    look('text', 'line', 4.5)
    look('panel', 'warn', 4.5)
    look('panel', 'info', 4.5)
    expect(weak).toEqual([])
  })

  it('CL119 are eight different ones', () => {
    for (const theme of [light!, dark!]) expect(new Set(colors.map((color) => theme[color])).size).toBe(8)
  })

  it('CL119 stand once, with both shades', () => {
    expect(Object.keys(light!).length).toBeGreaterThan(15)
    expect(CSS).not.toContain('prefers-color-scheme')
    const names = [...CSS.slice(0, CSS.indexOf('What several')).matchAll(/^ {2}(--dovetail-[\w-]+):/gm)]
    const colors = names.map(([, name]) => name!).filter((name) => name !== '--dovetail-scheme')
    expect(new Set(colors).size).toBe(colors.length)
  })

  it('CL119 have a name: no rule below the themes writes one out', () => {
    const rules = CSS.slice(CSS.indexOf('What several have in common'))
    expect(rules.match(/#[0-9a-f]{3,8}\b|rgb\(|hsl\(/gi)).toBeNull()
  })
})

describe('motion', () => {
  it('CL119 stops where the reader asked for that', () => {
    const still = /@media \(prefers-reduced-motion: reduce\) \{([\s\S]*?)\n\}/.exec(CSS)?.[1]
    expect([...CSS.matchAll(/animation: dovetail/g)]).toHaveLength(1)
    expect(still).toContain(".dovetail-icon[data-icon='wait']")
    expect(CSS).not.toMatch(/transition:/)
  })
})

/** As WCAG 2 counts it, from 1 to 21. */
function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (lighter! + 0.05) / (darker! + 0.05)
}

function luminance(color: string): number {
  const [r, g, b] = channels(color).map((channel) =>
    channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4,
  )
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}

/** The ground of pills and banners: 9 of 100 of the tone. */
function tinted(tone: string, panel: string): string {
  const mixed = channels(tone).map((channel, at) =>
    Math.round((channel * 0.09 + channels(panel)[at]! * 0.91) * 255),
  )
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
}

function channels(color: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255)
}
