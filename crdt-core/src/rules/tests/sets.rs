//! What a rule set may say, and the set that ships.

use super::*;
use crate::dashboard::{Edit, Layout, Widget, WidgetId, apply, first_dashboard};
use crate::grafana::import;
use automerge::{ObjType, ROOT};
use std::path::Path as FilePath;

fn faults(set: &Value) -> Vec<(String, Option<usize>)> {
    let bad = RuleSet::compile(serde_json::from_value(set.clone()).unwrap()).unwrap_err();
    assert!(bad.faults.iter().all(|fault| !fault.wrong.is_empty() && !fault.right.is_empty()));
    bad.faults.into_iter().map(|fault| (fault.place, fault.character)).collect()
}

/// RU3: everything that is wrong with a set is named at once, each with its place.
#[test]
fn ru3_all_faults_are_named_at_once() {
    let rule = |changes: Value| {
        let mut rule =
            json!({"id": "a", "predicate": "range", "over": "items.*.n", "min": 1, "message": "m"});
        for (name, value) in changes.as_object().unwrap() {
            rule[name] = value.clone();
        }
        rule
    };
    let set = json!({"kind": "", "rule": [
        rule(json!({})),
        rule(json!({"over": "items.*..n", "message": "{x"})),
        rule(json!({"id": "b c", "predicate": "rang", "severity": "bad", "mode": "quiet"})),
        rule(json!({"id": "d", "within": "x", "proposals": ["push_down", "clamp", "clamp", "wish"]})),
        rule(json!({"id": "e", "predicate": "required", "min": null, "auto_settle_after": 5})),
        rule(json!({"id": "f", "max": "items.*.n"})),
        json!({"id": "g", "predicate": "in_bounds", "over": "items.*", "message": "m"}),
        json!({"id": "h", "predicate": "no_overlap", "over": "layout", "message": "{title}"}),
        json!({"id": "i", "predicate": "immutable", "over": "kind", "message": "m"}),
        json!({"id": "j", "predicate": "mutually_exclusive", "over": "items.*", "fields": ["a", "b.*", "a"], "message": "m"}),
        json!({"id": "k", "predicate": "one_of", "over": "items.*", "values": [], "message": "m"}),
        json!({"id": "l", "predicate": "reference_exists", "over": "items.*.x", "in": "items.*", "message": "m"}),
        json!({"id": "m", "predicate": "no_overlap", "over": "items.*", "message": "{a.key}", "proposals": ["first_free"]}),
        json!({"id": "n", "predicate": "max_items", "over": "items", "limit": {"path": "a..b", "default": 1}, "message": "{title}"}),
    ]});
    let place = |place: &str| (place.to_owned(), None);
    let at = |place: &str, character| (place.to_owned(), Some(character));
    assert_eq!(
        faults(&set),
        [
            place("kind"),
            place("rule[1].id"),
            at("rule[1].over", 9),
            place("rule[2].id"),
            place("rule[2].severity"),
            place("rule[2].mode"),
            place("rule[2].predicate"),
            place("rule[3].within"),
            place("rule[3].proposals[0]"),
            place("rule[3].proposals[2]"),
            place("rule[3].proposals[3]"),
            place("rule[4].auto_settle_after"),
            place("rule[5].max"),
            place("rule[6].columns"),
            place("rule[7].over"),
            place("rule[8].over"),
            place("rule[9].fields[1]"),
            place("rule[10].values"),
            place("rule[11].in"),
            place("rule[12].proposals[0]"),
            at("rule[13].limit", 3),
            at("rule[13].message", 2),
        ]
    );
}

/// RU3: a set is read strictly, and comes back as it was written.
#[test]
fn ru3_unknown_words_are_refused() {
    for odd in [
        json!({"kind": "board", "rules": []}),
        json!({"kind": "board", "rule": [{"id": "a", "predicate": "range", "over": "a", "message": "m", "level": 1}]}),
        json!({"kind": "board", "rule": [{"id": "a", "predicate": "range", "over": "a", "message": "m",
            "max": {"path": "a", "default": 1, "more": 2}}]}),
    ] {
        assert!(serde_json::from_value::<RuleSetSource>(odd.clone()).is_err(), "{odd}");
    }
    let dashboard: Value = serde_json::from_str(include_str!("../dashboard.json")).unwrap();
    let again = RuleSet::compile(serde_json::from_value(RuleSet::dashboard().to_json()).unwrap()).unwrap();
    assert_eq!(again.source(), RuleSet::dashboard().source());
    assert_eq!(RuleSet::dashboard().rules().len(), dashboard["rule"].as_array().unwrap().len());
    let many: Vec<Value> = (0..=RULES_MAX)
        .map(|index| json!({"id": format!("r{index}"), "predicate": "required", "over": "a", "message": "m"}))
        .collect();
    assert_eq!(faults(&json!({"kind": "board", "rule": many})), [("rule".to_owned(), None)]);
}

fn widget(id: &str, layout: Layout) -> Edit {
    let id: WidgetId = id.parse().unwrap();
    Edit::CreateWidget { widget: Box::new(Widget { layout, ..Widget::new("chart", "CPU") }), id }
}

/// RU21: the set for dashboards says nothing about real dashboards of people who use them.
#[test]
fn ru21_real_dashboards_have_no_conflicts() {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/grafana");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let json: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let doc = import(&json, &actor(1), NOON).unwrap().doc;
        let report = report(&doc, RuleSet::dashboard());
        assert_eq!((told(&report), report.undecided), (vec![], vec![]), "{}", file.display());
        files += 1;
    }
    assert_eq!(files, 4);
}

/// RU21: and every rule of it finds what it is there for.
#[test]
fn ru21_each_rule_of_the_set_finds_something() {
    let mut doc = first_dashboard();
    let edits = [
        widget("a", Layout { x: 0, y: 0, w: 6, h: 6 }),
        widget("b", Layout { x: 5, y: 5, w: 6, h: 6 }),
        widget("c", Layout { x: 20, y: 20, w: 6, h: 6 }),
        Edit::SetParent { id: "c".parse().unwrap(), parent: Some("gone".parse().unwrap()) },
        Edit::SetKind { id: "c".parse().unwrap(), kind: String::new() },
    ];
    apply(&mut doc, &actor(1), NOON, &edits).unwrap();
    let mut other = doc.fork();
    let source =
        |name: &str| Edit::SetDataSource { id: "a".parse().unwrap(), data_source: Some(json!(name)) };
    let data = |byte| Edit::AttachData {
        id: "a".parse().unwrap(),
        data: DocumentId::from_bytes(&[byte; 16]).unwrap(),
    };
    apply(&mut doc, &actor(2), NOON, &[source("one"), data(1)]).unwrap();
    apply(&mut other, &actor(3), NOON, &[source("two"), data(2)]).unwrap();
    merge(&mut doc, &other);
    let found: Vec<String> =
        told(&report(&doc, RuleSet::dashboard())).into_iter().map(|(rule, ..)| rule).collect();
    assert_eq!(
        found,
        [
            "widgets-apart",
            "widgets-on-grid",
            "parent-exists",
            "data-source-chosen-once",
            "data-attached-once",
            "titles-differ",
            "widget-has-kind",
        ]
    );
    let many: Vec<Edit> = (0..498)
        .map(|index| Edit::CreateWidget {
            id: format!("w{index}").parse().unwrap(),
            widget: Box::new(Widget {
                layout: Layout { x: 0, y: 100 + index, w: 1, h: 1 },
                ..Widget::new("chart", "")
            }),
        })
        .chain([Edit::SetGrid { grid: crate::dashboard::Grid { columns: 0, row_height: 30 } }])
        .collect();
    apply(&mut doc, &actor(2), NOON, &many).unwrap();
    let report = report(&doc, RuleSet::dashboard());
    let found = |rule: &str| report.conflicts.iter().filter(|conflict| conflict.rule == rule).count();
    assert_eq!((found("grid-has-columns"), found("widgets-not-too-many")), (1, 1));
}

/// RU1: documents of any shape are judged: nothing panics, nothing calls itself without a bound.
#[test]
fn ru1_documents_of_any_shape_are_judged() {
    let mut doc = Automerge::new().with_actor(actor(1));
    change(&mut doc, |tx| {
        let mut object = tx.put_object(ROOT, "widgets", ObjType::Map)?;
        for _ in 0..3_000 {
            object = tx.put_object(&object, "layout", ObjType::Map)?;
        }
        tx.put(&object, "x", 1)
    });
    assert_eq!(told(&report(&doc, RuleSet::dashboard())).len(), 1, "the one thing has no kind");
    for widgets in [
        json!(null),
        json!("text"),
        json!(7),
        json!([1, [2], {"id": 5}]),
        json!({"a": [], "b": {"layout": {"x": {}}}}),
    ] {
        let doc = doc_of(&json!({"kind": "dashboard", "widgets": widgets, "grid": [widgets]}));
        let report = report(&doc, RuleSet::dashboard());
        assert!(report.conflicts.iter().all(|conflict| conflict.rule == "widget-has-kind"), "{report:?}");
    }
    // A whole object is wanted: a deep one is read as far as JSON goes, a large one is not read.
    let rules = rules(&json!([{"id": "u", "predicate": "unique", "over": "items.*", "message": "{found}"}]));
    let mut doc =
        doc_of(&json!({"items": {"a": (0..300).collect::<Vec<_>>(), "b": (0..300).collect::<Vec<_>>()}}));
    assert_eq!(report(&doc, &rules).conflicts, [], "large objects are known by who made them");
    change(&mut doc, |tx| {
        for name in ["c", "d"] {
            let (_, items) =
                automerge::ReadDoc::get(tx, ROOT, "items")?.ok_or(AutomergeError::NotAnObject)?;
            let mut object = tx.put_object(&items, name, ObjType::Map)?;
            for _ in 0..200 {
                object = tx.put_object(&object, "a", ObjType::Map)?;
            }
        }
        Ok(())
    });
    assert_eq!(report(&doc, &rules).conflicts[0].subjects, ["c", "d"]);
    // Long keys and long texts stay out of what is told.
    let long = "k".repeat(100_000);
    let doc = doc_of(&json!({"items": {&long: long, "a": long}}));
    let conflict = &report(&doc, &rules).conflicts[0];
    assert!(conflict.subjects.iter().all(|subject| subject.len() < 30), "{:?}", conflict.subjects);
    assert!(conflict.message.len() < 100);
}
