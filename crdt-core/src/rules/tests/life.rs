//! Settling, waiving, and what becomes of conflicts.

use super::*;
use crate::reserved::{RESERVED_KEY, Section, section};
use automerge::{ROOT, ReadDoc};

const LATER: Timestamp = Timestamp::from_millis(NOON.as_millis() + 60_000);

fn apart() -> Arc<RuleSet> {
    rules(&json!([{
        "id": "apart", "predicate": "no_overlap", "over": "items.*.layout", "columns": 12,
        "message": "\"{a.title}\" and \"{b.title}\" share a place", "severity": "error",
        "proposals": ["push_down", "first_free"],
    }]))
}

/// Two items side by side.
fn side_by_side() -> Automerge {
    doc_of(&json!({"kind": "board", "items": {
        "errors": {"title": "Errors by region", "layout": {"x": 0, "y": 0, "w": 6, "h": 4}},
        "latency": {"title": "Latency p99", "layout": {"x": 6, "y": 0, "w": 3, "h": 4}},
    }}))
}

fn set(doc: &mut Automerge, path: &[&str], name: &str, value: i64) -> Vec<Patch> {
    change(doc, |tx| {
        let object = path.iter().try_fold(ROOT, |object, name| {
            tx.get(object, *name)?.map(|(_, object)| object).ok_or(AutomergeError::NotAnObject)
        })?;
        tx.put(&object, name, value)
    })
}

/// One moves the first, the other widens the second, and neither knows of the other.
fn collided() -> (Automerge, Automerge) {
    let base = side_by_side();
    let (mut ana, mut bo) = (copy(&base, 2), copy(&base, 3));
    set(&mut ana, &["items", "errors", "layout"], "x", 2);
    set(&mut bo, &["items", "latency", "layout"], "w", 6);
    let ana_alone = ana.fork();
    merge(&mut ana, &bo);
    merge(&mut bo, &ana_alone);
    (ana, bo)
}

fn the_conflict(doc: &Automerge, rules: &Arc<RuleSet>) -> Conflict {
    let report = report(doc, rules);
    assert_eq!(report.conflicts.len(), 1, "{report:?}");
    report.conflicts[0].clone()
}

fn because(reason: &str, until: Option<Timestamp>) -> Waiver {
    Waiver { reason: reason.to_owned(), by: Some("ana".to_owned()), until }
}

/// RU4, RU13: two edits that were each fine make a conflict together. It says what is wrong, who
/// did what, and that they did not know of each other.
#[test]
fn ru13_causes_are_the_changes_that_met() {
    let rules = apart();
    let (ana, bo) = collided();
    assert_eq!(report(&side_by_side(), &rules), Report::default());
    let conflict = the_conflict(&ana, &rules);
    assert_eq!(conflict, the_conflict(&bo, &rules));
    assert_eq!(conflict.message, "\"Errors by region\" and \"Latency p99\" share a place");
    assert_eq!(conflict.subjects, ["errors", "latency"]);
    let explanation = &conflict.explanation;
    assert!(explanation.contains("\"Errors by region\" was moved"), "{explanation}");
    assert!(explanation.contains(" while \"Latency p99\" was resized"), "{explanation}");
    let actors: Vec<&str> = conflict.causes.iter().map(|cause| cause.actor.as_str()).collect();
    let hex = |number: u8| format!("{number:02x}").repeat(16);
    assert_eq!(actors, [hex(1), hex(2), hex(3)]);
    let [made, moved, widened] = &conflict.causes[..] else { panic!("three causes") };
    assert_eq!(made.apart_from, [""; 0]);
    assert_eq!(moved.apart_from, std::slice::from_ref(&widened.change));
    assert_eq!(widened.apart_from, std::slice::from_ref(&moved.change));
    assert_eq!(made.time, NOON.as_millis());
    assert_eq!(
        widened.touched,
        [Touched { subject: "latency".into(), fields: vec!["layout.w".into()], created: false }]
    );
    // Who had seen the other's move did it afterwards.
    let mut doc = side_by_side();
    doc.set_actor(actor(2));
    set(&mut doc, &["items", "errors", "layout"], "x", 2);
    doc.set_actor(actor(3));
    set(&mut doc, &["items", "latency", "layout"], "y", 1);
    let conflict = the_conflict(&doc, &rules);
    assert!(
        conflict.explanation.contains("was moved, then \"Latency p99\" was moved."),
        "{}",
        conflict.explanation
    );
    assert!(conflict.causes.iter().all(|cause| cause.apart_from.is_empty()));
}

/// RU7: the JSON form that the API shows.
#[test]
fn ru7_a_conflict_in_json() {
    let (ana, _) = collided();
    let json = serde_json::to_value(the_conflict(&ana, &apart())).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.len(), 11, "{keys:?}");
    for key in [
        "id",
        "rule",
        "state",
        "severity",
        "mode",
        "message",
        "subjects",
        "causes",
        "proposals",
        "fingerprint",
    ] {
        assert!(keys.contains(&key), "{key}");
    }
    assert_eq!(
        (&json["state"], &json["severity"], &json["mode"]),
        (&json!("open"), &json!("error"), &json!("surface"))
    );
    assert_eq!(json["proposals"][0], json!({"name": "push_down", "label": "Push the later one down"}));
}

/// RU14, RU16: settling makes the rule hold, is one change of its own actor at time 0, and is told.
#[test]
fn ru16_settling_is_an_ordinary_change() {
    let rules = apart();
    let (mut ana, _) = collided();
    let conflict = the_conflict(&ana, &rules);
    let before = report(&ana, &rules);
    let own = ana.get_actor().clone();
    let settled = settle(&mut ana, &rules, &conflict.id, Proposal::PushDown, Some("ana")).unwrap();
    assert_eq!((settled.changes.len(), settled.conflict), (2, conflict.clone()));
    assert_eq!(
        (settled.changes[1].timestamp(), settled.changes[1].message()),
        (0, Some("settled: push_down"))
    );
    assert_eq!(ana.get_actor(), &own);
    let content = crate::json::read(&ana, None);
    assert_eq!(content["items"]["latency"]["layout"], json!({"x": 6, "y": 4, "w": 6, "h": 4}));
    let after = report(&ana, &rules);
    assert_eq!(after.conflicts, []);
    let events = after.changes_from(&before);
    assert_eq!(events, [ConflictEvent::Settled(Conflict { state: State::Settled, ..conflict.clone() })]);
    let listed = judge(&ana, &rules).settled(&ana);
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0].id, listed[0].state, &listed[0].message),
        (&conflict.id, State::Settled, &conflict.message)
    );
    assert_eq!(
        listed[0].settlement,
        Some(Settlement { proposal: "push_down".into(), by: Some("ana".into()) })
    );

    // The same two meet again: the same conflict, open again.
    set(&mut ana, &["items", "latency", "layout"], "y", 0);
    let again = report(&ana, &rules);
    assert_eq!(again.conflicts[0].id, conflict.id);
    assert_eq!(again.changes_from(&after)[0].name(), "conflict.reopened");
    assert_eq!(judge(&ana, &rules).settled(&ana), []);
}

/// RU16: what is not there, or not offered, is refused and writes nothing.
#[test]
fn ru16_what_cannot_be_settled_is_refused() {
    let rules = apart();
    let (mut ana, _) = collided();
    let conflict = the_conflict(&ana, &rules);
    let heads = ana.get_heads();
    let mut settle = |id: &str, proposal, by| settle(&mut ana, &rules, id, proposal, by).unwrap_err();
    assert!(matches!(settle("nobody", Proposal::PushDown, None), SettleError::UnknownConflict { .. }));
    let refused = settle(&conflict.id, Proposal::Clamp, None);
    assert!(
        matches!(refused, SettleError::NotOffered { offered, .. } if offered == [Proposal::PushDown, Proposal::FirstFree])
    );
    let long = "a".repeat(NAME_BYTES_MAX + 1);
    assert!(matches!(settle(&conflict.id, Proposal::PushDown, Some(&long)), SettleError::NameTooLong { .. }));
    assert_eq!(ana.get_heads(), heads);
}

/// RU17: a waiver holds as long as the facts do, and until its time is over.
#[test]
fn ru17_waivers_end_with_the_facts_and_with_time() {
    let rules = apart();
    let (mut ana, _) = collided();
    let open = report(&ana, &rules);
    let id = open.conflicts[0].id.clone();
    let waiver = because("they are drawn on top of each other on purpose", Some(LATER));
    let waived = waive(&mut ana, &rules, &id, &waiver, &actor(5), NOON).unwrap();
    assert_eq!((waived.conflict.state, waived.conflict.waiver), (State::Waived, Some(waiver)));
    let after = report(&ana, &rules);
    assert_eq!(after.changes_from(&open)[0].name(), "conflict.waived");
    assert_eq!(after.due, Some(LATER));

    let judge = judge(&ana, &rules);
    let over = judge.report(&ana, LATER);
    assert_eq!((over.conflicts[0].state, over.due), (State::Open, None));
    assert_eq!(over.changes_from(&after)[0].name(), "conflict.reopened");
    assert_eq!(
        judge.report(&ana, Timestamp::from_millis(LATER.as_millis() - 1)).conflicts[0].state,
        State::Waived
    );

    let mut moved = ana.fork();
    set(&mut moved, &["items", "latency", "layout"], "y", 1);
    let moved = report(&moved, &rules);
    assert_eq!((&moved.conflicts[0].id, moved.conflicts[0].state), (&id, State::Open));

    let taken_back = unwaive(&mut ana, &rules, &id, &actor(5), NOON).unwrap();
    assert_eq!((taken_back.conflict.state, taken_back.changes.len()), (State::Open, 1));
}

/// RU17: a waiver without a reason, or that is over, is none.
#[test]
fn ru17_bad_waivers_are_refused() {
    let rules = apart();
    let (mut ana, _) = collided();
    let id = the_conflict(&ana, &rules).id;
    let heads = ana.get_heads();
    let mut waive =
        |id: &str, waiver: &Waiver| waive(&mut ana, &rules, id, waiver, &actor(5), NOON).unwrap_err();
    assert!(matches!(waive(&id, &because(" ", None)), WaiveError::NoReason));
    assert!(matches!(waive(&id, &because("so", Some(NOON))), WaiveError::AlreadyOver));
    for until in [UNTIL_MAX_MS + 1, 1 << 63, u64::MAX] {
        let until = Some(Timestamp::from_millis(until));
        assert!(matches!(waive(&id, &because("so", until)), WaiveError::NoMoment), "{until:?}");
    }
    assert!(matches!(
        waive(&id, &because(&"x".repeat(REASON_BYTES_MAX + 1), None)),
        WaiveError::TooLong { .. }
    ));
    assert!(matches!(waive("nobody", &because("so", None)), WaiveError::UnknownConflict { .. }));
    assert_eq!(ana.get_heads(), heads);
}

/// RU18: two who decide differently while apart end up with one decision, and the other is told.
#[test]
fn ru18_decisions_made_apart_converge() {
    let rules = apart();
    let (mut ana, mut bo) = collided();
    let id = the_conflict(&ana, &rules).id;
    waive(&mut ana, &rules, &id, &because("one", None), &actor(5), NOON).unwrap();
    waive(&mut bo, &rules, &id, &because("two", None), &actor(6), NOON).unwrap();
    let (ana_alone, bo_alone) = (ana.fork(), bo.fork());
    merge(&mut ana, &bo_alone);
    merge(&mut bo, &ana_alone);
    let told = the_conflict(&ana, &rules);
    assert_eq!(told, the_conflict(&bo, &rules));
    assert_eq!(told.waiver, Some(because("two", None)));
    assert_eq!(told.also, [Decision::Waived(because("one", None))]);

    // One waives, the other settles: the rule holds, and the waiver is told beside it.
    let (mut ana, mut bo) = collided();
    waive(&mut ana, &rules, &id, &because("one", None), &actor(5), NOON).unwrap();
    settle(&mut bo, &rules, &id, Proposal::FirstFree, Some("bo")).unwrap();
    merge(&mut ana, &bo);
    assert_eq!(report(&ana, &rules).conflicts, []);
    let settled = judge(&ana, &rules).settled(&ana);
    assert_eq!(settled[0].also, [Decision::Waived(because("one", None))]);
}

/// RU19: whatever a stranger wrote at the reserved key, conflicts are found, and decided on.
#[test]
fn ru19_foreign_entries_break_nothing() {
    let rules = apart();
    for odd in [
        json!(7),
        json!({"waived": [], "settled": "none"}),
        json!({"waived": {"ID": {"fingerprint": 5}}, "settled": {"ID": {"proposal": {}}}}),
        json!({"waived": {"ID": "yes"}, "settled": {"ID": [1]}}),
        json!({"waived": {"ID": {"fingerprint": "FP", "reason": "x", "until": "tomorrow"}}}),
    ] {
        let (mut ana, _) = collided();
        let conflict = the_conflict(&ana, &rules);
        let odd = odd.to_string().replace("ID", &conflict.id).replace("FP", &conflict.fingerprint);
        let odd: Value = serde_json::from_str(&odd).unwrap();
        let options = |_: &()| automerge::transaction::CommitOptions::default();
        ana.transact_with::<_, _, crate::json::JsonError, _>(options, |tx| {
            crate::json::put(tx, &ROOT, RESERVED_KEY.into(), &odd, Strings::Scalar, 1)
        })
        .unwrap();
        assert_eq!(the_conflict(&ana, &rules), conflict, "{odd}");
        assert_eq!(judge(&ana, &rules).settled(&ana), []);
        let mut other = ana.fork();
        waive(&mut other, &rules, &conflict.id, &because("so", None), &actor(5), NOON).unwrap();
        settle(&mut ana, &rules, &conflict.id, Proposal::PushDown, None).unwrap();
        assert_eq!(report(&ana, &rules).conflicts, []);
    }
    // Entries of any size are passed over, not read.
    let (mut ana, _) = collided();
    let conflict = the_conflict(&ana, &rules);
    change(&mut ana, |tx| {
        let waived = section(tx, Section::Waived)?;
        let entry = tx.put_object(&waived, conflict.id.as_str(), automerge::ObjType::Map)?;
        (0..1_000).try_for_each(|index| tx.put(&entry, format!("{index}"), 1))?;
        tx.put(&entry, "fingerprint", conflict.fingerprint.as_str())
    });
    assert_eq!(the_conflict(&ana, &rules).state, State::Open);
}

/// RU11: what is not looked at to the end is undecided, and does not count as settled.
#[test]
fn ru11_too_much_is_undecided() {
    let rules = rules(&json!([
        {"id": "apart", "predicate": "no_overlap", "over": "items.*", "message": "{a.key} {b.key}"},
        {"id": "few", "predicate": "max_items", "over": "rows", "limit": 3, "message": "{found}"},
        {"id": "wide", "predicate": "max_items", "over": "items", "limit": "columns", "message": "{found}"},
    ]));
    let heap = |items: usize| {
        let item = |index: usize| (format!("{index:04}"), json!({"x": 0, "y": 0, "w": 1, "h": 1}));
        let items: serde_json::Map<String, Value> = (0..items).map(item).collect();
        doc_of(&json!({"items": items, "rows": [1, 2, 3, 4], "columns": 1}))
    };
    let few = report(&heap(21), &rules);
    assert_eq!(few.beyond, [Beyond { rule: "apart".into(), conflicts: 10 }]);
    assert_eq!(few.conflicts[0].subjects, ["0000", "0001"]);
    assert_eq!(few.conflicts[199].subjects, ["0015", "0020"]);
    assert_eq!(few.conflicts.len(), LISTED_PER_RULE_MAX + 2);

    let mut many = heap(720);
    change(&mut many, |tx| tx.delete(ROOT, "columns"));
    let many = report(&many, &rules);
    let undecided = |rule: &str, reason| Undecided { rule: rule.into(), reason };
    assert_eq!(
        many.undecided,
        [
            undecided("apart", UndecidedReason::TooMuchToCompare),
            undecided("wide", UndecidedReason::NoLimit("columns".into())),
        ]
    );
    assert_eq!(many.changes_from(&few), []);

    let mut doc = doc_of(&json!({"rows": [], "columns": 1}));
    change(&mut doc, |tx| {
        let rows = tx.get(ROOT, "rows")?.map(|(_, rows)| rows).ok_or(AutomergeError::NotAnObject)?;
        tx.splice(
            &rows,
            0,
            0,
            (0..STEPS_PER_COLLECTION_MAX + 1).map(|_| automerge::hydrate::Value::from(1i64)),
        )
    });
    assert_eq!(report(&doc, &rules).undecided, [undecided("few", UndecidedReason::TooMuchToRead)]);
}

/// What a judge that was told step by step finds, which is what a fresh look finds.
fn kept_up(
    judge: &mut Judge,
    doc: &mut Automerge,
    write: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>,
) -> Report {
    let patches = change(doc, write);
    judge.touched(doc, &patches);
    let report = judge.report(doc, NOON);
    assert_eq!(report, Judge::new(&document(), judge.rules().clone(), doc).report(doc, NOON));
    report
}

/// RU26: the rules of a set list no more than 500 conflicts together, the first rules first; what later rules may list
/// is decided anew when earlier ones list less.
#[test]
fn ru26_a_document_lists_no_more_than_can_be_sent() {
    let fields = ["a", "b", "c", "d"];
    let rule = |field| json!({"id": field, "predicate": "range", "over": format!("items.*.{field}"), "max": 0, "message": "{found}"});
    let rules = rules(&fields.map(rule).into());
    let item = |index: usize| (format!("{index:04}"), json!({"a": 1, "b": 1, "c": 1, "d": 1}));
    let items: serde_json::Map<String, Value> = (0..250).map(item).collect();
    let mut doc = doc_of(&json!({ "items": items }));
    let mut judge = Judge::new(&document(), rules, &doc);
    let listed = |report: &Report| {
        let of = |field: &&str| report.conflicts.iter().filter(|it| it.rule == **field).count();
        let beyond = report.beyond.iter().map(|it| it.conflicts).sum::<usize>();
        (fields.iter().map(of).collect::<Vec<_>>(), beyond)
    };
    assert_eq!(listed(&judge.report(&doc, NOON)), (vec![200, 200, 100, 0], 500));

    let set = |field: &'static str, value: i64, items: usize| {
        move |tx: &mut Transaction<'_>| {
            let all = tx.get(ROOT, "items")?.map(|(_, all)| all).ok_or(AutomergeError::NotAnObject)?;
            (0..items).try_for_each(|index| {
                let (_, item) = tx.get(&all, format!("{index:04}"))?.ok_or(AutomergeError::NotAnObject)?;
                tx.put(&item, field, value)
            })
        }
    };
    let report = kept_up(&mut judge, &mut doc, set("a", 0, 150));
    assert_eq!(listed(&report), (vec![100, 200, 200, 0], 350));
    let report = kept_up(&mut judge, &mut doc, set("b", 0, 240));
    assert_eq!(listed(&report), (vec![100, 10, 200, 190], 110));
    let report = kept_up(&mut judge, &mut doc, set("a", 1, 250));
    assert_eq!(listed(&report), (vec![200, 10, 200, 90], 260));
}

/// RU26: the rules of a set look at no more than 500,000 items and pairs together.
#[test]
fn ru26_a_set_looks_at_no_more_than_can_be_waited_for() {
    let rule = |id| json!({"id": id, "predicate": "no_overlap", "over": "items.*", "message": "{a.key}"});
    let rules = rules(&["one", "two", "three", "four"].map(rule).into());
    let item = |index: usize| (format!("{index:04}"), json!({"x": 0, "y": 0, "w": 1, "h": 1}));
    let items: serde_json::Map<String, Value> = (0..700).map(item).collect();
    let mut doc = doc_of(&json!({ "items": items }));
    let mut judge = Judge::new(&document(), rules, &doc);
    let undecided = |report: &Report| report.undecided.iter().map(|it| it.rule.clone()).collect::<Vec<_>>();
    assert_eq!(undecided(&judge.report(&doc, NOON)), ["three", "four"]);
    let report = kept_up(&mut judge, &mut doc, |tx| {
        let all = tx.get(ROOT, "items")?.map(|(_, all)| all).ok_or(AutomergeError::NotAnObject)?;
        (0..350).try_for_each(|index| {
            let (_, item) = tx.get(&all, format!("{index:04}"))?.ok_or(AutomergeError::NotAnObject)?;
            tx.put(&item, "y", 10 * index)
        })
    });
    assert_eq!(undecided(&report), Vec::<String>::new());
}

/// RU26: a set that reads too many places is refused.
#[test]
fn ru26_a_set_reads_a_bounded_number_of_places() {
    let rule = |index: usize| json!({"id": format!("r{index}"), "predicate": "required", "over": format!("p{index}.*.x"), "message": "m"});
    let compile = |count: usize| {
        let rules: Vec<Value> = (0..count).map(rule).collect();
        RuleSet::compile(serde_json::from_value(json!({"kind": "board", "rule": rules})).unwrap())
    };
    assert!(compile(COLLECTIONS_MAX).is_ok());
    let fault = &compile(COLLECTIONS_MAX + 1).unwrap_err().faults[0];
    assert_eq!(
        (fault.place.as_str(), fault.wrong.as_str()),
        ("rule", "the rules look at 25 different places")
    );
}

/// RU8: what happened between two looks is told once, in its new state.
#[test]
fn ru8_events_tell_what_happened_between_two_looks() {
    let rules = apart();
    let (mut ana, _) = collided();
    let (nothing, open) = (Report::default(), report(&ana, &rules));
    let names = |now: &Report, before: &Report| {
        now.changes_from(before)
            .iter()
            .map(|event| (event.name(), event.conflict().state))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&open, &nothing), [("conflict.opened", State::Open)]);
    assert_eq!(names(&open, &open), []);
    assert_eq!(names(&nothing, &open), [("conflict.settled", State::Settled)]);
    waive(&mut ana, &rules, &open.conflicts[0].id, &because("so", None), &actor(5), NOON).unwrap();
    let waived = report(&ana, &rules);
    assert_eq!(names(&waived, &nothing), [("conflict.waived", State::Waived)]);
    assert_eq!(names(&open, &waived), [("conflict.reopened", State::Open)]);
    // Another fact, the same conflict: nothing new to tell.
    let mut moved = collided().0;
    set(&mut moved, &["items", "latency", "layout"], "h", 9);
    assert_eq!(names(&report(&moved, &rules), &open), []);
}

/// RU12: what happens to a value that lost, and inside of it, is followed too.
#[test]
fn ru12_losing_values_are_followed() {
    let rules = rules(&json!([
        {"id": "once", "predicate": "exclusive_field", "over": "items.*.n", "message": "{values}"},
    ]));
    let base = doc_of(&json!({"items": {"a": {"n": 0}}}));
    let (mut ana, mut bo, mut both) = (copy(&base, 2), copy(&base, 3), copy(&base, 4));
    // Whoever counts further wins.
    for count in 0..20 {
        set(&mut bo, &[], "busy", count);
    }
    set(&mut bo, &["items", "a"], "n", 9);
    merge(&mut both, &bo);
    let item = |tx: &Transaction<'_>| {
        let items = tx.get(ROOT, "items")?.map(|(_, items)| items).ok_or(AutomergeError::NotAnObject)?;
        tx.get(&items, "a")?.map(|(_, item)| item).ok_or(AutomergeError::NotAnObject)
    };
    type Write = fn(&mut Transaction<'_>, &automerge::ObjId) -> Result<(), AutomergeError>;
    let steps: [(Write, &str); 5] = [
        (|tx, item| tx.put(item, "n", 1), "1, 9"),
        (|tx, item| tx.put(item, "n", 2), "2, 9"),
        (|tx, item| tx.put_object(item, "n", automerge::ObjType::Map).map(drop), "9, {}"),
        (
            |tx, item| {
                let inner = tx.get(item, "n")?.map(|(_, inner)| inner).ok_or(AutomergeError::NotAnObject)?;
                tx.put(&inner, "deep", 1)
            },
            "9, {\"deep\":1}",
        ),
        (|tx, item| tx.delete(item, "n"), ""),
    ];
    let mut judge = Judge::new(&document(), rules.clone(), &both);
    for (write, expected) in steps {
        change(&mut ana, |tx| {
            let item = item(tx)?;
            write(tx, &item)
        });
        let patches = merge(&mut both, &ana);
        judge.touched(&both, &patches);
        let messages: Vec<String> =
            told(&judge.report(&both, NOON)).into_iter().map(|(.., said)| said).collect();
        assert_eq!(messages.join(" "), expected);
        assert_eq!(judge.report(&both, NOON), report(&both, &rules));
    }
}
