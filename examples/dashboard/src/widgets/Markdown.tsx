// Markdown as HTML. What comes out of the parser is cleaned: documents come from other people.
//
// Always true: nothing that runs, nothing that styles, no form and no name of ours gets onto the page: text that dresses as a part of
// the app would be believed. Links open beside it and tell nothing of it. What cannot be drawn, or takes so long that one would wait for
// one's own letters, is shown as it was written, and that is said.

import DOMPurify from 'dompurify'
import { marked } from 'marked'
import { useDeferredValue } from 'react'

/** What Markdown makes, and tables and pictures that are written as HTML. */
const ATTRIBUTES = new Set([
  ...['href', 'title', 'src', 'alt', 'width', 'height', 'align', 'colspan', 'rowspan'],
  ...['type', 'checked', 'disabled', 'start', 'reversed', 'open', 'lang', 'dir'],
])

const clean = DOMPurify()

clean.addHook('uponSanitizeAttribute', (_, attribute) => {
  if (!ATTRIBUTES.has(attribute.attrName)) attribute.keepAttr = false
})

clean.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'INPUT') {
    // The boxes of task lists show what is done; other fields would ask people for something.
    if (node.getAttribute('type') === 'checkbox') node.setAttribute('disabled', '')
    else node.remove()
  }
  if (node.tagName !== 'A') return
  node.setAttribute('target', '_blank')
  node.setAttribute('rel', 'noopener noreferrer nofollow')
})

/** The HTML of a text that others wrote. */
export function safeHtml(markdown: string): string {
  const html = marked.parse(markdown, { async: false, gfm: true, breaks: true })
  return clean.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ['style', 'form', 'button', 'textarea', 'select', 'iframe', 'dialog'],
  })
}

/** How a text is shown. */
export type Drawing =
  | { readonly as: 'html'; readonly inner: { readonly __html: string } }
  | { readonly as: 'written'; readonly why: 'long' | 'undrawable' }

/**
 * The longest text that is drawn. Measured in Chromium on two busy cores: of the Markdown that people write, 50,000 letters take 60 ms to
 * draw and 50 ms to lay out, which is felt beneath one's fingers; a million took 2 s for every letter. Of what is written to be
 * slow, as `_a_a_a…`, so many take 2.3 s, and twice as many four times as long.
 */
export const LETTERS_MAX = 50_000

/**
 * A line in so many quotes and lists, each in the one before. Nobody writes that; with 20,000 the parser gives up, after 1.7 s for
 * every letter.
 */
const TOO_DEEP = /^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])[ \t])){100}/m

/** Draws a text, unless it is too long or no Markdown that anybody writes. */
export function draw(text: string): Drawing {
  if (text.length > LETTERS_MAX) return { as: 'written', why: 'long' }
  if (TOO_DEEP.test(text)) return { as: 'written', why: 'undrawable' }
  const drawing = kept.get(text) ?? drawn(text)
  keep(text, drawing)
  return drawing
}

function drawn(text: string): Drawing {
  try {
    return { as: 'html', inner: { __html: safeHtml(text) } }
  } catch {
    // It nests in some other way.
    return { as: 'written', why: 'undrawable' }
  }
}

/** More texts than a screen shows; the oldest goes. */
const DRAWINGS_KEPT = 20

/** React renders anew what it put off, and one text may stand in several places: it is drawn once. */
const kept = new Map<string, Drawing>()

function keep(text: string, drawing: Drawing): void {
  // Last again: who is asked for is needed.
  kept.delete(text)
  kept.set(text, drawing)
  const [oldest] = kept.keys()
  if (kept.size > DRAWINGS_KEPT && oldest !== undefined) kept.delete(oldest)
}

/** Shows Markdown. While letters keep coming, it follows when there is time. */
export function Markdown({ text }: { readonly text: string }) {
  const shown = useDeferredValue(text)
  const drawing = draw(shown)
  if (drawing.as === 'html') return <div className="markdown" dangerouslySetInnerHTML={drawing.inner} />
  return (
    <>
      <p className="muted">{WHY[drawing.why]}</p>
      <div className="as-written">{shown}</div>
    </>
  )
}

const WHY = {
  long: `This text has more than ${LETTERS_MAX.toLocaleString('en')} letters, so it is shown as it was written.`,
  undrawable: 'This text cannot be drawn as Markdown, so it is shown as it was written.',
} as const
