// WebSockets in memory: two ends, frames that take a while, and a wire that can be cut.
//
// Always true: frames arrive whole, in order, and only while the wire holds. A cut is noticed at both ends, later.

type Handler = ((event: never) => void) | null

/** Enough of a `WebSocket` for those who use one. */
export class MemorySocket extends EventTarget {
  readonly CONNECTING = 0
  readonly OPEN = 1
  readonly CLOSING = 2
  readonly CLOSED = 3
  readonly bufferedAmount = 0
  readonly url: string
  readonly protocol: string
  binaryType: BinaryType = 'arraybuffer'
  onopen: Handler = null
  onmessage: Handler = null
  onclose: Handler = null
  onerror: Handler = null
  readyState = 0
  #peer: MemorySocket | undefined
  readonly #wire: Wire

  private constructor(wire: Wire, url: string, protocol: string) {
    super()
    this.#wire = wire
    this.url = url
    this.protocol = protocol
  }

  /** Both ends of a new connection, which opens after a while. */
  static pair(
    wire: Wire,
    url: string,
    protocol: string,
  ): readonly [client: MemorySocket, server: MemorySocket] {
    const client = new MemorySocket(wire, url, protocol)
    const server = new MemorySocket(wire, url, protocol)
    client.#peer = server
    server.#peer = client
    for (const end of [client, server]) {
      wire.after(() => {
        if (end.readyState !== end.CONNECTING) return
        end.readyState = end.OPEN
        end.#tell('open', new Event('open'))
      })
    }
    return [client, server]
  }

  send(frame: Uint8Array | ArrayBuffer | string): void {
    if (this.readyState === this.CONNECTING) throw new DOMException('still connecting', 'InvalidStateError')
    if (this.readyState !== this.OPEN) return
    const data = typeof frame === 'string' ? frame : new Uint8Array(frame).slice().buffer
    const [, peer] = this.#ends()
    this.#wire.after(() => {
      if (peer.readyState === peer.OPEN) peer.#tell('message', new MessageEvent('message', { data }))
    })
  }

  close(code = 1000, reason = ''): void {
    if (this.readyState >= this.CLOSING) return
    this.readyState = this.CLOSING
    const ends = this.#ends()
    this.#wire.after(() => ends.forEach((end) => end.#end(code, reason)))
  }

  /** The wire is cut: nothing more arrives at either end. */
  cut(): void {
    const ends = this.#ends()
    for (const end of ends) if (end.readyState < end.CLOSING) end.readyState = end.CLOSING
    this.#wire.after(() => ends.forEach((end) => end.#end(1006, '')))
  }

  #ends(): readonly [own: MemorySocket, other: MemorySocket] {
    return [this, this.#peer ?? this]
  }

  #end(code: number, reason: string): void {
    if (this.readyState === this.CLOSED) return
    this.readyState = this.CLOSED
    const event = Object.assign(new Event('close'), { code, reason, wasClean: code !== 1006 })
    this.#tell('close', event)
  }

  #tell(type: 'open' | 'message' | 'close', event: Event): void {
    this[`on${type}`]?.(event as never)
    this.dispatchEvent(event)
  }
}

/** What frames travel on: each takes a while, and none overtakes another. */
export class Wire {
  #onItsWay = 0
  #sent = 0
  #last = Promise.resolve()
  readonly #delayMs: () => number

  constructor(delayMs: () => number) {
    this.#delayMs = delayMs
  }

  get onItsWay(): number {
    return this.#onItsWay
  }

  get sent(): number {
    return this.#sent
  }

  after(then: () => void): void {
    this.#onItsWay += 1
    this.#sent += 1
    const wait = new Promise<void>((resolve) => setTimeout(resolve, this.#delayMs()))
    this.#last = this.#last.then(async () => {
      await wait
      this.#onItsWay -= 1
      then()
    })
  }
}
