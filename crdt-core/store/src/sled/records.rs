//! The server's own records in the tree: named bytes that belong to no document.
//!
//! ```text
//! key    4 · space · name · 0 · part u16        record    part of: checksum 8 · bytes
//! ```
//! A name has no zero byte, so none is the beginning of another one's keys, and they sort as names do.
//!
//! Edit path: ← [`super::committer`] brings writes, → [`Writer`](super::write::Writer) stages what is made of them here.
//!
//! **Always true:** what is read was compared with its checksum; a record has at most
//! [`RECORD_BYTES_MAX`](super::codec::RECORD_BYTES_MAX).

use super::super::Space;
use super::Opened;
use super::codec::{self, Damage, Joined, checksum};
use super::read::{ReadError, page_before};
use bytes::Bytes;
use sled::{Db, IVec};
use std::ops::Bound;
use std::sync::atomic::Ordering;

/// The first byte of every key here. See the table in [`codec`].
const KIND: u8 = 4;

/// At most as many as the length of a value and its checksum have.
const BEGINNING_BYTES: usize = 13;

/// Behind a name.
const END: u8 = 0;

/// Whoever asks gets what the disk holds.
pub(super) fn record(opened: &Opened, space: Space, name: &str) -> Result<Option<Bytes>, ReadError> {
    one_state(opened, || named(&opened.db, space, name))
}

/// The next records behind `after`, in the order of their names.
pub(super) fn records(
    opened: &Opened,
    space: Space,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, Bytes)>, ReadError> {
    one_state(opened, || records_of(&opened.db, space, after, limit))
}

fn records_of(
    db: &Db,
    space: Space,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, Bytes)>, ReadError> {
    let mut found = Vec::new();
    let mut start = match after {
        None => Bound::Included(vec![KIND, space.to_byte()]),
        Some(name) => Bound::Excluded(last_key(space, name)),
    };
    let end = Bound::Excluded(vec![KIND, space.to_byte() + 1]);
    while found.len() < limit {
        let Some(first) = db.range((start, end.clone())).keys().next().transpose()? else { break };
        let name = name_of(&first)?;
        start = Bound::Excluded(last_key(space, &name));
        found.extend(named(db, space, &name)?.map(|value| (name, value)));
    }
    Ok(found)
}

/// Reads until no batch came half-way in between, and gives what was read when the disk holds it.
fn one_state<T>(opened: &Opened, read: impl Fn() -> Result<T, ReadError>) -> Result<T, ReadError> {
    loop {
        let half_applied = opened.half_applied.load(Ordering::Acquire);
        let found = read();
        opened.wait_until_records_synced()?;
        if opened.half_applied.load(Ordering::Acquire) == half_applied {
            return found;
        }
    }
}

/// What has to be written so that a record is another one, and what both count in the [`Tally`](super::tally::Tally).
pub(super) struct Exchange {
    pub(super) records: Vec<(IVec, Option<IVec>)>,
    pub(super) before: Option<u64>,
    pub(super) after: Option<u64>,
}

/// So that the record is `value`, or gone. Parts of a longer one before it go too.
pub(super) fn exchange(
    db: &Db,
    space: Space,
    name: &str,
    value: Option<&Bytes>,
) -> Result<Exchange, ReadError> {
    let prefix = prefix(space, name);
    let parts: Vec<(IVec, IVec)> = db.scan_prefix(&prefix).collect::<Result<_, _>>()?;
    let before = parts.first().and_then(|(key, part)| term(key, part));
    let mut records: Vec<_> = parts.into_iter().map(|(key, _)| (key, None)).collect();
    let parts_before = records.len();
    let mut after = None;
    if let Some(value) = value {
        let whole = [&checksum(name.as_bytes(), value)[..], value].concat();
        for (number, part) in (0_u16..).zip(codec::to_parts(&whole)) {
            let key = [&prefix[..], &number.to_be_bytes()].concat();
            after = after.or_else(|| term(&key, &part));
            records.push((key.into(), Some(part.into())));
        }
    }
    if records.len() - parts_before < parts_before {
        page_before(db, &prefix)?;
    }
    Ok(Exchange { records, before, after })
}

/// What all records count.
pub(super) fn terms(db: &Db) -> impl Iterator<Item = Result<u64, sled::Error>> {
    db.scan_prefix([KIND]).filter_map(|part| part.map(|(key, part)| term(&key, &part)).transpose())
}

/// What a record counts, told by the beginning of its first part, where its length and checksum lie; `None` for the parts behind it.
fn term(key: &[u8], part: &[u8]) -> Option<u64> {
    let beginning = &part[..part.len().min(BEGINNING_BYTES)];
    key.ends_with(&[END, 0, 0]).then(|| u64::from_le_bytes(checksum(key, beginning)))
}

/// Whether all of a record lies under this key, as it was written.
pub(super) fn is_whole(key: &[u8], part: &[u8]) -> bool {
    let name = name_of(key).ok().filter(|_| key.first() == Some(&KIND) && key.ends_with(&[END, 0, 0]));
    name.is_some_and(|name| matches!(joined(&name, &[part.into()]), Ok(Some(_))))
}

/// Reads until two looks show the same: a write in between may have exchanged some of the parts.
fn named(db: &Db, space: Space, name: &str) -> Result<Option<Bytes>, ReadError> {
    let parts = || db.scan_prefix(prefix(space, name)).values().collect::<Result<Vec<IVec>, _>>();
    let mut seen = parts()?;
    loop {
        let again = parts()?;
        if again == seen {
            return Ok(joined(name, &seen)?);
        }
        seen = again;
    }
}

fn joined(name: &str, parts: &[IVec]) -> Result<Option<Bytes>, Damage> {
    let Some((first, rest)) = parts.split_first() else { return Ok(None) };
    let mut whole = Joined::begin(first)?;
    rest.iter().for_each(|part| whole.push(part));
    let whole = whole.finish()?;
    match whole.split_first_chunk::<8>() {
        Some((sum, value)) if *sum == checksum(name.as_bytes(), value) => Ok(Some(whole.slice_ref(value))),
        _ => Err(Damage(format!("the checksum of the record {name:?} is wrong"))),
    }
}

fn name_of(key: &[u8]) -> Result<String, Damage> {
    let name = key.get(2..key.len().saturating_sub(3)).unwrap_or_default();
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty());
    name.map(str::to_owned).ok_or_else(|| Damage("a record's key has no name".to_owned()))
}

/// The beginning of all keys of a record.
fn prefix(space: Space, name: &str) -> Vec<u8> {
    [&[KIND, space.to_byte()], name.as_bytes(), &[END]].concat()
}

/// No key of this record sorts behind it.
fn last_key(space: Space, name: &str) -> Vec<u8> {
    [&prefix(space, name)[..], &[0xff; 3]].concat()
}

impl Space {
    /// In keys; never another number for the same space.
    fn to_byte(self) -> u8 {
        match self {
            Space::Server => 1,
            Space::Rules => 2,
            Space::Answers => 3,
            Space::Access => 4,
            Space::Audit => 5,
            Space::Quarantine => 6,
            Space::Notes => 7,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spaces() -> impl Strategy<Value = Space> {
        prop::sample::select(Space::ALL.to_vec())
    }

    proptest! {
        /// ST13: keys of different records do not mix, and sort as their names do.
        #[test]
        fn st13_keys_of_different_records_do_not_mix(
            space in spaces(), one in "[a-c]{1,4}", other in "[a-c]{1,4}",
        ) {
            prop_assert_eq!(prefix(space, &one).starts_with(&prefix(space, &other)), one == other);
            prop_assert_eq!(prefix(space, &one).cmp(&prefix(space, &other)), one.cmp(&other));
            let key = [&prefix(space, &one)[..], &[0, 7]].concat();
            prop_assert_eq!(&name_of(&key).unwrap(), &one);
            prop_assert!(key < last_key(space, &one));
            prop_assert_eq!(last_key(space, &one).cmp(&prefix(space, &other)), if one < other { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater });
        }

        /// ST16: no bytes make a reader panic, and whichever byte of a record is another, it is noticed.
        #[test]
        fn st16_every_changed_byte_of_a_record_is_noticed(
            value in prop::collection::vec(any::<u8>(), 0..9_000), at: prop::sample::Index, by in 1u8..,
        ) {
            let whole = [&checksum(b"name", &value)[..], &value].concat();
            let mut parts: Vec<Vec<u8>> = codec::to_parts(&whole).collect();
            let intact: Vec<IVec> = parts.iter().map(|part| part[..].into()).collect();
            prop_assert_eq!(joined("name", &intact).unwrap(), Some(value.into()));
            let part = at.index(parts.len());
            let byte = at.index(parts[part].len());
            parts[part][byte] ^= by;
            let changed: Vec<IVec> = parts.iter().map(|part| part[..].into()).collect();
            prop_assert!(joined("name", &changed).is_err());
            let _ = joined("name", &[value_of(&parts[part])]);
            let _ = name_of(&parts[part]);
        }
    }

    fn value_of(bytes: &[u8]) -> IVec {
        bytes.into()
    }
}
