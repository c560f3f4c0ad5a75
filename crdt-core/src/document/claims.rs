//! What a sync message claims, looked at before Automerge reads it.
//!
//! Edit path: ← [`session`](crate::session) has the bytes of a sync message, → Automerge reads it, or nobody does.
//!
//! A message says what its sender has by Bloom filters, and how a filter is to be asked: so many probes for each hash, in so many
//! bits. Automerge believes both. Four bytes that say four billion probes are sixteen gigabytes for the first hash that is looked up,
//! and a filter without bits is a division by zero. So is a list of chunks of no bytes each a list of a length that nobody paid for.
//!
//! Always true: whatever any released Automerge writes passes. It writes one filter, of ten bits and seven probes.

use super::scan::{Reader, ScanError};

/// The most hashes that one message names: heads, what it asks for, what was shared the last time. Two megabytes of them. A document
/// has as many heads as people write in it apart from each other, and by name is asked for what is missing here and there.
pub const HASHES_MAX: usize = 65_536;

/// Filters in one message.
const FILTERS_MAX: usize = 8;

/// Probes of a filter for each hash: what more bring is lost again in bits that are set anyway.
const PROBES_MAX: u64 = 32;

/// A chunk is its magic, a checksum, a type and a length, and something.
const CHUNK_BYTES_MIN: usize = 10;

/// Why a sync message is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadClaims {
    /// It is none, or cut off.
    #[error("the sync message cannot be read: {0}")]
    Cut(#[from] ScanError),
    /// More than anybody has or lacks.
    #[error("a sync message names at most {HASHES_MAX} hashes")]
    TooManyHashes,
    /// Nobody needs more than one.
    #[error("a sync message has at most {FILTERS_MAX} filters")]
    TooManyFilters,
    /// A filter that nothing can be looked up in.
    #[error("a filter has bits for each entry and at most {PROBES_MAX} probes")]
    Filter,
    /// A chunk that is shorter than any.
    #[error("a chunk has at least {CHUNK_BYTES_MIN} bytes")]
    Chunk,
}

/// Looks at a sync message.
///
/// # Errors
/// When it claims what nobody has.
pub fn check(message: &[u8]) -> Result<(), BadClaims> {
    let mut reader = Reader { rest: message };
    reader.take(1)?;
    let mut hashes = count_hashes(&mut reader)? + count_hashes(&mut reader)?;
    let filters = reader.length()?;
    if filters > FILTERS_MAX {
        return Err(BadClaims::TooManyFilters);
    }
    for _ in 0..filters {
        hashes += count_hashes(&mut reader)?;
        check_filter(reader.text()?)?;
    }
    if hashes > HASHES_MAX {
        return Err(BadClaims::TooManyHashes);
    }
    for _ in 0..reader.length()? {
        if reader.text()?.len() < CHUNK_BYTES_MIN {
            return Err(BadClaims::Chunk);
        }
    }
    Ok(())
}

fn count_hashes(reader: &mut Reader<'_>) -> Result<usize, BadClaims> {
    const HASH_BYTES: usize = 32;
    let count = reader.length()?;
    reader.take(count.checked_mul(HASH_BYTES).ok_or(ScanError::Short)?)?;
    Ok(count)
}

/// Entries, bits for each, probes, and the bits. One of no bytes has no entries.
fn check_filter(filter: &[u8]) -> Result<(), BadClaims> {
    if filter.is_empty() {
        return Ok(());
    }
    let mut reader = Reader { rest: filter };
    let (entries, bits_each, probes) = (reader.number()?, reader.number()?, reader.number()?);
    let bits = entries.checked_mul(bits_each).ok_or(BadClaims::Filter)?;
    let has_bits = bits.div_ceil(8) <= reader.rest.len() as u64 && (bits > 0 || entries == 0);
    if has_bits && probes <= PROBES_MAX { Ok(()) } else { Err(BadClaims::Filter) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automerge::sync::{BloomFilter, Message, State, SyncDoc};
    use automerge::transaction::Transactable;
    use automerge::{Automerge, AutomergeError, ChangeHash, ROOT};

    fn message(filter: &[u8]) -> Vec<u8> {
        let length = u8::try_from(filter.len()).unwrap();
        [&[0x42, 0, 0, 1, 0, length][..], filter, &[0]].concat()
    }

    /// WI61: whatever Automerge says of itself passes.
    #[test]
    fn wi61_what_automerge_says_passes() {
        let mut doc = Automerge::new();
        assert_eq!(check(&doc.generate_sync_message(&mut State::new()).unwrap().encode()), Ok(()));
        for value in 0..50 {
            doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "key", value)).unwrap();
            let mut said = doc.generate_sync_message(&mut State::new()).unwrap();
            said.changes = vec![doc.save_after(&[])].into();
            said.need = doc.get_heads();
            assert_eq!(check(&said.encode()), Ok(()));
        }
        let all: Vec<ChangeHash> = doc.get_changes(&[]).iter().map(automerge::Change::hash).collect();
        assert_eq!(check(&message(&BloomFilter::from_hashes(all.iter()).to_bytes())), Ok(()));
    }

    /// WI61: a filter is not asked for billions of probes, nor without bits; nor are lists believed.
    #[test]
    fn wi61_what_a_message_claims_is_not_believed() {
        let cases: [(&[u8], BadClaims); 4] = [
            (&[1, 8, 0xff, 0xff, 0xff, 0xff, 0x0f, 1], BadClaims::Filter),
            (&[1, 0, 7], BadClaims::Filter),
            (&[100, 10, 7, 1], BadClaims::Filter),
            (&[1, 10], BadClaims::Cut(ScanError::Short)),
        ];
        for (filter, expected) in cases {
            assert_eq!(check(&message(filter)), Err(expected), "{filter:?}");
        }
        assert_eq!(check(&[0x42, 0xff, 0xff, 0x7f]), Err(BadClaims::Cut(ScanError::Short)));
        assert_eq!(check(&[0x42, 0, 0, 200, 1]), Err(BadClaims::TooManyFilters));
        assert_eq!(check(&[0x42, 0, 0, 0, 2, 0, 0]), Err(BadClaims::Chunk));
        let hashes = [&[0x42, 0x81, 0x80, 0x04][..], &[7; (HASHES_MAX + 1) * 32], &[0, 0, 0]].concat();
        assert_eq!(check(&hashes), Err(BadClaims::TooManyHashes));
        assert!(Message::decode(&hashes).is_ok(), "Automerge reads that");
    }
}
