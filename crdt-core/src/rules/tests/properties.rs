//! Random documents of odd shapes, edited on three replicas that merge at random.

use super::*;
use automerge::{ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue};
use proptest::prelude::*;

/// Every predicate, over maps, lists and maps in maps.
fn all_rules() -> Arc<RuleSet> {
    rules(&json!([
        {"id": "apart", "predicate": "no_overlap", "over": "items.*.layout", "within": "group", "columns": 6,
         "message": "{a.title} and {b.title}", "proposals": ["push_down", "first_free"]},
        {"id": "inside", "predicate": "in_bounds", "over": "items.*.layout", "columns": {"path": "columns", "default": 6},
         "message": "{title}", "proposals": ["clamp"]},
        {"id": "titles", "predicate": "unique", "over": "items.*.title", "within": "group",
         "message": "{found}: {a.key} {b.key}", "proposals": ["number_title"]},
        {"id": "parents", "predicate": "reference_exists", "over": "items.*.group", "in": "items",
         "message": "{title}: {found}", "proposals": ["clear_reference"]},
        {"id": "few", "predicate": "max_items", "over": "items", "limit": "columns", "message": "{found} of {limit}"},
        {"id": "titled", "predicate": "required", "over": "items.*.title", "message": "{key}"},
        {"id": "threshold", "predicate": "range", "over": "items.*.options.threshold", "min": 1, "max": "columns",
         "message": "{found} {limit}", "proposals": ["clamp"]},
        {"id": "status", "predicate": "one_of", "over": "items.*.status", "values": ["on", 1, null, {"a": 1}],
         "message": "{found}"},
        {"id": "weights", "predicate": "sum_at_most", "over": "items.*.options.threshold", "limit": 3, "message": "{found}"},
        {"id": "either", "predicate": "mutually_exclusive", "over": "items.*", "fields": ["title", "options.a", "status"],
         "message": "{values}", "proposals": ["unset_later"]},
        {"id": "kept", "predicate": "immutable", "over": "items.*.status", "message": "{found}", "proposals": ["keep_earlier"]},
        {"id": "once", "predicate": "exclusive_field", "over": "items.*.options.threshold", "message": "{values}",
         "proposals": ["keep_earlier", "keep_later"]},
        {"id": "whole", "predicate": "exclusive_field", "over": "items.*.options", "message": "{values}",
         "proposals": ["keep_later"]},
        {"id": "rows", "predicate": "unique", "over": "rows.*.title", "message": "{a.key} {b.key}", "proposals": ["number_title"]},
        {"id": "row-values", "predicate": "exclusive_field", "over": "rows.*.status", "message": "{values}",
         "proposals": ["keep_earlier"]},
        {"id": "marks", "predicate": "range", "over": "marks.*", "max": 2, "message": "{found}", "proposals": ["clamp"]},
        {"id": "parts", "predicate": "max_items", "over": "items.*.options", "limit": 1, "message": "{found}"},
        {"id": "deep", "predicate": "sum_at_most", "over": "items.*.options.*", "limit": 4, "message": "{found}"}
    ]))
}

/// Expressions that read items, fields, lists, the document and what is not there.
#[cfg(feature = "cel")]
fn expressions() -> Arc<RuleSet> {
    let expression = |id: &str, over: &str, expr: &str| json!({"id": id, "predicate": "cel", "over": over, "expr": expr, "message": "{key}"});
    rules(&json!([
        expression("titled", "items.*", "has(self.title) && has(self.layout.x)"),
        expression("whole", "items.*", "self != null && size(string(key)) > 0 && self != document.columns"),
        expression(
            "inner",
            "items.*.options",
            "self == null || !has(self.threshold) || self.threshold == self.a"
        ),
        expression("rows", "rows.*", "has(self.title) == has(document.items.a)"),
        expression("all", "", "has(document.items) && document.items.all(i, document.items[i] != 'on')"),
    ]))
}

const ITEMS: [&str; 4] = ["a", "b", "c/d", "é"];
const FIELDS: [&str; 5] = ["title", "group", "status", "options", "layout"];
const INNER: [&str; 6] = ["x", "y", "w", "h", "threshold", "a"];

/// What somebody does.
#[derive(Debug, Clone)]
enum Step {
    Root(usize, Val),
    Item(usize, Val),
    Field(usize, usize, Val),
    Inner(usize, usize, usize, Val),
    Row(usize, Val),
    RowField(usize, usize, Val),
    DeleteRow(usize),
    Mark(usize, Val),
    Merge(usize),
}

#[derive(Debug, Clone)]
enum Val {
    Delete,
    Scalar(ScalarValue),
    Map,
    List,
    Text,
    /// An item, or a rectangle, of the usual shape.
    Whole(i64, i64),
}

fn some_value() -> impl Strategy<Value = Val> {
    prop_oneof![
        2 => Just(Val::Delete),
        4 => (-1i64..5).prop_map(|number| Val::Scalar(ScalarValue::Int(number))),
        1 => (-1i32..5).prop_map(|number| Val::Scalar(ScalarValue::F64(f64::from(number) / 2.0))),
        1 => Just(Val::Scalar(ScalarValue::F64(f64::NAN))),
        4 => prop::sample::select(vec!["on", "a", "b", "c/d", ""]).prop_map(|text| Val::Scalar(text.into())),
        1 => Just(Val::Scalar(ScalarValue::Null)),
        1 => Just(Val::Scalar(ScalarValue::Boolean(true))),
        1 => Just(Val::Scalar(ScalarValue::Bytes(vec![1]))),
        1 => Just(Val::Scalar(ScalarValue::counter(2))),
        1 => Just(Val::Map),
        1 => Just(Val::List),
        1 => Just(Val::Text),
        4 => (0i64..5, 0i64..4).prop_map(|(x, y)| Val::Whole(x, y)),
    ]
}

fn some_step() -> impl Strategy<Value = Step> {
    let item = 0..ITEMS.len();
    let field = 0..FIELDS.len();
    prop_oneof![
        1 => (0..4usize, some_value()).prop_map(|(name, value)| Step::Root(name, value)),
        4 => (item.clone(), some_value()).prop_map(|(item, value)| Step::Item(item, value)),
        6 => (item.clone(), field.clone(), some_value()).prop_map(|(item, field, value)| Step::Field(item, field, value)),
        8 => (item, field, 0..INNER.len(), some_value())
            .prop_map(|(item, field, inner, value)| Step::Inner(item, field, inner, value)),
        2 => (0..4usize, some_value()).prop_map(|(at, value)| Step::Row(at, value)),
        2 => (0..4usize, 0..3usize, some_value()).prop_map(|(at, field, value)| Step::RowField(at, field, value)),
        1 => (0..4usize).prop_map(Step::DeleteRow),
        1 => (0..4usize, some_value()).prop_map(|(at, value)| Step::Mark(at, value)),
        8 => (0..3usize).prop_map(Step::Merge),
    ]
}

type Wrote = Result<(), AutomergeError>;

fn put(tx: &mut Transaction<'_>, object: &ObjId, prop: impl Into<Prop>, value: &Val) -> Wrote {
    let prop = prop.into();
    match value {
        Val::Delete => tx.delete(object, prop),
        Val::Scalar(ScalarValue::Int(step)) if is_counter(tx, object, &prop) => {
            tx.increment(object, prop, *step)
        }
        Val::Scalar(scalar) => tx.put(object, prop, scalar.clone()),
        Val::Map => tx.put_object(object, prop, ObjType::Map).map(drop),
        Val::List => tx.put_object(object, prop, ObjType::List).map(drop),
        Val::Text => {
            let text = tx.put_object(object, prop, ObjType::Text)?;
            tx.splice_text(text, 0, 0, "on")
        }
        Val::Whole(x, y) => {
            let whole = tx.put_object(object, prop, ObjType::Map)?;
            for (name, value) in [("x", *x), ("y", *y), ("w", 2), ("h", 2), ("threshold", *x)] {
                tx.put(&whole, name, value)?;
            }
            tx.put(&whole, "title", "a")?;
            tx.put(&whole, "status", "on")?;
            let layout = tx.put_object(&whole, "layout", ObjType::Map)?;
            for (name, value) in [("x", *x), ("y", *y), ("w", 2), ("h", 2)] {
                tx.put(&layout, name, value)?;
            }
            Ok(())
        }
    }
}

fn is_counter(tx: &Transaction<'_>, object: &ObjId, prop: &Prop) -> bool {
    matches!(tx.get(object, prop.clone()), Ok(Some((automerge::Value::Scalar(scalar), _)))
        if matches!(scalar.as_ref(), ScalarValue::Counter(_)))
}

fn object_at(tx: &Transaction<'_>, path: &[&str]) -> Option<ObjId> {
    path.iter().try_fold(ROOT, |object, name| match tx.object_type(&object).ok()? {
        ObjType::Map => Some(tx.get(&object, *name).ok()??.1),
        ObjType::List => {
            let length = tx.length(&object);
            Some(tx.get(&object, name.len() % length.max(1)).ok()??.1)
        }
        _ => None,
    })
}

/// Does one step; where that leads nowhere, nothing is done.
fn act(tx: &mut Transaction<'_>, step: &Step) -> Wrote {
    let nowhere = || AutomergeError::NotAnObject;
    match step {
        Step::Root(name, value) => put(tx, &ROOT, ["items", "rows", "columns", "marks"][*name], value),
        Step::Item(item, value) => {
            let items = object_at(tx, &["items"]).ok_or_else(nowhere)?;
            put(tx, &items, ITEMS[*item], value)
        }
        Step::Field(item, field, value) => {
            let item = object_at(tx, &["items", ITEMS[*item]]).ok_or_else(nowhere)?;
            put(tx, &item, FIELDS[*field], value)
        }
        Step::Inner(item, field, inner, value) => {
            let object = object_at(tx, &["items", ITEMS[*item], FIELDS[*field]]).ok_or_else(nowhere)?;
            match tx.object_type(&object)? {
                ObjType::Text => tx.splice_text(&object, 0, 0, "x"),
                _ => put(tx, &object, INNER[*inner], value),
            }
        }
        Step::Row(at, value) => {
            let rows = object_at(tx, &["rows"]).ok_or_else(nowhere)?;
            let at = (*at).min(tx.length(&rows));
            tx.insert(&rows, at, ())?;
            put(tx, &rows, at, value)
        }
        Step::RowField(at, field, value) => {
            let rows = object_at(tx, &["rows"]).ok_or_else(nowhere)?;
            let (_, row) = tx.get(&rows, *at)?.ok_or_else(nowhere)?;
            put(tx, &row, ["title", "status", "id"][*field], value)
        }
        Step::DeleteRow(at) => {
            let rows = object_at(tx, &["rows"]).ok_or_else(nowhere)?;
            tx.delete(&rows, *at)
        }
        Step::Mark(at, value) => {
            let marks = object_at(tx, &["marks"]).ok_or_else(nowhere)?;
            put(tx, &marks, *at, value)
        }
        Step::Merge(_) => Ok(()),
    }
}

fn start() -> Automerge {
    doc_of(&json!({
        "kind": "board", "columns": 3, "marks": [1, 3, "x", null],
        "rows": [{"title": "a", "id": "r1"}, {"title": "b", "id": "r1"}, {"title": "a"}],
        "items": {
            "a": {"title": "a", "status": "on", "layout": {"x": 0, "y": 0, "w": 2, "h": 2}, "options": {"threshold": 1}},
            "b": {"title": "b", "status": "off", "layout": {"x": 2, "y": 0, "w": 2, "h": 2}, "options": {"threshold": 2}}
        }
    }))
}

/// A replica, and the judge that was told of every step.
struct Replica {
    doc: Automerge,
    judge: Judge,
}

fn replicas(rules: &Arc<RuleSet>) -> Vec<Replica> {
    let first = start();
    let replica = |number: u8| {
        let doc = copy(&first, number);
        Replica { judge: Judge::new(&document(), rules.clone(), &doc), doc }
    };
    vec![replica(2), replica(3), replica(4)]
}

/// What came of the steps: the replicas, all of them merged.
fn run(rules: &Arc<RuleSet>, steps: &[(usize, Step)], mut after: impl FnMut(&Replica)) -> Vec<Replica> {
    let mut replicas = replicas(rules);
    for (who, step) in steps {
        let patches = match step {
            Step::Merge(from) => {
                let other = replicas[*from].doc.fork();
                merge(&mut replicas[*who].doc, &other)
            }
            step => change(&mut replicas[*who].doc, |tx| act(tx, step)),
        };
        let Replica { doc, judge } = &mut replicas[*who];
        judge.touched(doc, &patches);
        judge.evaluate_all(doc, |question| question.answer(&to_the_end()));
        after(&replicas[*who]);
    }
    replicas
}

fn all_merged(replicas: &mut [Replica]) {
    for one in 0..replicas.len() {
        for other in 0..replicas.len() {
            let from = replicas[other].doc.fork();
            let patches = merge(&mut replicas[one].doc, &from);
            let Replica { doc, judge } = &mut replicas[one];
            judge.touched(doc, &patches);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// RU12: what was learned step by step is what a fresh look finds.
    #[test]
    fn ru12_step_by_step_is_as_from_scratch(steps in prop::collection::vec((0..3usize, some_step()), 1..40)) {
        let rules = all_rules();
        run(&rules, &steps, |replica| {
            let fresh = Judge::new(&document(), rules.clone(), &replica.doc);
            assert_eq!(replica.judge.facts(), fresh.facts());
            assert_eq!(replica.judge.report(&replica.doc, NOON), fresh.report(&replica.doc, NOON));
        });
    }

    /// RU12, RU25: the same of expressions, once their questions are answered.
    #[test]
    #[cfg(feature = "cel")]
    fn ru12_expressions_step_by_step_are_as_from_scratch(
        steps in prop::collection::vec((0..3usize, some_step()), 1..40),
    ) {
        let rules = expressions();
        let mut replicas = run(&rules, &steps, |replica| {
            let fresh = judge(&replica.doc, &rules);
            assert_eq!(replica.judge.facts(), fresh.facts());
            assert_eq!(replica.judge.report(&replica.doc, NOON), fresh.report(&replica.doc, NOON));
        });
        all_merged(&mut replicas);
        let first = report(&replicas[0].doc, &rules);
        for replica in &replicas {
            prop_assert_eq!(&report(&replica.doc, &rules), &first);
        }
    }

    /// RU5: the same conflicts with the same ids on every replica, in every order of arrival, and
    /// after the document was stored and loaded.
    #[test]
    fn ru5_every_replica_finds_the_same(steps in prop::collection::vec((0..3usize, some_step()), 1..40)) {
        let rules = all_rules();
        let mut replicas = run(&rules, &steps, |_| {});
        all_merged(&mut replicas);
        let first = report(&replicas[0].doc, &rules);
        for replica in &replicas {
            prop_assert_eq!(&report(&replica.doc, &rules), &first);
        }
        prop_assert_eq!(&report(&Automerge::load(&replicas[1].doc.save()).unwrap(), &rules), &first);
        let mut changes = replicas[2].doc.get_changes(&[]);
        changes.reverse();
        let mut late = Automerge::new();
        late.apply_changes(changes).unwrap();
        prop_assert_eq!(&report(&late, &rules), &first);
    }

    /// RU14: every offered proposal can be made, and then that very conflict is gone.
    #[test]
    fn ru14_offered_proposals_settle(steps in prop::collection::vec((0..3usize, some_step()), 1..40)) {
        let rules = all_rules();
        let mut replicas = run(&rules, &steps, |_| {});
        all_merged(&mut replicas);
        let doc = &replicas[0].doc;
        for conflict in report(doc, &rules).conflicts {
            for offer in &conflict.proposals {
                let mut settled = doc.fork();
                settle(&mut settled, &rules, &conflict.id, offer.name, Some("ana")).unwrap();
                let after = report(&settled, &rules);
                prop_assert!(after.get(&conflict.id).is_none(), "{:?} does not settle {conflict:?}: {:?}",
                    offer.name, after.get(&conflict.id));
            }
        }
    }

    /// RU15: two who settle at the same heads make one and the same change; at different heads
    /// nothing clashes, and all replicas agree.
    #[test]
    fn ru15_settling_apart_converges(steps in prop::collection::vec((0..3usize, some_step()), 1..30)) {
        let rules = all_rules();
        let mut replicas = run(&rules, &steps, |_| {});
        all_merged(&mut replicas);
        let doc = &replicas[0].doc;
        let present = report(doc, &rules);
        for conflict in present.conflicts.iter().filter(|conflict| !conflict.proposals.is_empty()) {
            let name = conflict.proposals[0].name;
            let (mut one, mut other, mut third) = (copy(doc, 8), copy(doc, 9), copy(doc, 10));
            change(&mut third, |tx| tx.put(ROOT, "unrelated", 1));
            let mine = settle(&mut one, &rules, &conflict.id, name, None).unwrap();
            let same = settle(&mut other, &rules, &conflict.id, name, None).unwrap();
            settle(&mut third, &rules, &conflict.id, name, None).unwrap();
            let hashes = |settled: &Settled| settled.changes.iter().map(automerge::Change::hash).collect::<Vec<_>>();
            prop_assert_eq!(hashes(&mine), hashes(&same));
            prop_assert_eq!(one.get_heads(), other.get_heads());
            merge(&mut one, &third);
            merge(&mut third, &other);
            prop_assert_eq!(one.get_heads(), third.get_heads());
            prop_assert_eq!(report(&one, &rules), report(&third, &rules));
            prop_assert!(report(&one, &rules).get(&conflict.id).is_none());
        }
    }
}
