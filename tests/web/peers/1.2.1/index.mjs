// The stock packages of automerge-repo 1.2.1, under one name. Every peer resolves its own Automerge.
export * as Automerge from '@automerge/automerge/next'
export { Repo, NetworkAdapter, cbor, splice, updateText, Counter } from '@automerge/automerge-repo'
export {
  BrowserWebSocketClientAdapter as ClientAdapter,
  NodeWSServerAdapter as ServerAdapter,
} from '@automerge/automerge-repo-network-websocket'
