//! As much of JSON Schema (2020-12) as `docs/openapi.json` uses.
//!
//! Always true: a keyword that is not known here is a fault, so that none is passed over. The
//! validators there are bring some thirty crates, and none is needed for this much.

use serde_json::Value;

/// What is wrong with `value`, held to `schema`; nothing when it fits. References are looked up in `root`.
///
/// # Panics
/// When the schema itself cannot be read: the document that holds it is wrong.
#[must_use]
pub fn faults(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(root, schema, value, "", &mut faults);
    faults
}

fn check(root: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let keywords =
        schema.as_object().unwrap_or_else(|| panic!("{place}: a schema is an object, not {schema}"));
    for (keyword, wanted) in keywords {
        let fits = match keyword.as_str() {
            "title" | "description" | "examples" | "format" | "default" | "x-status" => true,
            "type" => is_of(wanted, value),
            "const" => value == wanted,
            "enum" => listed(wanted).contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= number_of(wanted)),
            "maximum" => value.as_f64().is_none_or(|number| number <= number_of(wanted)),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= count_of(wanted)),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= count_of(wanted)),
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= count_of(wanted)),
            "required" => {
                !value.is_object() || listed(wanted).iter().all(|name| value.get(text_of(name)).is_some())
            }
            "oneOf" => listed(wanted).iter().filter(|schema| fits(root, schema, value)).count() == 1,
            "anyOf" => listed(wanted).iter().any(|schema| fits(root, schema, value)),
            // What is inside has its own place and its own faults.
            "$ref" => {
                check(root, referred(root, text_of(wanted)), value, place, faults);
                true
            }
            "allOf" => {
                listed(wanted).iter().for_each(|schema| check(root, schema, value, place, faults));
                true
            }
            "properties" => {
                for (name, schema) in members(wanted) {
                    if let Some(member) = value.get(name) {
                        check(root, schema, member, &format!("{place}/{name}"), faults);
                    }
                }
                true
            }
            "additionalProperties" => others(root, schema, value, place, faults),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, item, &format!("{place}/{index}"), faults);
                }
                true
            }
            _ => panic!("{place}: nobody here knows the keyword {keyword}"),
        };
        if !fits {
            faults.push(format!("{place:?}: {value} is not as {keyword} wants it: {wanted}"));
        }
    }
}

/// Members that `properties` does not name: refused, taken, or held to a schema of their own.
fn others(root: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) -> bool {
    let named = |name: &String| schema["properties"].get(name).is_some();
    let mut others = value.as_object().into_iter().flatten().filter(|(name, _)| !named(name));
    match &schema["additionalProperties"] {
        Value::Bool(true) => true,
        Value::Bool(false) => others.next().is_none(),
        wanted => {
            others.for_each(|(name, other)| check(root, wanted, other, &format!("{place}/{name}"), faults));
            true
        }
    }
}

fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    faults(root, schema, value).is_empty()
}

/// What a reference within the document points at.
///
/// # Panics
/// When it points at nothing.
#[must_use]
pub fn referred<'r>(root: &'r Value, reference: &str) -> &'r Value {
    let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leaves the document"));
    root.pointer(pointer).unwrap_or_else(|| panic!("there is no {reference}"))
}

fn is_of(wanted: &Value, value: &Value) -> bool {
    if let Some(several) = wanted.as_array() {
        return several.iter().any(|wanted| is_of(wanted, value));
    }
    match text_of(wanted) {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("nobody here knows the type {other}"),
    }
}

fn listed(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

fn members(value: &Value) -> &serde_json::Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("{value} is no object"))
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn number_of(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn count_of(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}
