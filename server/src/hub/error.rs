//! Why the hub did not do what it was asked for.
//!
//! Edit path: ← the machine of a document refuses something, or its task cannot be reached, → words for
//! [`reply`](crate::gateway::reply), which names a document and nothing else of the house.

use crate::store::{CommitError, LoadError};
use dovetail_core::document::{Refusal, Rejection};
use dovetail_core::id::DocumentId;

/// Why the hub cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenHubError {
    /// The store does not tell who it is.
    #[error("could not read the storage id")]
    Load(#[from] LoadError),
    /// The store does not take who it is.
    #[error("could not write the storage id")]
    Commit(#[from] CommitError),
    /// What lies there is no id.
    #[error("the stored storage id is damaged")]
    Damaged,
    /// Who may do what with whole kinds of documents cannot be read.
    #[error("the stored policy is damaged")]
    DamagedPolicy,
}

/// Why changes from a door did not become part of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Nobody has brought such a document.
    #[error("there is no document {document}")]
    Unknown {
        /// Which.
        document: DocumentId,
    },
    /// Somebody deleted it.
    #[error("the document {document} was deleted")]
    Deleted {
        /// Which.
        document: DocumentId,
    },
    /// Ours: what is stored of it is damaged.
    #[error("what is stored of {document} is damaged")]
    Damaged {
        /// Which.
        document: DocumentId,
    },
    /// The sender's doing: Automerge cannot take it.
    #[error("the change to {document} cannot be taken: {reason}")]
    InvalidChange {
        /// Which.
        document: DocumentId,
        /// In words.
        reason: String,
    },
    /// The sender may not do that.
    #[error("{why}")]
    Rejected {
        /// Which.
        document: DocumentId,
        /// Why.
        why: Rejection,
    },
    /// Ours: it was fine, and it could not be kept. The same may succeed later.
    #[error("could not store the change to {document}")]
    Store {
        /// Which.
        document: DocumentId,
    },
    /// Ours: it was fine, and there is no room to keep it. The same will succeed when there is.
    #[error("the change to {document} was not taken: the server's disk is low")]
    DiskLow {
        /// Which.
        document: DocumentId,
    },
}

impl SubmitError {
    pub(super) fn of(document: &DocumentId, refusal: Refusal) -> Self {
        let document = document.clone();
        match refusal {
            Refusal::Unknown => Self::Unknown { document },
            Refusal::Deleted => Self::Deleted { document },
            Refusal::Damaged => Self::Damaged { document },
            Refusal::InvalidChange { reason } => Self::InvalidChange { document, reason },
            Refusal::Panicked { words } => {
                tracing::error!(%document, words, "automerge panicked over a change from a door");
                Self::InvalidChange { document, reason: "no client can have made it".to_owned() }
            }
            Refusal::StoreUnavailable => Self::Store { document },
            Refusal::DiskLow => Self::DiskLow { document },
            Refusal::Rejected(Rejection::Hidden) => Self::Unknown { document },
            Refusal::Rejected(why) => Self::Rejected { document, why },
        }
    }
}

/// Why nobody can look at a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// Nobody has brought such a document.
    #[error("there is no document {document}")]
    Unknown {
        /// Which.
        document: DocumentId,
    },
    /// Somebody deleted it.
    #[error("the document {document} was deleted")]
    Deleted {
        /// Which.
        document: DocumentId,
    },
    /// Ours: what is stored of it is damaged.
    #[error("what is stored of {document} is damaged")]
    Damaged {
        /// Which.
        document: DocumentId,
    },
    /// The server is about to stop, or something failed while looking. The same may succeed later.
    #[error("{document} cannot be looked at right now")]
    Busy {
        /// Which.
        document: DocumentId,
    },
    /// Ours: the store does not answer.
    #[error("could not load {document}")]
    Store {
        /// Which.
        document: DocumentId,
    },
}

impl ViewError {
    pub(super) fn of(document: &DocumentId, refusal: &Refusal) -> Self {
        let document = document.clone();
        match refusal {
            Refusal::Unknown => Self::Unknown { document },
            Refusal::Deleted => Self::Deleted { document },
            Refusal::Damaged => Self::Damaged { document },
            Refusal::StoreUnavailable | Refusal::DiskLow => Self::Store { document },
            Refusal::InvalidChange { .. } | Refusal::Panicked { .. } | Refusal::Rejected(_) => {
                Self::Busy { document }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SE30: what Automerge says when it panics is told at no door.
    #[test]
    fn se30_a_door_is_not_told_what_automerge_said() {
        let document: DocumentId = "4NMNnkMhL8jXrdJ9jamS58PAVdXu".parse().unwrap();
        let words = "called `Option::unwrap()` on a `None` value".to_owned();
        let told = SubmitError::of(&document, Refusal::Panicked { words: words.clone() });
        assert!(matches!(told, SubmitError::InvalidChange { .. }));
        assert!(!told.to_string().contains(&words), "{told}");
    }
}
