//! From the tree back to documents. Blocking: the store calls it on threads that may wait.
//!
//! Edit path: none. Whatever is given back here was durable, or is about to be.
//!
//! A document lies in several records, and sled reads them one by one while the committer may replace them
//! all. The head is replaced by every batch, so what was read between two equal heads is one state.

use super::super::{Listed, LoadError};
use super::codec::{self, Damage, Head, Joined, ManifestPlace, ValueName};
use super::{Opened, damage_in_words, panic_message};
use bytes::Bytes;
use dovetail_core::document::chunk::{Chunk, ChunkKey, Manifest, Stored};
use dovetail_core::id::DocumentId;
use sled::{Db, IVec};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::iter;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use tracing::{error, warn};

/// How often a document is read again because a batch came in between, before the committer is made to
/// wait for the reader. The hub does not load what it is committing, so once is rare already.
const READS_WITHOUT_LOCK_MAX: usize = 3;

/// How often a page that cannot be read is met with before it is taken for one's own. Who reads meets with that of somebody else only where sled
/// joins small pages on the way.
pub(super) const TO_READ: usize = 3;

/// The same for who writes. A page lies in ten parts of the log at most, as it once was and what was added to it since, and sled may move it
/// out of each.
pub(super) const TO_WRITE: usize = 12;

/// How many pages that cannot be read are passed by at once, with readers waiting. A disk with more of them has to be replaced.
const BENT_PAGES_MAX: usize = 50;

/// In records: as many as sled keeps on a page, and one more.
const BEYOND_A_PAGE: usize = 17;

/// Why something could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// What is there is not what was written.
    Damaged(Damage),
    /// Sled cannot read a page, in words. It may be another one than was asked for: see [`past_others`].
    Bent(String),
    /// The disk did not give it.
    Disk(sled::Error),
    /// The tree in memory shows it, and the disk may not hold it: the sync failed.
    NeverSynced,
}

impl From<Damage> for ReadError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl From<sled::Error> for ReadError {
    fn from(error: sled::Error) -> Self {
        match error {
            error @ sled::Error::Corruption { .. } => Self::Bent(damage_in_words(&error)),
            sled::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Self::Damaged(Damage("its page lies behind the end of the log".to_owned()))
            }
            error => Self::Disk(error),
        }
    }
}

impl ReadError {
    /// In the words of the trait, when it was this document that was read.
    pub(super) fn of(self, document: &DocumentId) -> LoadError {
        match self {
            Self::Damaged(Damage(what)) | Self::Bent(what) => {
                LoadError::Damaged { document: document.clone(), what }
            }
            other => other.of_the_store(),
        }
    }

    /// In the words of the trait, when it was no document in particular.
    pub(super) fn of_the_store(self) -> LoadError {
        let why = match self {
            Self::Damaged(Damage(what)) | Self::Bent(what) => what,
            Self::Disk(error) => damage_in_words(&error),
            Self::NeverSynced => "its last change may not be on the disk, which failed".to_owned(),
        };
        LoadError::Unreadable { why }
    }
}

/// Reads where a panic of sled's is damage of what is read, and not the end of the thread.
pub(super) fn caught<T>(mut read: impl FnMut() -> Result<T, ReadError>) -> Result<T, ReadError> {
    past_others(TO_READ, || {
        // Where sled panics it has a page before it that it cannot make sense of, and whoever else reads that one panics likewise.
        let read = catch_unwind(AssertUnwindSafe(&mut read));
        read.unwrap_or_else(|panic| Err(ReadError::Damaged(Damage(panic_message(&*panic)))))
    })
}

/// Does something in the tree again where sled met with a page that it cannot read, and that may be somebody else's.
///
/// Whenever sled writes a page, and to read one it may join two small ones, it also moves one out of a part of its log that it wants to have
/// free (`PageCache::replace`). If that one is bent, whoever is at work is told so, whatever the work is about; from each such part it is tried
/// once. What was begun, sled takes up again where it is met with next; [`super::write`] says what it is to a batch.
pub(super) fn past_others<T, E: Meets>(times: usize, mut work: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let done = work();
        let Some(place) = done.as_ref().err().and_then(Meets::bent) else {
            for what in met.keys() {
                warn!(what, "sled moved a page and cannot read it; `dovetail verify` tells whose it is");
            }
            return done;
        };
        let here = met.entry(place).or_insert(0);
        *here += 1;
        if *here == times || met.len() == BENT_PAGES_MAX {
            return done;
        }
    }
}

/// An error that may be of a page.
pub(super) trait Meets {
    /// In words, the page that sled cannot read.
    fn bent(&self) -> Option<String>;
}

impl Meets for ReadError {
    fn bent(&self) -> Option<String> {
        match self {
            Self::Bent(what) => Some(what.clone()),
            Self::Damaged(_) | Self::Disk(_) | Self::NeverSynced => None,
        }
    }
}

impl Meets for sled::Error {
    fn bent(&self) -> Option<String> {
        matches!(self, Self::Corruption { .. }).then(|| damage_in_words(self))
    }
}

/// Looks at what lies before a key, where that and some behind it are to go: a page that becomes small is joined with the one before it, and
/// where that one cannot be read sled never comes to an end of it, and whoever passes by has the error.
pub(super) fn page_before(db: &Db, key: &[u8]) -> Result<(), ReadError> {
    let read = db.range(..key).rev().take(BEYOND_A_PAGE).try_for_each(|record| record.map(drop));
    read.map_err(|error| match ReadError::from(error) {
        ReadError::Bent(what) => ReadError::Bent(format!(
            "nothing can be taken away from it, since what lies before it cannot be read: {what}"
        )),
        other => other,
    })
}

/// Reads what there would be of a document behind its head: of one that is new, nothing, unless it cannot be read.
pub(super) fn nothing_behind_head(db: &Db, document: &DocumentId) -> Result<(), ReadError> {
    for prefix in [codec::pages_prefix(document), codec::values_prefix(document)] {
        db.scan_prefix(prefix).keys().next().transpose()?;
    }
    Ok(())
}

/// Everything of one document.
pub(super) fn load(opened: &Opened, document: &DocumentId) -> Result<Option<Stored>, ReadError> {
    read_one_state(opened, document, |head| {
        let (head, place) = codec::decode_head(document, head)?;
        let manifest = manifest_at(&opened.db, document, place)?;
        let chunks = chunks(&opened.db, document, &head)?;
        Ok(Stored { manifest, chunks })
    })
}

/// One document's manifest.
pub(super) fn manifest(opened: &Opened, document: &DocumentId) -> Result<Option<Manifest>, ReadError> {
    read_one_state(opened, document, |head| {
        let (_, place) = codec::decode_head(document, head)?;
        manifest_at(&opened.db, document, place)
    })
}

/// The next documents in the order of their ids. See [`Store::list`](super::super::Store::list).
pub(super) fn list(
    opened: &Opened,
    after: Option<&DocumentId>,
    limit: usize,
) -> Result<Vec<Listed>, ReadError> {
    let start = after
        .map_or(Bound::Included(codec::HEADS_PREFIX.to_vec()), |id| Bound::Excluded(codec::head_key(id)));
    let behind_heads = Bound::Excluded(vec![codec::HEADS_PREFIX[0] + 1]);
    let mut found = Vec::new();
    for head in opened.db.range((start, behind_heads)) {
        if found.len() == limit {
            break;
        }
        let (key, record) = head?;
        match codec::document_of_head_key(&key) {
            Ok(document) => found.push(listed(opened, document, &record)?),
            Err(Damage(what)) => error!(?key, what, "a document is left out of the list"),
        }
    }
    let never_synced = opened.wait_until_synced(found.iter().map(|(document, _)| document));
    found.retain(|(document, _)| !never_synced.contains(document));
    Ok(found)
}

fn listed(opened: &Opened, document: DocumentId, head: &[u8]) -> Result<Listed, ReadError> {
    let found = match codec::decode_head(&document, head) {
        Ok((_, ManifestPlace::Here(manifest))) => Ok(manifest),
        Ok((_, ManifestPlace::Apart(_))) => {
            past_others(TO_READ, || manifest(opened, &document)).and_then(|found| {
                found.ok_or_else(|| ReadError::Damaged(Damage("its manifest is missing".to_owned())))
            })
        }
        Err(damage) => Err(damage.into()),
    };
    match found {
        Ok(manifest) => Ok((document, Ok(manifest))),
        Err(ReadError::Damaged(Damage(what)) | ReadError::Bent(what)) => Ok((document, Err(what))),
        Err(error) => Err(error),
    }
}

/// Calls `read` with the document's head until the head is the same afterwards, and gives
/// that back when the disk holds it.
fn read_one_state<T>(
    opened: &Opened,
    document: &DocumentId,
    read: impl Fn(&IVec) -> Result<T, ReadError>,
) -> Result<Option<T>, ReadError> {
    let key = codec::head_key(document);
    let mut tries = 0;
    loop {
        let no_batch_is_applied = (tries >= READS_WITHOUT_LOCK_MAX).then(|| opened.unsynced());
        let half_applied = opened.half_applied.load(Ordering::Acquire);
        let Some(head) = opened.db.get(&key)? else {
            return Ok(None);
        };
        let state = read(&head);
        // Damage counts only in one state: between two, parts are missing by right.
        if opened.db.get(&key)?.as_ref() == Some(&head) {
            drop(no_batch_is_applied);
            let synced = opened.wait_until_synced(iter::once(document)).is_empty();
            // Between two tries of a batch the head may be of what else is still to come.
            if opened.half_applied.load(Ordering::Acquire) == half_applied {
                return if synced { state.map(Some) } else { Err(ReadError::NeverSynced) };
            }
        }
        tries += 1;
    }
}

fn manifest_at(db: &Db, document: &DocumentId, place: ManifestPlace) -> Result<Manifest, ReadError> {
    let hash = match place {
        ManifestPlace::Here(manifest) => return Ok(manifest),
        ManifestPlace::Apart(hash) => hash,
    };
    let bytes = value(db, document, &ValueName::Manifest(hash))?;
    Ok(codec::decode_manifest_apart(&hash, &bytes)?)
}

/// A value in parts, by its name.
fn value(db: &Db, document: &DocumentId, name: &ValueName) -> Result<Bytes, ReadError> {
    let part = |part| {
        let record = db.get(codec::part_key(document, name, part))?;
        record.ok_or_else(|| ReadError::Damaged(Damage(format!("part {part} of {name:?} is missing"))))
    };
    let first = part(0)?;
    let mut joined = Joined::begin(&first)?;
    for number in 1..codec::parts_of(&first)? {
        joined.push(&part(number)?);
    }
    Ok(joined.finish()?)
}

/// All chunks, from the tail, the pages and the values in parts. One that was written twice lies
/// twice until it is folded in, and is given back once.
fn chunks(db: &Db, document: &DocumentId, head: &Head) -> Result<Vec<Chunk>, ReadError> {
    let mut found = BTreeMap::new();
    checked_entries(&Bytes::copy_from_slice(&head.tail), &mut found)?;
    for page in db.scan_prefix(codec::pages_prefix(document)).values() {
        checked_entries(&Bytes::copy_from_slice(&page?), &mut found)?;
    }
    checked_values(db, document, &mut found)?;
    Ok(found.into_values().collect())
}

/// The entries of a page: slices of it, so that a page is one allocation and not one for each.
fn checked_entries(page: &Bytes, found: &mut BTreeMap<ChunkKey, Chunk>) -> Result<(), ReadError> {
    for (key, bytes) in codec::entries(page)? {
        found.insert(key, checked(key, page.slice_ref(bytes))?);
    }
    Ok(())
}

/// The chunks that lie in parts. Sled gives the parts of one value one behind the other.
fn checked_values(
    db: &Db,
    document: &DocumentId,
    found: &mut BTreeMap<ChunkKey, Chunk>,
) -> Result<(), ReadError> {
    let prefix = codec::values_prefix(document);
    let mut coming: Option<(ChunkKey, Joined)> = None;
    for part in db.scan_prefix(&prefix) {
        let (key, record) = part?;
        let (name, number) = codec::name_and_part(&key[prefix.len()..])?;
        let ValueName::Chunk(key) = name else {
            continue; // Its manifest, which was read by its name.
        };
        if number == 0 {
            finish_value(coming.replace((key, Joined::begin(&record)?)), found)?;
        } else {
            match &mut coming {
                Some((of, joined)) if *of == key => joined.push(&record),
                _ => return Err(Damage(format!("{key:?} has no beginning")).into()),
            }
        }
    }
    finish_value(coming, found)
}

fn finish_value(
    complete: Option<(ChunkKey, Joined)>,
    found: &mut BTreeMap<ChunkKey, Chunk>,
) -> Result<(), ReadError> {
    if let Some((key, joined)) = complete {
        found.insert(key, checked(key, joined.finish()?)?);
    }
    Ok(())
}

fn checked(key: ChunkKey, bytes: Bytes) -> Result<Chunk, Damage> {
    Chunk::checked(key, bytes).ok_or_else(|| Damage(format!("the bytes of {key:?} are not what was written")))
}
