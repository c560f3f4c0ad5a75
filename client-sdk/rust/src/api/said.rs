//! What the server says.
//!
//! Always true: members that are not known here are kept in `more` and written again, so that what a newer server says gets through.

use automerge::ChangeHash;
use bytes::Bytes;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// The state of a document: the hashes of its last changes, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads(Vec<ChangeHash>);

/// A text names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("heads are hashes of 64 hexadecimal digits with dots between them")]
pub struct BadHeads;

impl Heads {
    /// The hashes.
    #[must_use]
    pub fn hashes(&self) -> &[ChangeHash] {
        &self.0
    }
}

impl From<Vec<ChangeHash>> for Heads {
    fn from(mut hashes: Vec<ChangeHash>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }
}

impl FromStr for Heads {
    type Err = BadHeads;

    /// With dots or commas between them, in quotes or brackets or without: an `ETag` and a list in JSON are both read.
    fn from_str(text: &str) -> Result<Self, BadHeads> {
        let text = text.trim();
        let text = text.strip_prefix("W/").unwrap_or(text);
        let parts = text.split(['.', ',']).map(|part| part.trim_matches(['"', '[', ']', ' ', '\n']));
        let hashes = parts.map(|part| part.parse().map_err(|_| BadHeads)).collect::<Result<Vec<_>, _>>()?;
        Ok(hashes.into())
    }
}

impl fmt::Display for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, hash) in self.0.iter().enumerate() {
            let dot = if n == 0 { "" } else { "." };
            write!(f, "{dot}{hash}")?;
        }
        Ok(())
    }
}

impl Serialize for Heads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for Heads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let hashes = texts.iter().map(|text| text.parse().map_err(|_| D::Error::custom(BadHeads)));
        Ok(hashes.collect::<Result<Vec<ChangeHash>, _>>()?.into())
    }
}

/// A document of the server's, as its list has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// What it is opened by.
    #[serde(with = "as_text")]
    pub id: DocumentId,
    /// `automerge:` and the id.
    pub url: String,
    /// What it says to be.
    pub kind: Option<String>,
    /// What it is called.
    pub title: Option<String>,
    /// How many changes it has.
    pub changes: u64,
    /// How many bytes it takes.
    pub bytes: u64,
    /// When it was first stored, by the server's clock.
    pub created: Timestamp,
    /// When it was last changed, likewise.
    pub changed: Timestamp,
    /// What else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A document's id, as JSON has it.
mod as_text {
    use super::{Deserialize, Deserializer, DocumentId, Error, Serializer};

    pub(super) fn serialize<S: Serializer>(id: &DocumentId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DocumentId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Page {
    /// Documents, in the order of their ids. A page may be empty and have another behind it.
    pub documents: Vec<Listed>,
    /// What names the next one.
    pub next: Option<String>,
}

/// A document as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The state that it is in.
    pub heads: Heads,
    /// Its content, as the server wrote it.
    pub json: Bytes,
}

/// What was written is on the server's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Of which document.
    #[serde(with = "as_text")]
    pub id: DocumentId,
    /// `automerge:` and the id.
    pub url: String,
    /// The state that it is in now.
    pub heads: Heads,
    /// What else the server says, by what was written: `docs/HTTP.md` tells.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Stored {
    /// How many values did not win over what others wrote at the same places.
    #[must_use]
    pub fn lost_count(&self) -> u64 {
        self.more.get("lost_count").and_then(Value::as_u64).unwrap_or(0)
    }

    /// What an import decided for itself, in words.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.more.get("notes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }
}

/// What the rules say of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflicts {
    /// What breaks them.
    pub conflicts: Vec<KnownConflict>,
    /// Rules that could not be judged: they have not passed.
    pub undecided: Vec<Unjudged>,
    /// The state that was judged.
    pub heads: Heads,
    /// What else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownConflict {
    /// The same on every replica.
    pub id: String,
    /// Which rule.
    pub rule: String,
    /// `open`, `waived` or `settled`.
    pub state: String,
    /// What is wrong, for people.
    pub message: String,
    /// What would settle it.
    #[serde(default)]
    pub proposals: Vec<Offer>,
    /// What else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What would settle a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// For programs.
    pub name: String,
    /// For people.
    pub label: String,
}

/// A rule that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unjudged {
    /// Which.
    pub rule: String,
    /// Why, and what else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RC57: heads are read as they come in an `ETag` and in JSON, and written as the server takes them.
    #[test]
    fn rc57_heads_are_read_as_they_come() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let both = format!("{a}.{b}");
        for text in
            [both.clone(), format!("\"{b}.{a}\""), format!("W/\"{both}\""), format!("[\"{a}\", \"{b}\"]\n")]
        {
            assert_eq!(text.parse::<Heads>().unwrap().to_string(), both, "{text}");
        }
        for text in ["", "now", "[]", "aa", &format!("{a}..{b}"), &"g".repeat(64)] {
            assert!(text.parse::<Heads>().is_err(), "{text}");
        }
        let heads: Heads = serde_json::from_value(json!([b, a])).unwrap();
        assert_eq!(serde_json::to_value(&heads).unwrap(), json!([a, b]));
    }

    /// RC57: what is not known here gets through.
    #[test]
    fn rc57_what_is_not_known_gets_through() {
        let id = DocumentId::from_bytes(&[7; 16]).unwrap().to_string();
        let said = json!({ "id": id, "url": "automerge:x", "heads": [], "lost_count": 2, "notes": ["one"], "later": { "a": 1 } });
        let stored: Stored = serde_json::from_value(said.clone()).unwrap();
        assert_eq!((stored.lost_count(), stored.notes().collect::<Vec<_>>()), (2, vec!["one"]));
        assert_eq!(serde_json::to_value(&stored).unwrap(), said);
    }
}
