//! Keys and records of the sled store, to bytes and back. Nothing here reads or writes.
//!
//! ```text
//! key                                          record
//! 0                                            format: u32
//! 1  id                                        head:  checksum 8 · length · {revision, next page, manifest} · tail
//! 2  length of id · id · page u32              page:  entries
//! 3  length of id · id · name 33 · part u16    part:  (the first one: length of the whole) · bytes
//! 4  a record of the server's own: see `records`
//! 5                                            tally of the last write of such a record
//!
//! tail, page = entry*        entry = kind · hash 32 · length · bytes
//! tally      = number 8 · sum 8: see `tally`
//! manifest   = 2 · tally · manifest, or 3 · tally · hash 32 of a manifest that lies apart as a value in parts; 0 and 1 without a tally
//! ```
//! Numbers in keys are big-endian, so that they sort; in records they are LEB128.
//!
//! **Always true:** no key is the beginning of another document's; a record made here has at most
//! [`RECORD_BYTES_MAX`]; what is decoded was compared with a checksum, but for the entries, whose
//! hash the reader compares (`Chunk::checked`); no bytes whatever make a decoder panic.

use super::super::CHUNK_BYTES_MAX;
use super::tally::Tally;
use automerge::ChangeHash;
use bytes::Bytes;
use dovetail_core::document::chunk::{ChunkKey, ChunkKind, Lifecycle, Manifest};
use dovetail_core::grant::Access;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What this program writes. A change to anything in this file is a new number.
pub(super) const FORMAT: u32 = 4;

/// Format 3 is the same but for the tally. Format 2 is the same but for who may do what, which its manifests do not say: they are nobody's. Format 1 kept the
/// storage id under another key: opened by this program it gets a new storage id, and clients compare documents from
/// the beginning once.
pub(super) const FORMAT_OLDEST: u32 = 1;

/// The most bytes of one record. Sled keeps up to 16 of them on a page and puts a page of more than
/// 128 KiB into a file of its own, which our sync of the log would not reach: 16 · 4 KiB is half of that.
pub(super) const RECORD_BYTES_MAX: usize = 4 << 10;

/// Change chunks collect in the document's head until they have this many bytes. More makes every commit
/// write more, fewer makes more pages to write and to load: 500 to 1,500 took the least CPU per commit.
pub(super) const TAIL_BYTES_MAX: usize = 1_000;

/// A manifest up to this size lies in the head, a larger one (of about 60 heads and more) apart.
const MANIFEST_IN_HEAD_BYTES_MAX: usize = 2 << 10;

/// What else a head consists of: checksum, length, revision, next page, tally and how the manifest lies.
const HEAD_FRAME_BYTES_MAX: usize = 80;

const _: () = assert!(TAIL_BYTES_MAX + MANIFEST_IN_HEAD_BYTES_MAX + HEAD_FRAME_BYTES_MAX <= RECORD_BYTES_MAX);

/// The first byte of a key.
mod kind {
    pub(super) const FORMAT: u8 = 0;
    pub(super) const HEAD: u8 = 1;
    pub(super) const PAGE: u8 = 2;
    pub(super) const VALUE: u8 = 3;
    // 4 is in `records`.
    pub(super) const TALLY: u8 = 5;
}

/// Bytes that are not what was written. It says what, in the words of a log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage(pub(super) String);

fn damage<T>(what: &str) -> Result<T, Damage> {
    Err(Damage(what.to_owned()))
}

// ---- Keys

/// Where the format's number lies.
pub(super) const FORMAT_KEY: [u8; 1] = [kind::FORMAT];

/// Where the tally of the server's own records lies.
pub(super) const TALLY_KEY: [u8; 1] = [kind::TALLY];

/// All heads are neighbours, in the order of their ids' bytes.
pub(super) const HEADS_PREFIX: [u8; 1] = [kind::HEAD];

/// Where a document's head lies. Nothing follows the id, so none is mistaken for another.
pub(super) fn head_key(document: &DocumentId) -> Vec<u8> {
    [&[kind::HEAD], document.as_bytes()].concat()
}

/// The document whose head lies here.
pub(super) fn document_of_head_key(key: &[u8]) -> Result<DocumentId, Damage> {
    let id = key.strip_prefix(&HEADS_PREFIX).unwrap_or_default();
    DocumentId::from_bytes(id).or_else(|_| damage("a head's key names no document"))
}

/// The beginning of all keys of a document's pages.
pub(super) fn pages_prefix(document: &DocumentId) -> Vec<u8> {
    prefix(kind::PAGE, document, 4)
}

/// Where a page lies. With an id of 16 bytes it has 22, which sled keeps without an allocation.
pub(super) fn page_key(document: &DocumentId, page: u32) -> Vec<u8> {
    let mut key = pages_prefix(document);
    key.extend_from_slice(&page.to_be_bytes());
    key
}

/// The beginning of all keys of a document's values in parts.
pub(super) fn values_prefix(document: &DocumentId) -> Vec<u8> {
    prefix(kind::VALUE, document, ValueName::BYTES + 2)
}

/// Where a part of a value lies.
pub(super) fn part_key(document: &DocumentId, name: &ValueName, part: u16) -> Vec<u8> {
    let mut key = values_prefix(document);
    key.push(name.tag());
    key.extend_from_slice(name.hash());
    key.extend_from_slice(&part.to_be_bytes());
    key
}

/// Whether a key is that of a page or a part of a document, to the byte.
pub(super) fn is_key_of(document: &DocumentId, key: &[u8]) -> bool {
    let rest_of = |prefix: &[u8]| key.strip_prefix(prefix).map(<[u8]>::len);
    rest_of(&pages_prefix(document)) == Some(4)
        || rest_of(&values_prefix(document)) == Some(ValueName::BYTES + 2)
}

fn prefix(kind: u8, document: &DocumentId, room_behind: usize) -> Vec<u8> {
    let id = document.as_bytes();
    let mut key = Vec::with_capacity(2 + id.len() + room_behind);
    // An id has 1 to 64 bytes. Its length before it keeps [7] from being the beginning of [7, 7].
    key.extend_from_slice(&[kind, id.len() as u8]);
    key.extend_from_slice(id);
    key
}

/// What lies in parts: a chunk too large for a page, or a manifest too large for a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ValueName {
    Chunk(ChunkKey),
    Manifest([u8; 32]),
}

impl ValueName {
    const BYTES: usize = 33;
    const MANIFEST: u8 = 2;

    fn tag(&self) -> u8 {
        match self {
            Self::Chunk(key) => chunk_kind_to_byte(key.kind),
            Self::Manifest(_) => Self::MANIFEST,
        }
    }

    fn hash(&self) -> &[u8; 32] {
        match self {
            Self::Chunk(key) => &key.hash,
            Self::Manifest(hash) => hash,
        }
    }
}

/// Which part of which value lies at a key that began with [`values_prefix`], of which this is the rest.
pub(super) fn name_and_part(rest_of_key: &[u8]) -> Result<(ValueName, u16), Damage> {
    let (tag, hash, part) = match rest_of_key {
        [tag, rest @ ..] if rest.len() == 34 => (*tag, &rest[..32], [rest[32], rest[33]]),
        _ => return damage("a value's key has the wrong length"),
    };
    let hash = hash.try_into().expect("32 bytes were cut off");
    let name = match tag {
        ValueName::MANIFEST => ValueName::Manifest(hash),
        tag => ValueName::Chunk(ChunkKey { kind: chunk_kind_from_byte(tag)?, hash }),
    };
    Ok((name, u16::from_be_bytes(part)))
}

fn chunk_kind_to_byte(kind: ChunkKind) -> u8 {
    match kind {
        ChunkKind::Snapshot => 0,
        ChunkKind::Changes => 1,
        // 2 is `ValueName::MANIFEST`, which lies among them.
        ChunkKind::Authors => 3,
    }
}

fn chunk_kind_from_byte(byte: u8) -> Result<ChunkKind, Damage> {
    match byte {
        0 => Ok(ChunkKind::Snapshot),
        1 => Ok(ChunkKind::Changes),
        3 => Ok(ChunkKind::Authors),
        _ => damage("a chunk of a kind that there is not"),
    }
}

// ---- Heads

/// A document's head but for the manifest: what a writer has to know to write the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Counts the batches. A reader that finds the same one before and after it read the rest has read
    /// one state.
    pub(super) revision: u64,
    /// The number of the page that the tail will become.
    pub(super) next_page: u32,
    /// Where the manifest lies, if it is too large for the head.
    pub(super) manifest_apart: Option<[u8; 32]>,
    /// Entries that are not on a page yet.
    pub(super) tail: Vec<u8>,
}

/// The manifest as a head holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ManifestPlace {
    Here(Manifest),
    Apart([u8; 32]),
}

/// The bytes of a head, and the manifest that has to lie apart from it, if it has to:
/// then `head.manifest_apart` is set to its name.
pub(super) fn encode_head(
    document: &DocumentId,
    head: &mut Head,
    tally: Tally,
    manifest: &Manifest,
) -> (Vec<u8>, Option<Vec<u8>>) {
    let manifest = encode_manifest(manifest);
    let apart = manifest.len() > MANIFEST_IN_HEAD_BYTES_MAX;
    head.manifest_apart = apart.then(|| Sha256::digest(&manifest).into());

    let mut fixed = Vec::with_capacity(HEAD_FRAME_BYTES_MAX + manifest.len().min(MANIFEST_IN_HEAD_BYTES_MAX));
    put_number(&mut fixed, head.revision);
    put_number(&mut fixed, u64::from(head.next_page));
    fixed.push(if apart { place::APART } else { place::HERE });
    fixed.extend_from_slice(&encode_tally(tally));
    match &head.manifest_apart {
        None => fixed.extend_from_slice(&manifest),
        Some(hash) => fixed.extend_from_slice(hash),
    }

    let mut record = Vec::with_capacity(12 + fixed.len() + head.tail.len());
    record.extend_from_slice(&checksum(document.as_bytes(), &fixed));
    put_number(&mut record, fixed.len() as u64);
    record.extend_from_slice(&fixed);
    record.extend_from_slice(&head.tail);
    (record, apart.then_some(manifest))
}

/// A head from its bytes.
pub(super) fn decode_head(document: &DocumentId, record: &[u8]) -> Result<(Head, ManifestPlace), Damage> {
    let (beginning, mut fixed, tail) = read_head(document, record)?;
    let place = if beginning.is_apart {
        ManifestPlace::Apart(fixed.array()?)
    } else {
        ManifestPlace::Here(decode_manifest(fixed.rest)?)
    };
    let manifest_apart = match &place {
        ManifestPlace::Here(_) => None,
        ManifestPlace::Apart(hash) => Some(*hash),
    };
    let Beginning { revision, next_page, .. } = beginning;
    Ok((Head { revision, next_page, manifest_apart, tail: tail.to_vec() }, place))
}

/// Of a head: its revision, and the tally that it was written with.
pub(super) fn progress(document: &DocumentId, record: &[u8]) -> Result<(u64, Tally), Damage> {
    let (beginning, ..) = read_head(document, record)?;
    Ok((beginning.revision, beginning.tally))
}

/// What a head begins with.
struct Beginning {
    revision: u64,
    next_page: u32,
    tally: Tally,
    is_apart: bool,
}

/// How the manifest lies. Formats before the fourth have no tally.
mod place {
    pub(super) const HERE_WITHOUT_TALLY: u8 = 0;
    pub(super) const APART_WITHOUT_TALLY: u8 = 1;
    pub(super) const HERE: u8 = 2;
    pub(super) const APART: u8 = 3;
}

/// The beginning, what of the fixed part is left, and the tail.
fn read_head<'a>(
    document: &DocumentId,
    record: &'a [u8],
) -> Result<(Beginning, Reader<'a>, &'a [u8]), Damage> {
    let mut reader = Reader { rest: record };
    let sum: [u8; 8] = reader.array()?;
    let fixed_len = reader.length()?;
    let fixed = reader.take(fixed_len)?;
    if sum != checksum(document.as_bytes(), fixed) {
        return damage("the manifest's checksum is wrong");
    }
    let mut fixed = Reader { rest: fixed };
    let revision = fixed.number()?;
    let next_page = u32::try_from(fixed.number()?).or_else(|_| damage("there are not that many pages"))?;
    let (is_apart, tally) = match fixed.byte()? {
        place::HERE_WITHOUT_TALLY => (false, Tally::default()),
        place::APART_WITHOUT_TALLY => (true, Tally::default()),
        place::HERE => (false, decode_tally(&fixed.array()?)),
        place::APART => (true, decode_tally(&fixed.array()?)),
        _ => return damage("the manifest lies nowhere that is known"),
    };
    Ok((Beginning { revision, next_page, tally, is_apart }, fixed, reader.rest))
}

/// A tally as heads, its own record and its file hold it.
pub(super) fn encode_tally(Tally { applied, sum }: Tally) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&applied.to_le_bytes());
    bytes[8..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The other way.
pub(super) fn decode_tally(bytes: &[u8; 16]) -> Tally {
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
    Tally { applied: number(0), sum: number(8) }
}

// ---- Manifests

fn encode_manifest(manifest: &Manifest) -> Vec<u8> {
    let Manifest { heads, changes, bytes, kind, title, created_at, changed_at, lifecycle, access } = manifest;
    let mut out = Vec::with_capacity(64 + 32 * heads.len() + title.as_ref().map_or(0, String::len));
    put_number(&mut out, heads.len() as u64);
    for head in heads {
        out.extend_from_slice(&head.0);
    }
    put_number(&mut out, *changes);
    put_number(&mut out, *bytes);
    put_text(&mut out, kind.as_deref());
    put_text(&mut out, title.as_deref());
    put_number(&mut out, created_at.as_millis());
    put_number(&mut out, changed_at.as_millis());
    match lifecycle {
        Lifecycle::Live => out.push(0),
        Lifecycle::Deleted { at } => {
            out.push(1);
            put_number(&mut out, at.as_millis());
        }
    }
    // What is nobody's is not written down at all: most documents of a server that asks nobody.
    if **access != Access::default() {
        put_text(&mut out, Some(&access.to_stored()));
    }
    out
}

/// A manifest that lay apart, from its bytes.
pub(super) fn decode_manifest_apart(hash: &[u8; 32], bytes: &[u8]) -> Result<Manifest, Damage> {
    if Sha256::digest(bytes)[..] != hash[..] {
        return damage("the manifest's hash is wrong");
    }
    decode_manifest(bytes)
}

fn decode_manifest(bytes: &[u8]) -> Result<Manifest, Damage> {
    let mut reader = Reader { rest: bytes };
    let heads_len = reader.length()?;
    let heads_bytes = reader.take(heads_len.saturating_mul(32))?;
    let to_hash = |hash: &[u8]| ChangeHash(hash.try_into().expect("chunks of 32"));
    let manifest = Manifest {
        heads: heads_bytes.chunks_exact(32).map(to_hash).collect(),
        changes: reader.number()?,
        bytes: reader.number()?,
        kind: reader.text()?,
        title: reader.text()?,
        created_at: Timestamp::from_millis(reader.number()?),
        changed_at: Timestamp::from_millis(reader.number()?),
        lifecycle: match reader.byte()? {
            0 => Lifecycle::Live,
            1 => Lifecycle::Deleted { at: Timestamp::from_millis(reader.number()?) },
            _ => return damage("a lifecycle that there is not"),
        },
        access: Arc::new(read_access(&mut reader)?),
    };
    if reader.rest.is_empty() { Ok(manifest) } else { damage("something follows the manifest") }
}

/// Who may do what, if that is written down.
fn read_access(reader: &mut Reader<'_>) -> Result<Access, Damage> {
    if reader.rest.is_empty() {
        return Ok(Access::default());
    }
    let text = reader.text()?.unwrap_or_default();
    Access::from_stored(&text).or_else(|_| damage("who may do what cannot be read"))
}

// ---- Entries of pages and tails

/// How many bytes an entry for a chunk of `length` bytes has.
pub(super) fn entry_bytes(length: usize) -> usize {
    // A length that fits onto a page has one or two bytes.
    33 + if length < 0x80 { 1 } else { 2 } + length
}

/// Adds an entry to a tail.
pub(super) fn put_entry(tail: &mut Vec<u8>, key: &ChunkKey, bytes: &[u8]) {
    tail.push(chunk_kind_to_byte(key.kind));
    tail.extend_from_slice(&key.hash);
    put_number(tail, bytes.len() as u64);
    tail.extend_from_slice(bytes);
}

/// The entries of a page or a tail, each with its bytes not yet compared with its hash.
pub(super) fn entries(record: &[u8]) -> Result<Vec<(ChunkKey, &[u8])>, Damage> {
    let mut reader = Reader { rest: record };
    let mut entries = Vec::new();
    while !reader.rest.is_empty() {
        let key = ChunkKey { kind: chunk_kind_from_byte(reader.byte()?)?, hash: reader.array()? };
        let length = reader.length()?;
        entries.push((key, reader.take(length)?));
    }
    Ok(entries)
}

// ---- Values in parts

/// Cuts a value into records, in the order of their parts.
pub(super) fn to_parts(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut first = Vec::with_capacity(RECORD_BYTES_MAX.min(bytes.len() + 5));
    put_number(&mut first, bytes.len() as u64);
    let (in_first, rest) = bytes.split_at(bytes.len().min(RECORD_BYTES_MAX - first.len()));
    first.extend_from_slice(in_first);
    std::iter::once(first).chain(rest.chunks(RECORD_BYTES_MAX).map(<[u8]>::to_vec))
}

/// How many parts the value has whose first part this is.
pub(super) fn parts_of(first: &[u8]) -> Result<u16, Damage> {
    let mut reader = Reader { rest: first };
    let length = reader.number()?;
    let in_first = (RECORD_BYTES_MAX - (first.len() - reader.rest.len())) as u64;
    let further = length.saturating_sub(in_first).div_ceil(RECORD_BYTES_MAX as u64);
    u16::try_from(1 + further).or_else(|_| damage("there are not that many parts"))
}

/// Puts a value together again from its parts as they come in order.
#[derive(Debug)]
pub(super) struct Joined {
    length: usize,
    bytes: Vec<u8>,
}

impl Joined {
    /// Begins with the first part.
    pub(super) fn begin(first: &[u8]) -> Result<Self, Damage> {
        let mut reader = Reader { rest: first };
        let length = usize::try_from(reader.number()?).or_else(|_| damage("too long to be true"))?;
        // Not `length`: it is not known to be true before the rest is there.
        let mut bytes = Vec::with_capacity(length.min(CHUNK_BYTES_MAX));
        bytes.extend_from_slice(reader.rest);
        Ok(Self { length, bytes })
    }

    /// Goes on with the next part.
    pub(super) fn push(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(part);
    }

    /// The whole value, if that is what came.
    pub(super) fn finish(self) -> Result<Bytes, Damage> {
        if self.bytes.len() != self.length {
            return Err(Damage(format!("{} bytes of {} are there", self.bytes.len(), self.length)));
        }
        Ok(self.bytes.into())
    }
}

/// The beginning of the SHA-256 of a record and of whose it is: one that was moved is noticed too.
pub(super) fn checksum(whose: &[u8], bytes: &[u8]) -> [u8; 8] {
    let hash = Sha256::new().chain_update(whose).chain_update([0]).chain_update(bytes).finalize();
    *hash.first_chunk().expect("a SHA-256 has 32 bytes")
}

// ---- Primitives

/// A number in LEB128: 7 bits a byte, the lowest first.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A text that may be absent: 0, or its length and one.
fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    put_number(out, text.map_or(0, |text| text.len() as u64 + 1));
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// Reads what was written, and says so when it ends too early. It allocates nothing.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Damage> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return damage("a record ends too early");
        };
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Damage> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        Ok(self.take(N)?.try_into().expect("as many as were taken"))
    }

    fn number(&mut self) -> Result<u64, Damage> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        damage("a number has no end")
    }

    /// A number of things that are to follow.
    fn length(&mut self) -> Result<usize, Damage> {
        usize::try_from(self.number()?).or_else(|_| damage("too long to be true"))
    }

    fn text(&mut self) -> Result<Option<String>, Damage> {
        let Some(length) = self.length()?.checked_sub(1) else {
            return Ok(None);
        };
        let text = String::from_utf8(self.take(length)?.to_vec());
        text.map(Some).or_else(|_| damage("a text is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dovetail_core::document::chunk::Chunk;
    use proptest::prelude::*;

    fn manifests() -> impl Strategy<Value = Manifest> {
        let heads = prop::collection::vec(any::<[u8; 32]>().prop_map(ChangeHash), 0..80);
        let text = || prop::option::of(".{0,40}");
        let lifecycle = prop::option::of(any::<u64>());
        let owner = prop::option::of("[a-z]{1,20}");
        (heads, any::<[u64; 4]>(), text(), text(), lifecycle, owner).prop_map(
            |(heads, numbers, kind, title, deleted, owner)| Manifest {
                heads,
                changes: numbers[0],
                bytes: numbers[1],
                kind,
                title,
                created_at: Timestamp::from_millis(numbers[2]),
                changed_at: Timestamp::from_millis(numbers[3]),
                lifecycle: match deleted {
                    None => Lifecycle::Live,
                    Some(at) => Lifecycle::Deleted { at: Timestamp::from_millis(at) },
                },
                access: Arc::new(Access {
                    owner: owner.map(|owner| owner.parse().unwrap()),
                    entries: Vec::new(),
                    follows: None,
                }),
            },
        )
    }

    fn document() -> DocumentId {
        DocumentId::from_bytes(&[7; 16]).unwrap()
    }

    fn tail_of(chunks: &[Vec<u8>]) -> Vec<u8> {
        let mut tail = Vec::new();
        for bytes in chunks {
            let chunk = Chunk::new(ChunkKind::Changes, bytes.clone().into());
            put_entry(&mut tail, &chunk.key(), bytes);
        }
        tail
    }

    proptest! {
        /// ST14: a head comes back as it was written, its manifest in it or apart.
        #[test]
        fn st14_a_head_round_trips(
            manifest in manifests(), revision: u64, next_page: u32, applied: u64, sum: u64,
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..3),
        ) {
            let mut head = Head { revision, next_page, tail: tail_of(&chunks), ..Head::default() };
            let tally = Tally { applied, sum };
            let (record, apart) = encode_head(&document(), &mut head, tally, &manifest);
            prop_assert_eq!(progress(&document(), &record), Ok((revision, tally)));
            prop_assert!(record.len() <= RECORD_BYTES_MAX);
            let (decoded, place) = decode_head(&document(), &record).unwrap();
            prop_assert_eq!(&decoded, &head);
            let found = match (place, apart) {
                (ManifestPlace::Here(found), None) => found,
                (ManifestPlace::Apart(hash), Some(bytes)) => decode_manifest_apart(&hash, &bytes).unwrap(),
                other => panic!("the manifest is {other:?}"),
            };
            prop_assert_eq!(found, manifest);
            let found: Vec<_> = entries(&decoded.tail).unwrap().into_iter().map(|(_, bytes)| bytes.to_vec()).collect();
            prop_assert_eq!(found, chunks);
        }

        /// ST16: whichever byte of a record is another, it is noticed.
        #[test]
        fn st16_every_changed_byte_of_a_head_is_noticed(manifest in manifests(), at: prop::sample::Index, by in 1u8..) {
            let mut head = Head { tail: tail_of(&[vec![1; 40]]), ..Head::default() };
            let (mut record, _) = encode_head(&document(), &mut head, Tally::default(), &manifest);
            let at = at.index(record.len());
            record[at] ^= by;
            let intact = decode_head(&document(), &record).and_then(|(head, _)| {
                Ok(entries(&head.tail)?.into_iter().all(|(key, bytes)| {
                    Chunk::checked(key, Bytes::copy_from_slice(bytes)).is_some()
                }))
            });
            // The kind of a chunk is not hashed; all else is.
            let tail_starts_at = record.len() - head.tail.len();
            prop_assert!(intact != Ok(true) || at == tail_starts_at);
        }

        /// ST16: no bytes make a decoder panic.
        #[test]
        fn st16_foreign_bytes_are_damage_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_head(&document(), &bytes);
            let _ = decode_manifest(&bytes);
            let _ = entries(&bytes);
            let _ = name_and_part(&bytes);
            let _ = parts_of(&bytes);
            let _ = Joined::begin(&bytes).and_then(Joined::finish);
        }

        /// ST8: a value cut into parts comes back, and its first part tells how many there are.
        #[test]
        fn st8_a_value_in_parts_round_trips(length in 0usize..40_000) {
            let value: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let parts: Vec<_> = to_parts(&value).collect();
            prop_assert!(parts.iter().all(|part| part.len() <= RECORD_BYTES_MAX));
            prop_assert_eq!(parts_of(&parts[0]).unwrap() as usize, parts.len());
            let mut joined = Joined::begin(&parts[0]).unwrap();
            parts[1..].iter().for_each(|part| joined.push(part));
            prop_assert_eq!(joined.finish().unwrap(), value);
        }

        /// ST9: a key says whose it is, and no document's keys begin with another's prefix.
        #[test]
        fn st9_keys_of_different_documents_do_not_mix(
            one in prop::collection::vec(0u8..3, 1..6), other in prop::collection::vec(0u8..3, 1..6), page: u32,
        ) {
            let ids = [&one, &other].map(|bytes| DocumentId::from_bytes(bytes).unwrap());
            prop_assert_eq!(document_of_head_key(&head_key(&ids[0])).unwrap(), ids[0].clone());
            prop_assert_eq!(page_key(&ids[0], page).starts_with(&pages_prefix(&ids[1])), one == other);
            prop_assert_eq!(head_key(&ids[0]).cmp(&head_key(&ids[1])), one.cmp(&other));
        }
    }

    /// ST8: the largest chunk fits into the numbers of its parts.
    #[test]
    fn st8_the_largest_chunk_has_a_number_for_each_part() {
        let mut first = Vec::new();
        put_number(&mut first, CHUNK_BYTES_MAX as u64);
        assert!(parts_of(&first).is_ok());
    }

    #[test]
    fn st16_the_room_that_an_entry_takes_is_known_before_it_is_made() {
        for length in [0, 1, 127, 128, 900] {
            let bytes = vec![1; length];
            assert_eq!(tail_of(&[bytes]).len(), entry_bytes(length));
        }
    }
}
