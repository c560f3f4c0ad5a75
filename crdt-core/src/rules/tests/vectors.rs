//! The files that every implementation of the rules is held to: `vectors/rules/*.json`.
//!
//! Each file holds cases: a rule set, a document in Automerge's own format, a moment, and the
//! conflicts that are found. The recipes below make the cases; `DOVETAIL_WRITE_VECTORS=1 cargo test`
//! writes the files anew.

use super::*;
use automerge::{ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use std::path::Path as FilePath;

/// A case: what it shows, and the document.
type Case = (&'static str, Automerge);

/// A file: its name, its rules, its cases.
type File = (&'static str, Value, Vec<Case>);

fn files() -> Vec<File> {
    let items = |items: Value| doc_of(&json!({"kind": "board", "columns": 12, "items": items}));
    vec![
        (
            "no_overlap",
            apart(),
            vec![
                ("side by side", items(json!({"a": at(0, 0, 6, 4), "b": at(6, 0, 6, 4)}))),
                ("the same place", items(json!({"a": at(0, 0, 6, 4), "b": at(0, 0, 6, 4)}))),
                ("by one cell", items(json!({"b": at(0, 0, 6, 4), "a": at(5, 3, 6, 4)}))),
                (
                    "three on one heap",
                    items(json!({"a": at(0, 0, 2, 2), "b": at(1, 1, 2, 2), "c": at(1, 0, 2, 2)})),
                ),
                (
                    "in different groups",
                    items(json!({"a": grouped("g", 0), "b": grouped("h", 0), "c": grouped("g", 1)})),
                ),
                (
                    "without an area",
                    items(json!({"a": at(0, 0, 6, 4), "b": at(1, 1, 0, 3), "c": at(1, 1, 3, -1)})),
                ),
                (
                    "fractions",
                    items(
                        json!({"a": at(0, 0, 6, 4), "b": {"title": "b", "layout": {"x": 5.5, "y": 0.0, "w": 1e0, "h": 1}}}),
                    ),
                ),
                (
                    "no rectangles",
                    items(
                        json!({"a": at(0, 0, 6, 4), "b": {"layout": {"x": "0", "y": 0, "w": 6, "h": 4}}, "c": {"layout": [0, 0, 6, 4]}, "d": 7, "e": {"layout": {"x": 0, "y": 0, "w": 6}}}),
                    ),
                ),
                ("keys that need care", items(json!({"a/b": at(0, 0, 6, 4), "~é\"": at(0, 0, 6, 4)}))),
                (
                    "an array of items",
                    doc_of(&json!({"items": [
                {"id": "x", "layout": {"x": 0, "y": 0, "w": 2, "h": 2}}, {"layout": {"x": 1, "y": 1, "w": 2, "h": 2}},
                {"id": "x", "layout": {"x": 2, "y": 2, "w": 2, "h": 2}}]})),
                ),
                ("moved while apart", moved_apart()),
            ],
        ),
        (
            "in_bounds",
            json!([{"id": "inside", "predicate": "in_bounds", "over": "items.*.layout",
            "columns": {"path": "columns", "default": 24}, "message": "{title} is not within {limit}", "proposals": ["clamp"]}]),
            vec![
                ("inside", items(json!({"a": at(0, 0, 12, 1)}))),
                ("beyond the right edge", items(json!({"a": at(1, 0, 12, 1)}))),
                ("left of and above", items(json!({"a": at(-1, 0, 2, 1), "b": at(0, -1, 2, 1)}))),
                ("the default counts", doc_of(&json!({"columns": "many", "items": {"a": at(20, 0, 5, 1)}}))),
            ],
        ),
        (
            "unique",
            json!([{"id": "titles", "predicate": "unique", "over": "items.*.title", "within": "group",
            "message": "two are called {found}: {a.key}, {b.key}", "proposals": ["number_title"]}]),
            vec![
                ("all differ", items(json!({"a": {"title": "x"}, "b": {"title": "y"}}))),
                (
                    "two of three",
                    items(json!({"c": {"title": "x"}, "b": {"title": "x"}, "a": {"title": "x"}})),
                ),
                (
                    "numbers by their value",
                    items(json!({"a": {"title": 1}, "b": {"title": 1.0}, "c": {"title": "1"}})),
                ),
                (
                    "nothing is no value",
                    items(
                        json!({"a": {"title": ""}, "b": {"title": ""}, "c": {"title": null}, "d": {"title": null}}),
                    ),
                ),
                (
                    "objects by their content",
                    items(json!({"a": {"title": {"x": 1, "y": [2]}}, "b": {"title": {"y": [2.0], "x": 1}}})),
                ),
                (
                    "text objects and strings",
                    with(items(json!({"a": {"title": "x"}, "b": {}})), |tx| {
                        let b = at_path(tx, &["items", "b"])?;
                        let text = tx.put_object(&b, "title", ObjType::Text)?;
                        tx.splice_text(text, 0, 0, "x")
                    }),
                ),
                (
                    "in different groups",
                    items(json!({"a": {"title": "x", "group": "g"}, "b": {"title": "x"}})),
                ),
            ],
        ),
        (
            "reference_exists",
            json!([{"id": "parents", "predicate": "reference_exists", "over": "items.*.group", "in": "items",
            "message": "{key} is held by {found}", "proposals": ["clear_reference"]}]),
            vec![
                ("there", items(json!({"a": {"group": "b"}, "b": {"group": ""}, "c": {"group": null}}))),
                ("gone", items(json!({"a": {"group": "z"}}))),
                ("no text", items(json!({"a": {"group": 7}, "b": {"group": ["a"]}}))),
                ("removed while apart", removed_apart()),
            ],
        ),
        (
            "max_items",
            json!([{"id": "few", "predicate": "max_items", "over": "items", "limit": 2, "message": "{found} of {limit}"},
            {"id": "parts", "predicate": "max_items", "over": "items.*.parts", "limit": 1, "message": "{found} parts"}]),
            vec![
                ("as many as allowed", items(json!({"a": 1, "b": 2}))),
                ("one more", items(json!({"a": 1, "b": 2, "c": null}))),
                (
                    "of each item",
                    items(json!({"a": {"parts": [1, 2]}, "b/c": {"parts": {"x": 1, "y": 2, "z": 3}}})),
                ),
                ("no collection", doc_of(&json!({"items": "abc"}))),
            ],
        ),
        (
            "required",
            json!([{"id": "titled", "predicate": "required", "over": "items.*.title", "message": "{key} has no title"},
            {"id": "named", "predicate": "required", "over": "name", "message": "{key} has no name"}]),
            vec![
                ("all there", doc_of(&json!({"name": 0, "items": {"a": {"title": false}}}))),
                (
                    "missing, null, empty",
                    items(json!({"a": {}, "b": {"title": null}, "c": {"title": ""}, "d": 5})),
                ),
            ],
        ),
        (
            "range",
            json!([{"id": "load", "predicate": "range", "over": "items.*.load", "min": 0, "max": "columns",
            "message": "{found} is not in {limit}", "proposals": ["clamp"]}]),
            vec![
                (
                    "within",
                    items(json!({"a": {"load": 0}, "b": {"load": 12.0}, "c": {}, "d": {"load": null}})),
                ),
                ("beyond", items(json!({"a": {"load": -0.5}, "b": {"load": 13}, "c": {"load": 1e21}}))),
                ("no number", items(json!({"a": {"load": "5"}, "b": {"load": [5]}, "c": {"load": true}}))),
                (
                    "not a number, and too large for a double",
                    with(items(json!({"a": {}, "b": {}})), |tx| {
                        let (a, b) = (at_path(tx, &["items", "a"])?, at_path(tx, &["items", "b"])?);
                        tx.put(&a, "load", f64::NAN)?;
                        tx.put(&b, "load", ScalarValue::Uint(u64::MAX))
                    }),
                ),
                ("no limit to hold it against", doc_of(&json!({"items": {"a": {"load": 50}}}))),
            ],
        ),
        (
            "one_of",
            json!([{"id": "status", "predicate": "one_of", "over": "items.*.status", "values": ["on", 1, {"a": [1]}],
            "message": "{found} is no status"}]),
            vec![
                (
                    "allowed",
                    items(
                        json!({"a": {"status": "on"}, "b": {"status": 1.0}, "c": {"status": {"a": [1]}}, "d": {}}),
                    ),
                ),
                (
                    "not allowed",
                    items(
                        json!({"a": {"status": "off"}, "b": {"status": true}, "c": {"status": {"a": [2]}}}),
                    ),
                ),
                (
                    "bytes and times",
                    with(items(json!({"a": {}, "b": {}})), |tx| {
                        let (a, b) = (at_path(tx, &["items", "a"])?, at_path(tx, &["items", "b"])?);
                        tx.put(&a, "status", ScalarValue::Bytes(vec![1, 2, 255]))?;
                        tx.put(&b, "status", ScalarValue::Timestamp(1))
                    }),
                ),
            ],
        ),
        (
            "sum_at_most",
            json!([{"id": "share", "predicate": "sum_at_most", "over": "items.*.parts.*.share", "limit": 1,
            "message": "{found} in all"}]),
            vec![
                ("exactly", items(json!({"a": {"parts": {"x": {"share": 0.5}, "y": {"share": 0.5}}}}))),
                (
                    "more",
                    items(
                        json!({"a": {"parts": {"x": {"share": 0.75}, "y": {"share": 0.5}, "z": {"share": "9"}}}, "b": {"parts": {}}}),
                    ),
                ),
                (
                    "sums of doubles depend on the order",
                    items(
                        json!({"a": {"parts": {"x": {"share": 0.1}, "y": {"share": 0.7}, "z": {"share": 0.3}}}}),
                    ),
                ),
            ],
        ),
        (
            "mutually_exclusive",
            json!([{"id": "either", "predicate": "mutually_exclusive", "over": "items.*",
            "fields": ["query", "options.text", "data"], "message": "{key}: {values}", "proposals": ["unset_later"]}]),
            vec![
                ("one", items(json!({"a": {"query": "q", "options": {"text": ""}, "data": null}}))),
                ("two", items(json!({"a": {"query": "q", "options": {"text": "t"}}}))),
                ("three", items(json!({"a": {"query": 0, "options": {"text": false}, "data": {}}}))),
            ],
        ),
        (
            "immutable",
            json!([{"id": "kept", "predicate": "immutable", "over": "items.*.kind",
            "message": "{key} was {limit} and is {found}", "proposals": ["keep_earlier"]}]),
            vec![
                ("as it was made", items(json!({"a": {"kind": "chart"}}))),
                (
                    "changed",
                    with(items(json!({"a": {"kind": "chart"}, "b": {"kind": 1}})), |tx| {
                        let (a, b) = (at_path(tx, &["items", "a"])?, at_path(tx, &["items", "b"])?);
                        tx.put(&a, "kind", "text")?;
                        tx.put(&b, "kind", 1.0)
                    }),
                ),
                (
                    "removed",
                    with(items(json!({"a": {"kind": "chart"}})), |tx| {
                        let a = at_path(tx, &["items", "a"])?;
                        tx.delete(&a, "kind")
                    }),
                ),
                (
                    "given afterwards",
                    with(items(json!({"a": {}})), |tx| {
                        let a = at_path(tx, &["items", "a"])?;
                        tx.put(&a, "kind", "chart")?;
                        tx.put(&a, "kind", "text")
                    }),
                ),
            ],
        ),
        (
            "exclusive_field",
            json!([{"id": "once", "predicate": "exclusive_field", "over": "items.*.limit",
            "message": "two were set: {values}", "proposals": ["keep_earlier", "keep_later"]}]),
            vec![
                (
                    "one after the other",
                    with(items(json!({"a": {"limit": 1}})), |tx| {
                        let a = at_path(tx, &["items", "a"])?;
                        tx.put(&a, "limit", 2)
                    }),
                ),
                ("different, while apart", set_apart(&ScalarValue::Int(5), &"five".into())),
                ("the same, while apart", set_apart(&ScalarValue::Int(5), &ScalarValue::F64(5.0))),
                ("one removed it", {
                    let base = items(json!({"a": {"limit": 1}}));
                    let (one, other) = (copy(&base, 2), copy(&base, 3));
                    merged(
                        with(one, |tx| {
                            let a = at_path(tx, &["items", "a"])?;
                            tx.delete(&a, "limit")
                        }),
                        &with(other, |tx| {
                            let a = at_path(tx, &["items", "a"])?;
                            tx.put(&a, "limit", 2)
                        }),
                    )
                }),
            ],
        ),
        (
            "life",
            apart(),
            vec![
                ("waived", decided(|doc, rules, id| waive_until(doc, rules, id, None))),
                (
                    "waived until then",
                    decided(|doc, rules, id| {
                        waive_until(doc, rules, id, Some(Timestamp::from_millis(NOON.as_millis() + 1)));
                    }),
                ),
                (
                    "waived, and the facts changed",
                    decided(|doc, rules, id| {
                        waive_until(doc, rules, id, None);
                        change(doc, |tx| {
                            let layout = at_path(tx, &["items", "a", "layout"])?;
                            tx.put(&layout, "h", 5)
                        });
                    }),
                ),
                (
                    "settled",
                    decided(|doc, rules, id| {
                        settle(doc, rules, id, Proposal::PushDown, Some("ana")).unwrap();
                    }),
                ),
            ],
        ),
    ]
}

fn apart() -> Value {
    json!([{"id": "apart", "predicate": "no_overlap", "over": "items.*.layout", "within": "group",
        "message": "{a.title} and {b.title}", "proposals": ["push_down"]}])
}

pub(super) fn at(x: i64, y: i64, w: i64, h: i64) -> Value {
    json!({"title": format!("at {x}"), "layout": {"x": x, "y": y, "w": w, "h": h}})
}

fn grouped(group: &str, x: i64) -> Value {
    json!({"title": group, "group": group, "layout": {"x": x, "y": 0, "w": 6, "h": 4}})
}

pub(super) fn at_path(tx: &Transaction<'_>, path: &[&str]) -> Result<ObjId, AutomergeError> {
    path.iter().try_fold(ROOT, |object, name| {
        tx.get(object, *name)?.map(|(_, object)| object).ok_or(AutomergeError::NotAnObject)
    })
}

pub(super) fn with(
    mut doc: Automerge,
    write: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>,
) -> Automerge {
    // At time 0, so that the files are the same whenever they are written.
    doc.transact_with(|()| automerge::transaction::CommitOptions::default().with_time(0), write).unwrap();
    doc
}

pub(super) fn merged(mut one: Automerge, other: &Automerge) -> Automerge {
    merge(&mut one, other);
    one
}

pub(super) fn moved_apart() -> Automerge {
    let base = doc_of(&json!({"items": {"a": at(0, 0, 4, 4), "b": at(8, 0, 4, 4)}}));
    let to = |doc: Automerge, item: &'static str, x: i64| {
        with(doc, move |tx| {
            let layout = at_path(tx, &["items", item, "layout"])?;
            tx.put(&layout, "x", x)
        })
    };
    merged(to(copy(&base, 2), "a", 3), &to(copy(&base, 3), "b", 5))
}

fn removed_apart() -> Automerge {
    let base = doc_of(&json!({"items": {"a": {}, "b": {}}}));
    let removed = with(copy(&base, 2), |tx| {
        let items = at_path(tx, &["items"])?;
        tx.delete(&items, "b")
    });
    let referred = with(copy(&base, 3), |tx| {
        let a = at_path(tx, &["items", "a"])?;
        tx.put(&a, "group", "b")
    });
    merged(removed, &referred)
}

pub(super) fn set_apart(one: &ScalarValue, other: &ScalarValue) -> Automerge {
    let base = doc_of(&json!({"items": {"a": {"limit": 1}}}));
    let set = |doc, value: &ScalarValue| {
        with(doc, |tx| {
            let a = at_path(tx, &["items", "a"])?;
            tx.put(&a, "limit", value.clone())
        })
    };
    merged(set(copy(&base, 2), one), &set(copy(&base, 3), other))
}

fn decided(decide: impl FnOnce(&mut Automerge, &Arc<RuleSet>, &str)) -> Automerge {
    let mut doc = moved_apart();
    let rules = rules(&apart());
    let id = report(&doc, &rules).conflicts[0].id.clone();
    decide(&mut doc, &rules, &id);
    doc
}

/// Rules that only a program with expressions can judge.
fn expressions() -> Option<File> {
    let widget =
        |x: i64, w: i64, tags: Value| json!({"title": "A", "layout": {"x": x, "w": w}, "tags": tags});
    let board =
        |columns: Value, items: Value| doc_of(&json!({"kind": "board", "columns": columns, "items": items}));
    let rules = json!([
        {"id": "fits", "predicate": "cel", "over": "items.*", "message": "{title} ends beyond {key}",
         "expr": "self.layout.x + self.layout.w <= document.columns"},
        {"id": "tags", "predicate": "cel", "over": "items.*.tags", "message": "{key}",
         "expr": "self == null || self.all(tag, size(tag) > 0)"},
        {"id": "any", "predicate": "cel", "message": "nothing on the board", "bounds": {"items": 100},
         "expr": "document.items.exists(i, document.items[i].layout.x == 0)"},
    ]);
    let cases = vec![
        ("all hold", board(json!(12), json!({"a": widget(0, 12, json!(["x"]))}))),
        (
            "one too far",
            board(json!(12), json!({"a": widget(0, 6, json!([])), "b": widget(8, 5, json!(["", "y"]))})),
        ),
        ("of the document", board(json!(12.5), json!({"a": widget(1, 2, json!(["x"]))}))),
        ("without a value", board(Value::Null, json!({"a": {"title": "A"}}))),
    ];
    cfg!(feature = "cel").then_some(("cel", rules, cases))
}

fn waive_until(doc: &mut Automerge, rules: &Arc<RuleSet>, id: &str, until: Option<Timestamp>) {
    let waiver = Waiver { reason: "on purpose".into(), by: Some("ana".into()), until };
    waive(doc, rules, id, &waiver, &actor(5), NOON).unwrap();
}

/// A case as it is written into a file.
fn vector((name, doc): &Case, rules: &Arc<RuleSet>) -> Value {
    let judge = judge(doc, rules);
    let report = judge.report(doc, NOON);
    let all = report.conflicts.iter().cloned().chain(judge.settled(doc));
    let conflicts: Vec<Value> = all
        .map(|it| {
            json!({"id": it.id, "rule": it.rule, "subjects": it.subjects, "fingerprint": it.fingerprint,
                "state": it.state, "message": it.message, "proposals": it.proposals.iter().map(|offer| offer.name).collect::<Vec<_>>()})
        })
        .collect();
    json!({"name": name, "ruleSet": rules.to_json(), "document": document().to_string(),
        "automerge": crate::json::scalar_to_json(&ScalarValue::Bytes(doc.save()).into())["$bytes"],
        "now": NOON, "conflicts": conflicts, "undecided": report.undecided})
}

/// RU20: the files say what the code does.
#[test]
fn ru20_vectors_are_what_the_code_does() {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("vectors/rules");
    let mut cases = 0;
    for (name, set, recipes) in files().into_iter().chain(expressions()) {
        let rules = rules(&set);
        let made = Value::Array(recipes.iter().map(|case| vector(case, &rules)).collect());
        cases += recipes.len();
        let path = folder.join(format!("{name}.json"));
        if std::env::var_os("DOVETAIL_WRITE_VECTORS").is_some() {
            std::fs::write(&path, format!("{made:#}\n")).unwrap();
        }
        let written: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(written, made, "{name}");
        let shown =
            made.as_array().unwrap().iter().any(|case| !case["conflicts"].as_array().unwrap().is_empty());
        assert!(shown, "{name} shows no conflict");
    }
    assert!(cases >= 40, "{cases} cases");
}
