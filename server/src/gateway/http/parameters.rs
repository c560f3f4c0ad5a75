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

/// `%40` is an `@`. What is not the two hexadecimal digits of a byte stays as it is, and so does `+`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        match (first, behind) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(digit(*high) << 4 | digit(*low));
                rest = behind;
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(letter: u8) -> u8 {
    match letter {
        b'0'..=b'9' => letter - b'0',
        _ => (letter | 0x20) - b'a' + 10,
    }
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
