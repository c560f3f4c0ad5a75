//! One item as records, and back.
//!
//! ```text
//! h/<id>           head: a line of JSON · 10 · hash 32 of each change
//! p/<id>/<part>    the changes one behind the other, cut where a record ends
//! ```
//! Edit path: ← [`super::Refused`], → records of the store, → [`Item`] again.
//!
//! Always true: heads stand before all parts, so that they are read without them; an item of which anything is missing or
//! another one is none.

use crate::serial::Serial;
use crate::store::RECORD_BYTES_MAX;
use automerge::ChangeHash;
use bytes::{Bytes, BytesMut};
use dovetail_core::id::{DocumentId, SubjectId};
use dovetail_core::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const HEAD: &str = "h/";

const HASH_BYTES: usize = 32;

/// The most bytes of a code; ours have up to 30.
const CODE_BYTES_MAX: usize = 64;

// A head has to fit into a record: the hashes and a line with an id, a subject and a code, each escaped at worst.
const _: () = assert!(super::CHANGES_MAX * (HASH_BYTES + 10) + 8 * 1024 <= RECORD_BYTES_MAX);

/// What is known of an item without its changes. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub id: Serial,
    /// Which document refused it.
    pub document: DocumentId,
    /// Whose it is, if that is known.
    pub subject: Option<SubjectId>,
    /// Why it was refused.
    pub code: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// When it is taken away.
    pub expires: Timestamp,
    /// The changes, in order.
    pub hashes: Arc<[ChangeHash]>,
    /// How many bytes each has.
    pub(super) lengths: Arc<[u32]>,
    /// It was accepted or thrown away: the changes are gone, and only that they are known is kept to the same end.
    pub(super) is_decided: bool,
}

/// Refused changes that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is known of them.
    pub summary: Summary,
    /// The changes as their author's client made them.
    pub changes: Vec<(ChangeHash, Bytes)>,
}

impl Item {
    pub(super) fn new(
        id: Serial,
        document: DocumentId,
        subject: Option<SubjectId>,
        code: &str,
        (at, expires): (Timestamp, Timestamp),
        changes: Vec<(ChangeHash, Bytes)>,
    ) -> Self {
        let code = code[..code.floor_char_boundary(CODE_BYTES_MAX)].into();
        let hashes = changes.iter().map(|(hash, _)| *hash).collect();
        // What does not fit into the number does not fit into the room either.
        let length = |bytes: &Bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let lengths = changes.iter().map(|(_, bytes)| length(bytes)).collect();
        let is_decided = false;
        let summary = Summary { id, document, subject, code, at, expires, hashes, lengths, is_decided };
        Self { summary, changes }
    }

    /// All records, to be written at once.
    pub(super) fn to_records(&self) -> Vec<(String, Option<Bytes>)> {
        let mut whole = BytesMut::with_capacity(self.summary.bytes());
        self.changes.iter().for_each(|(_, bytes)| whole.extend_from_slice(bytes));
        let mut whole = whole.freeze();
        let mut records = vec![(head_name(self.summary.id), Some(self.summary.to_head()))];
        for part in 0..self.summary.parts() {
            let bytes = whole.split_to(whole.len().min(RECORD_BYTES_MAX));
            records.push((part_name(self.summary.id, part), Some(bytes)));
        }
        records
    }

    /// The item whose parts these are; nothing when they are not.
    pub(super) fn of_parts(summary: Summary, parts: &[Bytes]) -> Option<Self> {
        let mut whole = Bytes::from(parts.concat());
        if whole.len() != summary.bytes() {
            return None;
        }
        let lengths = summary.lengths.iter().map(|length| *length as usize);
        let changes = summary.hashes.iter().copied().zip(lengths.map(|length| whole.split_to(length)));
        let changes = changes.collect();
        Some(Self { summary, changes })
    }
}

impl Summary {
    /// Bytes of all changes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lengths.iter().map(|length| *length as usize).sum()
    }

    /// As it is told to whoever may see it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "document": self.document.to_string(),
            "subject": self.subject.as_ref().map(SubjectId::as_str),
            "code": &*self.code,
            "at": self.at.as_millis(),
            "expires": self.expires.as_millis(),
            "changes": self.hashes.len(),
            "bytes": self.bytes(),
        })
    }

    /// The same once it is decided.
    pub(super) fn decided(&self) -> Self {
        Self { lengths: vec![0; self.lengths.len()].into(), is_decided: true, ..self.clone() }
    }

    /// What has to be written to make it that.
    pub(super) fn to_decided_records(&self) -> Vec<(String, Option<Bytes>)> {
        let parts = (0..self.parts()).map(|part| (part_name(self.id, part), None));
        std::iter::once((head_name(self.id), Some(self.decided().to_head()))).chain(parts).collect()
    }

    pub(super) fn parts(&self) -> usize {
        self.bytes().div_ceil(RECORD_BYTES_MAX)
    }

    fn to_head(&self) -> Bytes {
        let mut line = self.to_json();
        line["lengths"] = self.lengths.to_vec().into();
        line["decided"] = self.is_decided.into();
        let mut head = line.to_string().into_bytes();
        head.push(b'\n');
        self.hashes.iter().for_each(|hash| head.extend_from_slice(hash.as_ref()));
        head.into()
    }

    /// What [`to_head`](Self::to_head) wrote; nothing when it did not.
    pub(super) fn of_head(id: Serial, head: &[u8]) -> Option<Self> {
        let end = head.iter().position(|byte| *byte == b'\n')?;
        let (line, hashes) = (&head[..end], &head[end + 1..]);
        let line: Value = serde_json::from_slice(line).ok()?;
        let lengths = line["lengths"].as_array()?.iter();
        let lengths: Arc<[u32]> =
            lengths.map(|one| u32::try_from(one.as_u64()?).ok()).collect::<Option<_>>()?;
        let hashes = hashes.chunks(HASH_BYTES).map(|hash| ChangeHash::try_from(hash).ok());
        let hashes: Arc<[ChangeHash]> = hashes.collect::<Option<_>>()?;
        let moment = |name: &str| line[name].as_u64().map(Timestamp::from_millis);
        let summary = Self {
            id,
            document: line["document"].as_str()?.parse().ok()?,
            subject: line["subject"].as_str().map(str::parse).transpose().ok()?,
            code: line["code"].as_str()?.into(),
            at: moment("at")?,
            expires: moment("expires")?,
            hashes,
            lengths,
            is_decided: line["decided"] == true,
        };
        (summary.hashes.len() == summary.lengths.len()).then_some(summary)
    }
}

/// The names of all records of an item.
pub(super) fn names(summary: &Summary) -> impl Iterator<Item = String> + use<> {
    let id = summary.id;
    std::iter::once(head_name(id)).chain((0..summary.parts()).map(move |part| part_name(id, part)))
}

pub(super) fn id_of_head(name: &str) -> Option<Serial> {
    name.strip_prefix(HEAD)?.parse().ok()
}

pub(super) fn part_name(id: Serial, part: usize) -> String {
    format!("p/{id}/{part:05}")
}

fn head_name(id: Serial) -> String {
    format!("{HEAD}{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(lengths: &[usize]) -> Item {
        let changes = lengths.iter().enumerate().map(|(at, length)| {
            let at = u8::try_from(at % 251).unwrap();
            (ChangeHash([at; HASH_BYTES]), Bytes::from(vec![at; *length]))
        });
        let at = Timestamp::from_millis(7);
        let document = DocumentId::from_bytes(&[1; 64]).unwrap();
        let subject = Some("\n\"".repeat(128).parse().unwrap());
        Item::new(Serial::behind(None, at), document, subject, "read_only", (at, at), changes.collect())
    }

    /// AU61: an item of any size comes back from its records, each of which the store takes.
    #[test]
    fn au61_items_come_back_from_their_records() {
        let many = vec![1; super::super::CHANGES_MAX];
        for lengths in [
            &[5][..],
            &[0, 3],
            &[RECORD_BYTES_MAX],
            &[RECORD_BYTES_MAX + 1, 9],
            &[3 * RECORD_BYTES_MAX],
            &many,
        ] {
            let item = item(lengths);
            let records = item.to_records();
            let named: Vec<String> = records.iter().map(|(name, _)| name.clone()).collect();
            assert_eq!(names(&item.summary).collect::<Vec<_>>(), named);
            let values: Vec<Bytes> = records.into_iter().map(|(_, value)| value.unwrap()).collect();
            assert!(values.iter().all(|value| value.len() <= RECORD_BYTES_MAX));
            let summary = Summary::of_head(id_of_head(&named[0]).unwrap(), &values[0]).unwrap();
            assert_eq!(Item::of_parts(summary.clone(), &values[1..]), Some(item));
            assert_eq!(Item::of_parts(summary, &[Bytes::from_static(b"another")]), None);
        }
    }

    /// AU61: a head that was cut is none, and no bytes make the reader panic.
    #[test]
    fn au61_a_damaged_head_is_none() {
        let summary = item(&[5, 6]).summary;
        let head = summary.to_head();
        for length in 0..head.len() {
            assert_eq!(Summary::of_head(summary.id, &head[..length]), None, "{length}");
        }
    }
}
