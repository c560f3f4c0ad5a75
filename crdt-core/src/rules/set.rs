//! A rule set that was checked and may be used.
//!
//! Edit path: ← a file or a body as a tree of values; → [`written`] reads it, → [`compile`] checks it; → every
//! [`Judge`](super::Judge) of a document of that kind shares it.

use super::compile;
use super::conflict::{Mode, Severity};
use super::faults::{BadRuleSet, Faults};
use super::message::Template;
use super::plan::{Field, Plan};
use super::predicate::Check;
use super::proposal::Proposal;
use super::source::{RuleSetSource, RuleSource};
use super::written;
use serde_json::Value;
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

impl RuleSet {
    /// Reads a set as people write it, a JSON object or what says the same, and checks it. `faults` are what the
    /// caller has found already: texts have values that JSON has not.
    ///
    /// # Errors
    /// All that is wrong with it: what the caller found, what cannot be read, what cannot be meant.
    pub fn read(written: &Value, mut faults: Faults) -> Result<Self, BadRuleSet> {
        let source = written::read(written, &mut faults);
        compile::compile(source, faults)
    }

    /// Checks the rules and makes a set of them.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(source: RuleSetSource) -> Result<Self, BadRuleSet> {
        compile::compile(source, Faults::default())
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
    pub fn to_json(&self) -> Value {
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
