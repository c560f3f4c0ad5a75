// The only place from which the package takes Automerge and automerge-repo.
//
// Always true: the slim entries are used, so nothing here loads WebAssembly by itself. A page calls `initializeWasm` with the
// address of `automerge.wasm` before it imports anything else of this package; the guide shows how.

export * as Automerge from '@automerge/automerge/slim'
export { ImmutableString, Counter } from '@automerge/automerge/slim'
export type { Doc, Patch, Prop, Change, DecodedChange } from '@automerge/automerge/slim'
export {
  Repo,
  DocHandle,
  NetworkAdapter,
  cbor,
  decodeHeads,
  encodeHeads,
  generateAutomergeUrl,
  isValidAutomergeUrl,
  parseAutomergeUrl,
} from '@automerge/automerge-repo/slim'
export type {
  AutomergeUrl,
  Chunk,
  DocumentId,
  Message,
  NetworkAdapterInterface,
  PeerId,
  PeerMetadata,
  StorageAdapterInterface,
  StorageId,
  StorageKey,
  UrlHeads,
} from '@automerge/automerge-repo/slim'
