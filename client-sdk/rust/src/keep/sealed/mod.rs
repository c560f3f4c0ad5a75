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

mod cipher; // Bytes to sealed bytes and back.
mod names; // Under which names chunks lie below.
#[cfg(test)]
mod tests;

pub use cipher::StoreKey;

use bytes::Bytes;
use cipher::{Cipher, Label, SEAL_BYTES};
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKey, Manifest, Stored};
use dovetail_core::grant::Access;
use dovetail_core::id::DocumentId;
use dovetail_store::{
    CHUNK_BYTES_MAX, CommitError, Health, Listed, LoadError, RECORD_BYTES_MAX, Space, Store, StoreFuture,
};
use futures_util::FutureExt;
use names::Names;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, mem};
use tokio::sync::OwnedMutexGuard;

/// Names of records that begin with this are our own. No sign that a name may have sorts behind it, so they are the last of their space.
const OWN: char = '~';

/// The record by which a key is told from another one. It lies in [`Space::Server`].
const KEY_CHECK: &str = "~key-check";

/// What that record says. Only its seal matters.
const CHECKED: &[u8] = b"sealed by dovetail";

/// So many documents are tried with a key where the record that tells is gone. One that opens is enough, and not all of them will be damaged.
const DOCUMENTS_TRIED_MAX: usize = 100;

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
