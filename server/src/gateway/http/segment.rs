//! One piece of a path: an id, a kind, a name.
//!
//! Always true: it is percent-decoded once, here, and the same way for every door. What cannot be decoded is
//! refused by the door that wants it, and never taken as it stands.

use super::parameters::hex;
use crate::gateway::reply::{Code, Problem};
use std::convert::Infallible;
use std::str::FromStr;

/// How much of a piece is shown to whoever sent it.
const SHOWN_CHARS_MAX: usize = 64;

/// A piece of a path as a route takes it. Routes never reject, so what is wrong with it is kept until it is read.
#[derive(Debug)]
pub(super) struct Segment {
    sent: String,
    decoded: Option<String>,
}

impl FromStr for Segment {
    type Err = Infallible;

    fn from_str(sent: &str) -> Result<Self, Infallible> {
        Ok(Self { sent: sent.to_owned(), decoded: decoded(sent) })
    }
}

impl Segment {
    /// What it says; `code` is what the door answers otherwise.
    pub(super) fn text(&self, code: Code) -> Result<&str, Problem> {
        self.decoded.as_deref().ok_or_else(|| {
            let shown: String = self.sent.chars().take(SHOWN_CHARS_MAX).collect();
            let detail =
                "a piece of a path is UTF-8, percent-encoded: % and two hexadecimal digits for a byte";
            Problem::new(code, format!("{detail}; {shown:?} is not"))
        })
    }

    /// What it says, as the parameter of this name.
    pub(super) fn parameter(&self, name: &str) -> Result<&str, Problem> {
        self.text(Code::BadParameter).map_err(|problem| problem.with("parameter", name))
    }
}

/// Nothing where the text is not percent-encoded UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.as_bytes().split_at_checked(2)?;
        bytes.push(hex(digits)?);
        bytes.extend_from_slice(rest);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HT15: a piece of a path is decoded once, and what is not encoded rightly is nothing.
    #[test]
    fn ht15_pieces_of_a_path_are_decoded_once() {
        let cases = [
            ("plain", Some("plain")),
            ("", Some("")),
            ("automerge%3A4NM", Some("automerge:4NM")),
            ("a%2fb", Some("a/b")),
            ("%C3%bc", Some("ü")),
            ("%2541", Some("%41")),
            ("100%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("%ff", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decoded(text).as_deref(), expected, "{text}");
        }
    }
}
