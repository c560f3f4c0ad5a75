//! As much of JSON Schema (2020-12) as `docs/schemas` uses. A keyword that is not known here is a fault, so
//! that none is passed over; the validators there are bring 34 crates.

use serde_json::Value;

/// Adds what is wrong with `value` to the faults. `place` is where it stands.
pub(super) fn check(root: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let keywords =
        schema.as_object().unwrap_or_else(|| panic!("{place}: a schema is an object, not {schema}"));
    for (keyword, wanted) in keywords {
        let fits = match keyword.as_str() {
            "description" => true,
            "type" => is_of(wanted, value),
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "minLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 >= wanted.as_u64().unwrap())
            }
            "maxLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 <= wanted.as_u64().unwrap())
            }
            "required" => {
                let names = wanted.as_array().unwrap();
                names.iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "$ref" => {
                let name = wanted.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                check(root, &root["$defs"][name], value, &format!("{place} ({name})"), faults);
                true
            }
            "properties" => {
                for (name, schema) in wanted.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        check(root, schema, member, &format!("{place}/{name}"), faults);
                    }
                }
                true
            }
            "additionalProperties" => wanted == &Value::Bool(true) || has_no_others(schema, value),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, item, &format!("{place}/{index}"), faults);
                }
                true
            }
            "oneOf" => {
                let fits = |schema: &&Value| {
                    let mut faults = Vec::new();
                    check(root, schema, value, place, &mut faults);
                    faults.is_empty()
                };
                wanted.as_array().unwrap().iter().filter(fits).count() == 1
            }
            _ => panic!("{place}: nobody here knows the keyword {keyword}"),
        };
        if !fits {
            faults.push(format!("{place}: {value} is not as {keyword} wants it: {wanted}"));
        }
    }
}

fn has_no_others(schema: &Value, value: &Value) -> bool {
    let mut names = value.as_object().into_iter().flatten().map(|(name, _)| name);
    names.all(|name| schema["properties"].get(name).is_some())
}

fn is_of(wanted: &Value, value: &Value) -> bool {
    if let Some(several) = wanted.as_array() {
        return several.iter().any(|wanted| is_of(wanted, value));
    }
    match wanted.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("nobody here knows the type {other}"),
    }
}
