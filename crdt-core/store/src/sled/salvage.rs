//! What can still be read of a log that sled cannot open, without sled, and without touching it.
//!
//! Sled finds a record by way of its tree: with one page that is bent all below it is out of reach, and with one segment that is missing, often everything.
//! But each message of the log says by itself what it is: a page of the tree with all that lay on it, or one key that was set or deleted on a page.
//! Taken page by page in the order in which they were written, they are the tree as it was, but for those that are bent. So they are read one by one, and
//! what comes of it is put into a store of its own, beside the log, for as long as somebody looks at it or copies it.
//!
//! ```text
//! message  = checksum 4 · kind 1 · length · number of its segment · page · content          numbers are varints of sled's
//! content  = page: next · merging · 1 · length of the prefix 1 · first key · key behind the last · 0 · count · key* · value*
//!            link: 0 · key · value, or 1 · key                                             keys without the prefix of their page
//! ```
//! Where a message is bent, the next one is looked for byte by byte. Behind a gap a page may be another one than before, with keys that begin otherwise; so
//! of what was changed on it after one only what fits our own keys is taken. A gap may also be where a segment was used again: nothing is missing then.
//!
//! It takes as much memory as the documents take, and as much room on the disk.
//!
//! Edit path: no edit comes by here.
//!
//! **Always true:** the log is only read; no bytes whatever make it panic.

use super::log::{HEADER_BYTES, SEGMENT_BYTES, crc32_of, from_bytes, read_at};
use super::open::LOG_FILE;
use super::{codec, records};
use dovetail_core::id::DocumentId;
use sled::Db;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use tracing::warn;

/// Where what was read lies meanwhile.
const DIRECTORY: &str = "salvaged";

/// So near its end no message begins in a segment.
const RED_ZONE: usize = 32;

/// Records that are brought into the new tree at once.
const TOGETHER: usize = 1_024;

/// The directory of what was read, removed when nobody looks at it any more.
#[derive(Debug)]
pub(super) struct Salvaged(PathBuf);

impl Drop for Salvaged {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // What stays is removed by the next who opens.
    }
}

/// Removes what a process that was killed has left.
pub(super) fn clear(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir.join(DIRECTORY)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A tree of everything that can be read of the log.
pub(super) fn salvage(dir: &Path) -> sled::Result<(Db, Salvaged)> {
    let mut records = read(&File::open(dir.join(LOG_FILE))?)?;
    warn!(dir = %dir.display(), records = records.len(), "the log is read without its index, as far as it can be");
    if !records.is_empty() {
        // It was written once, when the store was new. What has a newer one is not read as a document.
        records.entry(codec::FORMAT_KEY.to_vec()).or_insert_with(|| codec::FORMAT.to_be_bytes().to_vec());
    }
    clear(dir)?;
    let salvaged = Salvaged(dir.join(DIRECTORY));
    let db = sled::Config::new().path(&salvaged.0).flush_every_ms(None).open()?;
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        let mut batch = sled::Batch::default();
        records.by_ref().take(TOGETHER).for_each(|(key, record)| batch.insert(key, record));
        db.apply_batch(batch)?;
    }
    Ok((db, salvaged))
}

pub(super) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// All messages, segment by segment in the order in which they were written.
pub(super) fn read(log: &File) -> io::Result<Records> {
    let mut segments = BTreeMap::new();
    for segment in 0..log.metadata()?.len().div_ceil(SEGMENT_BYTES) {
        let at = segment * SEGMENT_BYTES;
        if let Some(number) = number(&segment_at(log, at)?) {
            segments.insert(number, at);
        }
    }
    let mut tree = Tree::default();
    let mut expected = None;
    let end = end(log, &segments)?;
    for (number, at) in segments {
        if expected.is_some_and(|expected| expected != number) {
            tree.doubt();
        }
        expected = Some(number + 1);
        if tree.replay(&segment_at(log, at)?, number, end).is_none() {
            break; // Nobody was answered that what comes now is there.
        }
    }
    Ok(tree.records())
}

fn segment_at(log: &File, at: u64) -> io::Result<Vec<u8>> {
    let mut segment = vec![0; SEGMENT_BYTES as usize];
    let read = read_at(log, &mut segment, at)?;
    segment.truncate(read);
    Ok(segment)
}

/// The how-manieth a segment is of all that were ever written: by its header, or by the first message that can be read in it.
fn number(segment: &[u8]) -> Option<u64> {
    let header = segment.first_chunk::<HEADER_BYTES>().and_then(from_bytes);
    match header {
        Some((number, _)) => Some(u64::try_from(number).ok()? / SEGMENT_BYTES),
        None => (HEADER_BYTES..segment.len())
            .find_map(|at| Message::at(segment, at, None))
            .map(|message| message.segment),
    }
}

/// Behind the last message that can be read.
fn end(log: &File, segments: &BTreeMap<u64, u64>) -> io::Result<u64> {
    let Some((&number, &at)) = segments.last_key_value() else { return Ok(0) };
    let segment = segment_at(log, at)?;
    let last = messages(&segment, number).last().map_or(0, |(at, message)| at + message.bytes);
    Ok(number * SEGMENT_BYTES + last as u64)
}

/// The messages of a segment that can be read, and where they lie.
fn messages(segment: &[u8], number: u64) -> impl Iterator<Item = (usize, Message<'_>)> {
    let mut at = HEADER_BYTES;
    std::iter::from_fn(move || {
        while at < segment.len() {
            let here = at;
            match Message::at(segment, here, Some(number)) {
                Some(message) => {
                    at += message.bytes;
                    return Some((here, message));
                }
                None => at += 1,
            }
        }
        None
    })
}

mod kind {
    pub(super) const CANCELED: u8 = 1;
    pub(super) const BATCH: u8 = 3;
    pub(super) const FREE: u8 = 4;
    pub(super) const PAGE: u8 = 8;
    pub(super) const PAGE_APART: u8 = 9;
    pub(super) const LINK: u8 = 10;
    pub(super) const LINK_APART: u8 = 11;
}

/// One message whose checksum is right.
struct Message<'a> {
    kind: u8,
    segment: u64,
    page: u64,
    content: &'a [u8],
    bytes: usize,
}

impl<'a> Message<'a> {
    fn at(segment: &'a [u8], at: usize, number: Option<u64>) -> Option<Self> {
        let whole = segment.get(at..)?;
        let kind = *whole.get(4)?;
        if !(kind::CANCELED..=kind::LINK_APART).contains(&kind) {
            return None;
        }
        let mut rest = Reader(whole.get(5..)?);
        let (length, segment, page) = (rest.number()?, rest.number()?, rest.number()?);
        if number.is_some_and(|number| number != segment) {
            return None;
        }
        let header = whole.len() - rest.0.len();
        let content = rest.0.get(..usize::try_from(length).ok()?)?;
        let sum = u32::from_le_bytes(*whole.first_chunk()?);
        let is_right = crc32_of(&[content, &whole[4..header]]) ^ u32::MAX == sum;
        is_right.then_some(Self { kind, segment, page, content, bytes: header + content.len() })
    }
}

/// The pages of the tree, as far as they were replayed. As with sled a page is the last that was written of it whole, and the links after
/// that: those before it may be of another page that had the same number, and are forgotten.
#[derive(Default)]
struct Tree {
    pages: HashMap<u64, Page>,
    /// How many were written whole.
    written: u64,
}

struct Page {
    /// Which one it is of all that were written.
    order: u64,
    leaf: Vec<u8>,
    /// What was changed on it since, and whether nothing may be missing between that and the page.
    links: Vec<(Vec<u8>, bool)>,
    is_sure: bool,
}

impl Tree {
    /// Something may be missing here: a page may have become another.
    fn doubt(&mut self) {
        self.pages.values_mut().for_each(|page| page.is_sure = false);
    }

    /// `None` where a batch begins that was not written to its end.
    fn replay(&mut self, segment: &[u8], number: u64, end: u64) -> Option<()> {
        let mut next = HEADER_BYTES;
        for (at, message) in messages(segment, number) {
            if at != next {
                self.doubt();
            }
            next = at + message.bytes;
            let page = message.page;
            match message.kind {
                kind::BATCH => {
                    let last = u64::from_le_bytes(*message.content.first_chunk()?);
                    (last <= end).then_some(())?;
                }
                kind::PAGE if Leaf::from_bytes(message.content).is_some() => {
                    let leaf = message.content.to_vec();
                    self.pages
                        .insert(page, Page { order: self.written, leaf, links: Vec::new(), is_sure: true });
                    self.written += 1;
                }
                // One that leads to others, or is no longer.
                kind::PAGE | kind::PAGE_APART | kind::FREE => drop(self.pages.remove(&page)),
                kind::LINK => {
                    if let Some(page) = self.pages.get_mut(&page) {
                        page.links.push((message.content.to_vec(), page.is_sure));
                    }
                }
                _ => {}
            }
        }
        if next + RED_ZONE < SEGMENT_BYTES as usize {
            self.doubt(); // Nothing fills it up to its end.
        }
        Some(())
    }

    /// What lies on the pages. Where two claim the same keys, because what became of the older one is lost, the newer one is right.
    fn records(self) -> Records {
        let mut pages: Vec<_> = self.pages.into_values().collect();
        pages.sort_unstable_by_key(|page| page.order);
        let mut records = Records::new();
        for page in pages {
            let Some(leaf) = Leaf::from_bytes(&page.leaf) else { continue };
            put(&mut records, &leaf);
            for (link, is_sure) in &page.links {
                change(&mut records, leaf.prefix, link, *is_sure);
            }
        }
        records
    }
}

/// Between its first key and its last there is what the page says, and nothing else.
fn put(records: &mut Records, leaf: &Leaf<'_>) {
    let behind = if leaf.behind.is_empty() { Bound::Unbounded } else { Bound::Excluded(leaf.behind) };
    if behind == Bound::Unbounded || leaf.first < leaf.behind {
        let within = records.range::<[u8], _>((Bound::Included(leaf.first), behind));
        let before: Vec<_> = within.map(|(key, _)| key.clone()).collect();
        before.iter().for_each(|key| drop(records.remove(key)));
    }
    for (key, record) in &leaf.records {
        records.insert([leaf.prefix, key].concat(), record.to_vec());
    }
}

/// One key of a page, set or deleted.
fn change(records: &mut Records, prefix: &[u8], link: &[u8], is_sure: bool) -> Option<()> {
    let mut link = Reader(link);
    let kind = link.byte()?;
    let key = [prefix, link.bytes()?].concat();
    match kind {
        0 => {
            let record = link.bytes()?;
            if is_sure || fits(&key, record) {
                records.insert(key, record.to_vec());
            }
        }
        1 if is_sure || is_of_a_document(&key) => drop(records.remove(&key)),
        _ => {}
    }
    Some(())
}

/// Whether a record is what was written under this key, or the key is one of ours to the byte.
fn fits(key: &[u8], record: &[u8]) -> bool {
    match codec::document_of_head_key(key) {
        Ok(document) => codec::progress(&document, record).is_ok(),
        Err(_) => is_of_a_document(key) || records::is_whole(key, record) || key == codec::TALLY_KEY,
    }
}

/// Whether it is the key of a page or a part of a document.
fn is_of_a_document(key: &[u8]) -> bool {
    let Some(length) = key.get(1) else { return false };
    let document = key.get(2..2 + usize::from(*length)).map(DocumentId::from_bytes);
    document.and_then(Result::ok).is_some_and(|document| codec::is_key_of(&document, key))
}

/// A page with records on it.
struct Leaf<'a> {
    prefix: &'a [u8],
    first: &'a [u8],
    behind: &'a [u8],
    records: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Leaf<'a> {
    fn from_bytes(page: &'a [u8]) -> Option<Self> {
        let mut rest = Reader(page);
        let (_next, _merging_child, _merging) = (rest.number()?, rest.number()?, rest.byte()?);
        let prefix = usize::from(rest.byte()?);
        let (first, behind) = (rest.bytes()?, rest.bytes()?);
        if rest.byte()? != 0 {
            return None;
        }
        let count = rest.number()?;
        let keys = (0..count).map(|_| rest.bytes()).collect::<Option<Vec<_>>>()?;
        let records = keys.into_iter().map(|key| Some((key, rest.bytes()?))).collect::<Option<Vec<_>>>()?;
        Some(Self { prefix: first.get(..prefix)?, first, behind, records })
    }
}

/// Reads what sled has written.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn number(&mut self) -> Option<u64> {
        Some(match self.byte()? {
            small @ 0..=240 => u64::from(small),
            high @ 241..=248 => 240 + 256 * u64::from(high - 241) + u64::from(self.byte()?),
            249 => 2_288 + 256 * u64::from(self.byte()?) + u64::from(self.byte()?),
            long => {
                let given = self.take(usize::from(long - 247))?;
                let mut bytes = [0; 8];
                bytes[..given.len()].copy_from_slice(given);
                u64::from_le_bytes(bytes)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, segment: u8, page: u8, content: &[u8]) -> Vec<u8> {
        let header = [kind, content.len() as u8, segment, page];
        let sum = crc32_of(&[content, &header]) ^ u32::MAX;
        [&sum.to_le_bytes()[..], &header, content].concat()
    }

    fn segment(messages: &[Vec<u8>]) -> Vec<u8> {
        [vec![0; HEADER_BYTES], messages.concat()].concat()
    }

    fn page(prefix: &[u8]) -> Vec<u8> {
        let length = prefix.len() as u8;
        [&[0, 0, 0, length, length][..], prefix, &[0, 0, 0]].concat()
    }

    fn set(key: &[u8], record: &[u8]) -> Vec<u8> {
        [&[0, key.len() as u8], key, &[record.len() as u8], record].concat()
    }

    /// ST42: what was changed on a page that had the number of another one before, and is no longer, is not taken for that one's: a part of a
    /// document would be read as another document's.
    #[test]
    fn st42_a_page_that_is_no_longer_gives_nothing() {
        let prefix = [2, 1, 7];
        let first = segment(&[message(kind::PAGE, 1, 5, &page(&prefix))]);
        let link = message(kind::LINK, 3, 5, &set(&[0, 0, 0, 1], b"of another document"));
        let replayed = |messages: &[Vec<u8>]| {
            let mut tree = Tree::default();
            tree.replay(&first, 1, u64::MAX).unwrap();
            tree.doubt();
            tree.replay(&segment(messages), 3, u64::MAX).unwrap();
            tree.records().len()
        };
        assert_eq!(replayed(std::slice::from_ref(&link)), 1);
        assert_eq!(replayed(&[link.clone(), message(kind::FREE, 3, 5, &[])]), 0);
        assert_eq!(replayed(&[link, message(kind::PAGE, 3, 5, &page(&[2, 1, 8]))]), 0);
    }

    /// ST42: no bytes make a reader panic, and what is cut off ends nothing but itself.
    #[test]
    fn st42_no_bytes_make_the_reader_panic() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let mut content: Vec<u8> = (0..random.usize(..60)).map(|_| random.u8(..)).collect();
            if random.bool() {
                content = page(&content[..content.len().min(9)]);
                content.truncate(random.usize(..=content.len()));
            }
            let kinds = kind::CANCELED..=kind::LINK_APART;
            let written =
                segment(&[message(random.u8(kinds), 1, 5, &content), message(kind::FREE, 1, 6, &[])]);
            assert!(messages(&written, 1).count() >= 2);
            let _ = number(&written[..random.usize(..=written.len())]);
            let mut tree = Tree::default();
            let _ = tree.replay(&written, 1, u64::MAX);
            let _ = tree.replay(&segment(&[message(kind::LINK, 1, 5, &content)]), 1, u64::MAX);
            drop(tree.records());
        }
    }
}
