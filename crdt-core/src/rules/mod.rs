//! Rules on the merged document, and the conflicts they find.
//!
//! Edit path: ← a document after a merge, and the patches of what was merged; → conflicts with an
//! identity, a life and proposals, for people and for the feeds. And back: settling or waiving
//! one is an ordinary change of the document. `docs/RULES.md` tells people how to write rules.
//!
//! Always true here:
//! - Whether a rule holds is a function of the merged document and the rule set: no clock, no
//!   order of arrival, no replica. So every replica finds the same conflicts with the same ids.
//! - Nothing is refused. A merge that breaks a rule stands, and people are told.
//! - Documents of any shape are judged. What is not what a rule is about is passed over, what is
//!   too much to look at makes the rule undecided, which is not the same as kept.

mod allowance; // How much the rules of a set may do.
mod book; // Which rules are in force.
mod canonical; // Values as bytes that everybody makes alike.
mod causes; // Which changes brought a conflict about.
mod compile; // Checks a rule set.
mod conflict; // A conflict as it is told. Read this first.
mod entries; // What people decided, as the document has it.
mod evaluate; // Where a rule does not hold.
mod expression; // Rules in CEL, where the feature `cel` is on.
mod facts; // What is known of a document, kept up to date.
mod geometry; // Rectangles: which meet, where there is room.
mod judge; // What is known of one document: facts, verdicts, reports.
mod message; // What is said.
mod path; // Where a rule looks.
mod plan; // What all rules together read.
mod predicate; // What a rule may demand.
mod proposal; // What may be done about a conflict.
mod question; // What is evaluated elsewhere.
mod reader; // Reads facts from a document, and counts what that costs.
mod remedy; // The edits of a proposal.
mod set; // A rule set that was checked.
mod settle; // Settling and waiving.
mod source; // A rule set as people write it.
mod violation; // One place where a rule does not hold, in words and values.

pub use book::{InForce, RuleBook};
pub use compile::{BOUNDS_MAX, CHOICES_MAX, RULE_ID_BYTES_MAX, RULES_MAX};
pub use conflict::{
    Beyond, Cause, Conflict, ConflictEvent, Decision, Mode, Offer, Report, Settlement, Severity, State,
    Touched, Undecided, UndecidedReason, Waiver,
};
pub use entries::{NAME_BYTES_MAX, REASON_BYTES_MAX, SETTLED_LISTED_MAX};
pub use expression::{BOUND_UNDECLARED, EXPRESSION_BYTES_MAX, EXPRESSION_STEPS_MAX};
pub use judge::Judge;
pub use message::{MESSAGE_BYTES_MAX, QUOTED_LETTERS_MAX, TEMPLATE_BYTES_MAX};
pub use path::{BadPath, PATH_BYTES_MAX, Path, STEPS_MAX, Step, WILDCARDS_MAX};
pub use proposal::{Proposal, UnknownProposal};
pub use question::{Answer, MayGoOn, Question, to_the_end};
pub use set::{BadRuleSet, Fault, Rule, RuleSet};
pub use settle::{SettleError, Settled, UNTIL_MAX_MS, WaiveError, Waived, settle, unwaive, waive};
pub use source::{OperandSource, PathOr, RuleSetSource, RuleSource};

/// How many conflicts of one rule are listed, the first by subjects in byte order. More than
/// somebody will read; what is beyond is counted.
pub const LISTED_PER_RULE_MAX: usize = 200;

/// How many members and items one collection may cost to look at. The largest dashboard seen
/// costs 3,000; at 0.2 µs each this is some 40 ms.
pub const STEPS_PER_COLLECTION_MAX: usize = 200_000;

/// How many pairs one rule may compare: seven hundred widgets on one heap. To compare them and to
/// find the first among them costs some 30 ms.
pub const COMPARISONS_MAX: usize = 250_000;

/// How many conflicts of one document are listed: those of the rules that come first in the set. At some 700 bytes
/// each a list is a third of a megabyte, and every reader is sent one.
pub const LISTED_PER_SET_MAX: usize = 500;

/// How many items and pairs all rules of a set may look at together: some 50 ms. Rules that come after it is used
/// up are undecided.
pub const LOOKS_PER_SET_MAX: usize = 500_000;

/// How many places a set may read of a document; each costs up to [`STEPS_PER_COLLECTION_MAX`].
pub const COLLECTIONS_MAX: usize = 24;

/// How many changes are named as causes of one conflict, the latest: two rectangles are eight registers.
pub const CAUSES_MAX: usize = 8;

#[cfg(test)]
mod tests;
