//! What other tests rely on: that the harness says what it means to say.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use dovetail_tests::cbor::Value;
use dovetail_tests::schema::faults;
use serde_json::json;

/// WI1: what we write is what cbor-x writes, bytes seen from the JavaScript packages.
#[test]
fn wi1_the_test_client_writes_cbor_as_javascript_does() {
    let frame = Value::map([("type", "sync".into()), ("a", Value::Undefined)]);
    assert_eq!(frame.encode(), b"\xb9\x00\x02\x64type\x64sync\x61a\xf7");
    assert_eq!(Value::Number(1_700_000_000_000.0).encode()[0], 0xfb);
}

/// WI1: values of every kind come back from their bytes.
#[test]
fn wi1_the_test_client_reads_what_it_wrote() {
    let all = Value::map([
        ("text", "x".repeat(70_000).as_str().into()),
        ("bytes", Value::Bytes(vec![7; 300])),
        ("list", Value::List(vec![Value::Number(3.0), Value::Number(0.5), Value::Bool(true), Value::Null])),
    ]);
    assert_eq!(Value::decode(&all.encode()).unwrap(), all);
}

/// OA7: each keyword refuses what it is there to refuse.
#[test]
fn oa7_every_keyword_refuses_something() {
    let root = json!({"$defs": {"n": {"type": "integer"}}});
    let cases = [
        (json!({"type": "string"}), json!("a"), json!(1)),
        (json!({"type": ["integer", "null"]}), json!(null), json!(1.5)),
        (json!({"const": 1}), json!(1), json!(2)),
        (json!({"enum": [1, "a"]}), json!("a"), json!("b")),
        (json!({"minimum": 0}), json!(0), json!(-1)),
        (json!({"maximum": 9}), json!(9), json!(10)),
        (json!({"minItems": 1}), json!([1]), json!([])),
        (json!({"minLength": 2}), json!("ab"), json!("a")),
        (json!({"maxLength": 2}), json!("ab"), json!("abc")),
        (json!({"required": ["a"]}), json!({"a": 1}), json!({"b": 1})),
        (json!({"$ref": "#/$defs/n"}), json!(1), json!("a")),
        (
            json!({"properties": {"a": {"$ref": "#/$defs/n"}}, "additionalProperties": false}),
            json!({"a": 1}),
            json!({"b": 1}),
        ),
        (json!({"properties": {"a": {"$ref": "#/$defs/n"}}}), json!({"b": "x"}), json!({"a": "x"})),
        (json!({"additionalProperties": {"type": "null"}}), json!({"a": null}), json!({"a": 1})),
        (json!({"items": {"type": "null"}}), json!([null]), json!([null, 1])),
        (json!({"oneOf": [{"type": "integer"}, {"minimum": 5}]}), json!(1), json!(6)),
        (json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), json!(1), json!("a")),
        (json!({"allOf": [{"type": "integer"}, {"minimum": 5}]}), json!(6), json!(1)),
    ];
    for (schema, good, bad) in cases {
        assert_eq!(faults(&root, &schema, &good), [""; 0], "{schema}");
        assert!(!faults(&root, &schema, &bad).is_empty(), "{schema} takes {bad}");
    }
}
