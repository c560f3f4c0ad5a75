//! What a server has on its disk, in a world without disks: batches that are taken one by one, in order and whole, when
//! somebody says so.
//!
//! ```text
//!  asked ──▶ queue ──▶ kept, and an answer that waits ──▶ the document's task
//!              └─ at a crash: as many more as the seed says, then nothing
//! ```
//!
//! Always true: a batch is taken whole or not at all, behind all that were asked for before it. What is kept amounts to what its
//! manifest says, or [`Disk::take`] says that it does not.

use automerge::{Automerge, Change, ChangeHash};
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKey, ChunkKind, Manifest, Stored};
use dovetail_core::document::scan::scan;
use dovetail_core::document::{CommitFault, Input, LoadFault};
use dovetail_core::id::DocumentId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One document as it is stored.
#[derive(Debug, Default)]
pub struct StoredDocument {
    /// Nothing when nobody has brought it.
    pub manifest: Option<Manifest>,
    /// All chunks.
    pub chunks: BTreeMap<ChunkKey, Chunk>,
}

impl StoredDocument {
    /// Takes a batch, all of it.
    pub fn write(&mut self, batch: Batch) {
        for key in &batch.delete {
            self.chunks.remove(key);
        }
        self.chunks.extend(batch.put.into_iter().map(|chunk| (chunk.key(), chunk)));
        self.manifest = Some(batch.manifest);
    }

    /// As a store gives it back.
    #[must_use]
    pub fn load(&self) -> Option<Stored> {
        let manifest = self.manifest.clone()?;
        Some(Stored { manifest, chunks: self.chunks.values().cloned().collect() })
    }

    /// The document as a server would find it after a crash at this very moment.
    ///
    /// # Panics
    /// When the chunks are no document: then nobody would find it.
    #[must_use]
    pub fn document(&self) -> Automerge {
        let content = |chunk: &&Chunk| chunk.key().kind.is_content();
        let mut chunks: Vec<&Chunk> = self.chunks.values().filter(content).collect();
        chunks.sort_by_key(|chunk| chunk.key().kind);
        let bytes: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.bytes().to_vec()).collect();
        if bytes.is_empty() {
            return Automerge::new();
        }
        Automerge::load(&bytes).expect("what is stored can be loaded")
    }
}

/// What a document's task has asked for.
#[derive(Debug)]
pub enum Asked {
    /// What is known of it.
    Manifest,
    /// All of it.
    Chunks,
    /// That this be stored.
    Commit(Box<Batch>),
}

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It has too little room for this one.
    Low,
    /// It did not do this one, and will do the next.
    Hiccup,
    /// Nobody knows whether it did this one, and it takes no other before the server is started again.
    Broken,
}

/// See the top of the file.
#[derive(Debug, Default)]
pub struct Disk {
    kept: BTreeMap<DocumentId, Kept>,
    queue: VecDeque<(DocumentId, Asked)>,
    answers: BTreeMap<DocumentId, Input>,
    /// What was asked for when it broke: it may be there at the next start.
    doubtful: Option<Batch>,
    is_broken: bool,
}

/// A document that is stored, and what that amounts to.
#[derive(Debug, Default)]
struct Kept {
    stored: StoredDocument,
    changes: BTreeSet<ChangeHash>,
    heads: BTreeSet<ChangeHash>,
}

impl Disk {
    /// Somebody asks. There is one question of a document at a time.
    pub fn ask(&mut self, document: DocumentId, asked: Asked) {
        self.queue.push_back((document, asked));
    }

    /// How many questions wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing is written before the next start.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Does what is next, if there is something.
    ///
    /// # Errors
    /// When what is kept then is not what its manifest says.
    pub fn take(&mut self) -> Result<(), String> {
        let Some((document, asked)) = self.queue.pop_front() else { return Ok(()) };
        let kept = self.kept.get(&document).map(|kept| &kept.stored);
        let answer = match asked {
            Asked::Manifest => Input::Manifest(Ok(kept.and_then(|stored| stored.manifest.clone()))),
            Asked::Chunks => Input::Chunks(Ok(kept.and_then(StoredDocument::load))),
            Asked::Commit(_) if self.is_broken => Input::Stored(Err(CommitFault::Unavailable)),
            Asked::Commit(batch) => {
                self.write(*batch)?;
                Input::Stored(Ok(()))
            }
        };
        self.answers.insert(document, answer);
        Ok(())
    }

    /// Fails at what is next.
    pub fn fail(&mut self, how: Fault) {
        let Some((document, asked)) = self.queue.pop_front() else { return };
        let answer = match asked {
            Asked::Manifest => Input::Manifest(Err(LoadFault::Unavailable)),
            Asked::Chunks => Input::Chunks(Err(LoadFault::Unavailable)),
            Asked::Commit(batch) => {
                if how == Fault::Broken && !self.is_broken {
                    self.is_broken = true;
                    self.doubtful = Some(*batch);
                }
                let is_low = how == Fault::Low && !self.is_broken;
                Input::Stored(Err(if is_low { CommitFault::DiskLow } else { CommitFault::Unavailable }))
            }
        };
        self.answers.insert(document, answer);
    }

    /// The answer that a document's task has not seen yet.
    pub fn answer(&mut self, document: &DocumentId) -> Option<Input> {
        self.answers.remove(document)
    }

    /// Whether there is one.
    #[must_use]
    pub fn has_answered(&self, document: &DocumentId) -> bool {
        self.answers.contains_key(document)
    }

    /// The server is killed, and started again: so many more of what was asked for are there, and no answer.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn crash(&mut self, more: usize) -> Result<(), String> {
        let queue = std::mem::take(&mut self.queue);
        let commits = queue.into_iter().filter_map(|(_, asked)| match asked {
            Asked::Commit(batch) => Some(*batch),
            Asked::Manifest | Asked::Chunks => None,
        });
        let survive: Vec<Batch> = match self.doubtful.take() {
            // What came after it was not written.
            Some(doubtful) => Some(doubtful).into_iter().take(more).collect(),
            None => commits.take(more).collect(),
        };
        self.answers.clear();
        self.is_broken = false;
        survive.into_iter().try_for_each(|batch| self.write(batch))
    }

    /// Whether a change is stored.
    #[must_use]
    pub fn has(&self, document: &DocumentId, change: &ChangeHash) -> bool {
        self.kept.get(document).is_some_and(|kept| kept.changes.contains(change))
    }

    /// The heads of what is stored.
    #[must_use]
    pub fn heads(&self, document: &DocumentId) -> Vec<ChangeHash> {
        self.kept.get(document).into_iter().flat_map(|kept| kept.heads.iter().copied()).collect()
    }

    /// A document as it is stored.
    #[must_use]
    pub fn stored(&self, document: &DocumentId) -> Option<&StoredDocument> {
        self.kept.get(document).map(|kept| &kept.stored)
    }

    fn write(&mut self, batch: Batch) -> Result<(), String> {
        let kept = self.kept.entry(batch.document.clone()).or_default();
        let is_folded = !batch.delete.is_empty();
        let put = batch.put.clone();
        kept.stored.write(batch);
        // All that is there is loaded when something went; what only comes on top is counted, which is cheaper.
        if is_folded {
            kept.count_anew();
        } else {
            for chunk in put.iter().filter(|chunk| is_changes(chunk)) {
                kept.count_on(chunk).map_err(|error| error.to_string())?;
            }
        }
        let manifest = kept.stored.manifest.as_ref();
        if !manifest.is_some_and(|manifest| manifest.heads.iter().eq(&kept.heads)) {
            return Err("what is stored is not what its manifest says".to_owned());
        }
        Ok(())
    }
}

impl Kept {
    fn count_anew(&mut self) {
        let whole = self.stored.document();
        self.changes = whole.get_changes(&[]).iter().map(Change::hash).collect();
        self.heads = whole.get_heads().into_iter().collect();
    }

    fn count_on(&mut self, chunk: &Chunk) -> Result<(), Box<dyn std::error::Error>> {
        for chunk in scan(chunk.bytes()) {
            let change = Change::try_from(chunk?.whole)?;
            for dep in change.deps() {
                if !self.changes.contains(dep) {
                    return Err("a change is stored, and not what it builds on".into());
                }
                self.heads.remove(dep);
            }
            self.changes.insert(change.hash());
            self.heads.insert(change.hash());
        }
        Ok(())
    }
}

fn is_changes(chunk: &Chunk) -> bool {
    chunk.key().kind == ChunkKind::Changes
}
