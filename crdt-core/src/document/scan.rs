//! The outside of Automerge's chunks, read without Automerge.
//!
//! A chunk is `85 6f 4a 83`, four bytes of checksum, a type, a LEB128 length and the
//! payload; a change's payload begins with its dependencies, a document's holds its
//! actors and heads near the front. That is enough to refuse what clients must not
//! send before Automerge sees it, and to check stored chunks against a manifest
//! without building the document.
//!
//! Source: the Automerge binary format specification.

use automerge::ChangeHash;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// Where the checksum stands: the first bytes of the hash.
const CHECKSUM: std::ops::Range<usize> = 4..8;

/// Hashes are 32 bytes everywhere in the format.
const HASH_BYTES: usize = 32;

/// What a chunk says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScannedKind {
    /// A whole document, type 0.
    Document,
    /// One change, type 1.
    Change,
    /// One change, deflated, type 2.
    DeflatedChange,
    /// Several changes in columns, type 3.
    Bundle,
}

/// One chunk, still in its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Scanned<'a> {
    /// What it says it is.
    pub kind: ScannedKind,
    /// All of it, header included.
    pub whole: &'a [u8],
    /// What is behind the header.
    payload: &'a [u8],
    /// Where type and length begin: the hash is taken from there on.
    hashed: &'a [u8],
}

impl<'a> Scanned<'a> {
    /// What is behind the header.
    pub(super) fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Automerge reads a single change without looking at its checksum, and a document that is stored with one that does not
    /// fit not at all: whoever got such a change in would have taken the document away from everybody.
    ///
    /// # Errors
    /// When what is there is not what it was taken of.
    pub fn check(&self) -> Result<(), ScanError> {
        let taken = Sha256::digest(self.hashed);
        if self.whole[CHECKSUM] == taken[..CHECKSUM.len()] { Ok(()) } else { Err(ScanError::Checksum) }
    }
}

/// Why bytes are no chunks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// The first four bytes are others.
    #[error("not an automerge chunk")]
    Magic,
    /// The type is none that the format knows.
    #[error("unknown chunk type {0}")]
    Kind(u8),
    /// The bytes end before the chunk does.
    #[error("the chunk is cut off")]
    Short,
    /// The checksum is of something else.
    #[error("the checksum of the chunk does not fit")]
    Checksum,
    /// An operation names an actor by a number that is not in the list.
    #[error("the change names an actor that it does not list")]
    Actor,
}

/// The chunks of `bytes`, one behind the other.
pub fn scan(bytes: &[u8]) -> impl Iterator<Item = Result<Scanned<'_>, ScanError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let next = scan_one(rest);
        rest = match &next {
            Ok(chunk) => &rest[chunk.whole.len()..],
            Err(_) => &[],
        };
        Some(next)
    })
}

fn scan_one(bytes: &[u8]) -> Result<Scanned<'_>, ScanError> {
    if bytes.get(..4).ok_or(ScanError::Short)? != MAGIC {
        return Err(ScanError::Magic);
    }
    let kind = match *bytes.get(8).ok_or(ScanError::Short)? {
        0 => ScannedKind::Document,
        1 => ScannedKind::Change,
        2 => ScannedKind::DeflatedChange,
        3 => ScannedKind::Bundle,
        other => return Err(ScanError::Kind(other)),
    };
    let mut reader = Reader { rest: &bytes[9..] };
    let length = reader.length()?;
    let payload = reader.take(length)?;
    let whole = &bytes[..bytes.len() - reader.rest.len()];
    Ok(Scanned { kind, whole, payload, hashed: &whole[8..] })
}

/// The heads that stored chunks amount to: every head of a document and every change,
/// less what another change builds on. Sorted.
///
/// # Errors
/// When a chunk is cut off, or of a kind that is never stored.
pub fn heads_of<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<ChangeHash>, ScanError> {
    let mut heads = BTreeSet::new();
    let mut built_on = BTreeSet::new();
    for bytes in chunks {
        for chunk in scan(bytes) {
            let chunk = chunk?;
            match chunk.kind {
                ScannedKind::Document => heads.extend(document_heads(chunk.payload)?),
                ScannedKind::Change => {
                    heads.insert(ChangeHash(Sha256::digest(chunk.hashed).into()));
                    built_on.extend(Reader { rest: chunk.payload }.hashes()?);
                }
                ScannedKind::DeflatedChange => return Err(ScanError::Kind(2)),
                ScannedKind::Bundle => return Err(ScanError::Kind(3)),
            }
        }
    }
    Ok(heads.difference(&built_on).copied().collect())
}

/// A document's payload: the actors, then the heads.
fn document_heads(payload: &[u8]) -> Result<Vec<ChangeHash>, ScanError> {
    let mut reader = Reader { rest: payload };
    for _ in 0..reader.length()? {
        let length = reader.length()?;
        reader.take(length)?;
    }
    reader.hashes()
}

pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], ScanError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ScanError::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// An unsigned LEB128 number that counts or measures something in memory.
    pub(super) fn length(&mut self) -> Result<usize, ScanError> {
        usize::try_from(self.number()?).map_err(|_| ScanError::Short)
    }

    /// An unsigned LEB128 number of at most 63 bits.
    pub(super) fn number(&mut self) -> Result<u64, ScanError> {
        let mut value: u64 = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ScanError::Short)
    }

    /// A signed LEB128 number.
    pub(super) fn signed(&mut self) -> Result<i64, ScanError> {
        let mut value: i64 = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.take(1)?[0];
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let is_negative = byte & 0x40 != 0 && shift + 7 < 64;
                return Ok(if is_negative { value | (-1 << (shift + 7)) } else { value });
            }
        }
        Err(ScanError::Short)
    }

    /// A length and as many bytes.
    pub(super) fn text(&mut self) -> Result<&'a [u8], ScanError> {
        let length = self.length()?;
        self.take(length)
    }

    /// A count and as many hashes. The count is not believed before the bytes are there.
    pub(super) fn hashes(&mut self) -> Result<Vec<ChangeHash>, ScanError> {
        let count = self.length()?;
        let bytes = self.take(count.checked_mul(HASH_BYTES).ok_or(ScanError::Short)?)?;
        let hash = |bytes: &[u8]| ChangeHash(bytes.try_into().expect("chunks_exact gives 32 bytes"));
        Ok(bytes.chunks_exact(HASH_BYTES).map(hash).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automerge::{ActorId, Automerge, ROOT, transaction::Transactable};

    fn document(actor: u8, keys: &[&str]) -> Automerge {
        let mut doc = Automerge::new().with_actor(ActorId::from([actor]));
        for key in keys {
            doc.transact::<_, _, automerge::AutomergeError>(|tx| tx.put(ROOT, *key, 1)).unwrap();
        }
        doc
    }

    /// DO11: heads read off the chunks are the heads that Automerge finds.
    #[test]
    fn do11_heads_of_snapshot_and_changes_are_those_of_the_document() {
        let mut doc = document(1, &["a", "b"]);
        let snapshot = doc.save();
        let before = doc.get_heads();
        let mut other = doc.fork().with_actor(ActorId::from([2]));
        doc.transact::<_, _, automerge::AutomergeError>(|tx| tx.put(ROOT, "c", 1)).unwrap();
        other.transact::<_, _, automerge::AutomergeError>(|tx| tx.put(ROOT, "d", 1)).unwrap();
        doc.merge(&mut other).unwrap();
        let changes = doc.save_after(&before);

        assert_eq!(heads_of([snapshot.as_slice()]).unwrap(), before);
        assert_eq!(heads_of([changes.as_slice(), snapshot.as_slice()]).unwrap(), doc.get_heads());
        assert_eq!(doc.get_heads().len(), 2);
    }

    /// DO12: whatever is cut off anywhere is noticed, and nothing panics.
    #[test]
    fn do12_cut_chunks_are_refused() {
        let bytes = document(1, &["a"]).save_after(&[]);
        for length in 1..bytes.len() {
            assert!(scan(&bytes[..length]).any(|chunk| chunk.is_err()), "{length}");
        }
        assert!(scan(&bytes).all(|chunk| chunk.is_ok()));
    }
}
