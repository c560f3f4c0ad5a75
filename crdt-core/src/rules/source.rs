//! A rule set as people write it, in JSON or TOML.
//!
//! Edit path: ← [`written`](super::written) reads it from the values of a file, a body or a record;
//! → [`RuleSet::compile`](super::RuleSet::compile), which checks what it says. The words stay texts here, so that all
//! faults can be named at once and not only the first.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The rules of one kind of document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(optional_fields))]
#[serde(try_from = "Value")]
pub struct RuleSetSource {
    /// Which documents: the text at `kind` in their root.
    pub kind: String,
    /// Which member of an item holds what people call it, for messages; `title` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The rules.
    #[serde(rename = "rule")]
    pub rules: Vec<RuleSource>,
}

/// One rule. Which parameters it takes depends on its predicate.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(optional_fields))]
pub struct RuleSource {
    /// What it is called: letters, digits, `-` and `_`. It is part of every conflict's id.
    pub id: String,
    /// What has to hold; see `docs/RULES.md`.
    pub predicate: String,
    /// Where it has to hold: a path. Only `cel` may do without, and is about the document then.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub over: String,
    /// What is said when it does not hold, with `{…}` for values of the document.
    pub message: String,
    /// `info`, `warning` or `error`; `warning` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// `surface` (editors see it) or `audit` (operators do); `surface` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// What is offered to settle it, the best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<String>>"))]
    pub proposals: Vec<String>,
    /// After how many seconds the server makes the first proposal by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_settle_after: Option<u64>,
    /// `no_overlap`, `unique`: only items whose member of this path is equal are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// `unique`: whether empty texts count as no value; true by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_empty: Option<bool>,
    /// `in_bounds`, and `no_overlap` with `first_free`: how wide the grid is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<OperandSource>,
    /// `reference_exists`: the collection whose keys may be referred to.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub within_keys_of: Option<String>,
    /// `max_items`, `sum_at_most`: the most that is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<OperandSource>,
    /// `range`: the least that is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<OperandSource>,
    /// `range`: the most that is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<OperandSource>,
    /// `one_of`: the values that are allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "readonly unknown[]"))]
    pub values: Option<Vec<Value>>,
    /// `mutually_exclusive`: paths within the object, of which one at most may be set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// `cel`: what has to be true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    /// `cel`: how many members or items there are at most at a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounds: Option<BTreeMap<String, u64>>,
}

/// A number, or where in the document it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(untagged)]
pub enum OperandSource {
    /// The number itself.
    Number(f64),
    /// A path from the root, without `*`.
    Path(String),
    /// A path, and what counts where no number stands there.
    PathOr(PathOr),
}

/// Where a number stands, and what counts where none does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PathOr {
    /// A path from the root, without `*`.
    pub path: String,
    /// The number that counts where none stands there.
    pub default: f64,
}
