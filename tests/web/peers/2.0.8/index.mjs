// The stock packages of automerge-repo 2.0.8, under one name. Every peer resolves its own Automerge.
export * as Automerge from '@automerge/automerge/next'
export {
  Repo,
  NetworkAdapter,
  cbor,
  encodeHeads,
  decodeHeads,
  splice,
  updateText,
  Counter,
} from '@automerge/automerge-repo'
export {
  WebSocketClientAdapter as ClientAdapter,
  NodeWSServerAdapter as ServerAdapter,
} from '@automerge/automerge-repo-network-websocket'
