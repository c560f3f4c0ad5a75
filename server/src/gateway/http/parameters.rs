//! What stands behind the `?` of a request.
//!
//! Always true: a parameter that a path does not know is refused. One that was mistyped
//! would otherwise do something else than what was meant, in silence.

use crate::gateway::reply::{Code, Problem};
use std::collections::BTreeMap;
use std::str::FromStr;

/// The parameters of one request. Take out what is known, then [`finish`](Self::finish).
#[derive(Debug, Clone, Default)]
pub(in crate::gateway) struct Parameters {
    given: BTreeMap<String, String>,
}

impl From<String> for Parameters {
    fn from(query: String) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let given = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), decoded(value))
        });
        Self { given: given.collect() }
    }
}

impl Parameters {
    /// Takes one out and reads it.
    pub(in crate::gateway) fn take<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.given.remove(name) else { return Ok(None) };
        let bad = |why: T::Err| problem(name, &format!("cannot read {name}={text:?}: {why}"));
        text.parse().map(Some).map_err(bad)
    }

    /// Takes one out that is `1` when it is meant: `?dry_run=1`.
    pub(super) fn take_flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.given.remove(name).as_deref() {
            None | Some("0") => Ok(false),
            Some("1" | "true" | "") => Ok(true),
            Some(_) => Err(problem(name, &format!("{name} is 1, or left out"))),
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

/// A problem with this parameter.
pub(in crate::gateway) fn problem(name: &str, detail: &str) -> Problem {
    Problem::new(Code::BadParameter, detail).with("parameter", name)
}

/// Text as it was before it was put into a URL: `%3A` is a colon. What is no text then stays as it is.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let byte = tail.get(..2).filter(|_| *first == b'%').and_then(hex);
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digits: &[u8]) -> Option<u8> {
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
