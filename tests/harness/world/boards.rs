//! Rules for documents of the kind `board`: every member of the root that is called like one of [`KEYS`] has a bound, and no
//! two people may write the same one apart.

use dovetail_core::rules::{InForce, RuleBook, RuleSet};
use serde_json::{Value, json};
use std::sync::Arc;

/// The members of the root that have rules.
pub const KEYS: [&str; 5] = ["k0", "k1", "k2", "k3", "k4"];

/// What a member may be at most.
pub const MAX: i64 = 10;

/// The rules, and these besides.
///
/// # Panics
/// When those are no rules.
#[must_use]
pub fn rules(besides: impl IntoIterator<Item = Value>) -> Arc<RuleBook> {
    let source = serde_json::from_value(written(besides)).expect("rules");
    let rules = Arc::new(RuleSet::compile(source).expect("rules that compile"));
    Arc::new(RuleBook::empty().with(InForce { version: 3, rules }))
}

/// The same as somebody writes them down.
pub(crate) fn written(besides: impl IntoIterator<Item = Value>) -> Value {
    let rules: Vec<Value> = KEYS.iter().flat_map(|key| [range(key), exclusive(key)]).chain(besides).collect();
    json!({"kind": "board", "rule": rules})
}

fn range(key: &str) -> Value {
    json!({"id": format!("{key}-range"), "predicate": "range", "over": key, "message": "{found}", "max": MAX,
        "proposals": ["clamp"]})
}

fn exclusive(key: &str) -> Value {
    json!({"id": format!("{key}-exclusive_field"), "predicate": "exclusive_field", "over": key, "message": "{values}"})
}
