//! Values and names as bytes that every implementation makes alike: what ids and fingerprints
//! are made of.
//!
//! **Canonical JSON**, to be written the same in Rust and in TypeScript:
//! - no white space; members in byte order of their UTF-8 names (which is the order of code
//!   points, not JavaScript's order of UTF-16 units);
//! - texts with JSON's shortest escapes: `\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u00xx` in small letters
//!   for the other controls, everything else as it is: what `JSON.stringify` writes;
//! - a number is the double that is nearest to it, written as ECMAScript's `Number::toString` does:
//!   `1.0` and `1` are `1`, `1e21` is `1e+21`, `-0` is `0`. So integers beyond 2^53 are compared as
//!   doubles; JavaScript could not tell them apart either.
//!
//! **Identity**: base58 of the first 16 bytes of the SHA-256 of a canonical JSON array.

use crate::id::DocumentId;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How many bytes of a hash make an id: 128 bits are beyond chance, and 22 letters fit into a URL.
const ID_BYTES: usize = 16;

/// A value as canonical JSON. Values that come out of a document are at most
/// [`DEPTH_MAX`](crate::json::DEPTH_MAX) deep.
pub(crate) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number_text(number.as_f64().unwrap_or(0.0))),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(out, name);
                out.push(':');
                write(out, member);
            }
            out.push('}');
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    // serde_json writes texts exactly as `JSON.stringify` does.
    out.push_str(&serde_json::to_string(text).expect("a text is always JSON"));
}

/// A double as ECMAScript writes it (ECMA-262, Number::toString).
pub(crate) fn number_text(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if !number.is_finite() {
        return "null".to_owned();
    }
    // `{:e}` gives the shortest digits that read back as the same double: 1.25e-7.
    let scientific = format!("{:e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if number < 0.0 { "-" } else { "" };
    format!("{sign}{}", lay_out(&digits, exponent + 1))
}

/// Digits with the decimal point after `point` of them.
fn lay_out(digits: &str, point: i32) -> String {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    match point {
        _ if count <= point && point <= 21 => format!("{digits}{}", zeros(point - count)),
        1..=21 => {
            let (whole, part) = digits.split_at(usize::try_from(point).unwrap_or(0));
            format!("{whole}.{part}")
        }
        -5..=0 => format!("0.{}{digits}", zeros(-point)),
        _ => {
            let (first, rest) = digits.split_at(1);
            let part = if rest.is_empty() { String::new() } else { format!(".{rest}") };
            format!("{first}{part}e{}{}", if point > 0 { "+" } else { "-" }, (point - 1).abs())
        }
    }
}

/// A conflict's id. The subjects are sorted.
pub(crate) fn conflict_id(document: &DocumentId, rule: &str, subjects: &[String]) -> String {
    let mut parts = vec![text(&document.to_string()), text(rule)];
    parts.extend(subjects.iter().map(|subject| text(subject)));
    hashed(&parts)
}

/// A conflict's fingerprint. The values are canonical JSON.
pub(crate) fn fingerprint(id: &str, values: &[String]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.insert(0, text(id));
    hashed(&sorted)
}

/// A text that is too long to be kept, as something short that is equal when it is equal.
pub(crate) fn digest(text: &str) -> String {
    id_of(text.as_bytes())
}

fn hashed(parts: &[String]) -> String {
    id_of(format!("[{}]", parts.join(",")).as_bytes())
}

fn id_of(bytes: &[u8]) -> String {
    bs58::encode(&Sha256::digest(bytes)[..ID_BYTES]).into_string()
}

fn text(text: &str) -> String {
    let mut out = String::new();
    write_text(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RU6: numbers are written as ECMAScript writes them. The right column is what node prints.
    #[test]
    fn ru6_numbers_are_written_as_in_javascript() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.3333333333333333"),
            (100.0, "100"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (1e-6, "0.000001"),
            (1.5e-6, "0.0000015"),
            (1e-7, "1e-7"),
            (1.25e-7, "1.25e-7"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (4.35, "4.35"),
            (12.5, "12.5"),
        ] {
            assert_eq!(number_text(number), text);
        }
        assert_eq!(canonical(&json!(u64::MAX)), "18446744073709552000");
        assert_eq!(canonical(&json!(i64::MIN)), "-9223372036854776000");
    }

    /// RU6: equal values have equal canonical JSON, whatever form they came in.
    #[test]
    fn ru6_canonical_json_is_one_form() {
        let value =
            json!({"b": [1.0, 2, null, true], "a": {"ü": "\u{1}\u{8}\"\\/\u{2028}", "\u{ffff}": 0, "𝄞": 0}});
        let text =
            "{\"a\":{\"ü\":\"\\u0001\\b\\\"\\\\/\u{2028}\",\"\u{ffff}\":0,\"𝄞\":0},\"b\":[1,2,null,true]}";
        assert_eq!(canonical(&value), text);
    }

    /// RU5, RU6: ids are pinned, so that other implementations can be held to them.
    #[test]
    fn ru5_ids_are_pinned() {
        let document = DocumentId::from_bytes(&[7; 16]).unwrap();
        let id = conflict_id(&document, "widgets-apart", &["a".into(), "b".into()]);
        let values = ["{\"h\":1}".to_owned(), "1".to_owned()];
        let swapped = ["1".to_owned(), "{\"h\":1}".to_owned()];
        assert_eq!(fingerprint(&id, &values), fingerprint(&id, &swapped));
        assert_eq!(id, "8n7Yq1xf5Fynd1hGTXvYZD");
        assert_eq!(fingerprint(&id, &values), "RSnRx2RtrK7RfVryiPJoYk");
    }
}
