//! CBOR that applications send each other, as JSON, and back.
//!
//! Edit path: ← an `ephemeral` message of a sync client, → those who speak JSON; ← what a JSON client
//! says, → an `ephemeral` message for the sync clients. The documents themselves do not come by here.
//!
//! JavaScript writes 16-bit map headers, `undefined` (read as `null`), and float64 for whole numbers above
//! 32 bits (read as integers while they are exact). What we write has the shortest headers, and no integer
//! above 32 bits: JavaScript would read it as a `BigInt`, which cannot be added to a number.
//!
//! Always true: reading is bounded in depth and in the number of values, and no room is made for a length
//! that is only claimed. What JSON cannot say (a key that is no text, a break outside of anything) is
//! refused as a whole; the caller shows its bytes instead.

use crate::json;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Number, Value};

/// How deep a value may nest. A pointer's place has two levels; JSON parsers stop at 128.
pub const SHOWN_DEPTH_MAX: usize = 32;

/// How many values are shown. A pointer has five; a selection of a whole dashboard some hundred.
pub const SHOWN_VALUES_MAX: usize = 10_000;

/// Up to here, and down to its negative, every whole number is exact as float64.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Why CBOR cannot be shown as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// It is no CBOR, ends early, or something follows it.
    #[error("not one well-formed CBOR value")]
    Malformed,
    /// It nests too deep.
    #[error("nests deeper than {SHOWN_DEPTH_MAX} levels")]
    TooDeep,
    /// It holds too much.
    #[error("holds more than {SHOWN_VALUES_MAX} values")]
    TooMany,
    /// JSON has nothing like it.
    #[error("holds a key that is no text, or a value that JSON does not have")]
    NoJson,
}

impl From<minicbor::decode::Error> for NotShown {
    fn from(_: minicbor::decode::Error) -> Self {
        NotShown::Malformed
    }
}

/// The value as JSON. Bytes are `{"$bytes": "<base64>"}`, tags are stepped over, and numbers that JSON does
/// not have are `null`, as in documents.
///
/// # Errors
/// When it cannot be shown; see [`shown`] for what is shown then.
pub fn to_json(cbor: &[u8]) -> Result<Value, NotShown> {
    let mut reading = Reading { decoder: Decoder::new(cbor), values: 0 };
    let value = reading.value(0)?;
    if reading.decoder.position() != cbor.len() {
        return Err(NotShown::Malformed);
    }
    Ok(value)
}

/// The value as JSON, or all of its bytes where JSON cannot say it.
#[must_use]
pub fn shown(cbor: &[u8]) -> Value {
    to_json(cbor).unwrap_or_else(|_| bytes(cbor))
}

/// The CBOR of a JSON value, as JavaScript and Rust clients read it.
#[must_use]
pub fn from_json(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder, value);
    encoder.into_writer()
}

fn bytes(bytes: &[u8]) -> Value {
    serde_json::json!({ "$bytes": json::base64(bytes) })
}

struct Reading<'a> {
    decoder: Decoder<'a>,
    values: usize,
}

impl Reading<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, NotShown> {
        self.count(depth)?;
        let decoder = &mut self.decoder;
        Ok(match decoder.datatype()? {
            Type::Bool => Value::Bool(decoder.bool()?),
            Type::Null => {
                decoder.null()?;
                Value::Null
            }
            Type::Undefined => {
                decoder.undefined()?;
                Value::Null
            }
            Type::F16 => number(self.half()?),
            Type::F32 => number(f64::from(decoder.f32()?)),
            Type::F64 => number(decoder.f64()?),
            Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int => integer(decoder.int()?),
            Type::String | Type::StringIndef => Value::String(self.text()?),
            Type::Bytes | Type::BytesIndef => self.bytes()?,
            Type::Array | Type::ArrayIndef => self.array(depth)?,
            Type::Map | Type::MapIndef => self.map(depth)?,
            Type::Tag => {
                decoder.tag()?;
                self.value(depth + 1)?
            }
            Type::Simple | Type::Break | Type::Unknown(_) => return Err(NotShown::NoJson),
        })
    }

    fn count(&mut self, depth: usize) -> Result<(), NotShown> {
        self.values += 1;
        if self.values > SHOWN_VALUES_MAX {
            return Err(NotShown::TooMany);
        }
        if depth > SHOWN_DEPTH_MAX {
            return Err(NotShown::TooDeep);
        }
        Ok(())
    }

    /// By hand, because minicbor knows half-precision floats only on demand (RFC 8949, appendix D).
    fn half(&mut self) -> Result<f64, NotShown> {
        let at = self.decoder.position();
        let Some(&[_, high, low]) = self.decoder.input().get(at..at + 3) else {
            return Err(NotShown::Malformed);
        };
        self.decoder.set_position(at + 3);
        let (exponent, mantissa) =
            (i32::from(high >> 2 & 0x1f), f64::from(u16::from_be_bytes([high & 3, low])));
        let size = match exponent {
            0 => mantissa * 2_f64.powi(-24),
            0x1f if mantissa == 0.0 => f64::INFINITY,
            0x1f => f64::NAN,
            _ => (mantissa + 1024.0) * 2_f64.powi(exponent - 25),
        };
        Ok(if high & 0x80 == 0 { size } else { -size })
    }

    fn text(&mut self) -> Result<String, NotShown> {
        let mut text = String::new();
        for piece in self.decoder.str_iter()? {
            text.push_str(piece?);
        }
        Ok(text)
    }

    fn bytes(&mut self) -> Result<Value, NotShown> {
        let mut whole = Vec::new();
        for piece in self.decoder.bytes_iter()? {
            whole.extend_from_slice(piece?);
        }
        Ok(bytes(&whole))
    }

    fn array(&mut self, depth: usize) -> Result<Value, NotShown> {
        let claimed = self.decoder.array()?;
        let mut items = Vec::new();
        while self.goes_on(claimed, items.len())? {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, depth: usize) -> Result<Value, NotShown> {
        let claimed = self.decoder.map()?;
        let mut members = Map::new();
        let mut read = 0;
        while self.goes_on(claimed, read)? {
            read += 1;
            if !matches!(self.decoder.datatype()?, Type::String | Type::StringIndef) {
                return Err(NotShown::NoJson);
            }
            let key = self.text()?;
            members.insert(key, self.value(depth + 1)?);
        }
        Ok(Value::Object(members))
    }

    /// Whether another item follows; steps over the break at the end of an open list.
    fn goes_on(&mut self, claimed: Option<u64>, read: usize) -> Result<bool, NotShown> {
        match claimed {
            Some(claimed) => Ok((read as u64) < claimed),
            None if self.decoder.datatype()? == Type::Break => {
                self.decoder.set_position(self.decoder.position() + 1);
                Ok(false)
            }
            None => Ok(true),
        }
    }
}

/// A number as JavaScript has them: a whole one is shown as such while it is exact.
fn number(float: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)] // whole, and within 2^53
    if float.fract() == 0.0 && float.abs() <= EXACT_MAX && !(float == 0.0 && float.is_sign_negative()) {
        return Value::from(float as i64);
    }
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

fn integer(int: minicbor::data::Int) -> Value {
    let wide = i128::from(int);
    #[allow(clippy::cast_precision_loss)] // below −2^63 JSON readers take a float anyway
    let as_float = || Number::from_f64(wide as f64).map_or(Value::Null, Value::Number);
    i64::try_from(wide)
        .map(Value::from)
        .or_else(|_| u64::try_from(wide).map(Value::from))
        .unwrap_or_else(|_| as_float())
}

const CANNOT_FAIL: &str = "a Vec takes all that is written";

fn write(encoder: &mut Encoder<Vec<u8>>, value: &Value) {
    match value {
        Value::Null => drop(encoder.null().expect(CANNOT_FAIL)),
        Value::Bool(yes) => drop(encoder.bool(*yes).expect(CANNOT_FAIL)),
        Value::Number(number) => write_number(encoder, number),
        Value::String(text) => drop(encoder.str(text).expect(CANNOT_FAIL)),
        Value::Array(items) => {
            encoder.array(items.len() as u64).expect(CANNOT_FAIL);
            items.iter().for_each(|item| write(encoder, item));
        }
        Value::Object(members) => {
            encoder.map(members.len() as u64).expect(CANNOT_FAIL);
            for (key, member) in members {
                encoder.str(key).expect(CANNOT_FAIL);
                write(encoder, member);
            }
        }
    }
}

fn write_number(encoder: &mut Encoder<Vec<u8>>, number: &Number) {
    let small = number.as_i64().filter(|int| int.unsigned_abs() <= u64::from(u32::MAX));
    match (small, number.as_f64()) {
        (Some(int), _) => drop(encoder.i64(int).expect(CANNOT_FAIL)),
        (None, Some(float)) => drop(encoder.f64(float).expect(CANNOT_FAIL)),
        (None, None) => drop(encoder.null().expect(CANNOT_FAIL)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// FE4: what JavaScript writes is shown as JavaScript would show it.
    #[test]
    fn fe4_cbor_of_javascript_is_shown_as_json() {
        let cases: &[(&[u8], Value)] = &[
            // { type: "cursor", at: undefined } with the 16-bit header of cbor-x
            (b"\xb9\x00\x02\x64type\x66cursor\x62at\xf7", json!({"type": "cursor", "at": null})),
            // Date.now() is a float64
            (b"\xfb\x42\x78\xbc\xfe\x56\x80\x00\x00", json!(1_700_000_000_000_u64)),
            (b"\xfb\x3f\xe0\x00\x00\x00\x00\x00\x00", json!(0.5)),
            (b"\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00", Value::Null),
            (b"\xf9\x3c\x00", json!(1)),
            (b"\xf9\xc4\x00", json!(-4)),
            (b"\xf9\x00\x01", json!(5.960_464_477_539_063e-8)),
            (b"\xf9\x7c\x00", Value::Null),
            (b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", json!(u64::MAX)),
            (b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff", json!(-18_446_744_073_709_551_616.0)),
            (b"\x43\x01\x02\x03", json!({"$bytes": "AQID"})),
            (b"\xd8\x40\x43\x01\x02\x03", json!({"$bytes": "AQID"})),
            (b"\x9f\x01\x82\x02\x03\xff", json!([1, [2, 3]])),
            (b"\xbf\x61a\x7f\x61x\x61y\xff\xff", json!({"a": "xy"})),
            (b"\xa2\x61a\x01\x61a\x02", json!({"a": 2})),
        ];
        for (cbor, expected) in cases {
            assert_eq!(to_json(cbor).as_ref(), Ok(expected), "{cbor:02x?}");
        }
    }

    /// FE5: what JSON cannot say is refused as a whole and shown as bytes.
    #[test]
    fn fe5_what_json_cannot_say_is_shown_as_bytes() {
        let deep = [vec![0x81; SHOWN_DEPTH_MAX + 1], vec![0xf6]].concat();
        let wide = [b"\x9a\x00\x01\x00\x00".to_vec(), vec![0xf6; 0x1_0000]].concat();
        let cases: &[(&[u8], NotShown)] = &[
            (b"", NotShown::Malformed),
            (b"\x01\x02", NotShown::Malformed),
            (b"\x62a", NotShown::Malformed),
            (b"\x61\xff", NotShown::Malformed),
            (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01", NotShown::Malformed),
            (b"\xa1\x01\x02", NotShown::NoJson),
            (b"\xff", NotShown::NoJson),
            (&deep, NotShown::TooDeep),
            (&wide, NotShown::TooMany),
        ];
        for (cbor, expected) in cases {
            assert_eq!(to_json(cbor), Err(*expected), "{:02x?}", &cbor[..cbor.len().min(20)]);
        }
        assert_eq!(shown(b"\xa1\x01\x02"), json!({"$bytes": "oQEC"}));
    }

    /// FE4: whole numbers above 32 bits are written as floats: no client of JavaScript gets a BigInt.
    #[test]
    fn fe4_large_whole_numbers_are_written_as_floats() {
        assert_eq!(from_json(&json!(1_700_000_000_000_u64))[0], 0xfb);
        assert_eq!(from_json(&json!(u64::MAX))[0], 0xfb);
        assert_eq!(from_json(&json!(u32::MAX)), b"\x1a\xff\xff\xff\xff");
        assert_eq!(from_json(&json!(-1)), b"\x20");
        assert_eq!(from_json(&json!({"a": [true, null]})), b"\xa1\x61a\x82\xf5\xf6");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(1_i64 << 53)..(1 << 53)).prop_map(Value::from),
            any::<f64>().prop_filter_map("a number", |float| Number::from_f64(float).map(Value::Number)),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(".{0,4}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Equal as JavaScript has numbers: 1 and 1.0 are one.
    fn same(left: &Value, right: &Value) -> bool {
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
            (Value::Array(left), Value::Array(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
            }
            (Value::Object(left), Value::Object(right)) => {
                left.len() == right.len()
                    && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| same(left, right)))
            }
            _ => left == right,
        }
    }

    proptest! {
        /// FE4: JSON comes back from its CBOR.
        #[test]
        fn fe4_json_comes_back_from_its_cbor(value in any_json()) {
            let back = to_json(&from_json(&value)).unwrap();
            prop_assert!(same(&value, &back), "{value} became {back}");
        }

        /// FE5: any bytes are shown or refused, and what is shown is within the bounds.
        #[test]
        fn fe5_any_bytes_are_shown_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(value) = to_json(&bytes) {
                prop_assert!(to_json(&from_json(&value)).is_ok());
            }
            let _value = shown(&bytes);
        }

        /// FE5: so are damaged ones.
        #[test]
        fn fe5_damaged_cbor_is_shown_or_refused(value in any_json(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = from_json(&value);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _value = shown(&bytes);
        }
    }
}
