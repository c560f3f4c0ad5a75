//! Which rules are in force, for every kind of document.
//!
//! Edit path: ← whoever keeps rule sets makes a new book when one is replaced; → each document finds the
//! rules of its kind here and is judged again.

use super::set::RuleSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rules of all kinds, as they are in force at one moment.
#[derive(Debug, Clone)]
pub struct RuleBook {
    kinds: BTreeMap<String, InForce>,
}

/// A rule set that is in force.
#[derive(Debug, Clone)]
pub struct InForce {
    /// Which version of its kind: 0 is the one that is built in, each replacement counts one more.
    pub version: u64,
    /// The rules.
    pub rules: Arc<RuleSet>,
}

impl Default for RuleBook {
    /// The sets that are built in.
    fn default() -> Self {
        let built_in = InForce { version: 0, rules: RuleSet::dashboard().clone() };
        Self::empty().with(built_in)
    }
}

impl RuleBook {
    /// No rules for anything.
    #[must_use]
    pub fn empty() -> Self {
        Self { kinds: BTreeMap::new() }
    }

    /// This book, with the given set for its kind in place of the one before.
    #[must_use]
    pub fn with(mut self, in_force: InForce) -> Self {
        self.kinds.insert(in_force.rules.kind().to_owned(), in_force);
        self
    }

    /// The rules for documents of this kind.
    #[must_use]
    pub fn of(&self, kind: &str) -> Option<&InForce> {
        self.kinds.get(kind)
    }

    /// Which version is in force, by kind.
    #[must_use]
    pub fn versions(&self) -> BTreeMap<String, u64> {
        self.kinds.iter().map(|(kind, in_force)| (kind.clone(), in_force.version)).collect()
    }

    /// All kinds that have rules, in byte order.
    pub fn iter(&self) -> impl Iterator<Item = &InForce> {
        self.kinds.values()
    }
}
