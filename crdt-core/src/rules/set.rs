//! A rule set that was checked and may be used.
//!
//! Edit path: ← [`RuleSetSource`], from a file or the API; → [`compile`] checks it; → every
//! [`Judge`](super::Judge) of a document of that kind shares it.

use super::compile;
use super::conflict::{Mode, Severity};
use super::message::Template;
use super::plan::{Field, Plan};
use super::predicate::Check;
use super::proposal::Proposal;
use super::source::{RuleSetSource, RuleSource};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The rules that every dashboard has as long as nobody sets others.
const DASHBOARD: &str = include_str!("dashboard.json");

/// Rules that were checked, and what they read of a document.
#[derive(Debug)]
pub struct RuleSet {
    pub(super) source: RuleSetSource,
    pub(super) rules: Vec<Rule>,
    pub(super) plan: Plan,
}

/// One rule of a set.
#[derive(Debug)]
pub struct Rule {
    pub(super) source: RuleSource,
    pub(super) severity: Severity,
    pub(super) mode: Mode,
    pub(super) proposals: Vec<Proposal>,
    pub(super) check: Check,
    /// The names that a subject ends with, as a path; none where the item alone is the subject.
    pub(super) tail: String,
    /// The collection that its items belong to.
    pub(super) collection: usize,
    /// The field with what people call an item.
    pub(super) label: Option<Field>,
    pub(super) message: Template<Field>,
    /// The fields that it depends on, those of its message included.
    pub(super) fields: Vec<Field>,
    /// The collections whose keys it depends on.
    pub(super) keys_of: Vec<usize>,
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
        compile::compile(source)
    }

    /// The rules that every dashboard has as long as nobody sets others.
    #[must_use]
    pub fn dashboard() -> &'static Arc<Self> {
        static SET: OnceLock<Arc<RuleSet>> = OnceLock::new();
        SET.get_or_init(|| {
            let source = serde_json::from_str(DASHBOARD).expect("a test reads it");
            Arc::new(Self::compile(source).expect("a test compiles it"))
        })
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

    /// Whether it is judged by whoever answers [`Question`](super::Question)s.
    pub(super) fn is_evaluated_elsewhere(&self) -> bool {
        matches!(self.check, Check::Cel(_))
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
