//! JSON, bent as a value: what comes of it is JSON still, and says something odd.

use crate::bend;
use fastrand::Rng;
use serde_json::{Map, Value, json};

/// Bends a value at one place, or its text at a few.
#[must_use]
pub fn bend(dice: &mut Rng, value: &Value, other: &Value) -> Vec<u8> {
    let mut value = value.clone();
    for _ in 0..=dice.u8(..3) {
        bend_one(dice, &mut value, other);
    }
    let mut text = serde_json::to_vec(&value).unwrap_or_default();
    if dice.u8(..4) == 0 {
        bend::bytes(dice, &mut text, br#"{"a":[[[[1e999,"\ud800",null]]]]}"#);
    }
    text
}

/// Goes down to a place by lot, and puts something else there.
fn bend_one(dice: &mut Rng, value: &mut Value, other: &Value) {
    if dice.u8(..6) > 0 {
        match value {
            Value::Array(items) if !items.is_empty() => {
                let at = dice.usize(..items.len());
                return bend_one(dice, &mut items[at], other);
            }
            Value::Object(members) if !members.is_empty() => {
                let at = dice.usize(..members.len());
                let (_, member) = members.iter_mut().nth(at).expect("there are more");
                return bend_one(dice, member, other);
            }
            _ => {}
        }
    }
    change(dice, value, other);
}

fn change(dice: &mut Rng, value: &mut Value, other: &Value) {
    match (dice.u8(..5), value) {
        (0, Value::Array(items)) if !items.is_empty() => {
            let again = items[dice.usize(..items.len())].clone();
            items.extend(vec![again; dice.usize(..50)]);
        }
        (1, Value::Array(items)) => items.reverse(),
        (0, Value::Object(members)) => {
            let key = members.keys().nth(dice.usize(..=members.len())).cloned();
            key.map(|key| members.remove(&key));
        }
        (1, Value::Object(members)) => drop(members.insert(odd_text(dice), odd(dice))),
        (2, value) => *value = any_part(dice, other).clone(),
        (_, value) => *value = odd(dice),
    }
}

fn any_part<'a>(dice: &mut Rng, value: &'a Value) -> &'a Value {
    let below = match value {
        Value::Array(items) if !items.is_empty() => items.get(dice.usize(..items.len())),
        Value::Object(members) if !members.is_empty() => members.values().nth(dice.usize(..members.len())),
        _ => None,
    };
    match below {
        Some(below) if dice.u8(..4) > 0 => any_part(dice, below),
        _ => value,
    }
}

fn odd(dice: &mut Rng) -> Value {
    match dice.u8(..12) {
        0 => Value::Null,
        1 => json!(bend::edge(dice)),
        2 => json!(bend::edge(dice).cast_signed()),
        3 => json!(f64::from_bits(dice.u64(..))),
        4 => json!([1e300, -0.0, 1.5, 5e-324][dice.usize(..4)]),
        5 => json!(odd_text(dice)),
        6 => json!([]),
        7 => json!({}),
        8 => json!(dice.bool()),
        9 => nested(dice),
        10 => json!(vec![0; dice.usize(..2_000)]),
        _ => Value::Object(Map::from_iter((0..dice.usize(..200)).map(|n| (format!("k{n}"), json!(n))))),
    }
}

fn nested(dice: &mut Rng) -> Value {
    let deep = dice.usize(..130);
    (0..deep).fold(json!(1), |below, _| if dice.bool() { json!([below]) } else { json!({ "a": below }) })
}

fn odd_text(dice: &mut Rng) -> String {
    const TEXTS: [&str; 16] = [
        "",
        "id",
        "_dovetail",
        "/",
        "~1",
        "a/b~c",
        "0",
        "-",
        "-1",
        "1e5",
        "\u{0}",
        "ü\u{301}🎉",
        "__proto__",
        "kind",
        "$bytes",
        "automerge:4NMNnkMhL8jXrdJ9jamS58PAVdXu",
    ];
    match dice.u8(..8) {
        0 => "x".repeat(dice.usize(..5_000)),
        1 => "/a".repeat(dice.usize(..300)),
        _ => TEXTS[dice.usize(..TEXTS.len())].to_owned(),
    }
}
