// Bytes that stand in a source as hexadecimal digits.

/** Two digits for each byte. */
export function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
