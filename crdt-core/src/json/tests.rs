use super::*;
use crate::time::Timestamp;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ObjType, ROOT, ReadDoc, ScalarValue};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn actor(byte: u8) -> ActorId {
    ActorId::from([byte; 16])
}

fn document(value: &Value, strings: Strings) -> Automerge {
    new_document(&actor(1), NOON, value, strings).unwrap()
}

/// Makes the root read as `value`, in one change; whether there was anything to write.
fn make_root_read(doc: &mut Automerge, value: &Value) -> bool {
    let members = value.as_object().unwrap();
    let done = doc
        .transact::<_, _, JsonError>(|tx| {
            for key in tx.keys(ROOT).filter(|key| !members.contains_key(key)).collect::<Vec<_>>() {
                tx.delete(ROOT, key)?;
            }
            for (key, member) in members {
                assign(tx, &ROOT, key.as_str().into(), member, Strings::Scalar, 1)?;
            }
            Ok(())
        })
        .unwrap();
    done.hash.is_some()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3i32..3).prop_map(|whole| Value::from(f64::from(whole))),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
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
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// DA1: what was written is read back equal, number forms and empty things included.
    #[test]
    fn da1_json_comes_back_as_it_went_in(value in any_object()) {
        for strings in [Strings::Scalar, Strings::Text] {
            let doc = document(&value, strings);
            prop_assert_eq!(&read(&doc, None), &value);
            let loaded = Automerge::load(&doc.save()).unwrap();
            prop_assert_eq!(&read(&loaded, None), &value);
        }
    }

    /// DA3: whatever was there, afterwards the document reads as the new value; and then there is
    /// nothing more to write. What it was before can still be read.
    #[test]
    fn da3_assigning_makes_the_difference_and_only_once(
        before in any_object(),
        after in any_object(),
        strings in prop_oneof![Just(Strings::Scalar), Just(Strings::Text)],
    ) {
        let mut doc = document(&before, strings);
        let heads = doc.get_heads();
        make_root_read(&mut doc, &after);
        prop_assert_eq!(&read(&doc, None), &after);
        prop_assert_eq!(&read(&doc, Some(&heads)), &before);
        prop_assert!(!make_root_read(&mut doc, &after));
    }
}

/// DA1: the number forms that JSON libraries like to blur.
#[test]
fn da1_number_forms_are_kept() {
    let text =
        r#"{"a":1,"b":1.0,"c":-0.5,"d":18446744073709551615,"e":-9223372036854775808,"f":1e300,"g":0}"#;
    let value: Value = serde_json::from_str(text).unwrap();
    let back = read(&document(&value, Strings::Scalar), None);
    assert_eq!(back, value);
    assert_ne!(back["a"], back["b"]);
}

/// DA1: the same value makes the same change, in whatever order its keys came.
#[test]
fn da1_the_same_value_makes_the_same_change() {
    let one: Value = serde_json::from_str(r#"{"b":{"y":1,"x":[]},"a":"text"}"#).unwrap();
    let other: Value = serde_json::from_str(r#"{"a":"text","b":{"x":[],"y":1}}"#).unwrap();
    for strings in [Strings::Scalar, Strings::Text] {
        assert_eq!(document(&one, strings).get_heads(), document(&other, strings).get_heads());
    }
}

/// DA2: values without a JSON form are shown in a documented one.
#[test]
fn da2_values_that_json_lacks_are_shown() {
    let mut doc = Automerge::new().with_actor(actor(1));
    doc.transact::<_, _, automerge::AutomergeError>(|tx| {
        tx.put(ROOT, "counter", ScalarValue::counter(7))?;
        tx.increment(ROOT, "counter", 5)?;
        tx.put(ROOT, "moment", ScalarValue::Timestamp(1_700_000_000_123))?;
        tx.put(ROOT, "nan", f64::NAN)?;
        for (key, bytes) in
            [("b0", &b""[..]), ("b1", b"f"), ("b2", b"fo"), ("b3", b"foo"), ("b4", b"\xff\xfe")]
        {
            tx.put(ROOT, key, bytes.to_vec())?;
        }
        tx.put_object(ROOT, "table", ObjType::Table)?;
        let text = tx.put_object(ROOT, "text", ObjType::Text)?;
        tx.splice_text(&text, 0, 0, "a note")?;
        tx.split_block(&text, 1).map(drop)
    })
    .unwrap();
    assert_eq!(
        read(&doc, None),
        json!({
            "counter": 12, "moment": 1_700_000_000_123_i64, "nan": null, "table": null,
            "b0": {"$bytes": ""}, "b1": {"$bytes": "Zg=="}, "b2": {"$bytes": "Zm8="}, "b3": {"$bytes": "Zm9v"},
            "b4": {"$bytes": "//4="}, "text": "a\u{fffc} note",
        })
    );
}

/// DA3: JSON that was read and comes back unchanged writes nothing, and a counter counts on.
#[test]
fn da3_counters_and_moments_survive_their_json() {
    let mut doc = Automerge::new().with_actor(actor(1));
    doc.transact::<_, _, automerge::AutomergeError>(|tx| {
        tx.put(ROOT, "hits", ScalarValue::counter(7))?;
        tx.put(ROOT, "moment", ScalarValue::Timestamp(5))
    })
    .unwrap();
    let seen = read(&doc, None);
    assert!(!make_root_read(&mut doc, &seen));

    let mut other = doc.fork().with_actor(actor(2));
    make_root_read(&mut doc, &json!({"hits": 8, "moment": 5}));
    make_root_read(&mut other, &json!({"hits": 9, "moment": 5}));
    doc.merge(&mut other).unwrap();
    assert_eq!(read(&doc, None)["hits"], 10, "one and two more");
}

/// DA3: writing the value that won settles a register that holds two.
#[test]
fn da3_writing_the_winner_settles_a_contest() {
    let mut doc = document(&json!({"a": 0}), Strings::Scalar);
    let mut other = doc.fork().with_actor(actor(2));
    make_root_read(&mut doc, &json!({"a": 1}));
    make_root_read(&mut other, &json!({"a": 2}));
    doc.merge(&mut other).unwrap();
    assert_eq!(doc.get_all(ROOT, "a").unwrap().len(), 2);

    let winner = read(&doc, None);
    assert!(make_root_read(&mut doc, &winner));
    assert_eq!(doc.get_all(ROOT, "a").unwrap().len(), 1);
    assert_eq!(read(&doc, None), winner);
}

/// DA4: what passes a bound is refused with the place, and nothing of it is written.
#[test]
fn da4_values_beyond_the_bounds_are_refused() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a/b": inner }));
    assert_eq!(read(&document(&nested(DEPTH_MAX), Strings::Scalar), None), nested(DEPTH_MAX));

    let too_deep = new_document(&actor(1), NOON, &nested(DEPTH_MAX + 1), Strings::Scalar).unwrap_err();
    assert!(
        matches!(&too_deep, JsonError::TooDeep { path } if path.starts_with("/a~1b/a~1b/")),
        "{too_deep}"
    );

    let too_many = json!({ "list": vec![0; NODES_MAX] });
    let too_many = new_document(&actor(1), NOON, &too_many, Strings::Scalar).unwrap_err();
    assert!(matches!(&too_many, JsonError::TooMany { path } if path.starts_with("/list/")), "{too_many}");

    let no_object = new_document(&actor(1), NOON, &json!([1]), Strings::Scalar).unwrap_err();
    assert!(matches!(no_object, JsonError::NotAnObject));
}

/// DA4: a foreign document may be nested as deep as it likes; reading it costs no stack.
#[test]
fn da4_a_foreign_document_nested_without_end_is_read() {
    let mut doc = Automerge::new().with_actor(actor(1));
    doc.transact::<_, _, automerge::AutomergeError>(|tx| {
        let mut object = ROOT;
        for _ in 0..5_000 {
            object = tx.put_object(&object, "in", ObjType::Map)?;
        }
        Ok(())
    })
    .unwrap();
    let mut value = &read(&doc, None);
    let mut levels = 0;
    while let Some(inner) = value.get("in") {
        (value, levels) = (inner, levels + 1);
    }
    assert_eq!((value, levels), (&Value::Null, DEPTH_MAX + 1));
}
