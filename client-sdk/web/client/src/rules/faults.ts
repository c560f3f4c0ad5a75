// What is wrong with a rule set, and where.

/** One thing that is wrong with a rule set. */
export interface Fault {
  /** Which value: `rule[2].over`, counted from 0; `$` is the set as a whole. */
  readonly place: string
  /** Which character of its text, counted from 1, where there is one to point at. */
  readonly character?: number
  readonly wrong: string
  /** What would be right. */
  readonly right: string
}

/** A rule set that cannot be used, and everything that is wrong with it: at least one fault. */
export class RuleError extends Error {
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    const [first] = faults
    super(
      `the rule set has ${faults.length} faults, the first: ${first?.place ?? '$'}: ${first?.wrong ?? ''}; ${first?.right ?? ''}`,
    )
    this.name = 'RuleError'
    this.faults = faults
  }
}
