//! What a rule set may say, and the set that ships.

use super::*;
use crate::dashboard::{Edit, Layout, Widget, WidgetId, apply, first_dashboard};
use crate::grafana::import;
use automerge::{ObjType, ROOT};
use std::path::Path as FilePath;

fn faults(set: &Value) -> Vec<(String, Option<usize>)> {
    let bad = RuleSet::read(set, Faults::default()).unwrap_err();
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
        json!({"id": "o", "predicate": "no_overlap", "over": "", "within": "a..b", "columns": "*.x", "message": "{x}"}),
        json!({"id": "p", "predicate": "rang", "over": "a", "min": "x..y", "fields": ["a", "b..c"], "message": "}"}),
    ]});
    let place = |place: &str| (place.to_owned(), None);
    let at = |place: &str, character| (place.to_owned(), Some(character));
    assert_eq!(
        faults(&set),
        [
            place("kind"),
            place("rule[1].id"),
            at("rule[1].over", 9),
            at("rule[1].message", 1),
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
            at("rule[7].message", 2),
            place("rule[8].over"),
            place("rule[9].fields[1]"),
            place("rule[10].values"),
            place("rule[11].in"),
            place("rule[12].proposals[0]"),
            at("rule[13].limit.path", 3),
            at("rule[13].message", 2),
            place("rule[14].over"),
            at("rule[14].within", 3),
            place("rule[14].columns"),
            at("rule[14].message", 2),
            place("rule[15].predicate"),
            at("rule[15].min", 3),
            at("rule[15].fields[1]", 3),
            at("rule[15].message", 1),
        ]
    );
}

/// RU3: what is unknown, missing or of another kind is named together with what is wrong otherwise.
#[test]
fn ru3_form_and_content_are_judged_together() {
    let set = json!({"rules": [], "label": 7, "kind": ["board"], "rule": [
        {"predicate": "range", "over": "a", "min": {"path": "a..b"}, "max": {"default": "1", "more": 2}, "message": 3},
        ["id", "range", "a", "m"],
        {"id": "c", "predicate": "no_overlap", "over": 5, "columns": true, "colums": 1, "proposals": [7, "first_free", "x"],
            "message": "{title}"},
        {"id": "d", "predicate": "mutually_exclusive", "over": "a", "fields": [null, "b..c"], "message": "m", "severity": 1,
            "auto_settle_after": 0.5},
        {"id": "e", "predicate": "in_bounds", "over": "a", "columns": {"path": 1, "default": -1}, "message": "m",
            "proposals": "clamp", "auto_settle_after": 9},
        {"id": "f", "predicate": "cel", "bounds": {"a.b": -1, "c": "x"}, "expr": 1, "message": "m", "ignore_empty": "no"},
    ]});
    let place = |place: &str| (place.to_owned(), None);
    let at = |place: &str, character| (place.to_owned(), Some(character));
    assert_eq!(
        faults(&set),
        [
            place("kind"),
            place("label"),
            place("rules"),
            place("rule[0].id"),
            place("rule[0].message"),
            place("rule[0].min.default"),
            place("rule[0].max.path"),
            place("rule[0].max.default"),
            place("rule[0].max.more"),
            at("rule[0].min.path", 3),
            place("rule[1]"),
            place("rule[2].over"),
            place("rule[2].proposals[0]"),
            place("rule[2].columns"),
            place("rule[2].colums"),
            place("rule[2].proposals[2]"),
            at("rule[2].message", 2),
            place("rule[3].severity"),
            place("rule[3].auto_settle_after"),
            place("rule[3].fields[0]"),
            at("rule[3].fields[1]", 3),
            place("rule[4].proposals"),
            place("rule[4].columns.path"),
            place("rule[4].columns.default"),
            place("rule[5].ignore_empty"),
            place("rule[5].expr"),
            place("rule[5].bounds[\"a.b\"]"),
            place("rule[5].bounds.c"),
        ]
    );
    let words = RuleSet::read(&set, Faults::default()).unwrap_err().faults;
    let words = |place: &str| words.iter().find(|fault| fault.place == place).unwrap().to_string();
    assert_eq!(words("kind"), "kind: it is a list; a text");
    assert_eq!(words("rules"), "rules: there is no such member; perhaps `rule` is meant");
    assert_eq!(words("rule[0].id"), "rule[0].id: it is missing; a text that is this rule's own");
    assert_eq!(
        words("rule[2].colums"),
        "rule[2].colums: there is no such member; perhaps `columns` is meant"
    );
    assert_eq!(words("rule[0].max.more"), "rule[0].max.more: there is no such member; one of path, default");
    assert_eq!(
        words("rule[2].columns"),
        "rule[2].columns: it is true; a number, the path of one, or an object with `path` and `default`"
    );
}

/// RU3: a list is no set and no rule, and null is no list of rules.
#[test]
fn ru3_lists_are_not_read_as_objects() {
    for (set, places) in [
        (json!(["board", null, []]), vec!["$"]),
        (json!([]), vec!["$"]),
        (json!(null), vec!["$"]),
        (json!({"kind": "board", "rule": null}), vec!["rule"]),
        (json!({"kind": "board", "rule": {"id": "a"}}), vec!["rule"]),
        (json!({}), vec!["kind"]),
    ] {
        let found: Vec<String> = faults(&set).into_iter().map(|(place, _)| place).collect();
        assert_eq!(found, places, "{set}");
    }
}

/// RU3: numbers that no document can satisfy, or that mean nothing, are refused.
#[test]
fn ru3_numbers_that_can_never_be_right_are_refused() {
    let of = |predicate: &str, changes: Value| {
        let mut rule = json!({"id": "a", "predicate": predicate, "over": "items.*.n", "message": "m"});
        rule.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        json!({"kind": "board", "rule": [rule]})
    };
    for (predicate, changes, place) in [
        ("range", json!({"min": 5, "max": 4.5}), "min"),
        ("in_bounds", json!({"columns": 0}), "columns"),
        ("in_bounds", json!({"columns": -12}), "columns"),
        ("in_bounds", json!({"columns": {"path": "grid.columns", "default": 0}}), "columns.default"),
        ("max_items", json!({"over": "items", "limit": -1}), "limit"),
        ("max_items", json!({"over": "items", "limit": {"path": "limit", "default": -1}}), "limit.default"),
        ("range", json!({"max": 1, "proposals": ["clamp"], "auto_settle_after": 0}), "auto_settle_after"),
        ("mutually_exclusive", json!({"fields": ["b", "a.b.c", "a.b"]}), "fields[1]"),
    ] {
        assert_eq!(
            faults(&of(predicate, changes)),
            [(format!("rule[0].{place}"), None)],
            "{predicate} {place}"
        );
    }
    for (predicate, changes) in [
        ("range", json!({"min": 5, "max": 5.0})),
        ("range", json!({"min": 5, "max": {"path": "most", "default": 1}})),
        ("in_bounds", json!({"columns": 0.5})),
        ("max_items", json!({"over": "items", "limit": 0})),
        ("sum_at_most", json!({"limit": -1})),
        ("range", json!({"max": 1, "proposals": ["clamp"], "auto_settle_after": 1.0})),
        ("mutually_exclusive", json!({"fields": ["a.b", "a.c", "ab"]})),
    ] {
        let set = of(predicate, changes);
        RuleSet::read(&set, Faults::default()).unwrap();
    }
    // A caller may hold numbers that no text has.
    let mut source =
        RuleSet::read(&of("range", json!({"max": 1})), Faults::default()).unwrap().source().clone();
    source.rules[0].max = Some(OperandSource::Number(f64::NAN));
    source.rules[0].min =
        Some(OperandSource::PathOr(PathOr { path: "a".to_owned(), default: f64::INFINITY }));
    let places: Vec<String> =
        RuleSet::compile(source).unwrap_err().faults.into_iter().map(|fault| fault.place).collect();
    assert_eq!(places, ["rule[0].min.default", "rule[0].max"]);
}

/// RU3: everything that a set can say is read, and comes back as it was written; null says nothing.
#[test]
fn ru3_a_set_comes_back_as_it_was_written() {
    let rule = json!({
        "id": "a", "predicate": "p", "over": "o", "message": "m", "severity": "s", "mode": "q", "proposals": ["x"],
        "auto_settle_after": 9, "within": "w", "ignore_empty": false, "columns": 1.5, "in": "i", "limit": "l",
        "min": {"path": "p", "default": 1.5}, "max": 2.5, "values": [1, null, {"a": []}], "fields": ["f"], "expr": "e",
        "bounds": {"b": 3},
    });
    let set = json!({"kind": "board", "label": "name", "rule": [rule]});
    let source: RuleSetSource = serde_json::from_value(set.clone()).unwrap();
    assert_eq!(serde_json::to_value(&source).unwrap(), set);

    let mut nulls = set;
    for (name, value) in nulls["rule"][0].as_object_mut().unwrap() {
        if !["id", "predicate", "message"].contains(&name.as_str()) {
            *value = Value::Null;
        }
    }
    let source: RuleSetSource = serde_json::from_value(nulls).unwrap();
    assert_eq!(
        serde_json::to_value(&source.rules[0]).unwrap(),
        json!({"id": "a", "predicate": "p", "message": "m"})
    );

    let dashboard: Value = serde_json::from_str(include_str!("../dashboard.json")).unwrap();
    let again = RuleSet::read(&RuleSet::dashboard().to_json(), Faults::default()).unwrap();
    assert_eq!(again.source(), RuleSet::dashboard().source());
    assert_eq!(RuleSet::dashboard().rules().len(), dashboard["rule"].as_array().unwrap().len());
}

/// RU3: a set has 100 rules at most, and of a set that is wrong throughout the first 500 faults are named.
#[test]
fn ru3_faults_and_lists_have_a_bound() {
    let many: Vec<Value> = (0..=RULES_MAX)
        .map(|index| json!({"id": format!("r{index}"), "predicate": "required", "over": "a", "message": "m"}))
        .collect();
    assert_eq!(faults(&json!({"kind": "board", "rule": many})), [("rule".to_owned(), None)]);
    let source = RuleSetSource {
        kind: "board".to_owned(),
        label: None,
        rules: many.iter().map(|_| RuleSource::default()).collect(),
    };
    let bad = RuleSet::compile(source).unwrap_err();
    assert_eq!((bad.faults[0].place.as_str(), &*bad.faults[0].wrong), ("rule", "101 rules"));

    let long = "x\n".repeat(1_000);
    let unknown: serde_json::Map<String, Value> =
        (0..10_000).map(|index| (format!("{index}{long}"), json!(1))).collect();
    let bad = RuleSet::read(&json!({"kind": 1, "rule": [unknown]}), Faults::default()).unwrap_err();
    assert_eq!(bad.faults.len(), FAULTS_MAX + 1);
    assert_eq!((bad.faults[0].place.as_str(), bad.faults[FAULTS_MAX].place.as_str()), ("kind", "$"));
    assert!(bad.faults.iter().all(|fault| fault.to_string().len() < 400), "{}", bad.faults[9]);

    let wrong: Vec<Value> = (0..10_000).map(Value::from).collect();
    let set = json!({"kind": "board", "rule": [{"id": long, "predicate": long, "over": "a", "message": "m",
        "severity": long, "proposals": wrong, "values": wrong, "bounds": {"a": long}}]});
    let bad = RuleSet::read(&set, Faults::default()).unwrap_err();
    let count = |place: &str| bad.faults.iter().filter(|fault| fault.place.starts_with(place)).count();
    assert_eq!((count("rule[0].proposals["), count("rule[0].values")), (CHOICES_MAX, 1));
    assert!(bad.faults.iter().all(|fault| fault.to_string().len() < 400), "{}", bad.faults[9]);
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
