//! From batches to records: decides where in the tree each chunk lies.
//!
//! Small chunks collect in the *tail* of their document's head, so that a commit is as a rule one record:
//! the head, with the new manifest and the tail. A full tail becomes a *page* and is never written
//! again until its chunks are deleted. What is too large for a page lies in *parts* under its own hash.
//!
//! ```text
//! head  manifest · [chunk chunk chunk]      ──tail is full──▶  page 17 [chunk chunk chunk chunk]
//!                                           ──too large────▶  part 0, part 1, part 2 …
//! ```
//! One record a commit and not two (chunk and manifest) took half of the CPU, because sled's cost is per
//! record: it copies a list of 16 keys for each, and splits a page at every 16th.
//!
//! Edit path: ← [`super::committer`] brings the batches of a group, → `sled::Batch`, applied at once.
//!
//! **Invariant:** `staged` and the `next_manifest`s hold whole batches only; what can fail is done
//! before a batch touches them.

use super::super::Space;
use super::codec::{self, Damage, Head, TAIL_BYTES_MAX, ValueName};
use super::read::{self, ReadError};
use super::tally::{Tally, term_of_head};
use super::{Opened, records};
use bytes::Bytes;
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKey, Manifest};
use dovetail_core::id::DocumentId;
use sled::{Db, IVec};
use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Heads kept for the next batch of their document, about 1 KiB each: as many as commits fit into a group
/// (see [`super::committer`]). Beyond that all are forgotten, and one read of the tree brings each back.
const HEADS_MAX: usize = 4_096;

const KEPT_UNTIL_APPLIED: &str = "a touched head is kept until it is applied";

/// A key and what is to lie there, or `None` for nothing.
type Record = (IVec, Option<IVec>);

/// Turns batches into records, and applies them to the tree. Durable they are only after a flush.
#[derive(Debug)]
pub(super) struct Writer {
    opened: Arc<Opened>,
    /// The heads as they are in the tree and in `staged`.
    heads: HashMap<DocumentId, OpenHead>,
    /// Documents with a `next_manifest`.
    touched: Vec<DocumentId>,
    /// Records to be applied, but for the heads. Of two for one key the later one counts.
    staged: Vec<Record>,
    /// Whether some of them are the server's own.
    own: bool,
    /// Of what is in the tree and in `staged`, but for the heads that are touched.
    tally: Tally,
}

#[derive(Debug, Default)]
struct OpenHead {
    head: Head,
    /// Of the last batch that is staged. The head is written once, however many there are.
    next_manifest: Option<Manifest>,
}

impl Writer {
    /// Goes on from what was counted in the tree.
    pub(super) fn new(opened: Arc<Opened>) -> Self {
        let tally = opened.tally;
        Self { opened, heads: HashMap::new(), touched: Vec::new(), staged: Vec::new(), own: false, tally }
    }

    /// Of what was applied last.
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes a batch up. It is in the tree after [`Writer::apply`], together with those before it.
    ///
    /// # Errors
    /// On damage this batch is refused and nothing is changed: the others may go on. When the disk
    /// fails, nobody may go on.
    pub(super) fn stage(&mut self, batch: Batch) -> Result<(), ReadError> {
        let Batch { document, put, delete, manifest } = batch;
        let mut open = self.open_head(&document)?;
        if !delete.is_empty() {
            if open.next_manifest.is_some() {
                // Deleting looks into the tree, so what was staged of this document has to be there. Applied
                // apart it is durable with the same flush.
                self.heads.insert(document.clone(), open);
                // Others are concerned: what was staged of them is gone with it.
                self.apply().map_err(ReadError::Disk)?;
                open = self.open_head(&document)?;
            }
            let deletion = read::caught(|| Deletion::plan(&self.opened.db, &document, &open.head, &delete))?;
            deletion.carry_out(&mut open.head, &mut self.staged);
        }
        for chunk in &put {
            self.put(&document, &mut open.head, chunk);
        }
        if open.next_manifest.replace(manifest).is_none() {
            self.touched.push(document.clone());
        }
        self.heads.insert(document, open);
        Ok(())
    }

    /// Takes up records of the server's own. What was staged before is applied first: how many parts a
    /// record has had is found in the tree.
    pub(super) fn stage_own(
        &mut self,
        space: Space,
        writes: &[(String, Option<Bytes>)],
    ) -> Result<(), ReadError> {
        self.apply().map_err(ReadError::Disk)?;
        let last_of_each: HashMap<&str, _> =
            writes.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect();
        let exchanges = read::caught(|| {
            let exchange = |(name, value): (&&str, &Option<&Bytes>)| {
                records::exchange(&self.opened.db, space, name, *value)
            };
            last_of_each.iter().map(exchange).collect::<Result<Vec<_>, _>>()
        })?;
        for exchange in exchanges {
            self.tally.exchange(exchange.before, exchange.after);
            self.staged.extend(exchange.records);
        }
        self.own = true;
        self.opened.unsynced().records = true;
        Ok(())
    }

    /// Brings what is staged into the tree, all of it or nothing.
    ///
    /// Where sled meets on the way with a bent page, a part is in the tree until the rest is, and nobody is shown it. A kill in that moment, some
    /// milliseconds with a page that was just bent, may leave that part on the disk: as damage, or as a store whose tally does not fit.
    pub(super) fn apply(&mut self) -> Result<(), sled::Error> {
        if self.touched.is_empty() && self.staged.is_empty() && !self.own {
            return Ok(()); // Counted and not written it would be missed at the next start.
        }
        let touched = mem::take(&mut self.touched);
        self.count(&touched);
        for document in &touched {
            self.stage_head(document)?;
        }
        if mem::take(&mut self.own) {
            self.stage_record(codec::TALLY_KEY.to_vec(), codec::encode_tally(self.tally).to_vec());
        }
        let staged = mem::take(&mut self.staged);
        let mut unsynced = self.opened.unsynced();
        unsynced.documents.extend(touched);
        let mut is_half = false;
        read::past_others(read::TO_WRITE, || {
            let applied = apply_at_once(&self.opened.db, &staged);
            if is_half || applied.is_err() {
                is_half = true;
                self.opened.half_applied.fetch_add(1, Ordering::Release);
            }
            applied
        })?;
        if self.heads.len() > HEADS_MAX {
            self.heads.clear();
        }
        Ok(())
    }

    /// Takes the head out of the kept ones, or reads it. Whoever changes it puts it back.
    fn open_head(&mut self, document: &DocumentId) -> Result<OpenHead, ReadError> {
        if let Some(open) = self.heads.remove(document) {
            return Ok(open);
        }
        let db = &self.opened.db;
        let found = read::caught(|| {
            let record = db.get(codec::head_key(document))?;
            if record.is_none() {
                // A new one may fall where a page of the tree is damaged: there nothing of it, and nothing of its neighbours, can be read
                // again. One that is not new was read by whoever adds to it. It costs a new document two look-ups, some microseconds.
                read::nothing_behind_head(db, document)?;
            }
            Ok(record)
        })?;
        let Some(record) = found else {
            self.opened.documents.fetch_add(1, Ordering::Relaxed);
            return Ok(OpenHead::default());
        };
        let (head, _) = codec::decode_head(document, &record)?;
        Ok(OpenHead { head, next_manifest: None })
    }

    fn put(&mut self, document: &DocumentId, head: &mut Head, chunk: &Chunk) {
        let (key, bytes) = (chunk.key(), chunk.bytes());
        let entry_bytes = codec::entry_bytes(bytes.len());
        if entry_bytes > TAIL_BYTES_MAX {
            return self.put_parts(document, &ValueName::Chunk(key), bytes);
        }
        if head.tail.len() + entry_bytes > TAIL_BYTES_MAX {
            self.stage_record(codec::page_key(document, head.next_page), mem::take(&mut head.tail));
            // After four billion pages the numbers begin again; those of the first ones are free by then.
            head.next_page = head.next_page.wrapping_add(1);
        }
        codec::put_entry(&mut head.tail, &key, bytes);
    }

    fn put_parts(&mut self, document: &DocumentId, name: &ValueName, bytes: &[u8]) {
        for (number, part) in (0u16..).zip(codec::to_parts(bytes)) {
            self.stage_record(codec::part_key(document, name, number), part);
        }
    }

    /// Every head that is written now says what all of them together count.
    fn count(&mut self, touched: &[DocumentId]) {
        self.tally.applied += 1;
        for document in touched {
            let head = &mut self.heads.get_mut(document).expect(KEPT_UNTIL_APPLIED).head;
            let term = |revision| term_of_head(document.as_bytes(), revision);
            let before = (head.revision > 0).then(|| term(head.revision));
            head.revision += 1;
            self.tally.exchange(before, Some(term(head.revision)));
        }
    }

    fn stage_head(&mut self, document: &DocumentId) -> Result<(), sled::Error> {
        let open = self.heads.get_mut(document).expect(KEPT_UNTIL_APPLIED);
        let manifest = open.next_manifest.take().expect("that is what touched means");
        let apart_before = open.head.manifest_apart;
        let (record, apart) = codec::encode_head(document, &mut open.head, self.tally, &manifest);
        let apart_now = open.head.manifest_apart;

        if let Some(hash) = apart_before.filter(|_| apart_before != apart_now) {
            let name = ValueName::Manifest(hash);
            // Where they may not go they stay: nothing names them any more.
            let parts = read::caught(|| keys_of_parts(&self.opened.db, document, &name)).unwrap_or_default();
            self.staged.extend(parts.into_iter().map(|part| (part, None)));
        }
        if let (Some(hash), Some(manifest)) = (apart_now, apart) {
            self.put_parts(document, &ValueName::Manifest(hash), &manifest);
        }
        self.stage_record(codec::head_key(document), record);
        Ok(())
    }

    fn stage_record(&mut self, key: Vec<u8>, record: Vec<u8>) {
        self.staged.push((key.into(), Some(record.into())));
    }
}

/// All of the records or none of them. One record alone is atomic by itself: as a `sled::Batch` it would
/// be written twice, first a mark and then the record, each through a pool whose eight threads all wake up.
fn apply_at_once(db: &Db, records: &[Record]) -> Result<(), sled::Error> {
    match records {
        [(key, Some(record))] => return db.insert(key, record.clone()).map(drop),
        [(key, None)] => return db.remove(key).map(drop),
        _ => {}
    }
    let mut batch = sled::Batch::default();
    for (key, record) in records {
        match record {
            Some(record) => batch.insert(key.clone(), record.clone()),
            None => batch.remove(key.clone()),
        }
    }
    db.apply_batch(batch)
}

/// What has to be done so that some chunks are gone, found out before anything is changed.
struct Deletion {
    tail: Vec<u8>,
    /// Pages without their deleted chunks, or `None` where nothing is left; and parts.
    records: Vec<Record>,
}

impl Deletion {
    /// Looks for the chunks in the tail, on all pages and among the values in parts. A chunk
    /// that was written twice lies on two pages. One that is nowhere is no error.
    fn plan(db: &Db, document: &DocumentId, head: &Head, delete: &[ChunkKey]) -> Result<Self, ReadError> {
        let mut doomed = Doomed { named: delete.iter().collect(), unseen: delete.iter().collect() };
        let tail = doomed.strike_from(&head.tail)?.unwrap_or_else(|| head.tail.clone());
        let mut records = Vec::new();
        for page in db.scan_prefix(codec::pages_prefix(document)) {
            let (key, page) = page?;
            if let Some(rest) = doomed.strike_from(&page)? {
                records.push((key, Some(rest).filter(|rest| !rest.is_empty()).map(IVec::from)));
            }
        }
        if let Some((page, _)) = records.iter().find(|(_, rest)| rest.is_none()) {
            read::page_before(db, page)?;
        }
        for key in doomed.unseen {
            let parts = keys_of_parts(db, document, &ValueName::Chunk(*key))?;
            records.extend(parts.into_iter().map(|part| (part, None)));
        }
        Ok(Self { tail, records })
    }

    fn carry_out(self, head: &mut Head, staged: &mut Vec<Record>) {
        head.tail = self.tail;
        staged.extend(self.records);
    }
}

/// The chunks to be deleted, and those of them that were on no page yet.
struct Doomed<'a> {
    named: HashSet<&'a ChunkKey>,
    unseen: HashSet<&'a ChunkKey>,
}

impl Doomed<'_> {
    /// A page without its doomed entries, or `None` if none of them is on it.
    fn strike_from(&mut self, page: &[u8]) -> Result<Option<Vec<u8>>, Damage> {
        let entries = codec::entries(page)?;
        if !entries.iter().any(|(key, _)| self.named.contains(key)) {
            return Ok(None);
        }
        let mut rest = Vec::with_capacity(page.len());
        for (key, bytes) in &entries {
            if self.named.contains(key) {
                self.unseen.remove(key);
            } else {
                codec::put_entry(&mut rest, key, bytes);
            }
        }
        Ok(Some(rest))
    }
}

/// Where the parts of a value that is to go lie; nowhere if it is not there.
fn keys_of_parts(db: &Db, document: &DocumentId, name: &ValueName) -> Result<Vec<IVec>, ReadError> {
    let first = codec::part_key(document, name, 0);
    if !db.contains_key(&first)? {
        // Most often so: it was small and lay on a page. A look-up costs a third of a scan.
        return Ok(Vec::new());
    }
    read::page_before(db, &first)?;
    let without_number = &first[..first.len() - 2];
    Ok(db.scan_prefix(without_number).keys().collect::<Result<_, _>>()?)
}
