//! Rules that no predicate can say, written in the Common Expression Language.
//!
//! Edit path: ← the `expr` of a rule; [`parse`] checks it when the rule set is loaded; → [`Question`](super::Question)
//! evaluates it over the [`facts`](super::facts), on a thread that nobody waits for.
//!
//! Always true here: an expression reads the facts and nothing else, in one order on every replica, and stops by
//! itself after [`EXPRESSION_STEPS_MAX`] steps. So its value is a function of the merged document, as everything in rules.
//!
//! Only with the feature `cel`. Without it every expression is refused when the set is loaded.

#[cfg(not(feature = "cel"))]
mod absent; // What there is without the feature.
#[cfg(feature = "cel")]
mod check; // What is refused at loading.
#[cfg(feature = "cel")]
mod meter; // Makes an evaluation count, and stop.
#[cfg(feature = "cel")]
mod run; // Evaluates.
#[cfg(test)]
#[cfg(feature = "cel")]
mod tests;

#[cfg(not(feature = "cel"))]
pub(crate) use absent::{Expression, parse};
#[cfg(feature = "cel")]
pub(crate) use check::parse;
#[cfg(feature = "cel")]
pub(crate) use run::Expression;

/// The most bytes of an expression: ten lines.
pub const EXPRESSION_BYTES_MAX: usize = 1_024;

/// How many items and rounds of macros evaluating a rule may take; also how many its declared bounds may
/// amount to. Each of 200 widgets compared with each other is 40,000; at some 5 µs a round that is 0.2 s.
pub const EXPRESSION_STEPS_MAX: u64 = 50_000;

/// How many members or items there are taken to be where a rule declares nothing: a large dashboard's widgets. One
/// walk within another is allowed then, a third one is not. Where there are more, the steps are counted.
pub const BOUND_UNDECLARED: u64 = 200;

/// Why an expression is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadExpression {
    /// The character at which it goes wrong, the first being 1, where there is one to point at.
    pub(crate) at: Option<usize>,
    pub(crate) wrong: String,
    pub(crate) right: String,
}

/// What an expression reads, as names that lead there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(feature = "cel"), expect(dead_code, reason = "without expressions nothing is read"))]
pub(crate) enum Read {
    /// Of the item that the rule is about.
    Item(Vec<String>),
    /// Of the document.
    Document(Vec<String>),
}
