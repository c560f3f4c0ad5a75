//! Rules in CEL: what they find, what is refused, and that they end.

use super::*;
use crate::id::DocumentId;
use crate::json::{Strings, new_document};
use crate::rules::{
    Answer, Judge, LISTED_PER_RULE_MAX, MayGoOn, Question, Report, RuleSet, UndecidedReason, to_the_end,
};
use crate::time::Timestamp;
use automerge::patches::PatchLog;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ObjType, ROOT, ReadDoc};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn document() -> DocumentId {
    DocumentId::from_bytes(&[7; 16]).unwrap()
}

fn doc_of(content: &Value) -> Automerge {
    new_document(&ActorId::from([1; 16]), NOON, content, Strings::Scalar).unwrap()
}

fn compile(rule: Value) -> Result<Arc<RuleSet>, String> {
    let mut rule = rule;
    for (name, value) in
        [("id", json!("it")), ("predicate", json!("cel")), ("message", json!("{key} is odd"))]
    {
        rule.as_object_mut().unwrap().entry(name).or_insert(value);
    }
    let source = serde_json::from_value(json!({ "kind": "board", "rule": [rule] })).unwrap();
    RuleSet::compile(source).map(Arc::new).map_err(|bad| bad.faults[0].to_string())
}

fn now(question: &Arc<Question>) -> Answer {
    question.answer(&to_the_end())
}

fn judge(rule: Value, content: &Value) -> Report {
    let doc = doc_of(content);
    Judge::evaluated(&document(), compile(rule).unwrap(), &doc, now).report(&doc, NOON)
}

fn subjects(report: &Report) -> Vec<&str> {
    assert_eq!(report.undecided, []);
    report.conflicts.iter().map(|conflict| conflict.subjects[0].as_str()).collect()
}

fn reason(report: &Report) -> &UndecidedReason {
    assert_eq!(report.conflicts, []);
    &report.undecided[0].reason
}

fn board() -> Value {
    json!({
        "kind": "board", "columns": 12, "grid": {"rows": 4},
        "widgets": {
            "cpu": {"title": "CPU", "unit": "percent", "layout": {"x": 0, "w": 6}, "tags": ["a", "b"]},
            "ram": {"title": "RAM", "layout": {"x": 6, "w": 8}, "tags": []},
            "net": {"title": "", "unit": "bytes", "layout": {"x": 2.5, "w": 1}},
        },
    })
}

/// RU22: an expression is about each item that its path meets, with its key, or about the document.
#[test]
fn ru22_expressions_find_what_they_say() {
    let of_widgets = |expr: &str| {
        let report = judge(json!({"over": "widgets.*", "expr": expr}), &board());
        subjects(&report).iter().map(|it| (*it).to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of_widgets("self.layout.x + self.layout.w <= document.columns"), "ram");
    assert_eq!(of_widgets("has(self.unit)"), "ram");
    assert_eq!(of_widgets("self.title != ''"), "net");
    assert_eq!(of_widgets("key.startsWith('c') || self[\"title\"].matches('^[A-Z]*$')"), "");
    assert_eq!(of_widgets("!has(self.tags) || self.tags.all(tag, tag != 'b')"), "cpu");
    assert_eq!(of_widgets("size(self) > 3"), "net ram");
    assert_eq!(of_widgets("!has(self.layout.h)"), "");
    assert_eq!(of_widgets("has(self.nothing.at.all)"), "cpu net ram");
    assert_eq!(of_widgets("int(self.layout.x) % 2 == 0 && document.grid.rows == 4"), "");

    let of_document = |expr: &str| {
        let report = judge(json!({"expr": expr}), &board());
        subjects(&report).len()
    };
    assert_eq!(of_document("size(document.widgets) == 3"), 0);
    assert_eq!(of_document("self.widgets.exists(w, self.widgets[w].title == 'Disk')"), 1);
    let report =
        judge(json!({"expr": "false || document.columns > 12", "message": "{columns} columns"}), &board());
    assert_eq!((subjects(&report), report.conflicts[0].message.as_str()), (vec![""], "12 columns"));
}

/// RU22: what an expression is about need not be an item: names may follow.
#[test]
fn ru22_expressions_are_about_fields_too() {
    let report = judge(json!({"over": "widgets.*.layout", "expr": "self.x < 5 && size(key) == 3"}), &board());
    assert_eq!(subjects(&report), ["ram/layout"]);
    let report = judge(json!({"over": "widgets.*.tags", "expr": "self == null || size(self) > 0"}), &board());
    assert_eq!(subjects(&report), ["ram/tags"]);
}

/// RU23: what a rule may not say is refused when the set is loaded, with the place and what would be right.
#[test]
fn ru23_bad_expressions_are_refused_with_their_place() {
    let refused = |expr: &str| compile(json!({"over": "widgets.*", "expr": expr})).unwrap_err();
    for (expr, told) in [
        ("self.x >", "rule[0].expr, character 9"),
        ("self.x ==\n  1 +", "character 16"),
        ("selfie.x > 1", "character 1: there is no variable selfie"),
        ("self.a && size(other) == 1", "character 16: there is no variable other"),
        ("max(1, 2) == 2", "there is no function max"),
        ("timestamp('2020-01-01T00:00:00Z') == self.at", "there is no function timestamp"),
        ("self.?a == 1", "character 5: unsupported syntax"),
        ("Widget{a: 1} == self", "there are no types"),
        ("self.a.all(key, key == 1)", "key stands for something else"),
        ("size(document) == 1", "the document as a whole cannot be read"),
        ("document.widgets.all(a, document.widgets.all(b, a == b))", "may take 8000000 steps"),
        ("self.rows.all(a, document.list.map(b, b).exists(b, b == a))", "may take 8000000 steps"),
    ] {
        let fault = refused(expr);
        assert!(fault.contains(told), "{expr}: {fault}");
    }
    assert!(refused(&"x".repeat(EXPRESSION_BYTES_MAX + 1)).contains("at most 1024"));
    assert!(refused(&format!("[{}] == []", vec!["1"; 65].join(","))).contains("at most 64"));
    let long = |part: &str, count: usize| refused(&part.repeat(count));
    assert!(long("!", 400).contains("cannot") || long("!", 400).contains("input"), "{}", long("!", 400));
    assert!(refused(&vec!["1"; 500].join("+")).contains("deeper than 48"));
    assert!(refused(&format!("{}1{}", "(".repeat(300), ")".repeat(300))).contains("deeper than 48"));

    let missing = compile(json!({"over": "widgets.*"})).unwrap_err();
    assert!(missing.starts_with("rule[0].expr: it is missing"), "{missing}");
    let proposal = compile(json!({"expr": "true", "proposals": ["clamp"]})).unwrap_err();
    assert!(proposal.contains("clamp does not settle cel"), "{proposal}");
    let elsewhere = json!({"predicate": "required", "over": "widgets.*.title", "expr": "true"});
    assert!(compile(elsewhere).unwrap_err().contains("required does not take it"));
    assert!(
        compile(json!({"predicate": "required"})).unwrap_err().starts_with("rule[0].over: it is missing")
    );
}

/// RU23: walks within walks are allowed where the declared bounds say that they are short.
#[test]
fn ru23_declared_bounds_decide_what_may_be_nested() {
    let compiled = |expr: &str, bounds: Value| compile(json!({"expr": expr, "bounds": bounds}));
    let pairs = "document.widgets.all(a, document.widgets.all(b, a == b || document.widgets[a] != document.widgets[b]))";
    let refused = compiled(pairs, json!({"widgets": 300})).unwrap_err();
    assert!(refused.contains("it may take 90000 steps: widgets (300) × widgets (300)"), "{refused}");
    assert!(compiled(pairs, json!({})).is_ok(), "{BOUND_UNDECLARED} of each");
    assert!(compiled(pairs, json!({"widgets": 200})).is_ok());
    // Bounds of lists in lists, of what macros give, and of what is spelled out.
    let tags = "document.rows.all(row, row.tags.all(tag, tag != ''))";
    assert!(compiled(tags, json!({"rows": 500})).unwrap_err().contains("rows (500) × rows.*.tags (200)"));
    assert!(compiled(tags, json!({"rows": 500, "rows.*.tags": 20})).is_ok());
    let by_key = "document.widgets.all(k, document.widgets[k].tags.all(tag, tag != ''))";
    assert!(compiled(by_key, json!({"widgets": 500, "widgets.*.tags": 20})).is_ok());
    assert!(
        compiled("document.rows.filter(r, r.on).all(a, document.rows.all(b, a == b))", json!({"rows": 200}))
            .is_ok()
    );
    assert!(compiled("document.rows.all(a, ['x', 'y'].all(b, a != b))", json!({})).is_ok());
    // A rule over items walks through them, too.
    let within = |bounds| {
        compile(json!({"over": "widgets.*", "expr": "document.rows.all(r, r != key)", "bounds": bounds}))
    };
    assert!(within(json!({"widgets": 300})).is_err());
    assert!(within(json!({"widgets": 100, "rows": 500})).is_ok());
    assert!(within(json!({"widgets..": 100})).unwrap_err().contains("rule[0].bounds, character 9"));
}

/// RU24: an expression that has no value, or not one that is true or false, leaves its rule undecided, and says where.
#[test]
fn ru24_failing_expressions_are_undecided() {
    let fails = |expr: &str| {
        let report = judge(json!({"over": "widgets.*", "expr": expr}), &board());
        match &report.undecided[0].reason {
            UndecidedReason::ExpressionFails(why) => why.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fails("self.unit == 'percent'"), "there is no unit; `has` tells whether there is (at ram)");
    assert_eq!(fails("self.title"), "its value is of the type string and neither true nor false (at cpu)");
    assert!(fails("self.layout.x + 1 > 0").contains("numbers of the document are doubles (at cpu)"));
    assert!(fails("self.title > 1").ends_with("(at cpu)"));
    assert!(fails("1 / 0 == 1").starts_with("a division by zero"));
    assert!(fails("[1][2] == 1").starts_with("the list has no such item"));
    assert!(fails("self.title.matches('(')").ends_with("(at cpu)"));
    assert!(fails("{1: true, 2: false}.all(k, k == 1)").contains("no order"));
}

/// RU24: of the other items it is found what can be found: nobody silences a rule with one odd value.
#[test]
fn ru24_an_item_without_a_value_hides_no_other() {
    let content = json!({"kind": "board", "rows": {"a": {"n": 5}, "b": {"n": "x"}, "c": {"n": 1}}});
    let report = judge(json!({"over": "rows.*", "expr": "self.n < 3.0"}), &content);
    let found: Vec<&str> = report.conflicts.iter().map(|conflict| conflict.subjects[0].as_str()).collect();
    assert_eq!(found, ["a"]);
    let UndecidedReason::ExpressionFails(why) = &report.undecided[0].reason else { panic!("{report:?}") };
    assert!(why.ends_with("(at b)"), "{why}");
}

/// RU24: more than the declared bounds promise is counted, and ends after the steps that an expression has.
#[test]
fn ru24_what_takes_too_many_steps_is_undecided() {
    let rows: Vec<Value> = (0..300).map(|row| json!({ "row": row })).collect();
    let rows = doc_of(&json!({"kind": "board", "rows": rows}));
    let says = |expr: &str| {
        let rules = compile(json!({"expr": expr, "bounds": {"rows": 2}})).unwrap();
        let report = Judge::evaluated(&document(), rules, &rows, now).report(&rows, NOON);
        reason(&report).clone()
    };
    // Also where the macro would swallow that it was stopped.
    for expr in [
        "document.rows.all(a, document.rows.all(b, a == a))",
        "!document.rows.exists(a, document.rows.exists(b, a != a))",
        "document.rows.map(a, document.rows.map(b, b)).size() == 300",
        "document.rows.filter(a, document.rows.filter(b, b == b).size() > 0).size() > 0",
        "document.rows.exists_one(a, document.rows.exists_one(b, b != b))",
    ] {
        assert_eq!(says(expr), UndecidedReason::TooMuchToEvaluate, "{expr}");
    }
    // What is collected counts by its size: doubled often enough, nothing holds it.
    let doubled = format!("[document.rows]{} != []", ".map(a, a + a)".repeat(14));
    assert_eq!(says(&doubled), UndecidedReason::TooMuchToEvaluate);
    let doubled = format!("['{}']{} != []", "0123456789abcdef".repeat(8), ".map(a, a + a)".repeat(14));
    assert_eq!(says(&doubled), UndecidedReason::TooMuchToEvaluate);
}

/// RU24: whoever evaluates may stop it at any time; then the rule is undecided, and never kept.
#[test]
fn ru24_past_the_deadline_is_undecided() {
    let asked = Arc::new(AtomicU64::new(0));
    let counting = asked.clone();
    let may_go_on: MayGoOn = Arc::new(move || counting.fetch_add(1, Ordering::Relaxed) < 2);
    let rows: Vec<Value> = (0..400).map(Value::from).collect();
    let doc = doc_of(&json!({"kind": "board", "rows": rows}));
    let rules = compile(json!({"expr": "document.rows.all(row, row >= 0)"})).unwrap();
    let report =
        Judge::evaluated(&document(), rules, &doc, |question| question.answer(&may_go_on)).report(&doc, NOON);
    assert_eq!(reason(&report), &UndecidedReason::PastDeadline);
    assert!(asked.load(Ordering::Relaxed) >= 3);
}

/// RU24: a rule that reads more than may be read is undecided, and no other rule for its sake.
#[test]
fn ru24_what_is_too_much_to_read_is_undecided_for_expressions_alone() {
    let long = "x".repeat(7_000_000);
    let content = json!({"kind": "board", "notes": {"long": {"text": long}}, "limit": 0});
    let doc = doc_of(&content);
    let source = json!({"kind": "board", "rule": [
        {"id": "texts", "predicate": "cel", "over": "notes.*", "expr": "self.text != ''", "message": "{key}"},
        {"id": "few", "predicate": "max_items", "over": "notes", "limit": "limit", "message": "{found}"},
    ]});
    let rules = Arc::new(RuleSet::compile(serde_json::from_value(source).unwrap()).unwrap());
    let report = Judge::evaluated(&document(), rules, &doc, now).report(&doc, NOON);
    assert_eq!(report.undecided[0].rule, "texts");
    assert_eq!(report.undecided[0].reason, UndecidedReason::TooMuchToRead);
    assert_eq!(report.conflicts[0].rule, "few");
}

/// RU24, RU25: a root that grows beyond what may be read leaves its rules undecided, and they come back when it shrinks.
#[test]
fn ru24_a_root_that_grows_too_large_is_undecided() {
    let mut doc = doc_of(&json!({"kind": "board", "note": "short", "rows": [1, 2]}));
    let rules = compile(json!({"expr": "document.note == '' && document.rows == []"})).unwrap();
    let mut judge = Judge::evaluated(&document(), rules.clone(), &doc, now);
    let mut write = |judge: &mut Judge, note: String| {
        let mut tx = doc.transaction_log_patches(PatchLog::active()).unwrap();
        tx.put(&ROOT, "note", note).unwrap();
        let (_, mut log) = tx.commit();
        let patches = doc.make_patches(&mut log);
        judge.touched(&doc, &patches);
        judge.evaluate_all(&doc, now);
        let report = judge.report(&doc, NOON);
        assert_eq!(report, Judge::evaluated(&document(), rules.clone(), &doc, now).report(&doc, NOON));
        report
    };
    let large = write(&mut judge, "x".repeat(7_000_000));
    assert_eq!(reason(&large), &UndecidedReason::TooMuchToRead);
    assert_eq!(subjects(&write(&mut judge, "short".to_owned())), [""]);
}

/// RU24: what is put together counts by its size, before it is put together once more.
#[test]
fn ru24_what_is_put_together_is_bounded() {
    let rows: Vec<Value> = (0..2_000).map(Value::from).collect();
    let doc = doc_of(&json!({"kind": "board", "rows": rows, "note": "x".repeat(100_000)}));
    let says = |expr: &str| {
        let rules = compile(json!({ "expr": expr })).unwrap();
        Judge::evaluated(&document(), rules, &doc, now).report(&doc, NOON)
    };
    // Each level four times what the one around it holds, a round each.
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let mut tower = "size(j) < 0".to_owned();
    for (level, name) in names.iter().enumerate().rev() {
        let outer = if level == 0 { "document.note" } else { names[level - 1] };
        tower = format!("[{outer}+{outer}+{outer}+{outer}].exists({name}, {tower})");
    }
    assert_eq!(reason(&says(&tower)), &UndecidedReason::TooMuchToEvaluate);
    let lists = format!("[{}] != []", vec!["document.rows"; 40].join(", "));
    assert_eq!(reason(&says(&lists)), &UndecidedReason::TooMuchToEvaluate);
    let texts = format!("size({}) > 0", vec!["document.note"; 20].join(" + "));
    assert_eq!(reason(&says(&texts)), &UndecidedReason::TooMuchToEvaluate);
    // Numbers weigh nothing, however many are added up.
    let sums = "document.rows.all(a, a + 1.0 + 2.0 + 3.0 + 4.0 + 5.0 > 0.0) && [1, 2, 3] != []";
    assert_eq!(subjects(&says(sums)), Vec::<&str>::new());
}

/// RU25: each rule has its turn, also while edits keep touching what an earlier one reads.
#[test]
fn ru25_every_rule_is_asked() {
    let source = json!({"kind": "board", "rule": [
        {"id": "busy", "predicate": "cel", "expr": "document.columns > 0", "message": "m"},
        {"id": "calm", "predicate": "cel", "expr": "document.grid.rows > 0", "message": "m"},
    ]});
    let rules = Arc::new(RuleSet::compile(serde_json::from_value(source).unwrap()).unwrap());
    let mut doc = doc_of(&board());
    let mut judge = Judge::new(&document(), rules, &doc);
    let mut asked = Vec::new();
    for columns in 0..4 {
        let question = judge.question().unwrap();
        asked.push(question.rule().id().to_owned());
        let mut tx = doc.transaction_log_patches(PatchLog::active()).unwrap();
        tx.put(&ROOT, "columns", columns).unwrap();
        let (_, mut log) = tx.commit();
        let patches = doc.make_patches(&mut log);
        judge.touched(&doc, &patches);
        judge.answer(&doc, now(&question));
    }
    assert_eq!(asked, ["busy", "calm", "busy", "busy"]);
}

/// RU22: large values are read as they are, which predicates do not do.
#[test]
fn ru22_expressions_read_large_values() {
    let rows: Vec<Value> = (0..500).map(|row| json!({ "row": row })).collect();
    let text = "long ".repeat(2_000);
    let content = json!({"kind": "board", "rows": rows, "note": text});
    let expr = "document.rows.all(r, r.row < 500.0) && size(document.note) == 10000 && document.rows[499].row == 499.0";
    assert_eq!(subjects(&judge(json!({"expr": expr}), &content)), Vec::<&str>::new());
}

/// RU25: until it is answered a rule is pending, with what it said before; an answer about another state is dropped.
#[test]
fn ru25_a_rule_is_pending_until_its_question_is_answered() {
    let mut doc = doc_of(&board());
    let rules = compile(json!({"over": "widgets.*", "expr": "self.layout.x < 5"})).unwrap();
    let mut judge = Judge::new(&document(), rules, &doc);
    let pending = |report: &Report| report.is_pending();
    assert!(pending(&judge.report(&doc, NOON)));

    let first = judge.question().unwrap();
    assert!(judge.question().is_none(), "one at a time");
    assert!(judge.answer(&doc, now(&first)));
    assert!(!judge.answer(&doc, now(&first)), "it was answered");
    assert_eq!(subjects(&judge.report(&doc, NOON)), ["ram"]);

    // Somebody moves it: pending, and what was found stands until that is known.
    let move_to = |judge: &mut Judge, doc: &mut Automerge, x: i64| {
        let mut tx = doc.transaction_log_patches(PatchLog::active()).unwrap();
        let layout =
            ["widgets", "ram", "layout"].iter().fold(ROOT, |at, name| tx.get(&at, *name).unwrap().unwrap().1);
        tx.put(&layout, "x", x).unwrap();
        let (_, mut log) = tx.commit();
        let patches = doc.make_patches(&mut log);
        judge.touched(doc, &patches);
    };
    move_to(&mut judge, &mut doc, 1);
    let report = judge.report(&doc, NOON);
    assert!(pending(&report) && report.conflicts.len() == 1);

    // Moved again while it was evaluated: the answer is about a state that is over.
    let overtaken = judge.question().unwrap();
    move_to(&mut judge, &mut doc, 7);
    assert!(!judge.answer(&doc, now(&overtaken)));
    let question = judge.question().unwrap();
    // What it does not read is not waited for.
    let mut tx = doc.transaction_log_patches(PatchLog::active()).unwrap();
    tx.put(&ROOT, "columns", 3).unwrap();
    let (_, mut log) = tx.commit();
    let patches = doc.make_patches(&mut log);
    judge.touched(&doc, &patches);
    assert!(judge.answer(&doc, now(&question)));
    assert_eq!(subjects(&judge.report(&doc, NOON)), ["ram"]);
}

/// RU25: learned change by change, an expression finds what a fresh look finds.
#[test]
fn ru25_answers_are_what_a_fresh_look_finds() {
    let mut doc = doc_of(&board());
    let rules = compile(json!({
        "over": "widgets.*", "bounds": {"widgets": 100},
        "expr": "self.layout.x < 5 && document.widgets.exists_one(w, document.widgets[w].title == self.title)",
    }))
    .unwrap();
    let mut judge = Judge::evaluated(&document(), rules.clone(), &doc, now);
    let mut random = 1u64;
    for step in 0..200 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (what, which) = (random >> 60, ["cpu", "ram", "net", "new"][(random >> 40) as usize % 4]);
        let mut tx = doc.transaction_log_patches(PatchLog::active()).unwrap();
        let widgets = tx.get(&ROOT, "widgets").unwrap().unwrap().1;
        let widget = tx.get(&widgets, which).unwrap().map(|(_, widget)| widget);
        match (what % 4, widget) {
            (0, Some(_)) => tx.delete(&widgets, which).unwrap(),
            (_, None) => {
                let widget = tx.put_object(&widgets, which, ObjType::Map).unwrap();
                tx.put(&widget, "title", which).unwrap();
                let layout = tx.put_object(&widget, "layout", ObjType::Map).unwrap();
                tx.put(&layout, "x", (random >> 33) as i64 % 9).unwrap();
            }
            (1, Some(widget)) => {
                tx.put(&widget, "title", ["CPU", "new", "x"][(random >> 33) as usize % 3]).unwrap();
            }
            (_, Some(widget)) => {
                let layout = tx.get(&widget, "layout").unwrap().unwrap().1;
                tx.put(&layout, "x", (random >> 33) as i64 % 9).unwrap();
            }
        }
        let (_, mut log) = tx.commit();
        let patches = doc.make_patches(&mut log);
        judge.touched(&doc, &patches);
        judge.evaluate_all(&doc, now);
        let fresh = Judge::evaluated(&document(), rules.clone(), &doc, now);
        assert_eq!(judge.report(&doc, NOON), fresh.report(&doc, NOON), "step {step}");
    }
}

/// RU13, RU17: causes and fingerprint of an expression are those of what it reads of its item.
#[test]
fn ru13_causes_are_the_changes_of_what_is_read() {
    let mut doc = doc_of(&board());
    doc.set_actor(ActorId::from([9; 16]));
    let mut tx = doc.transaction();
    let layout =
        ["widgets", "cpu", "layout"].iter().fold(ROOT, |at, name| tx.get(&at, *name).unwrap().unwrap().1);
    tx.put(&layout, "x", 20).unwrap();
    let hash = tx.commit().0.unwrap();
    for expr in [
        "self.layout.x < 20",
        "self.layout != {'x': 20.0, 'w': 6.0}",
        "self['layout'].all(k, self.layout[k] < 20)",
    ] {
        let rules = compile(json!({"over": "widgets.*", "expr": expr})).unwrap();
        let report = Judge::evaluated(&document(), rules, &doc, now).report(&doc, NOON);
        assert_eq!(subjects(&report), ["cpu"], "{expr}");
        let causes: Vec<&str> =
            report.conflicts[0].causes.iter().map(|cause| cause.change.as_str()).collect();
        assert_eq!(causes, [hash.to_string()], "{expr}");
    }
}

/// RU11: conflicts of an expression are listed as those of any rule.
#[test]
fn ru11_no_more_conflicts_are_listed_than_of_any_rule() {
    let widgets: serde_json::Map<String, Value> =
        (0..250).map(|n| (format!("w{n}"), json!({"x": n}))).collect();
    let report = judge(
        json!({"over": "widgets.*", "expr": "self.x < 0"}),
        &json!({"kind": "board", "widgets": widgets}),
    );
    assert_eq!((report.conflicts.len(), report.beyond[0].conflicts), (LISTED_PER_RULE_MAX, 50));
}

/// RU22: maps are walked in the order of their keys, so that lists made of them are equal everywhere.
#[test]
fn ru22_maps_are_walked_in_order() {
    let content = json!({"kind": "board", "widgets": {"z": 1, "b": 2, "a": 3, "m": 4, "é": 5}});
    let expr = "document.widgets.map(w, w) == ['a', 'b', 'm', 'z', 'é'] && document.widgets.filter(w, w > 'b') == ['m', 'z', 'é']";
    for _ in 0..8 {
        assert_eq!(subjects(&judge(json!({"expr": expr}), &content)), Vec::<&str>::new());
    }
}

/// RU22: the order in which a list of words would be walked is its own.
#[test]
fn ru22_lists_keep_their_order() {
    let content = json!({"kind": "board", "words": ["b", "a"]});
    let report =
        judge(json!({"expr": "document.words.map(w, w) == ['b', 'a'] && 'a' in document.words"}), &content);
    assert_eq!(subjects(&report), Vec::<&str>::new());
}

/// RU1: documents of any shape are judged.
#[test]
fn ru1_odd_shapes_break_nothing() {
    let mut doc = Automerge::new();
    let mut tx = doc.transaction();
    let mut at = tx.put_object(&ROOT, "widgets", ObjType::Map).unwrap();
    for _ in 0..300 {
        at = tx.put_object(&at, "deep", ObjType::Map).unwrap();
    }
    tx.put_object(&ROOT, "rows", ObjType::Text).unwrap();
    tx.put(&ROOT, "nan", f64::NAN).unwrap();
    tx.put(&ROOT, "bytes", vec![0u8, 1]).unwrap();
    tx.commit();
    for (over, expr) in [
        ("widgets.*", "size(self) >= 0"),
        ("widgets.*.deep", "self == self"),
        ("rows.*", "self.x == 1"),
        ("nan", "self == null && size(document.bytes) == 1 && document.rows == ''"),
    ] {
        let rules = compile(json!({"over": over, "expr": expr})).unwrap();
        let report = Judge::evaluated(&document(), rules, &doc, now).report(&doc, NOON);
        assert_eq!((report.undecided, report.conflicts), (vec![], vec![]), "{over}");
    }
}
