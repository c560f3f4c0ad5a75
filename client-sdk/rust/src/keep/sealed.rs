//! A store that keeps everything encrypted in another one: what a device has is of no use to whoever finds its disk and not the key.
//!
//! ```text
//!                    plain                                  what lies below
//! chunk              kind, bytes                            kind, sealed bytes
//! manifest           kind, title, access                    all three sealed, in hexadecimal, as the title
//!                    heads, counts, times, lifecycle        the same, and sealed in: another one does not go with the title
//! record             name, value                            name, sealed value
//!
//! sealed = nonce 12 · AES-256-GCM-SIV of the bytes · tag 16
//! ```
//! Who has the disk sees the ids of documents, the names of records, heads (which are hashes), counts, times, what is deleted, and how long everything
//! is. Nothing can be changed or put elsewhere without being noticed, and whoever loads a document misses chunks by its heads. What is not noticed is
//! a whole document, or a record, that is gone or is again what it was some time ago. Another key means another store, into which everything is copied.
//!
//! Edit path: ← the device commits the batch of a change, → the batch is sealed, → the store below makes it durable and answers.
//!
//! Always true: of the content, the titles and the values nothing goes below as it is. The same in the same place is sealed to the same bytes, so that
//! a batch that is committed twice is there once. What does not open was not written here, and counts as damage.

use aes_gcm_siv::aead::{AeadInPlace, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce, Tag};
use bytes::Bytes;
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKey, ChunkKind, Lifecycle, Manifest, Stored};
use dovetail_core::grant::Access;
use dovetail_core::id::DocumentId;
use dovetail_store::{
    CHUNK_BYTES_MAX, CommitError, Health, Listed, LoadError, RECORD_BYTES_MAX, Space, Store, StoreFuture,
};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, mem};
use tokio::sync::OwnedMutexGuard;

/// What a sealed value has more than the plain one.
const SEAL_BYTES: usize = NONCE_BYTES + TAG_BYTES;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Names of records that begin with this are our own. No sign that a name may have sorts behind it, so they are the last of their space.
const OWN: char = '~';

/// The record by which a key is told from another one. It lies in [`Space::Server`].
const KEY_CHECK: &str = "~key-check";

/// What that record says. Only its seal matters.
const CHECKED: &[u8] = b"sealed by dovetail";

/// So many documents are tried with a key where the record that tells is gone. One that opens is enough, and not all of them will be damaged.
const DOCUMENTS_TRIED_MAX: usize = 100;

/// Thirty-two bytes that open a store. The app draws them and keeps them, in the keychain of the device, say: without them nothing can be read.
#[derive(Clone)]
pub struct StoreKey([u8; 32]);

/// Why a store could not be opened with a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// The app's doing: it was sealed with a key, and not with this one.
    #[error("the store was sealed with another key")]
    WrongKey,

    /// The app's doing: there is something in it already, which was written without a key.
    #[error("the store was made without a key: open it without one, or begin a new one")]
    NotSealed,

    /// The disk's doing: it cannot be told whether the key opens it.
    #[error(transparent)]
    Load(#[from] LoadError),

    /// The disk's doing: it is new, and could not be begun.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct SealedStore {
    /// Shared with the batches that wait for their turn, since those go on where nobody waits for them any more.
    sealed: Arc<Sealed>,
}

/// Whether a store was sealed, so that it has to be opened with its key: for those who have none, and would take all of it for damage.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn needs_key(store: &dyn Store) -> Result<bool, LoadError> {
    Ok(store.record(Space::Server, KEY_CHECK).await?.is_some())
}

impl StoreKey {
    /// The key made of these bytes. They have to be random ones: a password is no key.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

impl SealedStore {
    /// Over a store that was sealed with this key, or has nothing in it yet.
    ///
    /// # Errors
    /// See [`KeyError`]. A store that is refused is left as it was.
    pub(crate) async fn open(below: Arc<dyn Store>, key: StoreKey) -> Result<Self, KeyError> {
        let sealed = Sealed { below, cipher: Cipher::new(key), documents: Mutex::default() };
        sealed.check_key().await?;
        Ok(Self { sealed: Arc::new(sealed) })
    }
}

impl Store for SealedStore {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            check_size(&batch)?;
            // Everything up to the place in the line happens when this is first polled: that is what gives the order.
            let mut turn = Box::pin(self.sealed.line_of(&batch.document).lock_owned());
            let sealed = Arc::clone(&self.sealed);
            match (&mut turn).now_or_never() {
                Some(names) if names.know(&batch) => self.sealed.commit(batch, names).await,
                Some(names) => to_its_end(async move { sealed.commit(batch, names).await }).await,
                None => to_its_end(async move { sealed.commit(batch, turn.await).await }).await,
            }
        })
    }

    fn load(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Stored>, LoadError>> {
        let document = document.clone();
        Box::pin(async move {
            let Some(opened) = self.sealed.load(&document).await? else { return Ok(None) };
            self.sealed.line_of(&document).lock().await.learn(&opened);
            let chunks = opened.chunks.into_iter().map(|(chunk, _)| chunk).collect();
            Ok(Some(Stored { manifest: opened.manifest, chunks }))
        })
    }

    fn manifest(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Manifest>, LoadError>> {
        let document = document.clone();
        Box::pin(async move {
            let Some(manifest) = self.sealed.below.manifest(&document).await? else { return Ok(None) };
            let opened = self.sealed.open_manifest(&document, manifest);
            opened.map(Some).map_err(|Damage(what)| LoadError::Damaged { document, what })
        })
    }

    fn list(
        &self,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Listed>, LoadError>> {
        let page = self.sealed.below.list(after, limit);
        Box::pin(async move {
            let open = |(document, found): Listed| {
                let opened = found.and_then(|manifest| {
                    self.sealed.open_manifest(&document, manifest).map_err(|Damage(what)| what)
                });
                (document, opened)
            };
            Ok(page.await?.into_iter().map(open).collect())
        })
    }

    fn record(&self, space: Space, name: &str) -> StoreFuture<'_, Result<Option<Bytes>, LoadError>> {
        let name = name.to_owned();
        Box::pin(async move {
            if is_own(&name) {
                return Ok(None);
            }
            loop {
                let Some(first) = self.sealed.below.record(space, &name).await? else { return Ok(None) };
                if let Some(value) = self.sealed.open_record(space, &name, &first).await? {
                    return Ok(Some(value));
                }
            }
        })
    }

    fn records(
        &self,
        space: Space,
        after: Option<&str>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<(String, Bytes)>, LoadError>> {
        let after = after.map(str::to_owned);
        Box::pin(async move {
            loop {
                let mut page = self.sealed.below.records(space, after.as_deref(), limit).await?;
                // Behind our own there are no others, so a page that is cut here says by right that it is the last.
                page.retain(|(name, _)| !is_own(name));
                if let Some(page) = self.sealed.open_records(space, page).await? {
                    return Ok(page);
                }
            }
        })
    }

    fn write_records(
        &self,
        space: Space,
        writes: Vec<(String, Option<Bytes>)>,
    ) -> StoreFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let writes = self.sealed.seal_records(space, writes)?;
            self.sealed.below.write_records(space, writes).await
        })
    }

    fn health(&self) -> Health {
        self.sealed.below.health()
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            // What waits for its turn was accepted. Behind the last of every line, all of it has gone below.
            for line in self.sealed.lines() {
                drop(line.lock().await);
            }
            self.sealed.below.close().await;
        })
    }
}

/// Goes on where its caller does not: a future that is dropped does not take back what it asked for.
async fn to_its_end(
    commit: impl Future<Output = Result<(), CommitError>> + Send + 'static,
) -> Result<(), CommitError> {
    match tokio::spawn(commit).await {
        Ok(answer) => answer,
        Err(ended) if ended.is_panic() => resume_unwind(ended.into_panic()),
        // The runtime is shutting down.
        Err(_) => Err(CommitError::Closed),
    }
}

/// Refuses what would not fit below. What no store takes is refused with the figures of all stores; just below that it is the seal for
/// which there is no room.
fn check_size(batch: &Batch) -> Result<(), CommitError> {
    let bytes = batch.put.iter().map(|chunk| chunk.bytes().len()).max().unwrap_or(0);
    let fits = CHUNK_BYTES_MAX - SEAL_BYTES;
    let bytes_max = if bytes > CHUNK_BYTES_MAX { CHUNK_BYTES_MAX } else { fits };
    if bytes > fits { Err(CommitError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
}

/// The store below, and what it takes to write there.
struct Sealed {
    below: Arc<dyn Store>,
    cipher: Cipher,
    /// A std mutex: it is held to look a document up, never across an `.await`.
    documents: Mutex<HashMap<DocumentId, Line>>,
}

/// Of a document that this process has written or loaded: the line of its batches, and for whoever is at its head the names of its chunks. Tokio's
/// mutex, since it is first come, first served, and is held while a document is loaded.
type Line = Arc<tokio::sync::Mutex<Names>>;

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("below", &self.below).finish_non_exhaustive()
    }
}

/// A document as it was found below, each chunk with its name there.
struct Opened {
    manifest: Manifest,
    chunks: Vec<(Chunk, ChunkKey)>,
}

/// What was found below was not written here under this key. It says what, in the words of a log line.
struct Damage(String);

// ---- The key

impl Sealed {
    /// Whether the key is the one with which the store was sealed. A store with nothing in it is sealed with this one.
    async fn check_key(&self) -> Result<(), KeyError> {
        let label = Label::Record { space: Space::Server, name: KEY_CHECK };
        match self.below.record(Space::Server, KEY_CHECK).await? {
            Some(check) if self.cipher.open(&check, &label).is_some() => Ok(()),
            Some(_) => Err(KeyError::WrongKey),
            None if self.holds_anything().await? && !self.opens_a_document().await? => {
                Err(KeyError::NotSealed)
            }
            None => {
                let check = (KEY_CHECK.to_owned(), Some(self.cipher.seal(CHECKED, &label)));
                Ok(self.below.write_records(Space::Server, vec![check]).await?)
            }
        }
    }

    /// The check may be lost where a damaged store was left and what could be read of it went into this one.
    async fn opens_a_document(&self) -> Result<bool, LoadError> {
        let listed = self.below.list(None, DOCUMENTS_TRIED_MAX).await?;
        let opens =
            |(document, found): Listed| found.is_ok_and(|it| self.open_manifest(&document, it).is_ok());
        Ok(listed.into_iter().any(opens))
    }

    async fn holds_anything(&self) -> Result<bool, LoadError> {
        for space in Space::ALL {
            if !self.below.records(space, None, 1).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(!self.below.list(None, 1).await?.is_empty())
    }
}

// ---- Documents

impl Sealed {
    fn documents(&self) -> std::sync::MutexGuard<'_, HashMap<DocumentId, Line>> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines(&self) -> Vec<Line> {
        self.documents().values().cloned().collect()
    }

    fn line_of(&self, document: &DocumentId) -> Line {
        let mut documents = self.documents();
        match documents.get(document) {
            Some(line) => Arc::clone(line),
            None => Arc::clone(documents.entry(document.clone()).or_default()),
        }
    }

    /// Commits below when it is this batch's turn.
    async fn commit(&self, batch: Batch, mut names: OwnedMutexGuard<Names>) -> Result<(), CommitError> {
        if !names.know(&batch) {
            let opened = self.load(&batch.document).await.map_err(unlearnt)?;
            opened.iter().for_each(|opened| names.learn(opened));
        }
        let line = Arc::clone(OwnedMutexGuard::mutex(&names));
        let gone = names.named(&batch.delete);
        let batch = self.seal(batch, &mut names);
        let mut commit = self.below.commit(batch);
        // Asked for below before the next one is let go ahead, and waited for when it is: one sync of the disk serves many.
        let at_once = (&mut commit).now_or_never();
        drop(names);
        let answer = match at_once {
            Some(answer) => answer,
            None => commit.await,
        };
        if answer.is_ok() && !gone.is_empty() {
            line.lock().await.forget(&gone);
        }
        answer
    }

    /// The batch as it goes below. That is done where it was asked for and on no other thread: a change takes microseconds, and a snapshot
    /// 6 ms for each MiB, most of them for its two hashes.
    fn seal(&self, batch: Batch, names: &mut Names) -> Batch {
        let Batch { document, put, delete, manifest } = batch;
        let put = put.iter().map(|chunk| {
            let ChunkKey { kind, .. } = chunk.key();
            let label = Label::Chunk { document: &document, kind };
            let sealed = Chunk::new(kind, self.cipher.seal(chunk.bytes(), &label));
            names.put(chunk.key(), sealed.key());
            sealed
        });
        let put = put.collect();
        let delete = names.named(&delete).iter().map(|(_, name)| name.below).collect();
        let manifest = self.seal_manifest(&document, manifest);
        Batch { document, put, delete, manifest }
    }

    async fn load(&self, document: &DocumentId) -> Result<Option<Opened>, LoadError> {
        let Some(stored) = self.below.load(document).await? else { return Ok(None) };
        let opened = self.open(document, stored);
        opened.map(Some).map_err(|Damage(what)| LoadError::Damaged { document: document.clone(), what })
    }

    fn open(&self, document: &DocumentId, Stored { manifest, chunks }: Stored) -> Result<Opened, Damage> {
        let manifest = self.open_manifest(document, manifest)?;
        let open = |sealed: &Chunk| {
            let below = sealed.key();
            let bytes = self.cipher.open(sealed.bytes(), &Label::Chunk { document, kind: below.kind });
            let bytes = bytes.ok_or_else(|| Damage(format!("{below:?} does not open with the key")))?;
            Ok((Chunk::new(below.kind, bytes), below))
        };
        Ok(Opened { manifest, chunks: chunks.iter().map(open).collect::<Result<_, _>>()? })
    }
}

/// A batch that deletes chunks of unknown names could not go ahead.
fn unlearnt(error: LoadError) -> CommitError {
    match error {
        LoadError::Damaged { document, what } => CommitError::Damaged { document, what },
        LoadError::Unreadable { why } => CommitError::ReadOnly { why: why.into() },
        LoadError::Closed => CommitError::Closed,
    }
}

/// Under which names the chunks of one document lie below. Callers name a chunk by the hash of its plain bytes, the store below by that of the sealed
/// ones, and one does not follow from the other without the bytes.
///
/// An entry takes about 150 bytes. There is one for each chunk that is stored, of each document that this process has written or loaded: a device folds
/// the chunks of a document together when there are 256 of them, so that is up to 40 KB for one. One entry too many does no harm, since what it says
/// stays true; one that is missing is learnt by loading the document.
#[derive(Debug, Default)]
struct Names {
    chunks: HashMap<ChunkKey, Name>,
    puts: u64,
}

#[derive(Debug, Clone, Copy)]
struct Name {
    below: ChunkKey,
    /// Which put was the last of this chunk: only when it still is that one, the end of the chunk is the end of the entry.
    put: u64,
}

impl Names {
    /// Whether all chunks that the batch deletes have a name here, or get one by the batch.
    fn know(&self, batch: &Batch) -> bool {
        let is_put = |key: &ChunkKey| batch.put.iter().any(|chunk| chunk.key() == *key);
        batch.delete.iter().all(|key| self.chunks.contains_key(key) || is_put(key))
    }

    /// Those of these chunks that have a name.
    fn named(&self, keys: &[ChunkKey]) -> Vec<(ChunkKey, Name)> {
        keys.iter().filter_map(|key| self.chunks.get(key).map(|name| (*key, *name))).collect()
    }

    fn put(&mut self, plain: ChunkKey, below: ChunkKey) {
        self.puts += 1;
        self.chunks.insert(plain, Name { below, put: self.puts });
    }

    /// A batch may have put one of these once more since they were read: that one stays.
    fn learn(&mut self, opened: &Opened) {
        for (chunk, below) in &opened.chunks {
            self.chunks.entry(chunk.key()).or_insert(Name { below: *below, put: 0 });
        }
    }

    /// Chunks that are not there any more, unless they were put again meanwhile, even in the batch that deleted them.
    fn forget(&mut self, gone: &[(ChunkKey, Name)]) {
        for (key, then) in gone {
            if self.chunks.get(key).is_some_and(|now| now.put == then.put) {
                self.chunks.remove(key);
            }
        }
    }
}

// ---- Manifests

/// What of a manifest nobody may read.
#[derive(Serialize, Deserialize)]
struct Hidden {
    kind: Option<String>,
    title: Option<String>,
    /// As [`Access::to_stored`] writes it; nothing where nothing is written down.
    access: Option<String>,
}

impl Sealed {
    fn seal_manifest(&self, document: &DocumentId, mut manifest: Manifest) -> Manifest {
        let access = mem::take(&mut manifest.access);
        let hidden = Hidden {
            kind: manifest.kind.take(),
            title: manifest.title.take(),
            access: (*access != Access::default()).then(|| access.to_stored()),
        };
        let hidden = serde_json::to_vec(&hidden).expect("three texts are JSON");
        let sealed = self.cipher.seal(&hidden, &Label::Manifest { document, visible: &manifest });
        Manifest { title: Some(to_hex(&sealed)), ..manifest }
    }

    fn open_manifest(&self, document: &DocumentId, manifest: Manifest) -> Result<Manifest, Damage> {
        let damage = || Damage("its manifest does not open with the key".to_owned());
        let sealed = manifest.title.as_deref().and_then(from_hex).ok_or_else(damage)?;
        let label = Label::Manifest { document, visible: &manifest };
        let hidden = self.cipher.open(&sealed, &label).ok_or_else(damage)?;
        let unreadable = |what: &str| Damage(format!("its manifest cannot be read: {what}"));
        let Hidden { kind, title, access } =
            serde_json::from_slice(&hidden).map_err(|error| unreadable(&error.to_string()))?;
        let access = access.as_deref().map(Access::from_stored).transpose();
        let access = access.map_err(|error| unreadable(&error.to_string()))?.unwrap_or_default();
        Ok(Manifest { kind, title, access: Arc::new(access), ..manifest })
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// What [`to_hex`] wrote and nothing else: capitals are other bytes on the disk, and those are damage.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let half = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(half(*high)? << 4 | half(*low)?)).collect()
}

// ---- Records

fn is_own(name: &str) -> bool {
    name.starts_with(OWN)
}

/// A value may have as many bytes as a record below has, and sealed it has some more. What is too much lies in a second record, of this name. A value
/// has a second one exactly if its first one is full.
fn name_of_rest(name: &str) -> String {
    // A name may have no room for anything in front of it.
    format!("{OWN}{}", to_hex(&Sha256::digest(name)))
}

impl Sealed {
    fn seal_records(
        &self,
        space: Space,
        writes: Vec<(String, Option<Bytes>)>,
    ) -> Result<Vec<(String, Option<Bytes>)>, CommitError> {
        let mut sealed = Vec::with_capacity(2 * writes.len());
        for (name, value) in writes {
            if is_own(&name) {
                return Err(CommitError::BadName { name });
            }
            let (first, rest) = match value {
                None => (None, None),
                Some(value) => {
                    self.seal_record(space, &name, &value).map(|(first, rest)| (Some(first), rest))?
                }
            };
            // Where there is no rest, that of a longer value before it goes.
            sealed.push((name_of_rest(&name), rest));
            sealed.push((name, first));
        }
        Ok(sealed)
    }

    fn seal_record(
        &self,
        space: Space,
        name: &str,
        value: &Bytes,
    ) -> Result<(Bytes, Option<Bytes>), CommitError> {
        if value.len() > RECORD_BYTES_MAX {
            return Err(CommitError::TooLarge { bytes: value.len(), bytes_max: RECORD_BYTES_MAX });
        }
        let mut first = self.cipher.seal(value, &Label::Record { space, name });
        let rest = (first.len() >= RECORD_BYTES_MAX).then(|| first.split_off(RECORD_BYTES_MAX));
        Ok((first, rest))
    }

    /// The values of a page, or `None` if one of them was replaced while it was read.
    async fn open_records(
        &self,
        space: Space,
        page: Vec<(String, Bytes)>,
    ) -> Result<Option<Vec<(String, Bytes)>>, LoadError> {
        let mut opened = Vec::with_capacity(page.len());
        for (name, first) in page {
            let Some(value) = self.open_record(space, &name, &first).await? else { return Ok(None) };
            opened.push((name, value));
        }
        Ok(Some(opened))
    }

    /// The value that begins with `first`, or `None` if it was replaced while its rest was read.
    async fn open_record(&self, space: Space, name: &str, first: &Bytes) -> Result<Option<Bytes>, LoadError> {
        let label = Label::Record { space, name };
        let is_full = first.len() >= RECORD_BYTES_MAX;
        let opened = if is_full {
            let rest = self.below.record(space, &name_of_rest(name)).await?.unwrap_or_default();
            self.cipher.open(&[&first[..], &rest[..]].concat(), &label)
        } else {
            self.cipher.open(first, &label)
        };
        if opened.is_none() && is_full && self.below.record(space, name).await?.as_ref() != Some(first) {
            return Ok(None);
        }
        let damage =
            || LoadError::Unreadable { why: format!("the record {name:?} does not open with the key") };
        opened.map(Some).ok_or_else(damage)
    }
}

// ---- Sealing

/// What a value is, and of what. It is sealed in with the value, so that one which was put elsewhere does not open.
enum Label<'a> {
    Chunk { document: &'a DocumentId, kind: ChunkKind },
    Manifest { document: &'a DocumentId, visible: &'a Manifest },
    Record { space: Space, name: &'a str },
}

impl Label<'_> {
    /// No two labels have the same bytes: what has no fixed length comes last, or behind its length.
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Chunk { document, kind } => {
                let kind = match kind {
                    ChunkKind::Snapshot => 0,
                    ChunkKind::Changes => 1,
                    ChunkKind::Authors => 2,
                };
                [&[1, kind], document.as_bytes()].concat()
            }
            Self::Manifest { document, visible } => manifest_label(document, visible),
            Self::Record { space, name } => {
                let space = space.name();
                [&[3, space.len() as u8], space.as_bytes(), name.as_bytes()].concat()
            }
        }
    }
}

fn manifest_label(document: &DocumentId, visible: &Manifest) -> Vec<u8> {
    let Manifest { heads, changes, bytes, created_at, changed_at, lifecycle, .. } = visible;
    let (is_deleted, deleted_at) = match lifecycle {
        Lifecycle::Live => (0, 0),
        Lifecycle::Deleted { at } => (1, at.as_millis()),
    };
    let numbers = [*changes, *bytes, created_at.as_millis(), changed_at.as_millis(), is_deleted, deleted_at];
    let id = document.as_bytes();
    let mut label = Vec::with_capacity(2 + id.len() + 8 * numbers.len() + 32 * heads.len());
    // An id has 1 to 64 bytes.
    label.extend_from_slice(&[2, id.len() as u8]);
    label.extend_from_slice(id);
    label.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    heads.iter().for_each(|head| label.extend_from_slice(&head.0));
    label
}

/// Bytes to sealed bytes and back.
struct Cipher {
    aead: Aes256GcmSiv,
    nonces: [u8; 32],
}

impl Cipher {
    /// Two keys of one, because a key is for one thing. A change to what is sealed, and how, is a new text here.
    fn new(StoreKey(key): StoreKey) -> Self {
        let derived = |text: &[u8]| -> [u8; 32] {
            Sha256::new().chain_update(text).chain_update(key).finalize().into()
        };
        let aead = Aes256GcmSiv::new(&derived(b"dovetail sealed store 1, encryption").into());
        Self { aead, nonces: derived(b"dovetail sealed store 1, nonces") }
    }

    fn seal(&self, plain: &[u8], label: &Label<'_>) -> Bytes {
        let label = label.to_bytes();
        let nonce = self.nonce(plain, &label);
        let mut sealed = Vec::with_capacity(plain.len() + SEAL_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self.aead.encrypt_in_place_detached(&nonce.into(), &label, &mut sealed[NONCE_BYTES..]);
        sealed.extend_from_slice(&tag.expect("fewer bytes than the 64 GiB that can be encrypted"));
        sealed.into()
    }

    fn open(&self, sealed: &[u8], label: &Label<'_>) -> Option<Bytes> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let (encrypted, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let (nonce, tag) = (Nonce::from(*nonce), Tag::from(*tag));
        let mut plain = encrypted.to_vec();
        self.aead.decrypt_in_place_detached(&nonce, &label.to_bytes(), &mut plain, &tag).ok()?;
        Some(plain.into())
    }

    /// Of the bytes and not by chance, so that the same is sealed to the same. Under a key of its own, since a plain hash would tell whoever guesses
    /// the bytes that the guess is right. Should two values ever get one nonce, it shows whether they are equal and no more: that is what SIV is for.
    fn nonce(&self, plain: &[u8], label: &[u8]) -> [u8; NONCE_BYTES] {
        let hash = Sha256::new().chain_update(self.nonces).chain_update((label.len() as u64).to_le_bytes());
        let hash: [u8; 32] = hash.chain_update(label).chain_update(plain).finalize().into();
        std::array::from_fn(|at| hash[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dovetail_core::grant::{Entry, Grantee, Role};
    use dovetail_core::time::Timestamp;
    use dovetail_store::contract::Place;
    use dovetail_store::{Floor, MemoryStore, SledStore};
    use std::path::Path;
    use tempfile::TempDir;
    use tokio::runtime::Handle;
    use tokio::task::block_in_place;

    mod over_memory {
        dovetail_store::keeps_the_contract!(super::OverMemory(dovetail_store::MemoryStore::new()));
    }

    mod over_sled {
        dovetail_store::keeps_the_contract!(super::OverSled::new());
    }

    struct OverMemory(MemoryStore);

    impl Place for OverMemory {
        fn open(&self) -> Arc<dyn Store> {
            sealed_at_once(&(Arc::new(self.0.reopened()) as Arc<dyn Store>))
        }
    }

    struct OverSled(TempDir);

    impl OverSled {
        /// A store that was opened before: at the first time a record is written, and sled counts that among its commits.
        fn new() -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            place.open();
            place
        }
    }

    impl Place for OverSled {
        fn open(&self) -> Arc<dyn Store> {
            sealed_at_once(&sled_in(self.0.path()))
        }
    }

    /// For the contract, which opens its places without waiting.
    fn sealed_at_once(below: &Arc<dyn Store>) -> Arc<dyn Store> {
        block_in_place(|| Handle::current().block_on(async { Arc::new(sealed(below).await) }))
    }

    fn sled_in(dir: &Path) -> Arc<dyn Store> {
        Arc::new(SledStore::open(dir, Floor::Bytes(0)).unwrap())
    }

    async fn sealed(below: &Arc<dyn Store>) -> SealedStore {
        SealedStore::open(Arc::clone(below), key(1)).await.unwrap()
    }

    fn in_memory() -> Arc<dyn Store> {
        Arc::new(MemoryStore::new())
    }

    fn key(n: u8) -> StoreKey {
        StoreKey::from_bytes([n; 32])
    }

    fn id(n: u8) -> DocumentId {
        DocumentId::from_bytes(&[n; 16]).unwrap()
    }

    fn chunk(kind: ChunkKind, text: &str) -> Chunk {
        Chunk::new(kind, Bytes::copy_from_slice(text.as_bytes()))
    }

    fn changes(text: &str) -> Chunk {
        chunk(ChunkKind::Changes, text)
    }

    fn batch(document: &DocumentId, put: Vec<Chunk>) -> Batch {
        let manifest = Manifest {
            heads: put.iter().map(|chunk| automerge::ChangeHash(chunk.key().hash)).collect(),
            changes: put.len() as u64,
            bytes: 10,
            kind: Some("kind-walrus".to_owned()),
            title: Some("title-walrus".to_owned()),
            created_at: Timestamp::from_millis(1),
            changed_at: Timestamp::from_millis(2),
            lifecycle: Lifecycle::Live,
            access: Arc::new(Access {
                owner: Some("owner-walrus".parse().unwrap()),
                entries: vec![Entry {
                    to: Grantee::Group("group-walrus".into()),
                    role: Role::Read,
                    limits: None,
                    until: None,
                }],
                follows: None,
            }),
        };
        Batch { document: document.clone(), put, delete: vec![], manifest }
    }

    fn write(name: &str, value: &[u8]) -> Vec<(String, Option<Bytes>)> {
        vec![(name.to_owned(), Some(Bytes::copy_from_slice(value)))]
    }

    async fn texts(store: &dyn Store, document: &DocumentId) -> Vec<String> {
        let chunks = store.load(document).await.unwrap().unwrap().chunks;
        let mut texts: Vec<_> =
            chunks.iter().map(|chunk| String::from_utf8(chunk.bytes().to_vec()).unwrap()).collect();
        texts.sort();
        texts
    }

    /// What there is to be hidden: a document with chunks of all kinds, and records in all spaces.
    async fn write_walruses(store: &dyn Store) {
        let kinds = [ChunkKind::Snapshot, ChunkKind::Changes, ChunkKind::Authors];
        let large = "snapshot-walrus ".repeat(10_000);
        let mut put: Vec<_> = kinds.iter().map(|kind| chunk(*kind, "chunk-walrus")).collect();
        put.push(chunk(ChunkKind::Snapshot, &large));
        store.commit(batch(&id(1), put)).await.unwrap();
        for space in Space::ALL {
            store.write_records(space, write("name", b"record-walrus")).await.unwrap();
        }
        let full = b"full-walrus ".iter().copied().cycle().take(RECORD_BYTES_MAX).collect::<Vec<_>>();
        store.write_records(Space::Notes, write("full", &full)).await.unwrap();
    }

    fn files_in(dir: &Path) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            bytes.extend(if path.is_dir() { files_in(&path) } else { std::fs::read(path).unwrap() });
        }
        bytes
    }

    fn contains(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// RC40: on the disk there is nothing of what documents and records say, nor of their kinds, their titles and who may see them.
    #[tokio::test]
    async fn rc40_nothing_of_the_content_is_on_the_disk() {
        let (plain, under_key) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = sled_in(plain.path());
        write_walruses(&*store).await;
        store.close().await;
        let store = sealed(&sled_in(under_key.path())).await;
        write_walruses(&store).await;
        store.close().await;

        // The plain one shows that the search would find it.
        let written = ["chunk", "snapshot", "record", "full", "kind", "title", "owner", "group"];
        let plain = files_in(plain.path());
        for what in written {
            assert!(contains(&plain, &format!("{what}-walrus")), "{what}");
        }
        let under_key = files_in(under_key.path());
        assert!(under_key.len() > RECORD_BYTES_MAX);
        assert!(!contains(&under_key, "walrus") && !contains(&under_key, "WALRUS"));
        let in_hex = to_hex(b"walrus");
        assert!(!contains(&under_key, &in_hex));
    }

    /// RC40: a key does not show itself.
    #[test]
    fn rc40_a_key_does_not_show_itself() {
        let shown = format!("{:?} {:?}", key(0xab), KeyError::WrongKey);
        assert_eq!(shown, "StoreKey(..) WrongKey");
    }

    /// RC41: a store opens with its own key only, and is as it was after another one was tried.
    #[tokio::test]
    async fn rc41_another_key_is_refused() {
        let below = in_memory();
        assert_eq!(needs_key(&*below).await, Ok(false));
        write_walruses(&sealed(&below).await).await;
        assert_eq!(needs_key(&*below).await, Ok(true));

        let refused = SealedStore::open(Arc::clone(&below), key(2)).await.unwrap_err();
        assert_eq!(refused, KeyError::WrongKey);
        let store = sealed(&below).await;
        assert_eq!(store.load(&id(1)).await.unwrap().unwrap().chunks.len(), 4);
        assert_eq!(store.record(Space::Server, "name").await.unwrap().unwrap(), "record-walrus");
    }

    /// RC41: a store with nothing in it is under its key from the first opening on.
    #[tokio::test]
    async fn rc41_an_empty_store_belongs_to_the_first_key() {
        let below = in_memory();
        sealed(&below).await;
        assert_eq!(needs_key(&*below).await, Ok(true));
        let refused = SealedStore::open(Arc::clone(&below), key(2)).await.unwrap_err();
        assert_eq!(refused, KeyError::WrongKey);
    }

    /// RC41: a store that was made without a key is not mixed with one that has one, be it a document or a record that it holds.
    #[tokio::test]
    async fn rc41_a_plain_store_is_refused_with_a_key() {
        let (with_a_document, with_a_record) = (in_memory(), in_memory());
        with_a_document.commit(batch(&id(1), vec![])).await.unwrap();
        with_a_record.write_records(Space::Notes, write("name", b"value")).await.unwrap();
        for below in [with_a_document, with_a_record] {
            let refused = SealedStore::open(Arc::clone(&below), key(1)).await.unwrap_err();
            assert_eq!(refused, KeyError::NotSealed);
            assert_eq!(needs_key(&*below).await, Ok(false), "nothing was written into it");
        }
    }

    /// RC41: where the check is gone, as after damage, a document that opens with the key tells as much; with another key nothing is begun.
    #[tokio::test]
    async fn rc41_a_store_that_lost_its_check_is_told_by_its_documents() {
        let below = in_memory();
        write_walruses(&sealed(&below).await).await;
        below.write_records(Space::Server, vec![(KEY_CHECK.to_owned(), None)]).await.unwrap();
        let refused = SealedStore::open(Arc::clone(&below), key(2)).await.unwrap_err();
        assert_eq!(refused, KeyError::NotSealed);
        assert_eq!(sealed(&below).await.load(&id(1)).await.unwrap().unwrap().chunks.len(), 4);
        assert_eq!(needs_key(&*below).await, Ok(true));
    }

    /// RC41: what the store writes for itself is nobody else's.
    #[tokio::test]
    async fn rc41_the_check_of_the_key_is_no_record_of_anybody() {
        let store = sealed(&in_memory()).await;
        assert_eq!(store.record(Space::Server, KEY_CHECK).await, Ok(None));
        assert_eq!(store.records(Space::Server, None, 10).await, Ok(vec![]));
        let refused = store.write_records(Space::Server, vec![(KEY_CHECK.to_owned(), None)]).await;
        assert_eq!(refused, Err(CommitError::BadName { name: KEY_CHECK.to_owned() }));
    }

    /// RC42: a chunk that was put into another document, became another kind of chunk, was cut or has another bit is damage of that document alone.
    #[tokio::test]
    async fn rc42_a_chunk_that_was_moved_or_bent_is_damage_of_its_document() {
        let below = in_memory();
        let store = sealed(&below).await;
        store.commit(batch(&id(1), vec![changes("of the first")])).await.unwrap();
        let from = below.load(&id(1)).await.unwrap().unwrap().chunks.remove(0).bytes().clone();
        let mut bent = vec![("moved", ChunkKind::Changes, from.clone())];
        bent.extend(
            [0, SEAL_BYTES - 1, from.len() - 1]
                .map(|length| ("cut", ChunkKind::Changes, from.slice(..length))),
        );
        for bit in 0..from.len() * 8 {
            let mut bytes = from.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bent.push(("a bit", ChunkKind::Changes, bytes.into()));
        }
        for (what, kind, bytes) in bent {
            let document = if what == "moved" { id(2) } else { id(1) };
            assert_damaged(&below, &document, Chunk::new(kind, bytes), what).await;
        }
        assert_damaged(&below, &id(1), Chunk::new(ChunkKind::Snapshot, from), "another kind").await;
    }

    /// Puts a chunk below beside what is there, looks, and takes it away again.
    async fn assert_damaged(below: &Arc<dyn Store>, document: &DocumentId, bent: Chunk, what: &str) {
        let store = sealed(below).await;
        store.commit(batch(document, vec![changes("of its own")])).await.unwrap();
        store.commit(batch(&id(3), vec![changes("beside it")])).await.unwrap();
        let found = below.load(document).await.unwrap().unwrap();
        let as_it_was = Batch {
            document: document.clone(),
            put: vec![],
            delete: vec![bent.key()],
            manifest: found.manifest,
        };
        below.commit(Batch { put: vec![bent], delete: vec![], ..as_it_was.clone() }).await.unwrap();

        let loaded = store.load(document).await;
        let LoadError::Damaged { document: of, .. } = loaded.expect_err(what) else { panic!("{what}") };
        assert_eq!(of, *document);
        assert_eq!(texts(&store, &id(3)).await, ["beside it"]);
        // A batch that has to look for what it deletes finds the damage, and is not written.
        let deletes = Batch { delete: vec![changes("never there").key()], ..batch(document, vec![]) };
        let refused = store.commit(deletes).await;
        assert!(matches!(refused, Err(CommitError::Damaged { .. })), "{what}: {refused:?}");

        below.commit(as_it_was).await.unwrap();
        assert!(texts(&store, document).await.contains(&"of its own".to_owned()));
    }

    /// RC42: a manifest that goes with another document, or of which anything is another, is damage of that document alone, and is told as that in lists.
    #[tokio::test]
    async fn rc42_a_manifest_that_was_moved_or_bent_is_damage_of_its_document() {
        let below = in_memory();
        let store = sealed(&below).await;
        for n in [1, 2] {
            store.commit(batch(&id(n), vec![changes("a")])).await.unwrap();
        }
        let written = below.manifest(&id(1)).await.unwrap().unwrap();
        let title = written.title.clone().unwrap();
        let bent = [
            below.manifest(&id(2)).await.unwrap().unwrap(),
            Manifest { title: None, ..written.clone() },
            Manifest { title: Some(title[..title.len() - 1].to_owned()), ..written.clone() },
            Manifest { title: Some(title.to_uppercase()), ..written.clone() },
            Manifest { title: Some(flipped(&title)), ..written.clone() },
            Manifest { title: Some("ä".repeat(40)), ..written.clone() },
            Manifest { heads: vec![], ..written.clone() },
            Manifest { changes: 9, ..written.clone() },
            Manifest { bytes: 9, ..written.clone() },
            Manifest { created_at: Timestamp::from_millis(9), ..written.clone() },
            Manifest { changed_at: Timestamp::from_millis(9), ..written.clone() },
            Manifest { lifecycle: Lifecycle::Deleted { at: Timestamp::from_millis(0) }, ..written.clone() },
        ];
        for manifest in bent {
            let what = format!("{manifest:?}");
            below.commit(Batch { manifest, ..batch(&id(1), vec![]) }).await.unwrap();
            assert!(matches!(store.manifest(&id(1)).await, Err(LoadError::Damaged { .. })), "{what}");
            assert!(matches!(store.load(&id(1)).await, Err(LoadError::Damaged { .. })), "{what}");
            let listed = store.list(None, 10).await.unwrap();
            assert_eq!(
                listed.iter().map(|(_, found)| found.is_ok()).collect::<Vec<_>>(),
                [false, true],
                "{what}"
            );
        }
        // What lies in the places of what is hidden is not looked at.
        let ignored = Manifest { kind: Some("dashboard".to_owned()), ..written };
        below.commit(Batch { manifest: ignored, ..batch(&id(1), vec![]) }).await.unwrap();
        let expected = batch(&id(1), vec![changes("a")]).manifest;
        assert_eq!(store.manifest(&id(1)).await, Ok(Some(expected)));
    }

    fn flipped(title: &str) -> String {
        let last = if title.ends_with('0') { '1' } else { '0' };
        format!("{}{last}", &title[..title.len() - 1])
    }

    /// RC42: a record under another name or in another space, or with another bit, is damage; the others are read.
    #[tokio::test]
    async fn rc42_a_record_that_was_moved_or_bent_is_damage() {
        let below = in_memory();
        let store = sealed(&below).await;
        store.write_records(Space::Rules, write("name", b"value")).await.unwrap();
        store.write_records(Space::Rules, write("beside", b"it")).await.unwrap();
        let written = below.record(Space::Rules, "name").await.unwrap().unwrap();
        let mut one_bit = written.to_vec();
        one_bit[NONCE_BYTES] ^= 1;
        let bent: [(Space, &str, &[u8]); 5] = [
            (Space::Rules, "name", &one_bit),
            (Space::Rules, "name", &written[..written.len() - 1]),
            (Space::Rules, "name", b""),
            (Space::Rules, "nam", &written),
            (Space::Access, "name", &written),
        ];
        for (space, name, value) in bent {
            below.write_records(space, write(name, value)).await.unwrap();
            assert!(matches!(store.record(space, name).await, Err(LoadError::Unreadable { .. })), "{name}");
            assert!(matches!(store.records(space, None, 10).await, Err(LoadError::Unreadable { .. })));
            assert_eq!(store.record(Space::Rules, "beside").await.unwrap().unwrap(), "it");
        }
    }

    /// RC42: the same of a record that needs two below: neither goes with another one, and of none a part is left behind.
    #[tokio::test]
    async fn rc42_the_two_parts_of_a_full_record_belong_together() {
        let below = in_memory();
        let store = sealed(&below).await;
        let rest = name_of_rest("full");
        let mut rests = Vec::new();
        for length in RECORD_BYTES_MAX - SEAL_BYTES - 1..=RECORD_BYTES_MAX {
            let value = vec![7; length];
            store.write_records(Space::Notes, write("full", &value)).await.unwrap();
            assert_eq!(store.record(Space::Notes, "full").await.unwrap().unwrap(), value);
            assert_eq!(store.records(Space::Notes, None, 1).await.unwrap().len(), 1);
            rests.push(below.record(Space::Notes, &rest).await.unwrap());
        }
        assert!(rests[0].is_none() && rests[1..].iter().all(Option::is_some));

        let of_another = rests[SEAL_BYTES].clone();
        for bent in [of_another, None] {
            below.write_records(Space::Notes, vec![(rest.clone(), bent)]).await.unwrap();
            assert!(matches!(store.record(Space::Notes, "full").await, Err(LoadError::Unreadable { .. })));
        }
        store.write_records(Space::Notes, write("full", &[8; RECORD_BYTES_MAX])).await.unwrap();
        store.write_records(Space::Notes, write("full", b"short")).await.unwrap();
        assert_eq!(below.records(Space::Notes, None, 10).await.unwrap().len(), 1);
    }

    /// RC42: a record that is replaced between the reading of its two parts is read once more, and is no damage.
    #[tokio::test]
    async fn rc42_a_full_record_that_is_replaced_meanwhile_is_no_damage() {
        let below = in_memory();
        let store = sealed(&below).await;
        for after in [vec![2; RECORD_BYTES_MAX], b"short".to_vec()] {
            store.write_records(Space::Notes, write("full", &[1; RECORD_BYTES_MAX])).await.unwrap();
            let first_part = below.record(Space::Notes, "full").await.unwrap().unwrap();
            store.write_records(Space::Notes, write("full", &after)).await.unwrap();
            let page = vec![("full".to_owned(), first_part)];
            assert_eq!(
                store.sealed.open_records(Space::Notes, page).await,
                Ok(None),
                "it is to be read again"
            );
            assert_eq!(store.record(Space::Notes, "full").await.unwrap().unwrap(), after);
        }
    }

    /// RC43: batches of a document take effect in the order in which they were asked for, also where the first one names chunks that this process has not
    /// seen, and nobody waits for it any more.
    #[tokio::test]
    async fn rc43_a_batch_that_has_to_look_first_keeps_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let store = sealed(&sled_in(dir.path())).await;
        store.commit(batch(&id(1), vec![changes("a"), changes("b")])).await.unwrap();
        store.close().await;
        drop(store);

        let store = sealed(&sled_in(dir.path())).await;
        let delete = vec![changes("a").key(), changes("b").key()];
        let folded = Batch { delete, ..batch(&id(1), vec![chunk(ChunkKind::Snapshot, "a and b")]) };
        assert_eq!(store.commit(folded).now_or_never(), None, "it waits, and is dropped");
        let again = Batch {
            manifest: Manifest { changes: 7, ..batch(&id(1), vec![]).manifest },
            ..batch(&id(1), vec![changes("a")])
        };
        store.commit(again).await.unwrap();
        assert_eq!(texts(&store, &id(1)).await, ["a", "a and b"]);
        assert_eq!(store.manifest(&id(1)).await.unwrap().unwrap().changes, 7);

        // What waits for its turn when the store is closed was accepted.
        drop(store);
        let store = sealed(&sled_in(dir.path())).await;
        let last = Batch { delete: vec![changes("a").key()], ..batch(&id(1), vec![changes("last")]) };
        let mut last = store.commit(last);
        assert_eq!((&mut last).now_or_never(), None);
        store.close().await;
        assert_eq!(last.await, Ok(()));
        drop(store);
        assert_eq!(texts(&sealed(&sled_in(dir.path())).await, &id(1)).await, ["a and b", "last"]);
    }

    /// RC43: what is remembered of a document is what is stored of it: what was folded in is forgotten, and what was put again is not.
    #[tokio::test]
    async fn rc43_names_of_chunks_that_are_gone_are_forgotten() {
        let store = sealed(&in_memory()).await;
        let mut held = Vec::new();
        for n in 0..100 {
            let delete = if n % 10 == 9 { mem::take(&mut held) } else { vec![] };
            let put = changes(&n.to_string());
            held.push(put.key());
            store.commit(Batch { delete, ..batch(&id(1), vec![put]) }).await.unwrap();
        }
        let remembered = || async { store.sealed.line_of(&id(1)).lock().await.chunks.len() };
        assert_eq!(remembered().await, held.len());

        let both = Batch { delete: held.clone(), ..batch(&id(1), vec![changes("99")]) };
        store.commit(both).await.unwrap();
        assert_eq!(remembered().await, 1);
        store.commit(Batch { delete: held, ..batch(&id(1), vec![]) }).await.unwrap();
        assert_eq!(texts(&store, &id(1)).await, [""; 0]);
        assert_eq!(remembered().await, 0);
    }

    /// RC43: a chunk that leaves no room for its seal is refused with what it has and what fits.
    #[tokio::test]
    async fn rc43_a_chunk_without_room_for_its_seal_is_refused() {
        let store = sealed(&in_memory()).await;
        let fits = CHUNK_BYTES_MAX - SEAL_BYTES;
        let large = Chunk::new(ChunkKind::Snapshot, vec![0; fits + 1].into());
        let refused = store.commit(batch(&id(1), vec![large])).await;
        assert_eq!(refused, Err(CommitError::TooLarge { bytes: fits + 1, bytes_max: fits }));
        assert_eq!(store.load(&id(1)).await, Ok(None));
    }
}
