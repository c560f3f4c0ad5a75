//! The file that every implementation of settling is held to: `vectors/rules/settle.json`.
//!
//! Each case is a rule set, a document, a conflict and a proposal, and the hashes of the changes that settle it: who makes
//! them elsewhere makes the same bytes. It also tells the conflicts in full, with their causes, as they were before.
//! `DOVETAIL_WRITE_VECTORS=1 cargo test` writes the file anew.

use super::vectors::{at, at_path, merged, moved_apart, set_apart, with};
use super::*;
use automerge::{ObjType, ROOT, ScalarValue};
use std::path::Path as FilePath;

/// What it shows, the rules, the document, the proposal, and who chooses it.
type Case = (&'static str, Value, Automerge, Proposal, Option<&'static str>);

fn items(items: &Value) -> Automerge {
    doc_of(&json!({"kind": "board", "columns": 12, "items": items}))
}

fn rule(predicate: &str, over: &str, more: &Value, proposal: Proposal) -> Value {
    let mut rule = json!({"id": "rule", "predicate": predicate, "over": over, "message": "it is so", "proposals": [proposal.name()]});
    if predicate == "no_overlap" || predicate == "unique" {
        rule["message"] = json!("\"{a.title}\" and \"{b.key}\": {values}");
    }
    for (name, value) in more.as_object().into_iter().flatten() {
        rule[name] = value.clone();
    }
    json!([rule])
}

/// Sets a member of the item `a`.
fn set_in_a(
    name: &'static str,
    value: impl Into<ScalarValue>,
) -> impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError> {
    let value = value.into();
    move |tx| {
        let a = at_path(tx, &["items", "a"])?;
        tx.put(&a, name, value)
    }
}

/// A text object as a member of the item.
fn type_in(tx: &mut Transaction<'_>, item: &str, name: &str, text: &str) -> Result<(), AutomergeError> {
    let item = at_path(tx, &["items", item])?;
    let object = tx.put_object(&item, name, ObjType::Text)?;
    tx.splice_text(object, 0, 0, text)
}

/// Two who put an object in the same place while apart.
fn objects_apart() -> Automerge {
    let base = items(&json!({"a": {"title": "A"}}));
    let put = |doc: Automerge, value: Value| {
        with(doc, move |tx| {
            let a = at_path(tx, &["items", "a"])?;
            crate::json::put(tx, &a, "source".into(), &value, Strings::Text, 0)
                .map_err(|_| AutomergeError::NotAnObject)
        })
    };
    let first = json!({"type": "csv", "rows": [1, 2.0, {"deep": [null, true]}], "é": 1e300});
    merged(put(copy(&base, 2), first), &put(copy(&base, 3), json!({"type": "sql"})))
}

/// The item's kind was an object when it was created, and is a text object now.
fn retyped() -> Automerge {
    let base = items(&json!({"a": {"kind": {"name": "chart", "sizes": [1, 2.5, 3.0]}}}));
    with(base, |tx| type_in(tx, "a", "kind", "text"))
}

fn odd_entries() -> Automerge {
    with(moved_apart(), |tx| {
        let odd = json!({"settled": [1], "waived": "none"});
        crate::json::put(tx, &ROOT, "_dovetail".into(), &odd, Strings::Scalar, 1)
            .map_err(|_| AutomergeError::NotAnObject)
    })
}

fn decided_before() -> Automerge {
    let mut doc = moved_apart();
    crate::reserved::ensure_entry(&mut doc).unwrap();
    doc
}

fn cases() -> Vec<Case> {
    use Proposal::{
        Clamp, ClearReference, FirstFree, KeepEarlier, KeepLater, NumberTitle, PushDown, UnsetLater,
    };
    let apart = |proposal| rule("no_overlap", "items.*.layout", &json!({"columns": 12}), proposal);
    let once = |proposal| rule("exclusive_field", "items.*.limit", &json!({}), proposal);
    let source = |proposal| rule("exclusive_field", "items.*.source", &json!({}), proposal);
    let titles = || rule("unique", "items.*.title", &json!({}), NumberTitle);
    let load = || rule("range", "items.*.load", &json!({"min": 0.5, "max": 10}), Clamp);
    let kept = || rule("immutable", "items.*.kind", &json!({}), KeepEarlier);
    vec![
        ("a rectangle goes down", apart(PushDown), moved_apart(), PushDown, Some("ana")),
        ("a rectangle goes to a free place", apart(FirstFree), decided_before(), FirstFree, None),
        ("over what a stranger wrote", apart(PushDown), odd_entries(), PushDown, Some("é")),
        (
            "a rectangle of fractions",
            rule("in_bounds", "items.*.layout", &json!({"columns": 10.5}), Clamp),
            items(&json!({"a": {"layout": {"x": 8.25, "y": -1.5, "w": 4.0, "h": 2}}})),
            Clamp,
            None,
        ),
        ("up to a bound", load(), items(&json!({"a": {"load": -3}})), Clamp, None),
        ("down to a bound", load(), with(items(&json!({"a": {}})), set_in_a("load", u64::MAX)), Clamp, None),
        (
            "a title",
            titles(),
            items(&json!({"a": {"title": "x"}, "b": {"title": "x"}, "c": {"title": "x (2)"}})),
            NumberTitle,
            None,
        ),
        (
            "a title that people type in",
            titles(),
            with(items(&json!({"a": {"title": "größe 𝄞"}, "b": {}})), |tx| {
                type_in(tx, "b", "title", "größe 𝄞")
            }),
            NumberTitle,
            Some("bo"),
        ),
        (
            "a reference",
            rule("reference_exists", "items.*.group", &json!({"in": "items"}), ClearReference),
            items(&json!({"a/b": {"group": "z"}})),
            ClearReference,
            None,
        ),
        (
            "the earlier number",
            once(KeepEarlier),
            set_apart(&ScalarValue::F64(5.0), &"five".into()),
            KeepEarlier,
            None,
        ),
        ("the later text", once(KeepLater), set_apart(&ScalarValue::Int(5), &"five".into()), KeepLater, None),
        (
            "the later moment",
            once(KeepLater),
            set_apart(&ScalarValue::counter(5), &ScalarValue::Timestamp(1_700_000_000_123)),
            KeepLater,
            None,
        ),
        (
            "the earlier counter",
            once(KeepEarlier),
            set_apart(&ScalarValue::counter(5), &ScalarValue::Uint(7)),
            KeepEarlier,
            None,
        ),
        ("the earlier object", source(KeepEarlier), objects_apart(), KeepEarlier, Some("ana")),
        ("the later object", source(KeepLater), objects_apart(), KeepLater, None),
        (
            "what was set first",
            rule(
                "mutually_exclusive",
                "items.*",
                &json!({"fields": ["query", "options.text", "data"]}),
                UnsetLater,
            ),
            with(items(&json!({"a": {"query": "q", "options": {}}})), |tx| {
                let options = at_path(tx, &["items", "a", "options"])?;
                tx.put(&options, "text", "t")?;
                let a = at_path(tx, &["items", "a"])?;
                tx.put(&a, "data", 1)
            }),
            UnsetLater,
            None,
        ),
        (
            "what it was created with",
            kept(),
            with(items(&json!({"a": {"kind": 2.0}})), set_in_a("kind", 3)),
            KeepEarlier,
            None,
        ),
        ("an object that it was created with", kept(), retyped(), KeepEarlier, None),
        (
            "a text among texts",
            kept(),
            with(items(&json!({"a": {"kind": "chart"}})), |tx| type_in(tx, "a", "kind", "text")),
            KeepEarlier,
            None,
        ),
        (
            "an item of a list",
            apart(PushDown),
            doc_of(
                &json!({"items": [at(4, 0, 1, 1), {"id": "x", "layout": {"x": 0, "y": 0, "w": 2, "h": 2}},
                {"id": "x", "layout": {"x": 1, "y": 1, "w": 2, "h": 2}}]}),
            ),
            PushDown,
            None,
        ),
    ]
}

fn vector((name, rule_set, doc, proposal, by): Case) -> Value {
    let rules = rules(&rule_set);
    let mut doc = doc;
    let before = crate::json::scalar_to_json(&ScalarValue::Bytes(doc.save()).into())["$bytes"].clone();
    let told = report(&doc, &rules).conflicts;
    let conflict = told[0].id.clone();
    let settled = settle(&mut doc, &rules, &conflict, proposal, by).unwrap();
    let changes: Vec<String> = settled.changes.iter().map(|change| change.hash().to_string()).collect();
    assert_eq!(report(&doc, &rules).get(&conflict), None, "{name}");
    json!({"name": name, "ruleSet": rules.to_json(), "document": document().to_string(), "automerge": before, "now": NOON,
        "conflicts": told, "settle": {"conflict": conflict, "proposal": proposal, "by": by}, "changes": changes,
        "content": crate::json::read(&doc, None)})
}

/// RU15, RU20: the file says which changes settle a conflict.
#[test]
fn ru20_settling_writes_the_changes_of_the_file() {
    let made: Vec<Value> = cases().into_iter().map(vector).collect();
    let path = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("vectors/rules/settle.json");
    if std::env::var_os("DOVETAIL_WRITE_VECTORS").is_some() {
        std::fs::write(&path, format!("{:#}\n", Value::Array(made.clone()))).unwrap();
    }
    let written: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(written, Value::Array(made));
}
