// A picture of a part of the page.
//
// Always true: what is only there to work with (handles, menus, outlines of the focus) is not in the picture. The library is
// loaded when the first picture is wanted.

/** Pixels of the picture for one of the page: sharp on paper, and still small enough to send. */
const PIXEL_RATIO = 2

/** Not in a picture. */
const WORKING_PARTS = '[data-no-picture], .react-resizable-handle, .tile-menu'

/** The element as PNG. Throws when the browser cannot make it. */
export async function pictureOf(element: HTMLElement): Promise<Blob> {
  const { toBlob } = await import('html-to-image')
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
}

/** The first colour behind an element that is not transparent. */
function background(element: Element | null): string {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor
    if (color !== '' && color !== 'transparent' && color !== 'rgba(0, 0, 0, 0)') return color
  }
  return 'white'
}
