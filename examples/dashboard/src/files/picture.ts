// A picture of a part of the page.
//
// Always true: what is only there to work with (handles, menus, buttons) is not in the picture, and neither is who is here or what
// needs attention: a picture is of the dashboard. On the page frames around widgets are out of sight while it is taken, nothing else;
// afterwards all is as it was before. The library is loaded when the first picture is wanted.

import './picture.css'

/** Pixels of the picture for one of the page: sharp on paper, and still small enough to send. */
const PIXEL_RATIO = 2

/** Not in a picture. Of a long table it stays in it that there is more. */
const WORKING_PARTS = [
  '[data-no-picture]',
  '.react-resizable-handle',
  '.column-handle',
  '.ghost',
  '.dovetail-flags',
  '.tile .icon-button',
  '.tile .button:not(.table-foot > *)',
  '.table-foot > .quiet',
  '.counter-button',
  '.checklist-add',
].join()

/** The element as PNG. Throws when the browser cannot make it. */
export async function pictureOf(element: HTMLElement): Promise<Blob> {
  const { toBlob } = await import('html-to-image')
  const ends = [withDrawingsStyled(element), takenNow(element)]
  try {
    const picture = await toBlob(element, {
      pixelRatio: PIXEL_RATIO,
      // Below everything else, so that what is transparent has the colour that it has on the page.
      backgroundColor: background(element),
      // The fonts are those of the system; to look for others would fetch every style sheet anew.
      skipFonts: true,
      filter: (node) => !(node instanceof Element) || !node.matches(WORKING_PARTS),
    })
    if (!picture) throw new Error('The browser could not draw the picture. With fewer widgets it may.')
    return picture
  } finally {
    for (const end of ends) end()
  }
}

/** What a style sheet may say of a part of a drawing, and an attribute as well. */
const DRAWN_BY = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-opacity',
  'stroke-linecap',
  'stroke-linejoin',
  'stroke-dasharray',
  'stroke-dashoffset',
  'opacity',
  'vector-effect',
  'font-family',
  'font-size',
  'font-weight',
  'text-anchor',
  'dominant-baseline',
  'stop-color',
  'stop-opacity',
  'display',
  'visibility',
] as const

/**
 * Writes the styles of SVG drawings into their attributes, which the library copies; it does not look at style sheets there. On the
 * page nothing changes by it, because attributes weigh less than any style sheet. Gives what takes them out again.
 */
function withDrawingsStyled(element: HTMLElement): () => void {
  const ends = [...element.querySelectorAll('svg *')].map((part) => {
    const styles = getComputedStyle(part)
    const before = DRAWN_BY.map((name) => [name, part.getAttribute(name)] as const)
    const now = DRAWN_BY.map((name) => [name, styles.getPropertyValue(name)] as const)
    for (const [name, value] of now) if (value !== '') part.setAttribute(name, value)
    return () => {
      for (const [name, value] of before) {
        if (value === null) part.removeAttribute(name)
        else part.setAttribute(name, value)
      }
    }
  })
  return () => {
    for (const end of ends) end()
  }
}

/** By an attribute that picture.css knows. */
function takenNow(element: HTMLElement): () => void {
  element.dataset['takingPicture'] = ''
  return () => {
    delete element.dataset['takingPicture']
  }
}

/** The first colour behind an element that is not transparent. */
function background(element: Element | null): string {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor
    if (color !== '' && color !== 'transparent' && color !== 'rgba(0, 0, 0, 0)') return color
  }
  return 'white'
}
