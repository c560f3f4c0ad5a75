//! Past states: history, differences, named versions, and going back.

#![allow(clippy::unwrap_used, reason = "all of this is test code, also the functions that are no tests")]

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Author, Automerge, AutomergeError, ObjType, ROOT, ReadDoc, ScalarValue};
use dovetail_core::authors::Authors;
use dovetail_core::doors::{self, Cursor, Group, NOTE_BYTES_MAX, Version, VersionName, WriteError, Writer};
use dovetail_core::json::{self, Strings};
use dovetail_core::reserved::{RESERVED_KEY, entry_change};
use dovetail_core::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn writer(number: u8) -> Writer {
    Writer { actor: ActorId::from([number; 16]), time: NOON, message: None }
}

fn document(content: &Value) -> Automerge {
    json::new_document(&ActorId::from([1; 16]), NOON, content, Strings::Text).unwrap()
}

/// One change by this actor, so many seconds after noon.
fn change(doc: &mut Automerge, actor: u8, seconds: i64, message: &str) {
    doc.set_actor(ActorId::from([actor; 16]));
    let noon = i64::try_from(NOON.as_millis() / 1000).unwrap();
    let options = |_: &()| CommitOptions::default().with_time(noon + seconds).with_message(message);
    doc.transact_with::<_, _, AutomergeError, _>(options, |tx| tx.put(ROOT, message, seconds)).unwrap();
}

fn all(doc: &Automerge, limit: usize) -> Vec<Group> {
    pages(doc, limit, |_| {})
}

/// All groups, page by page; `meanwhile` happens between two pages.
fn pages(doc: &Automerge, limit: usize, mut meanwhile: impl FnMut(&mut Automerge)) -> Vec<Group> {
    let mut doc = doc.clone();
    let (mut groups, mut cursor) = (Vec::new(), None);
    loop {
        let page = doors::history(&doc, &Authors::default(), cursor.as_ref(), limit).unwrap();
        assert!(page.groups.len() <= limit);
        groups.extend(page.groups);
        let Some(next) = page.next else { return groups };
        cursor = Some(next.to_string().parse::<Cursor>().unwrap());
        meanwhile(&mut doc);
    }
}

/// JD14: changes are grouped by person and pause, the newest first, each with the state that it led to.
#[test]
fn jd14_changes_are_grouped_by_person_and_pause() {
    let mut doc = Automerge::new();
    change(&mut doc, 1, 0, "a");
    change(&mut doc, 1, 200, "b");
    change(&mut doc, 1, 501, "c");
    change(&mut doc, 2, 510, "d");
    let mut other = doc.fork();
    // Two who work at the same time, change by change: each is one group.
    for step in 0..5 {
        change(&mut doc, 3, 600 + step, "ana");
        change(&mut other, 4, 600 + step, "bo");
    }
    doc.merge(&mut other).unwrap();

    let groups = all(&doc, 50);
    let told: Vec<_> = groups
        .iter()
        .map(|group| (group.actor.to_bytes()[0], group.changes, group.messages.concat()))
        .collect();
    assert_eq!(
        told,
        [
            (4, 5, "bo".into()),
            (3, 5, "ana".into()),
            (2, 1, "d".into()),
            (1, 1, "c".into()),
            (1, 2, "ab".to_owned())
        ]
    );
    let oldest = &groups[4];
    assert_eq!((oldest.from, oldest.to), (NOON, Timestamp::from_millis(NOON.as_millis() + 200_000)));
    assert_eq!(oldest.hashes.len(), 2);
    assert_eq!(json::read(&doc, Some(&oldest.heads)), json!({"a": 0, "b": 200}));
    let mut heads = doc.get_heads();
    heads.sort_unstable();
    assert_eq!(groups[0].heads, heads);
    assert_eq!(groups[1].heads.len(), 1, "before bo's changes there was one head");
}

/// JD39: a long group tells its newest changes, each line once, where it was said last, and counts the others.
#[test]
fn jd39_a_long_group_tells_its_newest_changes() {
    let mut doc = Automerge::new();
    for n in 0..120 {
        change(&mut doc, 1, n, &format!("line {n}"));
    }
    change(&mut doc, 1, 120, "line 110");

    let [group] = &all(&doc, 50)[..] else { panic!("one go is one group") };
    let newest: Vec<_> = (95..120).filter(|n| *n != 110).chain([110]).map(|n| format!("line {n}")).collect();
    assert_eq!((&group.messages, group.messages_left_out), (&newest, 95));
    assert_eq!((group.hashes.len(), group.hashes.last()), (100, doc.get_heads().first()));
}

/// JD14: an author is one person, on however many devices.
#[test]
fn jd14_an_author_is_one_person() {
    let mut doc = Automerge::new();
    for device in [1, 2] {
        doc.set_author(Some(Author::from(b"ana@example.org".as_slice()).into_owned()));
        change(&mut doc, device, i64::from(device), "x");
    }
    let groups = all(&doc, 50);
    assert_eq!((groups.len(), groups[0].changes), (1, 2));
    assert_eq!(groups[0].author.as_deref(), Some("ana@example.org"));
}

/// JD14: pages meet without gap or overlap, also when others write between two pages, at old heads too.
#[test]
fn jd14_pages_stay_right_while_others_write() {
    let mut doc = Automerge::new();
    for n in 0..20 {
        change(&mut doc, n % 3 + 1, i64::from(n) * 400, "m");
    }
    let whole = all(&doc, 100);
    assert_eq!(whole.len(), 20);
    let old = doc.fork_at(&[whole[10].heads[0]]).unwrap();
    let mut number = 100;
    let paged = pages(&doc, 3, |doc| {
        number += 1;
        let mut late = old.clone();
        change(&mut late, number, 5000, "late");
        doc.merge(&mut late).unwrap();
        change(doc, number + 50, 9000, "new");
    });
    assert_eq!(paged, whole);
}

/// JD14: cursors of other documents are refused, and so is what is none.
#[test]
fn jd14_bad_cursors_are_refused() {
    let (mut doc, mut other) = (Automerge::new(), Automerge::new());
    for n in 0..3 {
        change(&mut doc, 1, n * 1000, "a");
        change(&mut other, 2, n * 1000, "b");
    }
    let foreign = doors::history(&other, &Authors::default(), None, 1).unwrap().next.unwrap();
    assert!(doors::history(&doc, &Authors::default(), Some(&foreign), 1).is_err());
    for text in ["", "3", "x.y", "-1.00", &format!("1.{}", "00".repeat(31)), "1."] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
    // Beyond the end there is nothing.
    let beyond: Cursor = format!("99.{}", doc.get_heads()[0]).parse().unwrap();
    assert_eq!(doors::history(&doc, &Authors::default(), Some(&beyond), 1).unwrap().groups, []);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (-3i64..9).prop_map(Value::from),
        (-3i32..3).prop_map(|whole| Value::from(f64::from(whole))),
        "[a-c/~]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-e]", inner.clone()), 0..6).prop_map(|items| {
                items.into_iter().map(|(id, value)| json!({"id": id, "v": value})).collect()
            }),
            prop::collection::btree_map("[a-c/~]{0,2}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c/~]{0,2}", any_json(), 0..5)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// JD15: the difference of two states, applied to the first by somebody else's code, gives the second.
    #[test]
    fn jd15_a_difference_makes_one_state_of_the_other(before in any_object(), after in any_object()) {
        let mut doc = document(&before);
        let from = doc.get_heads();
        doc.apply_changes(doors::put(&doc, &from, &after, &writer(2)).unwrap().changes).unwrap();
        let operations = Value::from(doors::diff(&doc, &from, &doc.get_heads()).unwrap());
        let patch: json_patch::Patch = serde_json::from_value(operations).unwrap();
        let mut value = before.clone();
        json_patch::patch(&mut value, &patch).unwrap();
        prop_assert_eq!(&value, &after);
        // And our own PATCH makes the same of it.
        let back = Value::from(doors::diff(&doc, &doc.get_heads(), &from).unwrap());
        let written = doors::patch(&doc, &doc.get_heads(), &back, &writer(3)).unwrap();
        prop_assert_eq!(json::read(&written.document, None), before);
    }

    /// JD17: going back is one change on top, after which the document reads as it did, and what stands under
    /// the reserved key stays.
    #[test]
    fn jd17_going_back_is_one_change(before in any_object(), after in any_object()) {
        let mut doc = document(&before);
        let then = doc.get_heads();
        doc.apply_changes(doors::put(&doc, &then, &after, &writer(2)).unwrap().changes).unwrap();
        doc.apply_changes([entry_change()]).unwrap();
        let now = doc.get_heads();
        let written = doors::restore(&doc, &then, &writer(3)).unwrap();
        let mut expected = before.clone();
        expected[RESERVED_KEY] = json!({"waived": {}, "settled": {}, "versions": {}});
        prop_assert_eq!(&json::read(&written.document, None), &expected);
        prop_assert_eq!(written.changes.len(), usize::from(before != after));
        if let Some(change) = written.change() {
            let mut deps = change.deps().to_vec();
            let mut now = now;
            deps.sort_unstable();
            now.sort_unstable();
            prop_assert_eq!(deps, now);
        }
    }
}

/// JD15: a list that lost one item in front is not written anew.
#[test]
fn jd15_differences_are_small() {
    let list: Vec<Value> = (0..500).map(|n| json!({"id": n, "v": n})).collect();
    let mut doc = document(&json!({ "list": list }));
    let from = doc.get_heads();
    let mut changed = list[1..].to_vec();
    changed[200]["v"] = json!("changed");
    doc.apply_changes(doors::put(&doc, &from, &json!({ "list": changed }), &writer(2)).unwrap().changes)
        .unwrap();
    let patch = doors::diff(&doc, &from, &doc.get_heads()).unwrap();
    assert_eq!(
        patch,
        [
            json!({"op": "replace", "path": "/list/201/v", "value": "changed"}),
            json!({"op": "remove", "path": "/list/0"}),
        ]
    );
}

/// JD15: what people decided and named between two states is no part of the difference: a patch may not write it.
#[test]
fn jd15_a_difference_leaves_the_reserved_key_out() {
    let mut doc = document(&json!({"a": 1}));
    let from = doc.get_heads();
    doc.apply_changes([entry_change()]).unwrap();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "a", 2)).unwrap();
    let patch = doors::diff(&doc, &from, &doc.get_heads()).unwrap();
    assert_eq!(patch, [json!({"op": "replace", "path": "/a", "value": 2})]);
    doors::patch(&doc, &from, &Value::from(patch), &writer(3)).unwrap();
}

/// JD17: counters are counted back, and states the document never had are refused.
#[test]
fn jd17_counters_are_counted_back() {
    let mut doc = document(&json!({}));
    doc.set_actor(ActorId::from([7; 16]));
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "hits", ScalarValue::counter(5))).unwrap();
    let then = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| tx.increment(ROOT, "hits", 3)).unwrap();
    let written = doors::restore(&doc, &then, &writer(2)).unwrap();
    let (value, _) = written.document.get(ROOT, "hits").unwrap().unwrap();
    assert!(matches!(value.as_scalar(), Some(ScalarValue::Counter(count)) if i64::from(count) == 5));
    let stranger = document(&json!({"x": 1})).get_heads();
    assert!(matches!(doors::restore(&doc, &stranger, &writer(3)), Err(WriteError::UnknownHeads(_))));
    assert!(doors::diff(&doc, &stranger, &then).is_err());
    assert!(doors::diff(&doc, &then, &stranger).is_err());
}

fn version(heads: &[automerge::ChangeHash], at: u64, note: Option<&str>) -> Version {
    let note = note.map(str::to_owned);
    Version { heads: heads.to_vec(), at: Timestamp::from_millis(at), by: Some("ana".to_owned()), note }
}

/// JD16: a name for a state is an ordinary entry: two people who name different states while apart have both
/// names afterwards, naming again the same writes nothing, and a name can be moved and taken away.
#[test]
fn jd16_states_have_names() {
    let mut doc = document(&json!({"n": 1}));
    let first = doc.get_heads();
    change(&mut doc, 2, 5, "m");
    let second = doc.get_heads();
    let (before, board): (VersionName, VersionName) =
        ("before".parse().unwrap(), "as shown".parse().unwrap());
    let ana = doors::name_version(&doc, &before, &version(&first, 1, None), &writer(3)).unwrap();
    assert_eq!(ana.changes.len(), 2);
    assert_eq!(ana.before, second);
    let bo =
        doors::name_version(&doc, &board, &version(&second, 2, Some("to the board")), &writer(4)).unwrap();
    assert_eq!(ana.changes[0], bo.changes[0], "the entry is made once");
    doc.apply_changes(ana.changes).unwrap();
    doc.apply_changes(bo.changes).unwrap();
    let named = doors::versions(&doc, &Authors::default());
    assert_eq!(named.keys().collect::<Vec<_>>(), ["as shown", "before"]);
    assert_eq!(named["before"], version(&first, 1, None));
    assert_eq!(named["as shown"], version(&second, 2, Some("to the board")));
    assert_eq!(json::read(&doc, Some(&named["before"].heads)), json!({"n": 1}));

    assert!(
        doors::name_version(&doc, &before, &version(&first, 9, None), &writer(5)).unwrap().changes.is_empty()
    );
    let moved = doors::name_version(&doc, &before, &version(&second, 9, None), &writer(6)).unwrap();
    assert_eq!(moved.changes.len(), 1);
    assert_eq!(doors::versions(&moved.document, &Authors::default())["before"].heads, second);
    let removed = doors::remove_version(&doc, &before, &writer(7)).unwrap().unwrap();
    assert_eq!(doors::versions(&removed.document, &Authors::default()).len(), 1);
    assert!(doors::remove_version(&removed.document, &before, &writer(8)).unwrap().is_none());
}

/// JD16: names are bounded, notes too, heads must be known, and odd entries are passed over.
#[test]
fn jd16_bad_versions_are_refused_and_passed_over() {
    for name in ["", "a/b", "a\nb", &"x".repeat(129)] {
        assert!(name.parse::<VersionName>().is_err(), "{name:?}");
    }
    let name: VersionName = "v".parse().unwrap();
    let mut doc = document(&json!({"n": 1}));
    let long = "x".repeat(NOTE_BYTES_MAX + 1);
    assert!(
        doors::name_version(&doc, &name, &version(&doc.get_heads(), 1, Some(&long)), &writer(2)).is_err()
    );
    let stranger = document(&json!({"x": 1})).get_heads();
    assert!(doors::name_version(&doc, &name, &version(&stranger, 1, None), &writer(2)).is_err());

    doc.apply_changes([entry_change()]).unwrap();
    doc.transact::<_, _, AutomergeError>(|tx| {
        let (_, reserved) = tx.get(ROOT, RESERVED_KEY)?.unwrap();
        let (_, versions) = tx.get(&reserved, "versions")?.unwrap();
        tx.put(&versions, "number", 5)?;
        let odd = tx.put_object(&versions, "odd", ObjType::Map)?;
        tx.put(&odd, "heads", "none")
    })
    .unwrap();
    assert!(doors::versions(&doc, &Authors::default()).is_empty());
}
