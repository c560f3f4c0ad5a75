//! The document in memory, and the edits that become one change together.
//!
//! Edit path: ← [`super::Replica::edit`], → [`Tick::close`] makes the change of everything that was edited since the last one.
//!
//! Always true: an edit is in the document when it was taken, and nothing of it is when it was refused, whatever was taken before it.

use super::label::{bounded, label_of};
use automerge::transaction::{CommitOptions, OwnedTransaction};
use automerge::{Automerge, ChangeHash, ReadDoc};
use dovetail_core::dashboard::{Edit, EditError, apply_to};
use dovetail_core::json;
use dovetail_core::limits::CHANGE_OPS_MAX;
use dovetail_core::time::Timestamp;
use std::mem;

/// So many edits become one change at most: when one of them fails, those before it are made once more.
const EDITS_MAX: usize = 256;

/// A value has two bytes as JSON at least, with what stands around it: so many bytes are never more operations than a change may have.
const JSON_BYTES_MAX: u64 = 2 * CHANGE_OPS_MAX;

/// See the top of the file.
#[derive(Debug)]
pub(super) enum Tick {
    /// Nothing is open.
    Closed(Box<Automerge>),
    /// Edits were made that are no change yet.
    Open(Box<Open>),
    /// Only while one becomes the other.
    Between,
}

/// Edits on their way to be one change.
#[derive(Debug)]
pub(super) struct Open {
    transaction: OwnedTransaction,
    edits: Vec<Edit>,
    /// What they are as JSON.
    bytes: u64,
    label: Option<String>,
}

impl Tick {
    /// With nothing open.
    pub(super) fn new(doc: Automerge) -> Self {
        Self::Closed(Box::new(doc))
    }

    /// Makes all of these edits or none, together with those before.
    pub(super) fn edit(
        &mut self,
        edits: &[Edit],
        label: Option<&str>,
        bytes: u64,
    ) -> Result<(), Box<EditError>> {
        let mut open = match mem::replace(self, Self::Between) {
            Self::Closed(doc) => Open {
                transaction: opened(*doc),
                edits: Vec::new(),
                bytes: 0,
                label: label.map(str::to_owned),
            },
            Self::Open(open) => *open,
            Self::Between => unreachable!("nothing panics in between"),
        };
        let done = apply_to(&mut open.transaction, edits);
        match done {
            Ok(()) => {
                open.edits.extend_from_slice(edits);
                open.bytes += bytes;
                if open.label.as_deref() != label {
                    open.label = None;
                }
            }
            Err(_) => open = open.without_what_failed(),
        }
        *self = Self::Open(Box::new(open));
        done.map_err(Box::new)
    }

    /// Makes one change of what is open. Its hash, if that is one.
    pub(super) fn close(&mut self, now: Timestamp) -> Option<ChangeHash> {
        match mem::replace(self, Self::Between) {
            Self::Open(open) => {
                let label = open.label.unwrap_or_else(|| label_of(&open.transaction, &open.edits));
                let options =
                    CommitOptions::default().with_time(json::seconds(now)).with_message(bounded(label));
                let (doc, made, _) = open.transaction.commit_with(options);
                *self = Self::Closed(Box::new(doc));
                made
            }
            closed => {
                *self = closed;
                None
            }
        }
    }

    /// Whether so much more fits into the change that is open: while a store is busy, there may be much.
    pub(super) fn has_room(&self, bytes: u64, bytes_max: u64) -> bool {
        match self {
            Self::Open(open) => {
                open.bytes + bytes <= bytes_max.min(JSON_BYTES_MAX) && open.edits.len() < EDITS_MAX
            }
            Self::Closed(_) | Self::Between => true,
        }
    }

    /// Whether something was edited that is no change yet.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// The document alone, with nothing open.
    pub(super) fn into_doc(self) -> Automerge {
        match self {
            Self::Closed(doc) => *doc,
            Self::Open(_) | Self::Between => unreachable!("whoever wants the document closes it first"),
        }
    }

    /// The document, with nothing open.
    pub(super) fn doc(&mut self) -> &mut Automerge {
        match self {
            Self::Closed(doc) => doc,
            Self::Open(_) | Self::Between => unreachable!("whoever wants the document closes it first"),
        }
    }
}

impl Open {
    /// What was taken before is made once more: it could be made then, so it can be now.
    fn without_what_failed(self) -> Self {
        let mut transaction = opened(self.transaction.rollback().0);
        if let Err(error) = apply_to(&mut transaction, &self.edits) {
            tracing::error!(%error, "edits that were taken could not be made a second time");
        }
        Self { transaction, ..self }
    }
}

fn opened(doc: Automerge) -> OwnedTransaction {
    doc.into_transaction(None, None).expect("without a log there is none that does not fit")
}

/// Whether a document holds a change. What it lacks for this one says nothing: that names what other changes wait for, too.
pub(super) fn has(doc: &Automerge, hash: &ChangeHash) -> bool {
    doc.get_change_meta_by_hash(hash).is_some()
}

/// Whether changes have come that wait for others.
pub(super) fn has_orphans(doc: &Automerge) -> bool {
    !doc.get_missing_deps(&[]).is_empty()
}

/// Nothing was ever written into it.
pub(super) fn is_empty(doc: &Automerge) -> bool {
    doc.get_heads().is_empty() && doc.keys(automerge::ROOT).next().is_none()
}
