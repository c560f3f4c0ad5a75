//! A conflict as people and programs see it, and what changed between two looks.
//!
//! Edit path: ← [`Judge::report`](super::Judge::report); → the HTTP API, the feeds and the SDKs, in the JSON form that
//! is derived here.
//!
//! Always true here: a conflict's state is a function of the document, the rule set and the
//! moment. Nothing here remembers anything.
//!
//! ```text
//!             violation appears                     facts changed / waiver over
//!   (none) ───────────────────▶ open ◀──────────────────────────────── waived
//!                                │  ▲ appears again (same id)             ▲
//!          rule holds again      ▼  │                          waive      │
//!                             settled                 open ───────────────┘
//! ```

use super::proposal::Proposal;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How much a conflict matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should decide.
    Warning,
    /// What people see is wrong until somebody decides.
    Error,
}

/// Who is told of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The people who edit.
    Surface,
    /// Operators only.
    Audit,
}

/// Where a conflict stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The rule does not hold, and nobody has said that it need not.
    Open,
    /// The rule does not hold, and somebody said that it may stay so.
    Waived,
    /// The rule holds again, and somebody settled it.
    Settled,
}

/// A rule that does not hold in a document, or did not until somebody settled it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Conflict {
    /// The same on every replica: base58 of 16 bytes made of document, rule and subjects.
    pub id: String,
    /// The rule's id.
    pub rule: String,
    /// Where it stands.
    pub state: State,
    /// How much it matters.
    pub severity: Severity,
    /// Who is told.
    pub mode: Mode,
    /// What is wrong, in the rule's words.
    pub message: String,
    /// What it is about: keys of items, or `key/field`; in byte order.
    pub subjects: Vec<String>,
    /// The changes that made it so, oldest first; no more than [`CAUSES_MAX`](super::CAUSES_MAX).
    pub causes: Vec<Cause>,
    /// What may be done about it, the best first.
    pub proposals: Vec<Offer>,
    /// Made of the values in play: a waiver holds as long as it stays the same.
    pub fingerprint: String,
    /// How it came about, in one sentence made of the causes.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<String>"))]
    pub explanation: String,
    /// Why it may stay, where it is waived.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub waiver: Option<Waiver>,
    /// How it was settled, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub settlement: Option<Settlement>,
    /// What others decided while apart. The document's winner counts; these are told, not heeded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<Decision>>"))]
    pub also: Vec<Decision>,
}

/// One change that brought a conflict about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Cause {
    /// The change's hash, in hex.
    pub change: String,
    /// The actor that made it, in hex.
    pub actor: String,
    /// Who is behind the actor, where the change says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub author: Option<String>,
    /// When, by its maker's clock: milliseconds since the Unix epoch; 0 where it does not say.
    pub time: u64,
    /// What its maker wrote about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub message: Option<String>,
    /// What it did to what: `{"subject": "cpu", "fields": ["layout.x"]}`.
    pub touched: Vec<Touched>,
    /// The hashes of those other causes that it did not know of, nor they of it.
    pub apart_from: Vec<String>,
}

/// What a change set, of what a conflict is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Touched {
    /// The item.
    pub subject: String,
    /// Its fields, as paths within the item; empty where the item itself was set.
    pub fields: Vec<String>,
    /// Whether the change made the item.
    pub created: bool,
}

/// A proposal that can be made now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Offer {
    /// What the API calls it.
    pub name: Proposal,
    /// What a button says.
    pub label: String,
}

/// Why a conflict may stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Waiver {
    /// Why.
    pub reason: String,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub by: Option<String>,
    /// Until when, in milliseconds since the Unix epoch; for good where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub until: Option<Timestamp>,
}

/// How a conflict was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Settlement {
    /// The proposal that was made.
    pub proposal: String,
    /// Who chose it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub by: Option<String>,
}

/// What somebody else decided about the same facts, while apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "decision", rename_all = "lowercase")]
pub enum Decision {
    /// That it may stay.
    Waived(Waiver),
    /// That it be settled.
    Settled(Settlement),
}

/// A rule that could not be judged. It counts as neither kept nor broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Undecided {
    /// The rule's id.
    pub rule: String,
    /// Why.
    pub reason: UndecidedReason,
}

/// Why a rule could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum UndecidedReason {
    /// There is more to look at than [`STEPS_PER_COLLECTION_MAX`](super::STEPS_PER_COLLECTION_MAX) allows.
    #[error("there is too much to look at")]
    TooMuchToRead,
    /// There is more to compare than [`COMPARISONS_MAX`](super::COMPARISONS_MAX) allows.
    #[error("there is too much to compare")]
    TooMuchToCompare,
    /// The limit is named by a path, and no number stands there.
    #[error("no number stands at {0}")]
    NoLimit(String),
    /// It is being evaluated. What is listed of it was found in an earlier state.
    #[error("it is being evaluated")]
    Pending,
    /// Evaluating it took longer than whoever did it had.
    #[error("evaluating it takes too long")]
    PastDeadline,
    /// Evaluating it takes more than [`EXPRESSION_STEPS_MAX`](super::EXPRESSION_STEPS_MAX) steps.
    #[error("evaluating it takes too many steps")]
    TooMuchToEvaluate,
    /// Its expression has no value, or not one that is true or false: where, and why.
    #[error("the expression fails: {0}")]
    ExpressionFails(String),
    /// Judging failed; the log says more.
    #[error("judging failed")]
    Failed,
}

/// Conflicts of one rule that are not listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Beyond {
    /// The rule's id.
    pub rule: String,
    /// How many there are beyond [`LISTED_PER_RULE_MAX`](super::LISTED_PER_RULE_MAX).
    pub conflicts: usize,
}

/// What is known of one document at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Report {
    /// Open and waived conflicts: rules in the order of the set, subjects in byte order.
    pub conflicts: Vec<Conflict>,
    /// Rules that could not be judged.
    pub undecided: Vec<Undecided>,
    /// Rules with more conflicts than are listed.
    pub beyond: Vec<Beyond>,
    /// When this report is out of date by itself, because a waiver ends then.
    #[serde(skip)]
    pub due: Option<Timestamp>,
    /// Those open ones that somebody settled at some time: they came back.
    #[serde(skip)]
    pub(super) settled_before: BTreeSet<String>,
}

/// What happened to a conflict between two reports.
#[derive(Debug, Clone, PartialEq)]
pub enum ConflictEvent {
    /// It was not there before.
    Opened(Conflict),
    /// The rule holds again, by whatever edit. The conflict is as it was last seen, its state
    /// [`State::Settled`].
    Settled(Conflict),
    /// Somebody said that it may stay.
    Waived(Conflict),
    /// It was settled or waived, and is open again.
    Reopened(Conflict),
}

impl ConflictEvent {
    /// What the feeds call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "conflict.opened",
            Self::Settled(_) => "conflict.settled",
            Self::Waived(_) => "conflict.waived",
            Self::Reopened(_) => "conflict.reopened",
        }
    }

    /// The conflict, in its new state.
    #[must_use]
    pub fn conflict(&self) -> &Conflict {
        match self {
            Self::Opened(it) | Self::Settled(it) | Self::Waived(it) | Self::Reopened(it) => it,
        }
    }
}

impl Report {
    /// The conflict of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Conflict> {
        self.conflicts.iter().find(|conflict| conflict.id == id)
    }

    /// Whether a rule is being evaluated.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.undecided.iter().any(|rule| rule.reason == UndecidedReason::Pending)
    }

    /// Whether `other` says the same but for rules that are being evaluated there.
    #[must_use]
    pub fn is_but_pending(&self, other: &Report) -> bool {
        let decided = |report: &Report| -> Vec<Undecided> {
            let is_pending = |rule: &str| {
                let mut pending = other.undecided.iter().filter(|it| it.reason == UndecidedReason::Pending);
                pending.any(|it| it.rule == rule)
            };
            report.undecided.iter().filter(|it| !is_pending(&it.rule)).cloned().collect()
        };
        self.conflicts == other.conflicts && self.beyond == other.beyond && decided(self) == decided(other)
    }

    /// What happened since `before`, a report on the same document under the same rules: first
    /// what was settled, then the others in the order of this report.
    ///
    /// What vanished only because its rule is undecided now, or has more conflicts than are
    /// listed, is not told as settled.
    #[must_use]
    pub fn changes_from(&self, before: &Report) -> Vec<ConflictEvent> {
        let present: BTreeMap<&str, State> =
            self.conflicts.iter().map(|now| (now.id.as_str(), now.state)).collect();
        let unknown: BTreeSet<&str> = (self.undecided.iter().map(|rule| rule.rule.as_str()))
            .chain(self.beyond.iter().map(|rule| rule.rule.as_str()))
            .collect();
        let gone = before.conflicts.iter().filter(|was| !present.contains_key(was.id.as_str()));
        let settled = gone.filter(|was| !unknown.contains(was.rule.as_str())).map(|was| {
            ConflictEvent::Settled(Conflict { state: State::Settled, waiver: None, ..was.clone() })
        });
        let earlier: BTreeMap<&str, State> =
            before.conflicts.iter().map(|was| (was.id.as_str(), was.state)).collect();
        let others = self.conflicts.iter().filter_map(|now| {
            let now = now.clone();
            match (earlier.get(now.id.as_str()), now.state) {
                (Some(was), state) if *was == state => None,
                (_, State::Waived) => Some(ConflictEvent::Waived(now)),
                (Some(_), _) => Some(ConflictEvent::Reopened(now)),
                (None, _) if self.settled_before.contains(&now.id) => Some(ConflictEvent::Reopened(now)),
                (None, _) => Some(ConflictEvent::Opened(now)),
            }
        });
        settled.chain(others).collect()
    }
}
