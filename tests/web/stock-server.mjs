// The stock JavaScript server of one version, in this process and in memory: the other end of every message
// that a client of this version was made for.

import { WebSocketServer } from 'ws'
import { MemoryStorage, packagesOf } from './peer.mjs'

export class StockServer {
  static async start(version) {
    const server = new StockServer()
    const lib = await packagesOf(version)
    server.listener = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await new Promise((resolve) => server.listener.once('listening', resolve))
    server.url = `ws://127.0.0.1:${server.listener.address().port}`
    server.repo = new lib.Repo({
      peerId: `server-${version}`,
      network: [new lib.ServerAdapter(server.listener)],
      storage: new MemoryStorage(),
      sharePolicy: async () => false,
      enableRemoteHeadsGossiping: true,
    })
    return server
  }

  async close() {
    for (const socket of this.listener.clients) socket.terminate()
    await new Promise((resolve) => this.listener.close(resolve))
  }
}
