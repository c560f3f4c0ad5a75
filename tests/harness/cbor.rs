//! CBOR as the JavaScript packages write it, and any CBOR read back.
//!
//! The test client has a codec of its own on purpose: one that it shared with the server
//! would share the server's mistakes. Map headers have the 16-bit form, an absent field is
//! sent as `undefined`, and whole numbers above 2³² are written as float64.

use bytes::Bytes;
use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

/// How deep a value may nest before we stop reading: no message has more than four levels.
const NESTING_MAX: usize = 16;

/// One CBOR value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text string.
    Text(String),
    /// A byte string.
    Bytes(Vec<u8>),
    /// Any number, as JavaScript has them.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// `null`.
    Null,
    /// `undefined`.
    Undefined,
    /// An array.
    List(Vec<Value>),
    /// A map with text keys, in the order of the bytes.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A map of these fields.
    #[must_use]
    pub fn map<const N: usize>(fields: [(&str, Value); N]) -> Self {
        Self::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The field of a map.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let Self::Map(fields) = self else { return None };
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The text field of a map.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Self::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The byte string field of a map.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        match self.get(name) {
            Some(Self::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The bytes, in the JavaScript form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, self);
        out
    }

    /// Reads one value that fills `bytes`.
    ///
    /// # Errors
    /// When it is not CBOR, is not of these shapes, or something follows it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut decoder = Decoder::new(bytes);
        let value = read(&mut decoder, 0)?;
        match decoder.position() {
            end if end == bytes.len() => Ok(value),
            end => Err(Error::message("more bytes follow the value").at(end)),
        }
    }

    /// Cuts values that stand one behind the other (RFC 8742) apart.
    ///
    /// # Errors
    /// When they are not whole values from the first byte to the last.
    pub fn split(bytes: &Bytes) -> Result<Vec<Bytes>, Error> {
        let mut decoder = Decoder::new(bytes);
        let mut values = Vec::new();
        while decoder.position() < bytes.len() {
            let start = decoder.position();
            read(&mut decoder, 0)?;
            values.push(bytes.slice(start..decoder.position()));
        }
        Ok(values)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => {
            header(out, 0x60, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => {
            header(out, 0x40, bytes.len());
            out.extend_from_slice(bytes);
        }
        Value::Number(number) => write_number(out, *number),
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Null => out.push(0xf6),
        Value::Undefined => out.push(0xf7),
        Value::List(items) => {
            header(out, 0x80, items.len());
            items.iter().for_each(|item| write(out, item));
        }
        Value::Map(fields) => {
            let count = u16::try_from(fields.len()).expect("no test sends a map of 65,536 fields");
            out.push(0xb9);
            out.extend_from_slice(&count.to_be_bytes());
            for (name, value) in fields {
                header(out, 0x60, name.len());
                out.extend_from_slice(name.as_bytes());
                write(out, value);
            }
        }
    }
}

fn write_number(out: &mut Vec<u8>, number: f64) {
    if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
        header(out, 0x00, number as usize);
    } else {
        out.push(0xfb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// A major type and its length, in the shortest form.
fn header(out: &mut Vec<u8>, major: u8, length: usize) {
    let wide = (length as u64).to_be_bytes();
    match length {
        0..24 => out.push(major | wide[7]),
        24..0x100 => out.extend_from_slice(&[major | 24, wide[7]]),
        0x100..0x1_0000 => out.extend_from_slice(&[major | 25, wide[6], wide[7]]),
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend_from_slice(&wide[4..]);
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&wide);
        }
    }
}

fn read(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, Error> {
    if depth > NESTING_MAX {
        return Err(Error::message("nested too deep"));
    }
    Ok(match decoder.datatype()? {
        Type::String => Value::Text(decoder.str()?.to_owned()),
        Type::Bytes => Value::Bytes(decoder.bytes()?.to_vec()),
        Type::Bool => Value::Bool(decoder.bool()?),
        Type::Null => {
            decoder.null()?;
            Value::Null
        }
        Type::Undefined => {
            decoder.undefined()?;
            Value::Undefined
        }
        Type::F16 | Type::F32 | Type::F64 => Value::Number(decoder.f64()?),
        Type::Array | Type::ArrayIndef => Value::List(read_list(decoder, depth)?),
        Type::Map | Type::MapIndef => Value::Map(read_map(decoder, depth)?),
        Type::Tag => {
            decoder.tag()?;
            read(decoder, depth + 1)?
        }
        _ => Value::Number(decoder.int()?.try_into().unwrap_or(i64::MAX) as f64),
    })
}

fn read_list(decoder: &mut Decoder<'_>, depth: usize) -> Result<Vec<Value>, Error> {
    let count = decoder.array()?;
    let mut items = Vec::new();
    while more(decoder, count, items.len())? {
        items.push(read(decoder, depth + 1)?);
    }
    Ok(items)
}

fn read_map(decoder: &mut Decoder<'_>, depth: usize) -> Result<Vec<(String, Value)>, Error> {
    let count = decoder.map()?;
    let mut fields = Vec::new();
    while more(decoder, count, fields.len())? {
        let name = decoder.str()?.to_owned();
        fields.push((name, read(decoder, depth + 1)?));
    }
    Ok(fields)
}

/// Whether another item follows; steps over the break of an indefinite list or map.
fn more(decoder: &mut Decoder<'_>, count: Option<u64>, read: usize) -> Result<bool, Error> {
    match count {
        Some(count) => Ok((read as u64) < count),
        None if decoder.datatype()? == Type::Break => {
            decoder.set_position(decoder.position() + 1);
            Ok(false)
        }
        None => Ok(true),
    }
}
