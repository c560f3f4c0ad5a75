// Bodies of several frames, one behind the other (RFC 8742), cut apart and put together.
//
// Always true: each piece is one whole CBOR item; what is inside is not looked at.

/** The server nests what it says less deep by far; without a bound a hostile answer would use up the stack. */
const DEPTH_MAX = 64

/** Thrown when bytes are not whole CBOR items. */
export class BrokenSequence extends Error {}

/** Cuts a body into frames. Throws `BrokenSequence`. */
export function cut(body: Uint8Array): Uint8Array[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const frames: Uint8Array[] = []
  for (let at = 0; at < body.length;) {
    const end = endOfItem(view, at, 0)
    frames.push(body.subarray(at, end))
    at = end
  }
  return frames
}

/** Puts frames one behind the other. */
export function joined(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(frames.reduce((bytes, frame) => bytes + frame.length, 0))
  let at = 0
  for (const frame of frames) {
    body.set(frame, at)
    at += frame.length
  }
  return body
}

/** Where the item that begins at `at` ends. */
function endOfItem(view: DataView, at: number, depth: number): number {
  if (depth > DEPTH_MAX) throw new BrokenSequence('a frame is nested too deep')
  const { major, argument, isOpen, end } = headAt(view, at)
  if (isOpen) return endOfOpenItem(view, end, depth)
  switch (major) {
    case 2: // bytes
    case 3: // text
      return within(view, end + argument)
    case 4: // list
      return endOfItems(view, end, argument, depth)
    case 5: // map
      return endOfItems(view, end, argument * 2, depth)
    case 6: // tag
      return endOfItems(view, end, 1, depth)
    default: // numbers and simple values are their head
      return end
  }
}

function endOfItems(view: DataView, at: number, count: number, depth: number): number {
  let end = at
  for (let item = 0; item < count; item++) end = endOfItem(view, end, depth + 1)
  return end
}

/** Lists, maps and texts without a length go on until a break. */
function endOfOpenItem(view: DataView, at: number, depth: number): number {
  let end = at
  while (byteAt(view, end) !== 0xff) end = endOfItem(view, end, depth + 1)
  return end + 1
}

function headAt(
  view: DataView,
  at: number,
): { major: number; argument: number; isOpen: boolean; end: number } {
  const first = byteAt(view, at)
  const [major, small] = [first >> 5, first & 0x1f]
  const end = at + 1
  if (small < 24) return { major, argument: small, isOpen: false, end }
  if (small === 31 && major >= 2 && major <= 5) return { major, argument: 0, isOpen: true, end }
  if (small > 27) throw new BrokenSequence('a frame is not CBOR')
  const width = 2 ** (small - 24)
  within(view, end + width)
  return { major, argument: numberAt(view, end, width), isOpen: false, end: end + width }
}

function numberAt(view: DataView, at: number, width: number): number {
  if (width === 1) return view.getUint8(at)
  if (width === 2) return view.getUint16(at)
  if (width === 4) return view.getUint32(at)
  return Number(view.getBigUint64(at))
}

function byteAt(view: DataView, at: number): number {
  within(view, at + 1)
  return view.getUint8(at)
}

function within(view: DataView, end: number): number {
  if (end > view.byteLength) throw new BrokenSequence('a frame ends in its middle')
  return end
}
