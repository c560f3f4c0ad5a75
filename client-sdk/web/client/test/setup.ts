// Before each file of tests. The full entry of Automerge fills the place that the slim one reads from: in node there is no page
// that would initialise the WASM.
//
// Properties try the same cases each time, so that a run that passed passes again: who looks for new ones says
// `SEED=random npx vitest run`, or names the seed of a failure. What was found becomes a test with a name.
import '@automerge/automerge'
import fc from 'fast-check'

const wanted = process.env['SEED']

if (wanted !== 'random') fc.configureGlobal({ seed: Number(wanted ?? 1) })
