//! A backup: one tar file that any tool opens, with each document as Automerge itself writes it.
//!
//! ```text
//! backup.json                              {"format": 1, "made": ms, "dovetail": version}
//! records/rules/dashboard%2F3              what the server writes down for itself, by kind and name
//! documents/ID/manifest.json               what must be found in the document; see `manifest`
//! documents/ID/authors.0                   whose the actors are
//! documents/ID/document.automerge          for `Automerge.load`
//! end.json                                 {"documents": n, "records": n, "left_out": […], "sha256": of all before}
//! ```
//! The storage id is left out: a server that goes on from a backup is another one to its clients, since it may have lost what they
//! know to be saved with the one before. They compare with it from the beginning, and bring what it lacks.
//!
//! Edit path: no edit comes by here. What is written meanwhile is in the backup or not; each document is in it as it was at one moment.
//!
//! Always true: what is in a backup was checked when it was written, and is checked again when it is read. One whose end is missing, or of
//! which a byte is another, is not restored, in no part.

mod manifest; // A manifest as JSON.
mod name; // Names of records in a path.
pub(crate) mod read; // From the file.
pub(crate) mod write; // Into a file.

use dovetail_core::document::chunk::{Chunk, Manifest};
use dovetail_core::id::DocumentId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What this program writes. A change to what is in a backup is a new number.
const FORMAT: u32 = 1;

pub(crate) const BEGINNING: &str = "backup.json";
const END: &str = "end.json";
const RECORDS: &str = "records";
const DOCUMENTS: &str = "documents";
const MANIFEST: &str = "manifest.json";
const AUTHORS: &str = "authors.";
const CONTENT: &str = "document.automerge";

/// The first thing in a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Beginning {
    format: u32,
    made: u64,
    dovetail: String,
}

/// The last thing in a backup: how much it has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) documents: u64,
    pub(crate) records: u64,
    /// Documents that were damaged already.
    pub(crate) left_out: Vec<LeftOut>,
    /// Of all entries before, in hexadecimal digits.
    sha256: String,
}

/// A document that could not be copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    pub(crate) id: String,
    pub(crate) damage: String,
}

/// A document as it goes into a backup and comes out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) id: DocumentId,
    pub(crate) manifest: Manifest,
    pub(crate) chunks: Vec<Chunk>,
}

/// The hash over all entries: their paths, lengths and bytes.
#[derive(Debug, Default)]
struct Sum(Sha256);

impl Sum {
    fn add(&mut self, path: &str, bytes: &[u8]) {
        self.0.update(path);
        self.0.update([0]);
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn in_hex(&self) -> String {
        self.0.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests;
