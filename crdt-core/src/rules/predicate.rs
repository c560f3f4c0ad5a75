//! What a rule may demand: a closed list.

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
}

/// All of them, in the order of the documentation.
pub(crate) const KINDS: [(&str, Kind); 12] = [
    ("no_overlap", Kind::NoOverlap),
    ("in_bounds", Kind::InBounds),
    ("unique", Kind::Unique),
    ("reference_exists", Kind::ReferenceExists),
    ("max_items", Kind::MaxItems),
    ("required", Kind::Required),
    ("range", Kind::Range),
    ("one_of", Kind::OneOf),
    ("sum_at_most", Kind::SumAtMost),
    ("mutually_exclusive", Kind::MutuallyExclusive),
    ("immutable", Kind::Immutable),
    ("exclusive_field", Kind::ExclusiveField),
];
