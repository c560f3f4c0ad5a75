//! What may be done about a conflict: a closed list of edits that make the rule hold again.

use super::predicate::Kind;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One way to settle a conflict. "Later" is the order in which Automerge counts operations, never
/// a clock's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Proposal {
    /// The later of two rectangles goes below the earlier, to the first row where it is in
    /// nobody's way.
    PushDown,
    /// The later of two rectangles goes to the first free place, row by row.
    FirstFree,
    /// The value, or the rectangle, goes to the nearest bound.
    Clamp,
    /// The later title gets a number: `CPU (2)`.
    NumberTitle,
    /// The reference is removed.
    ClearReference,
    /// The earliest value stands.
    KeepEarlier,
    /// The latest value stands.
    KeepLater,
    /// Of the fields that exclude each other, the one that was set first stays.
    UnsetLater,
}

/// All proposals, in the order of the documentation.
pub(crate) const ALL: [Proposal; 8] = [
    Proposal::PushDown,
    Proposal::FirstFree,
    Proposal::Clamp,
    Proposal::NumberTitle,
    Proposal::ClearReference,
    Proposal::KeepEarlier,
    Proposal::KeepLater,
    Proposal::UnsetLater,
];

/// No proposal is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no proposal {name:?}")]
pub struct UnknownProposal {
    name: String,
}

impl Proposal {
    /// What rule sets and the API call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PushDown => "push_down",
            Self::FirstFree => "first_free",
            Self::Clamp => "clamp",
            Self::NumberTitle => "number_title",
            Self::ClearReference => "clear_reference",
            Self::KeepEarlier => "keep_earlier",
            Self::KeepLater => "keep_later",
            Self::UnsetLater => "unset_later",
        }
    }

    /// What a button says.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::PushDown => "Push the later one down",
            Self::FirstFree => "Move the later one to the first free place",
            Self::Clamp => "Take the nearest allowed value",
            Self::NumberTitle => "Number the later one",
            Self::ClearReference => "Remove the reference",
            Self::KeepEarlier => "Keep the earlier value",
            Self::KeepLater => "Keep the later value",
            Self::UnsetLater => "Keep what was set first",
        }
    }

    /// Whether it can settle conflicts of this predicate.
    pub(crate) fn fits(self, kind: Kind) -> bool {
        match self {
            Self::PushDown | Self::FirstFree => kind == Kind::NoOverlap,
            Self::Clamp => matches!(kind, Kind::InBounds | Kind::Range),
            Self::NumberTitle => kind == Kind::Unique,
            Self::ClearReference => kind == Kind::ReferenceExists,
            Self::KeepEarlier => matches!(kind, Kind::ExclusiveField | Kind::Immutable),
            Self::KeepLater => kind == Kind::ExclusiveField,
            Self::UnsetLater => kind == Kind::MutuallyExclusive,
        }
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Proposal {
    type Err = UnknownProposal;

    fn from_str(name: &str) -> Result<Self, UnknownProposal> {
        let found = ALL.into_iter().find(|proposal| proposal.name() == name);
        found.ok_or_else(|| UnknownProposal { name: name.to_owned() })
    }
}
