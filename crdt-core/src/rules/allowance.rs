//! How much the rules of a set may do together, and how that is shared.
//!
//! Always true: what a rule gets depends on what the rules before it in the set took, and so on the facts alone. One
//! that takes little never loses anything to one that takes much and comes later.

use super::{LISTED_PER_RULE_MAX, LISTED_PER_SET_MAX, LOOKS_PER_SET_MAX};

/// What may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Items looked at and pairs compared.
    pub(crate) looks: usize,
    /// Conflicts listed.
    pub(crate) listed: usize,
}

impl Allowance {
    /// For all rules of a set.
    pub(crate) fn of_a_set() -> Self {
        Self { looks: LOOKS_PER_SET_MAX, listed: LISTED_PER_SET_MAX }
    }

    /// What the next rule may take of this.
    pub(crate) fn for_a_rule(self) -> Self {
        Self { looks: self.looks, listed: self.listed.min(LISTED_PER_RULE_MAX) }
    }

    pub(crate) fn without(self, taken: Self) -> Self {
        let looks = self.looks.saturating_sub(taken.looks);
        Self { looks, listed: self.listed.saturating_sub(taken.listed) }
    }

    /// Whether this is enough for all that.
    pub(crate) fn covers(self, taken: Self) -> bool {
        self.looks >= taken.looks && self.listed >= taken.listed
    }
}
