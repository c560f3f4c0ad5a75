//! PUT at old heads: what is written, what survives, and what is told of it.

#![allow(clippy::unwrap_used, reason = "all of this is test code, also the functions that are no tests")]

use automerge::transaction::Transactable;
use automerge::{
    ActorId, Automerge, AutomergeError, ChangeHash, ObjType, ROOT, ReadDoc, ScalarValue, Value as Am,
};
use dovetail_core::doors::{self, LOST_MAX, WriteError, Writer, Written};
use dovetail_core::json::{self, DEPTH_MAX, JsonError, Strings, TEXT_BYTES_MAX};
use dovetail_core::reserved::{RESERVED_KEY, ensure_entry};
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

/// PUTs at the present heads and keeps the result.
fn put_now(doc: &mut Automerge, body: &Value, number: u8) -> Written {
    put_at(doc, &doc.get_heads(), body, number)
}

/// PUTs at old heads and keeps the result.
fn put_at(doc: &mut Automerge, base: &[ChangeHash], body: &Value, number: u8) -> Written {
    let written = doors::put(doc, base, body, &writer(number)).unwrap();
    doc.apply_changes(written.changes.clone()).unwrap();
    assert_eq!(json::read(doc, None), json::read(&written.document, None));
    written
}

fn edit(
    doc: &mut Automerge,
    number: u8,
    edit: impl FnOnce(&mut automerge::transaction::Transaction<'_>) -> Result<(), AutomergeError>,
) {
    doc.set_actor(ActorId::from([number; 16]));
    doc.transact(edit).unwrap();
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..9).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-f ü]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-e]", inner.clone()), 0..6).prop_map(|items| {
                items.into_iter().map(|(id, value)| json!({"id": id, "v": value})).collect()
            }),
            prop::collection::btree_map("[a-c]{0,2}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c]{0,2}", any_json(), 0..5)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// JD3: what is put is what is read, when nothing else happened; JD2: and putting it again writes nothing.
    #[test]
    fn jd3_what_was_put_is_read(before in any_object(), body in any_object()) {
        let mut doc = document(&before);
        let written = put_now(&mut doc, &body, 2);
        prop_assert_eq!(&json::read(&doc, None), &body);
        prop_assert_eq!(written.changes.is_empty(), before == body);
        prop_assert_eq!(&written.after, &{ let mut heads = doc.get_heads(); heads.sort_unstable(); heads });
        prop_assert_eq!(written.lost.count, 0);
        prop_assert!(put_now(&mut doc, &body, 3).changes.is_empty());
    }

    /// JD5: the change is byte for byte the one of a peer who had the document at base and no more. So what
    /// is read afterwards is what merging with that peer gives.
    #[test]
    fn jd5_the_change_is_that_of_a_peer_at_base(
        before in any_object(), meanwhile in any_object(), body in any_object(),
    ) {
        let mut doc = document(&before);
        let base = doc.get_heads();
        let mut peer = doc.fork();
        put_now(&mut doc, &meanwhile, 2);
        let written = put_at(&mut doc, &base, &body, 3);

        let of_peer = put_now(&mut peer, &body, 3);
        prop_assert_eq!(
            written.change().map(|change| change.raw_bytes().to_vec()),
            of_peer.change().map(|change| change.raw_bytes().to_vec())
        );
        let mut merged = document(&before);
        put_now(&mut merged, &meanwhile, 2);
        merged.merge(&mut peer).unwrap();
        prop_assert_eq!(json::read(&doc, None), json::read(&merged, None));
        let loaded = Automerge::load(&doc.save()).unwrap();
        prop_assert_eq!(json::read(&doc, None), json::read(&loaded, None));
    }

    /// JD4: two who read the same and change different members both have their way, in either order.
    #[test]
    fn jd4_different_fields_both_survive(
        before in any_object(), left in any_json(), right in any_json(), is_first in any::<bool>(),
    ) {
        let mut doc = document(&json!({"left": {"was": before}, "right": [before], "both": 1}));
        let base = doc.get_heads();
        let with = |key: &str, value: &Value| {
            let mut body = json::read(&doc, None);
            body[key] = value.clone();
            body
        };
        let (mut one, mut other) = ((with("left", &left), 2), (with("right", &right), 3));
        if !is_first {
            std::mem::swap(&mut one, &mut other);
        }
        put_at(&mut doc, &base, &one.0, one.1);
        let written = put_at(&mut doc, &base, &other.0, other.1);
        prop_assert_eq!(json::read(&doc, None), json!({"left": left, "right": right, "both": 1}));
        prop_assert_eq!(written.lost.count, 0);
    }

    /// JD6: two who work on the same list of things with ids both have their way with different things.
    #[test]
    fn jd6_edits_of_different_items_both_survive(
        order in Just(vec!["a", "b", "c", "d", "e", "f"]).prop_shuffle(),
        kept in prop::collection::vec(any::<bool>(), 6),
    ) {
        let item = |id: &str, v: i64, w: i64| json!({"id": id, "v": v, "w": w});
        let list: Vec<Value> = ["a", "b", "c", "d", "e", "f"].iter().map(|id| item(id, 0, 0)).collect();
        let mut doc = document(&json!({ "list": list }));
        let base = doc.get_heads();
        // One removes some and changes "v" of the others; the other changes "w" of all and adds one.
        let kept_ids: Vec<&str> = ["a", "b", "c", "d", "e", "f"].into_iter().zip(&kept)
            .filter_map(|(id, kept)| kept.then_some(id)).collect();
        let fewer: Vec<Value> = kept_ids.iter().map(|id| item(id, 1, 0)).collect();
        put_at(&mut doc, &base, &json!({ "list": fewer }), 2);
        let mut still: Vec<Value> = ["a", "b", "c", "d", "e", "f"].iter().map(|id| item(id, 0, 2)).collect();
        still.insert(3, item("new", 0, 0));
        put_at(&mut doc, &base, &json!({ "list": still }), 3);
        let expected: usize = kept_ids.len() + 1;
        let read = json::read(&doc, None)["list"].as_array().unwrap().clone();
        prop_assert_eq!(read.len(), expected);
        for one in &read {
            let is_new = one["id"] == "new";
            prop_assert_eq!(&one["v"], &json!(i64::from(!is_new)));
            prop_assert_eq!(&one["w"], &json!(if is_new { 0 } else { 2 }));
        }
        // And sorting keeps every id once.
        let mut sorted = document(&json!({ "list": list }));
        let shuffled: Vec<Value> = order.iter().map(|id| item(id, 0, 0)).collect();
        put_now(&mut sorted, &json!({ "list": shuffled }), 2);
        prop_assert_eq!(&json::read(&sorted, None)["list"], &json!(shuffled));
    }
}

/// JD2: a document of any shape that is put back as it was read is not written.
#[test]
fn jd2_putting_back_what_was_read_writes_nothing() {
    let mut doc = document(&json!({"text": "abc", "list": [1, {"id": "a"}], "n": 1}));
    edit(&mut doc, 2, |tx| {
        tx.put(ROOT, "counter", ScalarValue::counter(7))?;
        tx.put(ROOT, "moment", ScalarValue::Timestamp(5))?;
        tx.put(ROOT, "bytes", vec![1, 2, 3])?;
        tx.put(ROOT, "nan", f64::NAN)?;
        tx.put_object(ROOT, "table", ObjType::Table)?;
        let mut object = ROOT;
        for _ in 0..DEPTH_MAX {
            object = tx.put_object(&object, "in", ObjType::Map)?;
        }
        tx.put(&object, "deep", 1)
    });
    // Contested registers, also within a list.
    let mut other = doc.fork();
    for (doc, number) in [(&mut doc, 3), (&mut other, 4)] {
        edit(doc, number, |tx| {
            tx.put(ROOT, "n", i64::from(number))?;
            let (_, list) = tx.get(ROOT, "list")?.unwrap();
            tx.put(&list, 0, i64::from(number))
        });
    }
    doc.merge(&mut other).unwrap();

    let read = json::read(&doc, None);
    // One level too many to be written, so only what lies above goes back.
    let mut body = read.clone();
    body.as_object_mut().unwrap().remove("in");
    assert!(matches!(
        doors::put(&doc, &doc.get_heads(), &read, &writer(5)),
        Err(WriteError::Content(error)) if matches!(*error, JsonError::TooDeep { .. })
    ));
    body["in"] = Value::Null;
    let written = doors::put(&doc, &doc.get_heads(), &body, &writer(5)).unwrap();
    assert_eq!(written.change().unwrap().len(), 1, "only `in` was written");
    assert_eq!(doc.get_all(ROOT, "n").unwrap().len(), 2);
    assert_eq!(written.document.get_all(ROOT, "n").unwrap().len(), 2, "a contest nobody spoke of goes on");
}

/// JD7: text merges as text, letter by letter and, where it is long, word by word.
#[test]
fn jd7_texts_merge() {
    let long: String = (0..4000).map(|n| format!("word{n} ")).collect();
    for (text, first, second) in [("one two three", "one ", "three"), (long.as_str(), "word7 ", "word3990 ")]
    {
        let mut doc = document(&json!({ "text": text }));
        let base = doc.get_heads();
        put_at(&mut doc, &base, &json!({"text": text.replacen(first, "FIRST ", 1)}), 2);
        let written = put_at(&mut doc, &base, &json!({"text": text.replacen(second, "SECOND", 1)}), 3);
        let expected = text.replacen(first, "FIRST ", 1).replacen(second, "SECOND", 1);
        assert_eq!(json::read(&doc, None)["text"], expected);
        assert_eq!(written.lost.count, 0);
    }
    // Two places far apart, more than is compared letter by letter between them.
    let mut doc = document(&json!({ "text": long }));
    let base = doc.get_heads();
    let both = long.replacen("word1 ", "ONE ", 1).replacen("word3999 ", "LAST ", 1);
    let written = put_at(&mut doc, &base, &json!({ "text": both }), 2);
    assert!(written.change().unwrap().len() < 40, "{}", written.change().unwrap().len());
    put_at(&mut doc, &base, &json!({"text": long.replacen("word2000 ", "MIDDLE ", 1)}), 3);
    assert_eq!(json::read(&doc, None)["text"], both.replacen("word2000 ", "MIDDLE ", 1));
}

/// JD7: counters count on, also one that two people wrote; moments and single registers keep their kind.
#[test]
fn jd7_registers_keep_their_kind() {
    let mut doc = document(&json!({}));
    edit(&mut doc, 2, |tx| {
        tx.put(ROOT, "hits", ScalarValue::counter(7))?;
        tx.put(ROOT, "moment", ScalarValue::Timestamp(5))?;
        tx.put(ROOT, "name", "register")
    });
    let base = doc.get_heads();
    put_at(&mut doc, &base, &json!({"hits": 8, "moment": 6, "name": "x"}), 3);
    put_at(&mut doc, &base, &json!({"hits": 10, "moment": 5, "name": "register"}), 4);
    assert_eq!(json::read(&doc, None), json!({"hits": 11, "moment": 6, "name": "x"}));
    assert!(
        matches!(doc.get(ROOT, "hits").unwrap(), Some((Am::Scalar(scalar), _)) if matches!(*scalar, ScalarValue::Counter(_)))
    );
    assert!(
        matches!(doc.get(ROOT, "moment").unwrap(), Some((Am::Scalar(scalar), _)) if matches!(*scalar, ScalarValue::Timestamp(6)))
    );
    assert!(matches!(doc.get(ROOT, "name").unwrap(), Some((Am::Scalar(_), _))));
}

/// JD8: the reserved key is left alone, whether the body names it or not.
#[test]
fn jd8_the_reserved_key_is_left_alone() {
    let mut doc = document(&json!({"n": 1}));
    ensure_entry(&mut doc).unwrap();
    let reserved = json::read(&doc, None)[RESERVED_KEY].clone();
    for (number, body) in
        [json!({"n": 2}), json!({"n": 3, RESERVED_KEY: {"waived": 1}}), json!({RESERVED_KEY: 1})]
            .into_iter()
            .enumerate()
    {
        put_now(&mut doc, &body, 10 + u8::try_from(number).unwrap());
        let read = json::read(&doc, None);
        assert_eq!(read[RESERVED_KEY], reserved);
        assert_eq!(read.get("n"), body.get("n"));
    }
}

/// JD9: new strings are texts in which people type together, or, in a dashboard, one register each; so many
/// that a text of them would cost seconds are registers everywhere.
#[test]
fn jd9_strings_become_texts_within_a_bound() {
    let kind_of =
        |doc: &Automerge| matches!(doc.get(ROOT, "new").unwrap(), Some((Am::Object(ObjType::Text), _)));
    let long = |bytes: usize| json!({"new": "x".repeat(bytes - 1), "kind": "n"});
    let cases = [
        (json!({"new": "short"}), true),
        (long(TEXT_BYTES_MAX), true),
        (long(TEXT_BYTES_MAX + 1), false),
        (json!({"new": "short", "kind": "dashboard"}), false),
    ];
    for (body, is_text) in cases {
        let mut doc = document(&json!({"kind": body.get("kind").cloned().unwrap_or_default()}));
        put_now(&mut doc, &body, 2);
        assert_eq!(kind_of(&doc), is_text);
        // A document that is made of it is no other.
        if body.get("kind") != Some(&json!("dashboard")) {
            assert_eq!(kind_of(&document(&body)), is_text);
        }
    }
    // A text object into which more is typed than that becomes one register.
    let mut doc = document(&json!({"new": "short"}));
    put_now(&mut doc, &json!({"new": "y".repeat(TEXT_BYTES_MAX + 9)}), 2);
    assert!(!kind_of(&doc));
    assert_eq!(json::read(&doc, None)["new"].as_str().unwrap().len(), TEXT_BYTES_MAX + 9);
}

/// JD10: a value over which somebody else's stands is named with both; so is what went into an object that is
/// gone, and a deletion of something that is still there.
#[test]
fn jd10_what_did_not_win_is_named() {
    let content = json!({"a": 0, "b": 0, "gone": {"x": 0, "t": "text"}, "dropped": 1, "list": [1, 2, 3], "less": [1, 2]});
    let mut doc = document(&content);
    let base = doc.get_heads();
    // Enough operations that these have the higher numbers.
    edit(&mut doc, 9, |tx| {
        for n in 0..20 {
            tx.put(ROOT, "b", n)?;
        }
        tx.put(ROOT, "a", "theirs")?;
        tx.put(ROOT, "dropped", 2)?;
        tx.delete(ROOT, "gone")?;
        let (_, list) = tx.get(ROOT, "list")?.unwrap();
        tx.put(&list, 1, 20)?;
        tx.insert(&list, 0, 0)?;
        let (_, less) = tx.get(ROOT, "less")?.unwrap();
        tx.put(&less, 1, 30)
    });
    let body = json!({"a": "mine", "b": 0, "gone": {"x": 5, "t": "my text"}, "list": [1, 22, 3], "less": [1], "new": 1});
    let written = put_at(&mut doc, &base, &body, 2);
    let now = json::read(&doc, None);
    assert_eq!(
        now,
        json!({"a": "theirs", "b": 19, "dropped": 2, "list": [0, 1, 20, 3], "less": [1, 30], "new": 1})
    );

    let lost: Vec<_> = written
        .lost
        .values
        .iter()
        .map(|lost| (lost.path.as_str(), lost.yours.clone(), lost.theirs.clone()))
        .collect();
    assert_eq!(
        lost,
        [
            ("/a", Some(json!("mine")), Some(json!("theirs"))),
            ("/dropped", None, Some(json!(2))),
            ("/gone/t", Some(json!("my text")), None),
            ("/gone/x", Some(json!(5)), None),
            ("/less/1", None, Some(json!(30))),
            ("/list/1", Some(json!(22)), Some(json!(20))),
        ]
    );
    assert_eq!(written.lost.count, 6);
    assert_eq!(doors::lost(&doc, &doc.get_heads(), written.change().unwrap()), written.lost);
}

/// JD10: a writer whose values won is told of none, however many wrote meanwhile.
#[test]
fn jd10_winners_are_not_told_of_losses() {
    let mut doc = document(&json!({"a": 0, "o": {"x": 1}, "list": [{"id": 1, "v": 1}]}));
    let base = doc.get_heads();
    edit(&mut doc, 1, |tx| tx.put(ROOT, "a", 1));
    // The same number of operations, and the higher actor wins.
    let written = put_at(&mut doc, &base, &json!({"a": 2, "o": {"x": 1}, "list": [{"id": 1, "v": 1}]}), 7);
    assert_eq!(json::read(&doc, None)["a"], 2);
    assert_eq!(written.lost.count, 0);
}

/// JD10: a hundred are listed, all are counted, and large values are not repeated.
#[test]
fn jd10_the_list_of_losses_is_bounded() {
    let members =
        |value: &Value| -> Value { (0..250).map(|n| (format!("k{n:03}"), value.clone())).collect() };
    let mut doc = document(&json!({"o": members(&json!(0))}));
    let base = doc.get_heads();
    edit(&mut doc, 9, |tx| tx.delete(ROOT, "o"));
    let written = put_at(&mut doc, &base, &json!({"o": members(&json!("x".repeat(5000)))}), 2);
    assert_eq!((written.lost.values.len(), written.lost.count), (LOST_MAX, 250));
    assert!(written.lost.values.iter().all(|lost| lost.shortened && lost.yours == Some(Value::Null)));
}

/// JD10: an object that somebody deleted from the end of a list is found to be gone, at past heads too.
#[test]
fn jd10_objects_deleted_from_the_end_of_a_list() {
    let content = json!({"list": [{"id": "a", "x": {"y": 0}}, {"id": "b", "x": {"y": 0}}]});
    let mut doc = document(&content);
    let base = doc.get_heads();
    put_at(&mut doc, &base, &json!({"list": []}), 9);
    let mut body = content;
    body["list"][0]["x"]["y"] = json!(1);
    body["list"][1]["x"]["y"] = json!(2);
    let written = put_at(&mut doc, &base, &body, 2);
    let paths: Vec<_> = written.lost.values.iter().map(|lost| lost.path.as_str()).collect();
    assert_eq!(paths, ["/list/0/x/y", "/list/1/x/y"]);
    let then = doc.get_heads();
    put_now(&mut doc, &json!({"n": 1}), 3);
    assert_eq!(doors::lost(&doc, &then, written.change().unwrap()), written.lost);
}

/// JD10: what is listed is short enough to be kept, however long the paths are.
#[test]
fn jd10_long_paths_are_counted_only() {
    let key = "k".repeat(3000);
    let members = |value: i64| -> Value { (0..50).map(|n| (format!("{key}{n}"), json!(value))).collect() };
    let mut doc = document(&json!({ "o": members(0) }));
    let base = doc.get_heads();
    edit(&mut doc, 9, |tx| tx.delete(ROOT, "o"));
    let written = put_at(&mut doc, &base, &json!({ "o": members(1) }), 2);
    assert_eq!(written.lost.count, 50);
    assert_eq!(written.lost.values.len(), 21, "64 KiB of paths of three thousand letters");
}

/// JD18: heads that the document never had are refused by name, and what is no object, or too deep, too.
#[test]
fn jd18_unknown_heads_and_bad_bodies_are_refused() {
    let doc = document(&json!({"n": 1}));
    let stranger = document(&json!({"other": 1})).get_heads()[0];
    let known = doc.get_heads()[0];
    let refused = doors::put(&doc, &[known, stranger], &json!({}), &writer(2)).unwrap_err();
    assert!(matches!(&refused, WriteError::UnknownHeads(heads) if heads.unknown == [stranger]), "{refused}");
    let refused = doors::put(&doc, &[known], &json!([1]), &writer(2)).unwrap_err();
    assert!(matches!(refused, WriteError::Content(error) if matches!(*error, JsonError::NotAnObject)));
    let deep = (0..=DEPTH_MAX).fold(json!(1), |inner, _| json!({ "a": inner }));
    let refused = doors::put(&doc, &[known], &deep, &writer(2)).unwrap_err();
    assert!(matches!(refused, WriteError::Content(error) if matches!(*error, JsonError::TooDeep { .. })));
}

/// JD19: an actor writes once; asked again, also with something else, it is told what it wrote.
#[test]
fn jd19_an_actor_writes_once() {
    let mut doc = document(&json!({"n": 1}));
    let base = doc.get_heads();
    let first = put_at(&mut doc, &base, &json!({"n": 2}), 2);
    put_now(&mut doc, &json!({"n": 3}), 3);
    for base in [base, doc.get_heads()] {
        let again = doors::put(&doc, &base, &json!({"n": 9}), &writer(2)).unwrap();
        assert_eq!(again.change().unwrap().hash(), first.change().unwrap().hash());
        assert_eq!(json::read(&again.document, None), json!({"n": 3}));
    }
}

/// JD20: a long list or text that is rewritten at old heads does not take the square of its length.
#[test]
fn jd20_old_heads_do_not_make_long_lists_slow() {
    let long: Vec<u32> = (0..20_000).collect();
    let mut doc = document(&json!({ "list": long }));
    let base = doc.get_heads();
    put_now(&mut doc, &json!({ "list": long, "n": 1 }), 2);
    let mut peer = document(&json!({ "list": long }));
    // Every other item goes: ten thousand walks along twenty thousand items, were it done by walking.
    let half: Vec<u32> = (0..20_000).filter(|n| n % 2 == 0).collect();
    let written = put_at(&mut doc, &base, &json!({ "list": half }), 3);
    assert_eq!(json::read(&doc, None), json!({ "list": half, "n": 1 }));
    let of_peer = put_now(&mut peer, &json!({ "list": half }), 3);
    assert_eq!(written.change().unwrap().hash(), of_peer.change().unwrap().hash());
}

proptest! {
    /// JD40: a number comes out as the same text as it went in, to its last digit.
    #[test]
    fn jd40_numbers_come_out_as_they_went_in(number in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO) {
        let text = json!({ "n": number }).to_string();
        let body: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(json::read(&document(&body), None).to_string(), text);
    }
}
