// The full entry fills the place that the slim one reads from: in node there is no page that would initialise the WASM.
import '@automerge/automerge'
