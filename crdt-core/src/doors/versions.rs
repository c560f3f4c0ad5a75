//! States of a document that somebody named: "before the move", "as shown to the board".
//!
//! Edit path: ← a name and heads, → an entry below `_dovetail.versions`: an ordinary edit that syncs and
//! merges like any other.
//!
//! Always true here: an entry is a name for heads and holds no content, so it costs some hundred
//! bytes however large the document is. What a stranger wrote there and cannot be read as an entry is
//! passed over.

use super::base::{self, sorted_heads};
use super::{Halt, WriteError, Writer, Written, check_heads};
use crate::authors::Authors;
use crate::json::{self, Contest, Strings, Writing};
use crate::reserved::{self, Section};
use crate::time::Timestamp;
use automerge::transaction::Transactable;
use automerge::{Automerge, ChangeHash, ReadDoc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The most bytes of a version's name: a line in a menu.
const NAME_BYTES_MAX: usize = 128;

/// The most bytes of a version's note: a paragraph. It is kept in the document for ever.
pub const NOTE_BYTES_MAX: usize = 4096;

/// What a version is called: 1 to 128 bytes of text on one line, without a slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionName(String);

/// A text that names no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a version's name has 1 to {NAME_BYTES_MAX} bytes on one line and no slash")]
pub struct BadVersionName;

impl VersionName {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VersionName {
    type Err = BadVersionName;

    fn from_str(text: &str) -> Result<Self, BadVersionName> {
        let is_name = (1..=NAME_BYTES_MAX).contains(&text.len())
            && !text.chars().any(|letter| letter.is_control() || letter == '/');
        if is_name { Ok(Self(text.to_owned())) } else { Err(BadVersionName) }
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A state that somebody named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The heads of the document in that state, sorted.
    pub heads: Vec<ChangeHash>,
    /// When it was named.
    pub at: Timestamp,
    /// By whom, where that is known: as the server knows them, whatever the entry claims.
    pub by: Option<String>,
    /// Why, in their words.
    pub note: Option<String>,
}

/// The named versions of a document, by name. Who named them is told as `authors` know it; what an entry claims counts only
/// where they know nobody at all.
#[must_use]
pub fn versions(doc: &Automerge, authors: &Authors) -> BTreeMap<String, Version> {
    let Some(section) = reserved::find_section(doc, Section::Versions) else { return BTreeMap::new() };
    let Value::Object(entries) = json::read_at(doc, &section, None) else { return BTreeMap::new() };
    let signed = |(name, entry): (String, Value)| {
        let mut version = read(&entry)?;
        let (_, object) = doc.get(&section, name.as_str()).ok()??;
        version.by = authors.signs(doc, &object, version.by);
        Some((name, version))
    };
    entries.into_iter().filter_map(signed).collect()
}

/// Gives a state of the document a name, or another state an old name. Where the name stands for that
/// state already, nothing is written.
///
/// # Errors
/// When the document never had that state, or the note is too long.
pub fn name_version(
    doc: &Automerge,
    name: &VersionName,
    version: &Version,
    writer: &Writer,
) -> Result<Written, WriteError> {
    check_heads(doc, &version.heads)?;
    let bytes = version.note.as_deref().unwrap_or_default().len();
    if bytes > NOTE_BYTES_MAX {
        return Err(WriteError::NoteTooLong { bytes });
    }
    let mut version = version.clone();
    version.heads.sort_unstable();
    if let Some(present) = versions(doc, &Authors::default()).remove(name.as_str()) {
        // Who names the same state again need not be told that it was named later.
        let is_same = Version { at: version.at, ..present.clone() } == version;
        version.at = if is_same { present.at } else { version.at };
    }

    let mut with_entry = doc.clone();
    let entry = reserved::ensure_entry(&mut with_entry)?;
    let mut written = base::write(&with_entry, &with_entry.get_heads(), writer, |tx, steps_left| {
        let section = reserved::section(tx, Section::Versions)?;
        let mut writing = Writing::new(tx, Strings::Scalar, Contest::Settle).within(steps_left);
        writing
            .assign(&section, name.as_str().into(), None, &entry_of(&version))
            .map_err(Halt::<WriteError>::from)
    })?;
    written.changes.splice(0..0, entry);
    written.before = sorted_heads(doc);
    Ok(written)
}

/// Takes a name away. The state stays in the history. Nothing when there is no such version.
///
/// # Errors
/// When Automerge refuses the change; it has no reason to.
pub fn remove_version(
    doc: &Automerge,
    name: &VersionName,
    writer: &Writer,
) -> Result<Option<Written>, WriteError> {
    let Some(section) = reserved::find_section(doc, Section::Versions) else { return Ok(None) };
    if doc.get(&section, name.as_str())?.is_none() {
        return Ok(None);
    }
    let written = base::write(doc, &doc.get_heads(), writer, |tx, _| {
        tx.delete(&section, name.as_str()).map_err(Halt::<WriteError>::from)
    });
    written.map(Some)
}

fn entry_of(version: &Version) -> Value {
    let heads: Vec<String> = version.heads.iter().map(ToString::to_string).collect();
    json!({"heads": heads, "at": version.at.as_millis(), "by": version.by, "note": version.note})
}

fn read(entry: &Value) -> Option<Version> {
    let text = |member: &str| entry.get(member).and_then(Value::as_str).map(str::to_owned);
    let heads = entry.get("heads")?.as_array()?.iter();
    let mut heads: Vec<ChangeHash> = heads.map(|head| head.as_str()?.parse().ok()).collect::<Option<_>>()?;
    heads.sort_unstable();
    let at = Timestamp::from_millis(entry.get("at")?.as_u64()?);
    Some(Version { heads, at, by: text("by"), note: text("note") })
}
