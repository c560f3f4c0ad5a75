//! A rule set that was checked and may be used.

use super::conflict::{Mode, Severity};
use super::proposal::Proposal;
use super::source::{RuleSetSource, RuleSource};
use std::sync::Arc;
use std::time::Duration;

/// Rules that were checked, and what they read of a document.
#[derive(Debug)]
pub struct RuleSet {
    source: RuleSetSource,
    rules: Vec<Rule>,
}

/// One rule of a set.
#[derive(Debug)]
pub struct Rule {
    source: RuleSource,
    severity: Severity,
    mode: Mode,
    proposals: Vec<Proposal>,
}

/// Why a rule set cannot be used: everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rule set has {} faults, the first: {}", faults.len(), faults[0])]
pub struct BadRuleSet {
    /// The faults, in the order of the text; at least one.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a rule set.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{place}{}: {wrong}; {right}", character.map(|at| format!(", character {at}")).unwrap_or_default())]
pub struct Fault {
    /// Which value: `rule[2].over`, counted from 0.
    pub place: String,
    /// Which character of its text, counted from 1, where there is one to point at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character: Option<usize>,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl RuleSet {
    /// Checks the rules and makes a set of them.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(source: RuleSetSource) -> Result<Self, BadRuleSet> {
        drop(source);
        unimplemented!()
    }

    /// The rules that every dashboard has as long as nobody sets others.
    #[must_use]
    pub fn dashboard() -> &'static Arc<Self> {
        unimplemented!()
    }

    /// Which documents: the text at `kind` in their root.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.source.kind
    }

    /// The rules, in the order they were written.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The set as it was written.
    #[must_use]
    pub fn source(&self) -> &RuleSetSource {
        &self.source
    }

    /// The set as JSON; [`RuleSetSource`] reads it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(&self.source).expect("a rule set has text keys and finite numbers only")
    }
}

impl Rule {
    /// What it is called.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.source.id
    }

    /// The rule as it was written.
    #[must_use]
    pub fn source(&self) -> &RuleSource {
        &self.source
    }

    /// How much its conflicts matter.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Who is told of its conflicts.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What is offered to settle its conflicts, the best first.
    #[must_use]
    pub fn proposals(&self) -> &[Proposal] {
        &self.proposals
    }

    /// How long a conflict stands open before the server makes the first proposal by itself.
    #[must_use]
    pub fn auto_settle_after(&self) -> Option<Duration> {
        self.source.auto_settle_after.map(Duration::from_secs)
    }
}
