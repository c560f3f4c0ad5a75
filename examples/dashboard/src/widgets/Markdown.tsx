// Markdown as HTML. What comes out of the parser is cleaned: documents come from other people.
//
// Always true: nothing that runs, nothing that styles, no form and no name of ours gets onto the page: text that dresses as a part of
// the app would be believed. Links open beside it and tell nothing of it.

import DOMPurify from 'dompurify'
import { marked } from 'marked'
import { useMemo } from 'react'

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

/** Shows Markdown. */
export function Markdown({ text }: { readonly text: string }) {
  const html = useMemo(() => safeHtml(text), [text])
  return <div className="markdown" dangerouslySetInnerHTML={{ __html: html }} />
}
