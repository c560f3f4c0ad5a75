// A page with automerge-repo as it comes, over its own WebSocket adapter: what ours is compared with.

import { ClientAdapter, Repo } from 'stock-client'

const now = () => performance.timeOrigin + performance.now()

let repo
let handle

window.bench = {
  async connect(url) {
    repo = new Repo({ network: [new ClientAdapter(url)], storage: undefined })
    while (repo.peers.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  },
  make(value) {
    handle = repo.create(value)
    return handle.url
  },
  async open(url) {
    handle = await repo.find(url)
  },
  edit(title) {
    const atMs = now()
    handle.change((draft) => {
      draft.title = title
    })
    return atMs
  },
  called(title) {
    return new Promise((resolve) => {
      const look = () => {
        if (handle.doc().title !== title) return
        handle.off('change', look)
        resolve(now())
      }
      handle.on('change', look)
      look()
    })
  },
}
