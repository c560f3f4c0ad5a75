//! What can happen to a document, and what it answers: two closed lists.
//!
//! Edit path: ← whoever drives the machine tells it an [`Input`], → and carries out each [`Effect`].

use super::careful::Panicked;
use super::chunk::{Batch, Manifest, Stored};
use super::intake::BadChange;
use super::{Body, RemoteHeads, Verdict, WaitingRoom};
use crate::grant::{Access, EditPermit, Followed, Identity, Policy, Role};
use crate::id::{DocumentId, SessionId, StorageId};
use crate::rules::{Answer, Question, RuleBook};
use automerge::ChangeHash;
use automerge::sync::Message;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// A call through a door that waits for its answer, as the caller numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What can happen to a document. Closed on purpose: to learn what a document reacts to, read this list.
#[derive(Debug)]
pub enum Input {
    /// A connection reads this document from now on.
    Open {
        /// Which.
        session: SessionId,
        /// Who is behind it.
        who: Arc<Identity>,
        /// The store behind its peer, if it has one that lasts.
        storage: Option<StorageId>,
        /// The stores whose heads it wants to hear of.
        follows: Arc<BTreeSet<StorageId>>,
        /// What it has waiting counts there, over all documents that it reads.
        room: Arc<WaitingRoom>,
    },
    /// Who is behind a connection has shown a newer token.
    Identified {
        /// Which.
        session: SessionId,
        /// Who it is.
        who: Arc<Identity>,
    },
    /// The connection follows other stores than before.
    Follow {
        /// Which.
        session: SessionId,
        /// All that it follows now.
        follows: Arc<BTreeSet<StorageId>>,
    },
    /// A sync message.
    Message {
        /// From whom.
        session: SessionId,
        /// It came as a `request`: the sender has nothing.
        is_request: bool,
        /// The message.
        message: Message,
    },
    /// Somebody tells how far another store has come.
    RemoteHeads {
        /// Who tells.
        session: SessionId,
        /// What.
        news: RemoteHeads,
    },
    /// The connection is gone, or has closed this document.
    Leave {
        /// Which.
        session: SessionId,
    },
    /// The connection's socket has taken what was last sent.
    Drained {
        /// Which.
        session: SessionId,
    },
    /// Changes that come in through another door than a sync connection.
    Submit {
        /// Whom to answer.
        ticket: Ticket,
        /// That its sender may do that. Looked at once more when the changes are applied.
        permit: EditPermit,
        /// Change chunks.
        changes: Vec<Bytes>,
    },
    /// Says who may do what from now on.
    SetAccess {
        /// Whom to answer.
        ticket: Ticket,
        /// Who may do what.
        access: Arc<Access>,
    },
    /// Somebody wants to look at what is stored: [`Effect::View`] says when.
    View {
        /// Whom to answer.
        ticket: Ticket,
    },
    /// Deletes the document, or takes that back.
    Delete {
        /// Whom to answer.
        ticket: Ticket,
        /// `false` takes it back.
        deleted: bool,
    },
    /// The store's answer to [`Effect::LoadManifest`].
    Manifest(Result<Option<Manifest>, LoadFault>),
    /// The store's answer to [`Effect::LoadFollowed`].
    Followed(Result<Arc<Followed>, LoadFault>),
    /// Other rights are given for a document that others may follow.
    FollowedChanged(Arc<Followed>),
    /// The store's answer to [`Effect::LoadChunks`].
    Chunks(Result<Option<Stored>, LoadFault>),
    /// The store's answer to [`Effect::Commit`].
    Stored(Result<(), CommitFault>),
    /// Other rules are in force.
    Rules(Arc<RuleBook>),
    /// Other rights are given for whole kinds of documents.
    Policy(Arc<Policy>),
    /// A right or a token ends about now.
    AskAgain,
    /// Whether whose document it is has used up the space there is for one person.
    Full(bool),
    /// The answer to [`Effect::Evaluate`].
    Evaluated(Answer),
    /// A waiver ends about now.
    JudgeAgain,
    /// Nobody has needed the content for a while, or memory is short.
    Rest,
}

/// What has to be done in the world.
#[derive(Debug)]
pub enum Effect {
    /// Ask the store what it knows of this document; answer with [`Input::Manifest`].
    LoadManifest,
    /// Ask the store for all of it; answer with [`Input::Chunks`].
    LoadChunks,
    /// Ask the store who may do what with another document, which this one follows; answer with [`Input::Followed`].
    LoadFollowed {
        /// Which.
        document: DocumentId,
    },
    /// Make this durable; answer with [`Input::Stored`].
    Commit(Batch),
    /// Send the same sync message to each of these; say [`Input::Drained`] for each that has taken it.
    Send {
        /// To whom.
        to: Vec<SessionId>,
        /// What.
        body: Arc<Body>,
    },
    /// Say that there is no such document.
    Unavailable {
        /// To whom.
        session: SessionId,
    },
    /// Tell how far another store has come.
    RemoteHeads {
        /// Whom.
        to: Vec<SessionId>,
        /// What.
        news: RemoteHeads,
    },
    /// Tell this connection why, and close it.
    Refuse {
        /// Whom.
        session: SessionId,
        /// Why.
        refusal: Refusal,
    },
    /// Tell this connection which of its changes were not taken, and why. It goes on, if it understands that.
    Reject {
        /// Whom.
        session: SessionId,
        /// Why.
        why: Rejection,
        /// Which.
        changes: Vec<ChangeHash>,
    },
    /// Keep changes aside that were not taken, so that somebody with the right to it can bring them in.
    SetAside {
        /// By which connection they came, which may have gone.
        session: SessionId,
        /// Who brought them.
        who: Arc<Identity>,
        /// Why they were not taken.
        why: Rejection,
        /// The changes, by their hashes.
        changes: Vec<(ChangeHash, Bytes)>,
    },
    /// Tell this connection what it may do with the document: it is there, and this is something else than before.
    Permission {
        /// Whom.
        session: SessionId,
        /// What.
        role: Role,
    },
    /// Tell this connection that what it brought is durable.
    Acknowledge {
        /// Whom.
        session: SessionId,
        /// Everything up to these heads.
        heads: super::Heads,
    },
    /// Answer a door.
    Answer {
        /// Which.
        ticket: Ticket,
        /// With what.
        answer: Result<Manifest, Refusal>,
    },
    /// What the rules say of what is stored; nothing when there are none for it. Only when that is something else
    /// than before.
    Judged(Option<Arc<Verdict>>),
    /// Evaluate a rule that may take long, somewhere else; answer with [`Input::Evaluated`] in any case, since nothing
    /// else is asked before.
    Evaluate(Arc<Question>),
    /// Now is the time to look: [`Document::automerge`](super::Document::automerge) is what is stored, until the machine goes on.
    View {
        /// Who wanted to.
        ticket: Ticket,
    },
}

/// Why something was not done, as its sender is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The sender's doing: the changes cannot be taken.
    #[error("the change cannot be taken: {reason}")]
    InvalidChange {
        /// In words.
        reason: String,
    },
    /// The sender's doing: Automerge panicked over what they brought. Its own words are for the log.
    #[error("the change cannot be taken: no client can have made it")]
    Panicked {
        /// What Automerge said.
        words: String,
    },
    /// Nobody has brought such a document.
    #[error("there is no such document")]
    Unknown,
    /// Somebody deleted it.
    #[error("the document was deleted")]
    Deleted,
    /// Ours: what is stored is not what was written.
    #[error("what is stored of the document is damaged")]
    Damaged,
    /// Ours: the store did not take it. The same may succeed later.
    #[error("the store does not take changes at the moment")]
    StoreUnavailable,
    /// Ours: there is too little room left to write it. The same will succeed when there is.
    #[error("the server's disk is low: it takes no changes until there is room")]
    DiskLow,
    /// The sender may not do that.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

/// Why a change is not taken from whoever brings it, though it could be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// They may not know that the document exists.
    #[error("there is no such document")]
    Hidden,
    /// They may read only.
    #[error("this document may be read and not changed by you")]
    ReadOnly,
    /// The actor that made it belongs to somebody else.
    #[error("the change was made by an actor that belongs to somebody else")]
    ActorMismatch,
    /// It goes to a place outside of those that they may change.
    #[error("your right to change this document is limited to some places in it, and this changes {place}")]
    PathForbidden {
        /// The place, as a JSON pointer.
        place: String,
    },
    /// Whose document it is has no room left.
    #[error("the owner of this document has used up the space there is for one person")]
    QuotaExceeded,
    /// The document is as large as one may be.
    #[error("with this change the document would have more {of} than one may have: make another one")]
    DocumentFull {
        /// The bound that it is at.
        of: FullOf,
    },
    /// They have made as many documents as one person may.
    #[error("you have made as many documents as one person may")]
    TooManyDocuments,
    /// No document takes it: it is out of a bound of single changes.
    #[error("{why}")]
    OutOfBounds {
        /// Which bound, in words.
        why: String,
    },
    /// It builds on a change that was not taken.
    #[error("the change builds on one that was refused")]
    DependsOnRefused,
    /// Too many of their changes were refused on this connection.
    #[error("too many changes were refused on this connection")]
    TooMany,
}

/// What a document has no room left for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullOf {
    /// Changes, whatever their size.
    Changes,
    /// Operations, over all changes.
    Operations,
    /// Bytes, as stored.
    Bytes,
}

impl fmt::Display for FullOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changes => "changes",
            Self::Operations => "operations",
            Self::Bytes => "bytes",
        })
    }
}

impl Rejection {
    /// What programs look at; it does not change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::Hidden => "document_not_found",
            Rejection::ReadOnly => "read_only",
            Rejection::ActorMismatch => "actor_mismatch",
            Rejection::PathForbidden { .. } => "path_forbidden",
            Rejection::QuotaExceeded => "quota_exceeded",
            Rejection::DocumentFull { .. } => "document_full",
            Rejection::TooManyDocuments => "too_many_documents_owned",
            Rejection::OutOfBounds { .. } => "invalid_change",
            Rejection::DependsOnRefused => "depends_on_refused",
            Rejection::TooMany => "too_many_refused",
        }
    }
}

impl From<Panicked> for Refusal {
    fn from(panicked: Panicked) -> Self {
        Refusal::Panicked { words: panicked.to_string() }
    }
}

impl From<BadChange> for Refusal {
    fn from(bad: BadChange) -> Self {
        match bad {
            BadChange::Panicked(panicked) => panicked.into(),
            bad => Refusal::InvalidChange { reason: bad.to_string() },
        }
    }
}

impl Refusal {
    /// What programs look at; it does not change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::InvalidChange { .. } | Refusal::Panicked { .. } => "invalid_change",
            Refusal::Unknown => "document_not_found",
            Refusal::Deleted => "document_deleted",
            Refusal::Damaged => "document_damaged",
            Refusal::StoreUnavailable => "store_unavailable",
            Refusal::DiskLow => "disk_low",
            Refusal::Rejected(rejection) => rejection.code(),
        }
    }
}

/// The store could not tell; the cause is the caller's to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadFault {
    /// It holds something else than was written.
    Damaged,
    /// It does not answer.
    Unavailable,
}

/// The store did not take a batch; the cause is the caller's to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// There is no room to write it.
    DiskLow,
    /// Whatever else.
    Unavailable,
}

impl From<CommitFault> for Refusal {
    fn from(fault: CommitFault) -> Self {
        match fault {
            CommitFault::DiskLow => Self::DiskLow,
            CommitFault::Unavailable => Self::StoreUnavailable,
        }
    }
}
