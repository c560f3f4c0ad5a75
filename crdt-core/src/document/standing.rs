//! How a document stands, for those who follow it without syncing.
//!
//! Edit path: ← whoever drives the machine looks after each advance, → those who follow read again when
//! it is something else than before.
//!
//! Always true: heads that are told here are stored.

use super::phase::Content;
use super::{Document, Heads};

/// What is known of a document from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The store was not asked yet, or did not answer.
    Unknown,
    /// Nobody has brought it.
    Absent,
    /// It is stored.
    Stored {
        /// Up to here.
        heads: Heads,
    },
    /// Somebody deleted it.
    Deleted,
    /// What is stored is not what was written.
    Damaged,
}

impl Document {
    /// How it stands, as far as it is stored: a commit that is under way does not show.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match &self.content {
            Content::Unknown => Standing::Unknown,
            Content::Live(live) if live.is_absent() => Standing::Absent,
            Content::Live(live) => Standing::Stored { heads: live.heads.clone() },
            Content::Cold { manifest, .. } => Standing::Stored { heads: manifest.heads.as_slice().into() },
            Content::Deleted { .. } => Standing::Deleted,
            Content::Damaged { .. } => Standing::Damaged,
        }
    }
}
