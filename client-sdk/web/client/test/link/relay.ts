// A relay between a link and the real server: a network that lets no WebSocket through, or lets nothing through and says
// nothing.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** `blocks_upgrades`: new connections that want to be WebSockets are cut. `swallows`: nothing comes out at either end. */
export type Behaviour = 'passes' | 'blocks_upgrades' | 'swallows'

export class Relay {
  behaviour: Behaviour = 'passes'
  readonly #listener: Server
  readonly #sockets = new Set<Socket>()

  private constructor(listener: Server) {
    this.#listener = listener
  }

  /** `address`: where the server listens, as in `127.0.0.1:3000`. */
  static async to(address: string): Promise<Relay> {
    const listener = createServer()
    const relay = new Relay(listener)
    listener.on('connection', (client) => relay.#join(client, address))
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    return relay
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#listener.close(resolve))
  }

  #join(client: Socket, address: string): void {
    const [host, port] = address.split(':') as [string, string]
    const server = connect(Number(port), host)
    const end = () => {
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', end)
      socket.on('close', end)
    }
    client.on('data', (bytes) => {
      const isUpgrade = /^GET [^]*\r\nupgrade: websocket\r\n/i.test(bytes.toString('latin1'))
      if (isUpgrade && this.behaviour === 'blocks_upgrades') end()
      else if (this.behaviour !== 'swallows') server.write(bytes)
    })
    server.on('data', (bytes) => {
      if (this.behaviour !== 'swallows') client.write(bytes)
    })
  }
}
