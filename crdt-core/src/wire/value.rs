//! One value of CBOR: what it is made of.
//!
//! Edit path: ← a place in a frame, → text, bytes, numbers, lists and maps, for [`decode()`](super::decode()) to say what they mean.
//!
//! Always true: no room is made for a length that is only claimed, every list has a bound, values that are stepped over nest
//! no deeper than [`NESTING_MAX`], and what is one piece is borrowed from the frame.

use super::{BadFrame, NESTING_MAX, WHOLE_NUMBER_MAX};
use minicbor::Decoder;
use minicbor::data::{IanaTag, Type};
use std::borrow::Cow;

/// A place in the frame from which a value is to be read, and what to call that value
/// when it is not what it should be.
pub(super) struct Value<'a> {
    cbor: Decoder<'a>,
    name: &'static str,
}

impl<'a> Value<'a> {
    /// The value at the beginning of `bytes`.
    pub(super) fn at(bytes: &'a [u8], name: &'static str) -> Self {
        Self { cbor: Decoder::new(bytes), name }
    }

    /// What it is called in errors.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// How many bytes have been read.
    pub(super) fn position(&self) -> usize {
        self.cbor.position()
    }

    pub(super) fn is_map(&self) -> Result<bool, BadFrame> {
        Ok(matches!(self.kind()?, Type::Map | Type::MapIndef))
    }

    pub(super) fn is_bytes(&self) -> Result<bool, BadFrame> {
        Ok(matches!(self.kind()?, Type::Bytes | Type::BytesIndef | Type::Tag))
    }

    /// Steps over the value, which is called `name` and stands in `depth` others, and gives its bytes.
    pub(super) fn skipped(&mut self, name: &'static str, depth: usize) -> Result<&'a [u8], BadFrame> {
        let outer = std::mem::replace(&mut self.name, name);
        let start = self.cbor.position();
        self.skip(depth)?;
        self.name = outer;
        Ok(&self.cbor.input()[start..self.cbor.position()])
    }

    fn kind(&self) -> Result<Type, BadFrame> {
        self.cbor.datatype().map_err(|error| self.unreadable(&error))
    }

    pub(super) fn is_absent(&self) -> Result<bool, BadFrame> {
        Ok(matches!(self.kind()?, Type::Null | Type::Undefined))
    }

    /// Reads the value under the name `name` with `read`, or steps over one that is not there.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, BadFrame>,
    ) -> Result<Option<T>, BadFrame> {
        let outer = std::mem::replace(&mut self.name, name);
        let value = if self.is_absent()? { self.skip_scalar().map(|()| None) } else { read(self).map(Some) };
        self.name = outer;
        value
    }

    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, BadFrame> {
        match self.kind()? {
            Type::String => self.cbor.str().map(Cow::Borrowed).map_err(|error| self.unreadable(&error)),
            Type::StringIndef => self.text_in_pieces().map_err(|error| self.unreadable(&error)),
            _ => Err(self.expected("text")),
        }
    }

    pub(super) fn text_up_to(&mut self, bytes_max: usize) -> Result<Cow<'a, str>, BadFrame> {
        let text = self.text()?;
        if text.len() > bytes_max {
            return Err(BadFrame::TooLong { field: self.name, bytes_max });
        }
        Ok(text)
    }

    /// A byte string, with or without the tag that says "these are bytes".
    pub(super) fn bytes(&mut self) -> Result<Cow<'a, [u8]>, BadFrame> {
        const EXPECTED: &str = "a byte string";
        if self.kind()? == Type::Tag {
            let tag = self.cbor.tag().map_err(|error| self.unreadable(&error))?;
            if tag != IanaTag::TypedArrayU8.tag() {
                return Err(self.expected(EXPECTED));
            }
        }
        match self.kind()? {
            Type::Bytes => self.cbor.bytes().map(Cow::Borrowed).map_err(|error| self.unreadable(&error)),
            Type::BytesIndef => self.bytes_in_pieces().map_err(|error| self.unreadable(&error)),
            _ => Err(self.expected(EXPECTED)),
        }
    }

    pub(super) fn truth(&mut self) -> Result<bool, BadFrame> {
        match self.kind()? {
            Type::Bool => self.cbor.bool().map_err(|error| self.unreadable(&error)),
            _ => Err(self.expected("true or false")),
        }
    }

    /// An integer, or a float that is one: JavaScript has but one kind of number.
    pub(super) fn whole_number(&mut self) -> Result<u64, BadFrame> {
        let number = match self.kind()? {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => self.cbor.u64().map(Some),
            Type::F32 => self.cbor.f32().map(|float| whole(f64::from(float))),
            Type::F64 => self.cbor.f64().map(whole),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => Ok(None),
            _ => return Err(self.expected("a number")),
        };
        let number = number.map_err(|error| self.unreadable(&error))?;
        let exact = number.filter(|number| *number <= WHOLE_NUMBER_MAX);
        exact.ok_or(BadFrame::BadNumber { field: self.name })
    }

    pub(super) fn list<T>(
        &mut self,
        entries_max: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, BadFrame>,
    ) -> Result<Vec<T>, BadFrame> {
        let mut left = match self.kind()? {
            Type::Array | Type::ArrayIndef => self.cbor.array().map_err(|error| self.unreadable(&error))?,
            _ => return Err(self.expected("a list")),
        };
        let mut items = Vec::new();
        while self.has_more(&mut left)? {
            if items.len() == entries_max {
                return Err(BadFrame::TooMany { field: self.name, entries_max });
            }
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Calls `read` before the value of each entry, and steps over entries whose key is not text.
    pub(super) fn each_entry(
        &mut self,
        mut read: impl FnMut(&mut Self, &str) -> Result<(), BadFrame>,
    ) -> Result<(), BadFrame> {
        let mut left = match self.kind()? {
            Type::Map | Type::MapIndef => self.cbor.map().map_err(|error| self.unreadable(&error))?,
            _ => return Err(self.expected("a map")),
        };
        while self.has_more(&mut left)? {
            if matches!(self.kind()?, Type::String | Type::StringIndef) {
                let key = self.text()?;
                read(self, &key)?;
            } else {
                self.skip(1)?;
                self.skip(1)?;
            }
        }
        Ok(())
    }

    /// Whether a list or a map goes on. `left` is what its header claims, `None` if it
    /// goes on until a break. A false claim costs nothing: each entry takes a byte at least.
    fn has_more(&mut self, left: &mut Option<u64>) -> Result<bool, BadFrame> {
        match left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.kind()? == Type::Break => self.skip_scalar().map(|()| false),
            None => Ok(true),
        }
    }

    /// Steps over the value, which stands in `depth` others.
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), BadFrame> {
        if depth > NESTING_MAX {
            return Err(BadFrame::TooDeep { field: self.name });
        }
        match self.kind()? {
            Type::String | Type::StringIndef => self.text().map(drop),
            Type::Bytes | Type::BytesIndef => self.bytes().map(drop),
            Type::Array | Type::ArrayIndef => {
                let mut left = self.cbor.array().map_err(|error| self.unreadable(&error))?;
                while self.has_more(&mut left)? {
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Type::Map | Type::MapIndef => {
                let mut left = self.cbor.map().map_err(|error| self.unreadable(&error))?;
                while self.has_more(&mut left)? {
                    self.skip(depth + 1)?;
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Type::Tag => {
                self.cbor.tag().map_err(|error| self.unreadable(&error))?;
                self.skip(depth + 1)
            }
            Type::Break | Type::Unknown(_) => Err(BadFrame::Malformed { field: self.name }),
            _ => self.skip_scalar(),
        }
    }

    /// Steps over a number, a simple value or a break: a header, and up to eight bytes
    /// of argument. By hand, because minicbor knows half-precision floats only on demand.
    fn skip_scalar(&mut self) -> Result<(), BadFrame> {
        let (input, start) = (self.cbor.input(), self.cbor.position());
        let truncated = BadFrame::Truncated { field: self.name };
        let argument_bytes = match input.get(start).map(|header| header & 0x1f) {
            Some(24) => 1,
            Some(25) => 2,
            Some(26) => 4,
            Some(27) => 8,
            Some(_) => 0,
            None => return Err(truncated),
        };
        let end = start + 1 + argument_bytes;
        if end > input.len() {
            return Err(truncated);
        }
        self.cbor.set_position(end);
        Ok(())
    }

    /// One piece is borrowed, more are put together: never more bytes than the frame has.
    fn text_in_pieces(&mut self) -> Result<Cow<'a, str>, minicbor::decode::Error> {
        let mut text = Cow::Borrowed("");
        for piece in self.cbor.str_iter()? {
            text += piece?;
        }
        Ok(text)
    }

    fn bytes_in_pieces(&mut self) -> Result<Cow<'a, [u8]>, minicbor::decode::Error> {
        let mut bytes = Cow::Borrowed(&[][..]);
        for piece in self.cbor.bytes_iter()? {
            let piece = piece?;
            if bytes.is_empty() {
                bytes = Cow::Borrowed(piece);
            } else {
                bytes.to_mut().extend_from_slice(piece);
            }
        }
        Ok(bytes)
    }

    fn expected(&self, expected: &'static str) -> BadFrame {
        BadFrame::WrongType { field: self.name, expected }
    }

    fn unreadable(&self, error: &minicbor::decode::Error) -> BadFrame {
        let field = self.name;
        if error.is_end_of_input() { BadFrame::Truncated { field } } else { BadFrame::Malformed { field } }
    }
}

/// The whole number that `float` is exactly; none if it is negative, a fraction or no number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "looked at just before")]
fn whole(float: f64) -> Option<u64> {
    /// 2⁵³, the first float64 that may stand for two whole numbers.
    const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;
    let exact = float.fract() == 0.0 && (0.0..FIRST_INEXACT).contains(&float);
    exact.then_some(float as u64)
}
