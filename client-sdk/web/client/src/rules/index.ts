// The business rules on this device: what they say of a document, and what people decide about it.
//
// Edit path: ← the rules of a kind, as the server gives them, and a document; → conflicts, with the ids, fingerprints, messages
// and proposals that the server gives them; and back: settling or waiving one is an ordinary change of the document.
//
// Always true: nothing here asks the server, so all of it works offline. What only the server can judge is undecided here.

export type { AuthorOf } from './causes'
export { compileRules } from './compile'
export type {
  Beyond,
  Cause,
  Conflict,
  Decision,
  Judgement,
  Mode,
  Offer,
  Settlement,
  Severity,
  Touched,
  Undecided,
  Waiver,
} from './conflict'
export { defaultDashboardRules } from './dashboard'
export { RuleError, type Fault } from './faults'
export { judge, settled } from './judge'
export type { OperandJson, Rule, RuleJson, RuleSet, RuleSetJson } from './set'
export {
  preview,
  settle,
  unwaive,
  waive,
  type Decided,
  type NewWaiver,
  type PreviewWrite,
  type Refused,
} from './settle'
