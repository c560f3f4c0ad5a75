//! What stands behind the `?` of a request.
//!
//! Always true: a parameter that a path does not know is refused, and one that is there twice. What was
//! mistyped would otherwise do something else than what was meant, in silence.

use crate::gateway::reply::{Code, Problem};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The parameters of one request. Take out what is known, then [`finish`](Self::finish).
#[derive(Debug, Clone, Default)]
pub(in crate::gateway) struct Parameters {
    given: BTreeMap<String, Given>,
}

/// What says who asks, on every path: looked at before the path is, and in no message about parameters.
const CREDENTIALS: [&str; 2] = ["token", "link"];

/// What is said of one parameter.
#[derive(Debug, Clone)]
enum Given {
    Once(String),
    Again,
}

impl From<String> for Parameters {
    fn from(query: String) -> Self {
        let mut given = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if CREDENTIALS.contains(&name) {
                continue;
            }
            given
                .entry(name.to_owned())
                .and_modify(|given| *given = Given::Again)
                .or_insert_with(|| Given::Once(decoded(value)));
        }
        Self { given }
    }
}

impl Parameters {
    /// Takes one out and reads it.
    pub(in crate::gateway) fn take<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.take_text(name)? else { return Ok(None) };
        let bad = |why: T::Err| problem(name, &format!("cannot read {name}={text:?}: {why}"));
        text.parse().map(Some).map_err(bad)
    }

    /// Takes one out that is `1` when it is meant: `?dry_run=1`.
    pub(super) fn take_flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.take_text(name)?.as_deref() {
            None | Some("0") => Ok(false),
            Some("1" | "true" | "") => Ok(true),
            Some(_) => Err(problem(name, &format!("{name} is 1, or left out"))),
        }
    }

    /// Takes a number out. What is none, or not in the range, is refused with the range.
    pub(super) fn take_number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.take_text(name)? else { return Ok(None) };
        let number = whole_number(&text).filter(|number| range.contains(number));
        let (from, to) = (range.start(), range.end());
        let bad = || problem(name, &format!("{name} is a whole number from {from} to {to}"));
        number.map(Some).ok_or_else(bad)
    }

    fn take_text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.given.remove(name) {
            None => Ok(None),
            Some(Given::Once(text)) => Ok(Some(text)),
            Some(Given::Again) => Err(problem(name, &format!("{name} is there more than once; say it once"))),
        }
    }

    /// Refuses what nobody took.
    pub(in crate::gateway) fn finish(self) -> Result<(), Problem> {
        match self.given.keys().next() {
            Some(name) => Err(problem(name, &format!("this path has no parameter {name:?}"))),
            None => Ok(()),
        }
    }
}

/// The greatest number taken where nothing else bounds it: every JSON parser reads it as it is.
pub(super) const WHOLE_MAX: u64 = (1 << 53) - 1;

/// A number in digits and nothing else: no sign, no space.
pub(super) fn whole_number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A problem with this parameter.
pub(in crate::gateway) fn problem(name: &str, detail: &str) -> Problem {
    Problem::new(Code::BadParameter, detail).with("parameter", name)
}

/// Text as it was before it was put into a URL: `%3A` is a colon. What is no text then stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let byte = tail.get(..2).filter(|_| *first == b'%').and_then(hex);
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The byte that two hexadecimal digits say.
pub(super) fn hex(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RT3: parameters are percent-decoded; what is none of it stays.
    #[test]
    fn rt3_parameters_are_decoded() {
        let cases =
            [("ana%40example.org", "ana@example.org"), ("%C3%bc", "ü"), ("100%", "100%"), ("%zz%4", "%zz%4")];
        for (text, expected) in cases {
            assert_eq!(decoded(text), expected);
        }
    }
}
