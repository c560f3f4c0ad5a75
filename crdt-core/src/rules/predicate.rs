//! What a rule may demand: a closed list, and what each demand was compiled to.

use super::expression::Expression;
use super::plan::Field;

/// The name of a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    NoOverlap,
    InBounds,
    Unique,
    ReferenceExists,
    MaxItems,
    Required,
    Range,
    OneOf,
    SumAtMost,
    MutuallyExclusive,
    Immutable,
    ExclusiveField,
    Cel,
}

/// All of them, in the order of the documentation, and the parameters that each takes.
pub(crate) const KINDS: [(&str, Kind, &[&str]); 13] = [
    ("no_overlap", Kind::NoOverlap, &["within", "columns"]),
    ("in_bounds", Kind::InBounds, &["columns"]),
    ("unique", Kind::Unique, &["within", "ignore_empty"]),
    ("reference_exists", Kind::ReferenceExists, &["in"]),
    ("max_items", Kind::MaxItems, &["limit"]),
    ("required", Kind::Required, &[]),
    ("range", Kind::Range, &["min", "max"]),
    ("one_of", Kind::OneOf, &["values"]),
    ("sum_at_most", Kind::SumAtMost, &["limit"]),
    ("mutually_exclusive", Kind::MutuallyExclusive, &["fields"]),
    ("immutable", Kind::Immutable, &[]),
    ("exclusive_field", Kind::ExclusiveField, &[]),
    ("cel", Kind::Cel, &["expr", "bounds"]),
];

/// A predicate with its parameters, as it is evaluated. Fields are those of the rule's collection.
#[derive(Debug)]
pub(crate) enum Check {
    /// No two rectangles share a place.
    NoOverlap { rectangle: [Field; 4], within: Option<Field>, columns: Option<Operand> },
    /// A rectangle lies on the grid.
    InBounds { rectangle: [Field; 4], columns: Operand },
    /// No two items have the same value.
    Unique { value: Field, within: Option<Field>, ignore_empty: bool },
    /// The value is the key of an item of `target`.
    ReferenceExists { value: Field, target: usize },
    /// No more items than that.
    MaxItems { limit: Operand },
    /// The value is there.
    Required { value: Field },
    /// The value is a number within bounds.
    Range { value: Field, min: Option<Operand>, max: Option<Operand> },
    /// The value is one of these, as canonical JSON.
    OneOf { value: Field, allowed: Vec<String> },
    /// The values of all items amount to no more than that.
    SumAtMost { value: Field, limit: Operand },
    /// One of these at most is there.
    MutuallyExclusive { fields: Vec<Field> },
    /// The value is the one that the object was created with.
    Immutable { value: Field },
    /// Nobody has set the value to something else while apart.
    ExclusiveField { value: Field },
    /// An expression that is evaluated elsewhere: see [`Question`](super::Question).
    Cel(Box<Expression>),
}

/// A number, or a field of the root where one stands.
#[derive(Debug)]
pub(crate) enum Operand {
    Number(f64),
    Root { field: Field, path: String, default: Option<f64> },
}
