// A WebSocket relay that stands between a client and a server, notes every frame, and may rewrite what the
// server says. Frames arrive at the other end in the order in which they were sent.

import { WebSocket, WebSocketServer } from 'ws'

export class Relay {
  /** `rewrite(frame)` gets what the server sends and returns what the client shall see instead. */
  static async to(url, rewrite = (frame) => frame) {
    const relay = new Relay()
    relay.frames = [] // {direction, bytes}, oldest first
    relay.sockets = new Set()
    relay.listener = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 256 << 20 })
    relay.listener.on('connection', (client) => relay.#join(client, url, rewrite))
    await new Promise((resolve) => relay.listener.once('listening', resolve))
    relay.url = `ws://127.0.0.1:${relay.listener.address().port}`
    return relay
  }

  fromClient() {
    return this.#frames('from_client')
  }
  fromServer() {
    return this.#frames('from_server')
  }

  #frames(direction) {
    return this.frames.filter((frame) => frame.direction === direction).map((frame) => frame.bytes)
  }

  #join(client, url, rewrite) {
    const server = new WebSocket(url, { maxPayload: 256 << 20 })
    const waiting = []
    const pass = (bytes) => (server.readyState === WebSocket.OPEN ? server.send(bytes) : waiting.push(bytes))
    client.on('message', (data) => {
      const bytes = new Uint8Array(data)
      this.frames.push({ direction: 'from_client', bytes })
      pass(bytes)
    })
    server.on('open', () => waiting.splice(0).forEach(pass))
    server.on('message', (data) => {
      const bytes = rewrite(new Uint8Array(data))
      this.frames.push({ direction: 'from_server', bytes })
      if (client.readyState === WebSocket.OPEN) client.send(bytes)
    })
    for (const [one, other] of [
      [client, server],
      [server, client],
    ]) {
      this.sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        this.sockets.delete(one)
        other.close()
      })
    }
  }

  /** Ends every connection without a close frame; new ones are welcome at once. */
  cut() {
    for (const socket of this.sockets) socket.terminate()
  }

  async close() {
    this.cut()
    await new Promise((resolve) => this.listener.close(resolve))
  }
}
