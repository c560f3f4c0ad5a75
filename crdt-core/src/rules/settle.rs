//! Settling and waiving: ordinary changes of the document.

use super::conflict::{Conflict, Waiver};
use super::proposal::Proposal;
use super::set::RuleSet;
use crate::id::DocumentId;
use crate::time::Timestamp;
use automerge::{ActorId, Automerge, AutomergeError, Change};
use std::sync::Arc;

/// The changes that settled a conflict.
#[derive(Debug)]
pub struct Settled {
    /// What was settled, as it was before.
    pub conflict: Conflict,
    /// The changes that were made, in the order they depend on each other.
    pub changes: Vec<Change>,
}

/// Why a conflict was not settled. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// It is not there, or no longer: look again.
    #[error("there is no open conflict {id}")]
    UnknownConflict {
        /// The id in question.
        id: String,
    },
    /// The proposal cannot be made now.
    #[error("{proposal} is not offered for this conflict")]
    NotOffered {
        /// What was asked for.
        proposal: Proposal,
        /// What is offered.
        offered: Vec<Proposal>,
    },
    /// A name that is too long.
    #[error("a name has at most {bytes_max} bytes")]
    NameTooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// Automerge refused.
    #[error("the document refused the change")]
    Document(#[from] AutomergeError),
}

/// The changes that waived a conflict, or took a waiver back.
#[derive(Debug)]
pub struct Waived {
    /// The conflict, as it is now.
    pub conflict: Conflict,
    /// The changes that were made, in the order they depend on each other.
    pub changes: Vec<Change>,
}

/// Why a conflict was not waived. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WaiveError {
    /// It is not there, or no longer: look again.
    #[error("there is no open conflict {id}")]
    UnknownConflict {
        /// The id in question.
        id: String,
    },
    /// The reason is missing.
    #[error("say why it may stay")]
    NoReason,
    /// The reason, or a name, is too long.
    #[error("the {what} has at most {bytes_max} bytes")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// The bound.
        bytes_max: usize,
    },
    /// The waiver would be over before it begins.
    #[error("a waiver must end after now")]
    AlreadyOver,
    /// Some other client made something else of the reserved member.
    #[error("the member _dovetail of this document is not what Dovetail makes it")]
    NoPlace,
    /// Automerge refused.
    #[error("the document refused the change")]
    Document(#[from] AutomergeError),
}

/// Makes `proposal` for the conflict, and notes who chose it.
///
/// At the same heads this is the same change on every replica, byte for byte.
///
/// # Errors
/// When there is no such conflict or the proposal cannot be made.
pub fn settle(
    doc: &mut Automerge,
    document: &DocumentId,
    rules: &Arc<RuleSet>,
    conflict: &str,
    proposal: Proposal,
    by: Option<&str>,
) -> Result<Settled, SettleError> {
    let _ = (doc, document, rules, conflict, proposal, by);
    unimplemented!()
}

/// Notes that the conflict may stay as it is, why, and until when.
///
/// # Errors
/// When there is no such conflict, or the reason or its end is none.
pub fn waive(
    doc: &mut Automerge,
    document: &DocumentId,
    rules: &Arc<RuleSet>,
    conflict: &str,
    waiver: &Waiver,
    actor: &ActorId,
    now: Timestamp,
) -> Result<Waived, WaiveError> {
    let _ = (doc, document, rules, conflict, waiver, actor, now);
    unimplemented!()
}

/// Takes the waiver of a conflict back.
///
/// # Errors
/// When there is no such conflict.
pub fn unwaive(
    doc: &mut Automerge,
    document: &DocumentId,
    rules: &Arc<RuleSet>,
    conflict: &str,
    actor: &ActorId,
    now: Timestamp,
) -> Result<Waived, WaiveError> {
    let _ = (doc, document, rules, conflict, actor, now);
    unimplemented!()
}
