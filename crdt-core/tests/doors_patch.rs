//! JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396) on a document, against the examples of the RFCs and
//! against the `json-patch` crate.

#![allow(clippy::unwrap_used, reason = "all of this is test code, also the functions that are no tests")]

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ChangeHash, ObjType, ROOT, ScalarValue};
use dovetail_core::doors::{
    self, COPIED_BYTES_MAX, OPERATIONS_MAX, PatchError, PatchFault, WriteError, Writer, Written,
};
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

fn patched(content: &Value, patch: &Value) -> Result<Value, PatchError> {
    let doc = document(content);
    let written = doors::patch(&doc, &doc.get_heads(), patch, &writer(2))?;
    Ok(json::read(&written.document, None))
}

fn merged(content: &Value, patch: &Value) -> Value {
    let doc = document(content);
    let written = doors::merge_patch(&doc, &doc.get_heads(), patch, &writer(2)).unwrap();
    json::read(&written.document, None)
}

fn patch_at(doc: &mut Automerge, base: &[ChangeHash], patch: &Value, number: u8) -> Written {
    let written = doors::patch(doc, base, patch, &writer(number)).unwrap();
    doc.apply_changes(written.changes.clone()).unwrap();
    written
}

/// JD11: the examples of RFC 6902, appendix A.
#[test]
fn jd11_the_examples_of_rfc_6902() {
    let good = [
        // A.1 to A.7
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux"}]),
            json!({"baz": "qux", "foo": "bar"}),
        ),
        (
            json!({"foo": ["bar", "baz"]}),
            json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
            json!({"foo": ["bar", "qux", "baz"]}),
        ),
        (
            json!({"baz": "qux", "foo": "bar"}),
            json!([{"op": "remove", "path": "/baz"}]),
            json!({"foo": "bar"}),
        ),
        (
            json!({"foo": ["bar", "qux", "baz"]}),
            json!([{"op": "remove", "path": "/foo/1"}]),
            json!({"foo": ["bar", "baz"]}),
        ),
        (
            json!({"baz": "qux", "foo": "bar"}),
            json!([{"op": "replace", "path": "/baz", "value": "boo"}]),
            json!({"baz": "boo", "foo": "bar"}),
        ),
        (
            json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
            json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
            json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
        ),
        (
            json!({"foo": ["all", "grass", "cows", "eat"]}),
            json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
            json!({"foo": ["all", "cows", "eat", "grass"]}),
        ),
        // A.8
        (
            json!({"baz": "qux", "foo": ["a", 2, "c"]}),
            json!([{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}]),
            json!({"baz": "qux", "foo": ["a", 2, "c"]}),
        ),
        // A.10, A.11
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/child", "value": {"grandchild": {}}}]),
            json!({"foo": "bar", "child": {"grandchild": {}}}),
        ),
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}]),
            json!({"foo": "bar", "baz": "qux"}),
        ),
        // A.14, A.16
        (
            json!({"/": 9, "~1": 10}),
            json!([{"op": "test", "path": "/~01", "value": 10}]),
            json!({"/": 9, "~1": 10}),
        ),
        (
            json!({"foo": ["bar"]}),
            json!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
            json!({"foo": ["bar", ["abc", "def"]]}),
        ),
    ];
    for (before, patch, after) in good {
        assert_eq!(patched(&before, &patch).unwrap(), after, "{patch}");
    }
    // A.9, A.12, A.15; A.13 is refused by the parser of JSON or takes the last of the two.
    let bad = [
        (json!({"baz": "qux"}), json!([{"op": "test", "path": "/baz", "value": "bar"}]), "another one"),
        (json!({"foo": "bar"}), json!([{"op": "add", "path": "/baz/bat", "value": "qux"}]), "nothing"),
        (json!({"/": 9, "~1": 10}), json!([{"op": "test", "path": "/~01", "value": "10"}]), "another one"),
    ];
    for (before, patch, reason) in bad {
        let refused = patched(&before, &patch).unwrap_err().to_string();
        assert!(refused.contains(reason), "{patch}: {refused}");
    }
}

/// JD13: the examples of RFC 7396, section 3 and appendix A, whose target and patch are objects; a document is one.
#[test]
fn jd13_the_examples_of_rfc_7396() {
    let cases = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        (
            json!({
                "title": "Goodbye!", "author": {"givenName": "John", "familyName": "Doe"},
                "tags": ["example", "sample"], "content": "This will be unchanged"
            }),
            json!({"title": "Hello!", "phoneNumber": "+01-123-456-7890", "author": {"familyName": null}, "tags": ["example"]}),
            json!({
                "title": "Hello!", "author": {"givenName": "John"}, "tags": ["example"],
                "content": "This will be unchanged", "phoneNumber": "+01-123-456-7890"
            }),
        ),
    ];
    for (before, patch, after) in cases {
        assert_eq!(merged(&before, &patch), after, "{patch}");
    }
    let doc = document(&json!({"a": 1}));
    for patch in [json!(["c"]), json!(null), json!("bar")] {
        let refused = doors::merge_patch(&doc, &doc.get_heads(), &patch, &writer(2)).unwrap_err();
        assert!(
            matches!(refused, WriteError::Content(error) if matches!(*error, JsonError::NotAnObject)),
            "{patch}"
        );
    }
    let refused =
        doors::merge_patch(&doc, &doc.get_heads(), &json!({RESERVED_KEY: null}), &writer(2)).unwrap_err();
    assert!(matches!(refused, WriteError::Reserved { path } if path == "/_dovetail"));
}

/// JD8: the reserved key does not come in with a new root either, whichever operation brings it.
#[test]
fn jd8_a_new_root_names_no_reserved_key() {
    let content = json!({"a": {RESERVED_KEY: {"versions": {}}}, "n": 1});
    let root = json!({"n": 2, RESERVED_KEY: {"versions": {}}});
    for patch in [
        json!([{"op": "replace", "path": "", "value": root}]),
        json!([{"op": "add", "path": "", "value": root}]),
        json!([{"op": "add", "path": "", "value": {RESERVED_KEY: null}}]),
        json!([{"op": "copy", "from": "/a", "path": ""}]),
        json!([{"op": "move", "from": "/a", "path": ""}]),
    ] {
        let refused = patched(&content, &patch).unwrap_err();
        assert!(
            matches!(&refused, PatchError::Failed { index: 0, fault: PatchFault::Reserved, .. }),
            "{patch}: {refused}"
        );
    }
    // What is within other members is theirs, and a copy of the root has no such member.
    let within = json!([{"op": "replace", "path": "", "value": {"a": {RESERVED_KEY: 1}}}]);
    assert_eq!(patched(&content, &within).unwrap(), json!({"a": {RESERVED_KEY: 1}}));
    let same = json!([{"op": "copy", "from": "", "path": ""}]);
    assert_eq!(patched(&content, &same).unwrap(), content);
}

/// JD11: the first operation that fails refuses all, with its index and the pointer at fault.
#[test]
fn jd11_what_fails_is_named() {
    let content = json!({"o": {"n": 1}, "list": [1, 2], "t": "text"});
    let value = || json!("v");
    let cases = [
        (json!({"op": "add", "path": "o", "value": 1}), "o", "not a JSON pointer"),
        (json!({"op": "add", "path": "/a~2b", "value": 1}), "/a~2b", "not a JSON pointer"),
        (json!({"op": "remove", "path": "/none"}), "/none", "nothing at this place"),
        (json!({"op": "replace", "path": "/o/none", "value": value()}), "/o/none", "nothing at this place"),
        (json!({"op": "add", "path": "/o/n/x", "value": value()}), "/o/n/x", "without members"),
        (json!({"op": "add", "path": "/t/0", "value": value()}), "/t/0", "without members"),
        (json!({"op": "add", "path": "/list/01", "value": value()}), "/list/01", "\"01\" is none"),
        (json!({"op": "add", "path": "/list/+1", "value": value()}), "/list/+1", "\"+1\" is none"),
        (json!({"op": "replace", "path": "/list/-1", "value": 1}), "/list/-1", "without a sign"),
        (json!({"op": "add", "path": "/list//x", "value": 1}), "/list//x", "\"\" is none"),
        (json!({"op": "add", "path": "/list/3", "value": value()}), "/list/3", "2 items and no place 3"),
        (json!({"op": "remove", "path": "/list/2"}), "/list/2", "2 items and no place 2"),
        (json!({"op": "remove", "path": "/list/-"}), "/list/-", "behind the last item"),
        (json!({"op": "replace", "path": "/list/-", "value": 1}), "/list/-", "only add has a use for it"),
        (json!({"op": "add", "path": "/list/-/x", "value": 1}), "/list/-/x", "behind the last item"),
        (
            json!({"op": "remove", "path": "/list/99999999999999999999"}),
            "/list/99999999999999999999",
            "no list has so many items",
        ),
        (json!({"op": "remove", "path": ""}), "", "root of a document"),
        (json!({"op": "replace", "path": "", "value": [1]}), "", "root of a document"),
        (json!({"op": "move", "from": "/o", "path": "/o/n"}), "/o/n", "into itself"),
        (json!({"op": "move", "from": "/none", "path": "/x"}), "/none", "nothing at this place"),
        (json!({"op": "copy", "from": "/list/7", "path": "/x"}), "/list/7", "2 items and no place 7"),
        (json!({"op": "test", "path": "/list", "value": [1, 2, 3]}), "/list", "another one"),
        (json!({"op": "test", "path": "/list", "value": [1]}), "/list", "another one"),
        (json!({"op": "test", "path": "/none", "value": null}), "/none", "nothing at this place"),
        (json!({"op": "add", "path": "/_dovetail/versions", "value": 1}), "/_dovetail/versions", "reserved"),
        (json!({"op": "move", "from": "/_dovetail", "path": "/x"}), "/_dovetail", "reserved"),
        (
            json!({"op": "add", "path": "/x".repeat(DEPTH_MAX + 1), "value": 1}),
            &"/x".repeat(DEPTH_MAX + 1),
            "deeper than",
        ),
    ];
    let mut doc = document(&content);
    ensure_entry(&mut doc).unwrap();
    for (operation, pointer, reason) in cases {
        let patch = json!([{"op": "add", "path": "/before", "value": 1}, operation]);
        match doors::patch(&doc, &doc.get_heads(), &patch, &writer(2)).unwrap_err() {
            PatchError::Failed { index, pointer: at, fault, .. } => {
                assert_eq!(
                    (at.as_str(), fault.to_string().contains(reason)),
                    (pointer, true),
                    "{patch}: {fault}"
                );
                let is_parsed_first = matches!(fault, PatchFault::BadPointer | PatchFault::TooDeep);
                assert!(index == 1 || is_parsed_first);
            }
            other => panic!("{patch}: {other}"),
        }
    }
    let malformed = [
        json!(5),
        json!({"op": "ad", "path": ""}),
        json!({"op": "add", "path": "/x"}),
        json!({"op": "move", "path": "/x"}),
    ];
    for operation in malformed {
        let refused = doors::patch(&doc, &doc.get_heads(), &json!([operation]), &writer(2)).unwrap_err();
        assert!(matches!(refused, PatchError::Malformed { index: 0, .. }), "{operation}: {refused}");
    }
    for patch in
        [json!({}), Value::from(vec![json!({"op": "test", "path": "", "value": 1}); OPERATIONS_MAX + 1])]
    {
        let refused = doors::patch(&doc, &doc.get_heads(), &patch, &writer(2)).unwrap_err();
        assert!(matches!(refused, PatchError::NoList));
    }
}

/// JD11: what a patch reads and writes is bounded, so that ten copies do not become a thousand million values.
#[test]
fn jd11_copies_of_copies_are_bounded() {
    let double = |n: usize| json!({"op": "copy", "from": "/a", "path": format!("/a/{n}")});
    let patch: Vec<Value> = (0..40).map(double).collect();
    let refused = patched(&json!({"a": {"x": [1, 2, 3, 4]}}), &json!(patch)).unwrap_err();
    assert!(matches!(refused, PatchError::Failed { fault: PatchFault::TooLarge, .. }), "{refused}");
    let text = "x".repeat(100_000);
    let test = json!({"op": "test", "path": "/t", "value": "short"});
    let mut tests = vec![json!({"op": "test", "path": "/t", "value": text}); 200];
    tests.push(test);
    let refused = patched(&json!({ "t": text }), &json!(tests)).unwrap_err();
    assert!(matches!(refused, PatchError::Failed { fault: PatchFault::TooLarge, .. }), "{refused}");
}

/// JD35: copies bring no more than a body could: what they write is weighed before, and beyond the bound the operation and
/// the bound are named. What is within it is done.
#[test]
fn jd35_what_copies_write_is_bounded_in_bytes() {
    let doubled = |content: Value, times: usize| {
        let copies = vec![json!({"op": "copy", "from": "/b", "path": "/b/-"}); times];
        patched(&content, &json!(copies))
    };
    let text = "x".repeat(1 << 10);
    let key = json!([{ (text.as_str()): 1 }]);
    for content in [json!({ "b": [text] }), json!({ "b": key })] {
        assert!(doubled(content.clone(), 11).is_ok());
        match doubled(content, 40).unwrap_err() {
            error @ PatchError::Failed { index, operation: "copy", member: "from", .. } => {
                assert!(index < 14, "{error}");
                assert!(error.to_string().contains(&COPIED_BYTES_MAX.to_string()), "{error}");
            }
            other => panic!("{other}"),
        }
    }
    let moved = |bytes: usize| {
        let mut doc = document(&json!({}));
        let big = ScalarValue::Str("x".repeat(bytes).into());
        doc.transact::<_, _, automerge::AutomergeError>(|tx| tx.put(ROOT, "a", big)).unwrap();
        let patch = json!([{"op": "move", "from": "/a", "path": "/b"}]);
        doors::patch(&doc, &doc.get_heads(), &patch, &writer(2)).map(drop)
    };
    assert!(moved(COPIED_BYTES_MAX).is_ok());
    let refused = moved(COPIED_BYTES_MAX + 1).unwrap_err();
    assert!(matches!(refused, PatchError::Failed { fault: PatchFault::CopiesTooMuch, .. }), "{refused}");
}

/// JD35: copied strings are text objects as far as the body could have had them, and registers beyond. A text object costs
/// an operation for each letter.
#[test]
fn jd35_copied_strings_are_texts_within_a_bound() {
    let doc = document(&json!({"t": "x".repeat(50_000), "list": []}));
    let copies = vec![json!({"op": "copy", "from": "/t", "path": "/list/-"}); 40];
    let written = doors::patch(&doc, &doc.get_heads(), &json!(copies), &writer(2)).unwrap();
    let read = json::read(&written.document, None);
    assert!((0..40).all(|at| read["list"][at] == read["t"]));
    let operations = written.change().unwrap().len();
    assert!((TEXT_BYTES_MAX / 2..TEXT_BYTES_MAX).contains(&operations), "{operations} operations");
}

/// JD36: one call does not change letter by letter whatever it changes: where it would take too long, what comes later is
/// put there whole, and reads the same.
#[test]
fn jd36_what_is_kept_by_letters_and_items_is_bounded() {
    let (one, two) = ("ab".repeat(2_000), "cd".repeat(2_000));
    let patch: Vec<Value> = (0..60)
        .map(|n| json!({"op": "replace", "path": "/t", "value": if n % 2 == 0 { &two } else { &one }}))
        .collect();
    let doc = document(&json!({ "t": one }));
    let written = doors::patch(&doc, &doc.get_heads(), &json!(patch), &writer(2)).unwrap();
    assert_eq!(json::read(&written.document, None)["t"], one);
    let letters = written.change().unwrap().len();
    assert!((8_000..300_000).contains(&letters), "{letters} operations");

    let texts = |letter: &str| json!((0..12).map(|_| letter.repeat(100_000)).collect::<Vec<_>>());
    let mut doc = document(&json!({}));
    doc.transact::<_, _, automerge::AutomergeError>(|tx| {
        let list = tx.put_object(ROOT, "list", ObjType::List)?;
        for at in 0..12 {
            let text = tx.insert_object(&list, at, ObjType::Text)?;
            tx.splice_text(&text, 0, 0, &"x".repeat(100_000))?;
        }
        Ok(())
    })
    .unwrap();
    let body = json!({ "list": texts("y") });
    let written = doors::put(&doc, &doc.get_heads(), &body, &writer(2)).unwrap();
    assert_eq!(json::read(&written.document, None), body);
    let letters = written.change().unwrap().len();
    assert!((200_000..800_000).contains(&letters), "{letters} operations");
}

/// JD36: inserts far behind in long lists are bounded, since each walks there. Appending counts once, and inserting in front
/// not at all.
#[test]
fn jd36_inserts_into_long_lists_are_bounded() {
    let doc = document(&json!({ "list": vec![0; 60_000] }));
    let adds = |path: &str| vec![json!({"op": "add", "path": path, "value": 1}); 2_000];
    let patched = |patch: Vec<Value>| doors::patch(&doc, &doc.get_heads(), &json!(patch), &writer(2));
    assert_eq!(patched(adds("/list/-")).unwrap().change().unwrap().len(), 2_000);
    assert_eq!(patched(adds("/list/0")).unwrap().change().unwrap().len(), 2_000);
    match patched(adds("/list/59999")).unwrap_err() {
        PatchError::Failed { index, fault: PatchFault::TooFar, .. } => assert!(index > 200, "{index}"),
        other => panic!("{other}"),
    }
}

/// JD11: what is missing is named with the place that was asked for it, be it where to or where from.
#[test]
fn jd11_of_two_places_the_one_at_fault_is_named() {
    let failed = |patch: Value| patched(&json!({"a": 1}), &patch).unwrap_err();
    for (from, path, member, words) in [
        (
            "/_dovetail",
            "/x",
            "from",
            "operation 0 (copy, from \"/_dovetail\"): there is nothing at this place",
        ),
        ("/a", "/x/y", "path", "operation 0 (copy, path \"/x/y\"): there is nothing at this place"),
        ("a", "/x", "from", "operation 0 (copy, from \"a\"): not a JSON pointer"),
    ] {
        let error = failed(json!([{"op": "copy", "from": from, "path": path}]));
        assert!(error.to_string().starts_with(words), "{error}");
        assert!(matches!(error, PatchError::Failed { member: named, .. } if named == member), "{error}");
    }
}

/// JD11: numbers are equal when their values are; the root can be tested and replaced, and stays the map it is.
#[test]
fn jd11_the_root_and_numbers() {
    let content = json!({"a": 1, "b": {"c": 2.0}});
    let test = json!([{"op": "test", "path": "", "value": {"a": 1.0, "b": {"c": 2}}}]);
    assert_eq!(patched(&content, &test).unwrap(), content);
    let replace = json!([{"op": "replace", "path": "", "value": {"b": {"c": 3}}}, {"op": "copy", "from": "", "path": "/b/all"}]);
    assert_eq!(patched(&content, &replace).unwrap(), json!({"b": {"c": 3, "all": {"b": {"c": 3}}}}));
    let mut doc = document(&content);
    ensure_entry(&mut doc).unwrap();
    let written =
        doors::patch(&doc, &doc.get_heads(), &json!([{"op": "add", "path": "", "value": {}}]), &writer(2))
            .unwrap();
    assert_eq!(
        json::read(&written.document, None),
        json!({RESERVED_KEY: {"waived": {}, "settled": {}, "versions": {}}})
    );
    let test = json!([{"op": "test", "path": "", "value": content}, {"op": "test", "path": "/_dovetail/versions", "value": {}}]);
    assert!(doors::patch(&doc, &doc.get_heads(), &test, &writer(2)).unwrap().changes.is_empty());
}

/// JD11: an insert at an index is an insert there, among the items that the writer saw.
#[test]
fn jd11_inserts_stand_where_they_were_meant() {
    let mut doc = document(&json!({"list": ["a", "b", "c", "d"], "n": 0}));
    let base = doc.get_heads();
    patch_at(
        &mut doc,
        &base,
        &json!([{"op": "remove", "path": "/list/0"}, {"op": "add", "path": "/list/0", "value": "first"}]),
        2,
    );
    let patch = json!([
        {"op": "test", "path": "/list/0", "value": "a"},
        {"op": "add", "path": "/list/3", "value": "before d"},
        {"op": "remove", "path": "/list/1"},
        {"op": "add", "path": "/list/-", "value": "end"},
    ]);
    patch_at(&mut doc, &base, &patch, 3);
    assert_eq!(json::read(&doc, None)["list"], json!(["first", "c", "before d", "d", "end"]));
}

/// JD7: patches count counters and merge what they replace; JD10: and what did not win is named.
#[test]
fn jd7_patches_merge_what_they_replace() {
    let mut doc = document(&json!({"o": {"x": 1, "y": 1}, "t": "one two"}));
    doc.set_actor(ActorId::from([9; 16]));
    doc.transact::<_, _, automerge::AutomergeError>(|tx| tx.put(ROOT, "hits", ScalarValue::counter(5)))
        .unwrap();
    let base = doc.get_heads();
    let first = json!([
        {"op": "replace", "path": "/o", "value": {"x": 2, "y": 1}}, {"op": "replace", "path": "/t", "value": "ONE two"},
        {"op": "replace", "path": "/hits", "value": 6},
    ]);
    let second = json!({"o": {"y": 2}, "t": "one TWO", "hits": 7});
    patch_at(&mut doc, &base, &first, 2);
    let written = doors::merge_patch(&doc, &base, &second, &writer(3)).unwrap();
    assert_eq!(
        json::read(&written.document, None),
        json!({"o": {"x": 2, "y": 2}, "t": "ONE TWO", "hits": 8})
    );
    assert_eq!(written.lost.count, 0);

    doc.transact::<_, _, automerge::AutomergeError>(|tx| (0..9).try_for_each(|n| tx.put(ROOT, "t", n)))
        .unwrap();
    let written = doors::merge_patch(&doc, &base, &json!({"t": 1.5}), &writer(4)).unwrap();
    assert_eq!(written.lost.values[0].path, "/t");
    assert_eq!(written.lost.values[0].theirs, Some(json!(8)));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..5).prop_map(Value::from),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c~/]{0,1}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c]", any_json(), 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn any_pointer() -> impl Strategy<Value = String> {
    let step = prop_oneof![4 => "[a-c]", 1 => "[0-3]", 1 => Just("-".to_owned()), 1 => Just("~0".to_owned()), 1 => Just(String::new())];
    prop::collection::vec(step, 1..4).prop_map(|steps| steps.iter().map(|step| format!("/{step}")).collect())
}

fn any_operation() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (any_pointer(), any_json()).prop_map(|(path, value)| json!({"op": "add", "path": path, "value": value})),
        2 => any_pointer().prop_map(|path| json!({"op": "remove", "path": path})),
        2 => (any_pointer(), any_json()).prop_map(|(path, value)| json!({"op": "replace", "path": path, "value": value})),
        2 => (any_pointer(), any_pointer()).prop_map(|(from, path)| json!({"op": "move", "from": from, "path": path})),
        2 => (any_pointer(), any_pointer()).prop_map(|(from, path)| json!({"op": "copy", "from": from, "path": path})),
        1 => (any_pointer(), any_json()).prop_map(|(path, value)| json!({"op": "test", "path": path, "value": value})),
    ]
}

/// What the crate makes of a patch; nothing where it refuses it.
fn oracle(before: &Value, patch: &Value) -> Option<Value> {
    let mut value = before.clone();
    let patch: json_patch::Patch = serde_json::from_value(patch.clone()).ok()?;
    json_patch::patch(&mut value, &patch).ok().map(|()| value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// JD12: where nothing is concurrent, one operation does what the `json-patch` crate does, or fails with it.
    #[test]
    fn jd12_an_operation_does_what_the_crate_does(before in any_object(), operation in any_operation()) {
        let patch = json!([operation]);
        prop_assert_eq!(patched(&before, &patch).ok(), oracle(&before, &patch));
    }

    /// JD12: so do several, each of which could be done.
    #[test]
    fn jd12_a_patch_does_what_the_crate_does(before in any_object(), operations in prop::collection::vec(any_operation(), 1..12)) {
        let mut value = before.clone();
        let mut possible = Vec::new();
        for operation in operations {
            if let Some(after) = oracle(&value, &json!([operation])) {
                value = after;
                possible.push(operation);
            }
        }
        let patch = Value::from(possible);
        prop_assert_eq!(patched(&before, &patch).unwrap(), value, "{}", patch);
    }

    /// JD12: merge patches too.
    #[test]
    fn jd12_a_merge_patch_does_what_the_crate_does(before in any_object(), patch in any_object()) {
        let mut value = before.clone();
        json_patch::merge(&mut value, &patch);
        prop_assert_eq!(merged(&before, &patch), value);
    }

    /// JD5: a patch at old heads is the change of a peer who was at those heads.
    #[test]
    fn jd5_a_patch_is_that_of_a_peer_at_base(before in any_object(), meanwhile in any_object(), operations in prop::collection::vec(any_operation(), 1..12)) {
        let mut value = before.clone();
        let possible: Vec<Value> = operations.into_iter().filter(|operation| {
            let after = oracle(&value, &json!([operation]));
            after.map(|after| value = after).is_some()
        }).collect();
        let mut doc = document(&before);
        let base = doc.get_heads();
        let peer = doc.fork();
        let other = doors::put(&doc, &base, &meanwhile, &writer(2)).unwrap();
        doc.apply_changes(other.changes).unwrap();
        let patch = Value::from(possible);
        let here = doors::patch(&doc, &base, &patch, &writer(3)).unwrap();
        let there = doors::patch(&peer, &base, &patch, &writer(3)).unwrap();
        prop_assert_eq!(here.change().map(automerge::Change::hash), there.change().map(automerge::Change::hash));
        prop_assert_eq!(json::read(&there.document, None), value);
    }
}
