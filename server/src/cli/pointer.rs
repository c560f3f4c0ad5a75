//! A place in a document, as it is written on the command line.

use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer(String);

/// A text is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadPointer {
    #[error("a pointer begins with a slash, as in /widgets/cpu/title; an empty one is the whole document")]
    NoSlash,
    #[error("in a pointer ~ is written ~0 and / is written ~1")]
    Tilde,
}

impl FromStr for Pointer {
    type Err = BadPointer;

    fn from_str(text: &str) -> Result<Self, BadPointer> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(BadPointer::NoSlash);
        }
        match text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1'])) {
            true => Ok(Self(text.to_owned())),
            false => Err(BadPointer::Tilde),
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pointer {
    /// What stands there.
    pub(super) fn of<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        document.pointer(&self.0)
    }

    /// The same in a text, as a text.
    pub(super) fn find(&self, document: &[u8]) -> Result<Option<String>, serde_json::Error> {
        let document: Value = serde_json::from_slice(document)?;
        Ok(self.of(&document).map(Value::to_string))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// OP42: a pointer finds what stands at its place; what is none is refused.
    #[test]
    fn op42_pointers() {
        let document = json!({ "a": [{ "b/c": 1 }], "~": null, "": 2 });
        let cases = [
            ("", Some(document.clone())),
            ("/a/0/b~1c", Some(json!(1))),
            ("/~0", Some(json!(null))),
            ("/", Some(json!(2))),
            ("/a/1", None),
            ("/a/00", None),
            ("/a/-", None),
            ("/x/y", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Pointer>().unwrap().of(&document), expected.as_ref(), "{text}");
        }
        for text in ["a", "#/a", "/~", "/~2", "/a~"] {
            assert!(text.parse::<Pointer>().is_err(), "{text}");
        }
    }
}
