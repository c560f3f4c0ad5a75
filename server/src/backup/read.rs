//! A backup that is read back: every document and record in it, checked.
//!
//! Whatever lies in the file, nothing here panics, and no more is kept than one document.

use super::{
    AUTHORS, BEGINNING, Beginning, CONTENT, DOCUMENTS, END, End, FORMAT, MANIFEST, RECORDS, Saved, Sum,
};
use super::{manifest, name};
use crate::store::{RECORD_BYTES_MAX, Space};
use bytes::Bytes;
use dovetail_core::document::chunk::{Chunk, ChunkKind, Manifest, Stored};
use dovetail_core::document::{folded, verify};
use dovetail_core::id::DocumentId;
use std::io::{self, Read};

/// The most bytes of anything but a document's content: a manifest has some hundred, the end a line for each document that is left out.
const SMALL_BYTES_MAX: usize = 16 << 20;

/// The most bytes of a document's content. See [`CHUNK_BYTES_MAX`](crate::store::CHUNK_BYTES_MAX), which it has to fit into when it is
/// stored; unfolded it is several times that.
const CONTENT_BYTES_MAX: usize = 1 << 30;

/// What lies in a backup.
#[derive(Debug)]
pub(crate) enum Item {
    Record { space: Space, name: String, value: Bytes },
    Document(Saved),
}

/// Why a file is no backup that can be restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadBackupError {
    /// Or it ended too early.
    #[error("it cannot be read to its end")]
    Io(#[from] io::Error),
    /// Something else.
    #[error("it is no backup of Dovetail: it does not begin with {BEGINNING}")]
    Foreign,
    /// Of a newer program.
    #[error(
        "it has format {found}, and this program reads up to {FORMAT}: use the newer program that wrote it"
    )]
    Newer { found: u32 },
    /// Bytes are missing or others than they were.
    #[error("it is damaged at {path}: {what}")]
    Damaged { path: String, what: String },
    /// It was never finished, or cut.
    #[error("its end is missing: it was not finished, or was cut")]
    Cut,
}

fn damaged(path: &str, what: impl ToString) -> ReadBackupError {
    ReadBackupError::Damaged { path: path.to_owned(), what: what.to_string() }
}

/// Reads a file to its end and gives each thing in it to `each`. Only when this gives the end back was all of it right.
///
/// # Errors
/// What is wrong with the file, or what `each` says.
pub(crate) fn read<E: From<ReadBackupError>>(
    file: impl Read,
    mut each: impl FnMut(Item) -> Result<(), E>,
) -> Result<End, E> {
    let mut archive = tar::Archive::new(file);
    let mut sum = Sum::default();
    let mut reading = Reading::default();
    for entry in archive.entries().map_err(ReadBackupError::from)? {
        let (path, bytes) = whole(entry.map_err(|error| reading.unreadable(error))?)?;
        if path == END {
            return Ok(reading.end(&bytes, &sum)?);
        }
        sum.add(&path, &bytes);
        if let Some(item) = reading.entry(&path, bytes)? {
            each(item)?;
        }
    }
    Err(ReadBackupError::Cut.into())
}

fn whole(entry: tar::Entry<'_, impl Read>) -> Result<(String, Vec<u8>), ReadBackupError> {
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let most = if path.ends_with(CONTENT) { CONTENT_BYTES_MAX } else { SMALL_BYTES_MAX };
    let claimed = entry.size();
    if claimed > most as u64 {
        return Err(damaged(&path, format!("{claimed} bytes are more than can be there")));
    }
    let mut bytes = Vec::new();
    entry.take(claimed).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < claimed {
        return Err(ReadBackupError::Cut);
    }
    Ok((path, bytes))
}

/// What was read so far.
#[derive(Debug, Default)]
struct Reading {
    has_begun: bool,
    documents: u64,
    records: u64,
    /// The document whose content has not come yet.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    id: DocumentId,
    manifest: Manifest,
    authors: Vec<Chunk>,
}

impl Reading {
    /// What is no tar file from its beginning was never a backup.
    fn unreadable(&self, error: io::Error) -> ReadBackupError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadBackupError::Cut,
            _ if !self.has_begun => ReadBackupError::Foreign,
            _ => ReadBackupError::Io(error),
        }
    }

    fn entry(&mut self, path: &str, bytes: Vec<u8>) -> Result<Option<Item>, ReadBackupError> {
        if !self.has_begun {
            self.begin(path, &bytes)?;
            return Ok(None);
        }
        let mut pieces = path.splitn(3, '/');
        match (pieces.next(), pieces.next(), pieces.next()) {
            (Some(RECORDS), Some(space), Some(name)) => self.record(path, space, name, bytes).map(Some),
            (Some(DOCUMENTS), Some(id), Some(what)) => self.part(path, id, what, bytes),
            _ => Err(damaged(path, "nothing of a backup has this name")),
        }
    }

    fn begin(&mut self, path: &str, bytes: &[u8]) -> Result<(), ReadBackupError> {
        if path != BEGINNING {
            return Err(ReadBackupError::Foreign);
        }
        let beginning: Beginning = serde_json::from_slice(bytes).map_err(|_| ReadBackupError::Foreign)?;
        if beginning.format > FORMAT {
            return Err(ReadBackupError::Newer { found: beginning.format });
        }
        self.has_begun = true;
        Ok(())
    }

    fn record(
        &mut self,
        path: &str,
        space: &str,
        piece: &str,
        bytes: Vec<u8>,
    ) -> Result<Item, ReadBackupError> {
        let space = Space::ALL.into_iter().find(|known| known.name() == space && *known != Space::Server);
        let space = space.ok_or_else(|| damaged(path, "there are no such records"))?;
        let name = name::decoded(piece).ok_or_else(|| damaged(path, "this is no name of a record"))?;
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(damaged(path, "a record is not that long"));
        }
        self.records += 1;
        Ok(Item::Record { space, name, value: bytes.into() })
    }

    /// The manifest comes first, the content last.
    fn part(
        &mut self,
        path: &str,
        id: &str,
        what: &str,
        bytes: Vec<u8>,
    ) -> Result<Option<Item>, ReadBackupError> {
        let id: DocumentId = id.parse().map_err(|error| damaged(path, error))?;
        if what == MANIFEST {
            if self.open.is_some() {
                return Err(damaged(path, "the document before it has no content"));
            }
            let manifest = manifest::from_json(&bytes).map_err(|what| damaged(path, what))?;
            self.open = Some(Open { id, manifest, authors: Vec::new() });
            return Ok(None);
        }
        let mut open = self
            .open
            .take()
            .filter(|open| open.id == id)
            .ok_or_else(|| damaged(path, "its manifest does not stand before it"))?;
        if what.starts_with(AUTHORS) {
            open.authors.push(Chunk::new(ChunkKind::Authors, bytes.into()));
            self.open = Some(open);
            return Ok(None);
        }
        if what != CONTENT {
            return Err(damaged(path, "nothing of a document has this name"));
        }
        self.documents += 1;
        open.complete(path, &bytes).map(|saved| Some(Item::Document(saved)))
    }

    fn end(self, bytes: &[u8], sum: &Sum) -> Result<End, ReadBackupError> {
        let end: End = serde_json::from_slice(bytes).map_err(|error| damaged(END, error))?;
        let is_all = end.documents == self.documents && end.records == self.records && self.open.is_none();
        if !self.has_begun || !is_all {
            return Err(damaged(END, "it does not hold what it has to hold"));
        }
        if end.sha256 != sum.in_hex() {
            return Err(damaged(END, "its bytes are others than were written"));
        }
        Ok(end)
    }
}

impl Open {
    /// Folded into one snapshot, and compared with what the manifest tells.
    fn complete(self, path: &str, content: &[u8]) -> Result<Saved, ReadBackupError> {
        let Self { id, mut manifest, authors } = self;
        let mut chunks = authors;
        if !content.is_empty() {
            chunks.push(folded(content).map_err(|damage| damaged(path, damage))?);
        }
        manifest.bytes = chunks.iter().map(|chunk| chunk.bytes().len() as u64).sum();
        let stored = Stored { manifest, chunks };
        verify(&stored).map_err(|damage| damaged(path, damage))?;
        let Stored { manifest, chunks } = stored;
        Ok(Saved { id, manifest, chunks })
    }
}
