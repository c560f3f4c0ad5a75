//! What one reader has, what it lacks, and what it is owed.
//!
//! The transport is ordered and reliable, so what was sent on this connection has arrived or
//! the connection is gone. A reader is therefore described by heads: it has everything up to
//! `base`, and `own` on top. No queue of edits is kept for anybody.
//!
//! ```text
//!  Silent ──message──▶ Following{base, own} ◀──all its heads known── Apart{state}
//!     └───heads that we lack───────────────────heads that we lack──────▲
//! ```
//!
//! `Apart` is Automerge's own negotiation with its Bloom filters; it is left as soon as all the
//! reader's heads are known to us. Its `State` lives as long as the connection, never longer: one
//! kept from the last connection believes that lost messages have arrived.

use super::admit::Refused;
use super::body::Heads;
use super::room::WaitingRoom;
use crate::grant::{Grant, Identity, Role};
use crate::id::StorageId;
use automerge::ChangeHash;
use automerge::sync::State;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Hashes remembered on top of `base`. Between two messages to it a reader brings one or two heads;
/// forgetting one costs sending a change twice, which is harmless.
const OWN_MAX: usize = 16;

/// Changes that one reader may have asked for by name while its socket was busy: as many as one message may name. Who is
/// not given one asks again.
const NEED_MAX: usize = super::claims::HASHES_MAX;

/// What we know of what a reader has.
#[derive(Debug)]
pub(crate) enum Progress {
    /// It has said nothing of this document yet.
    Silent,
    /// It has everything up to `base` and up to `own`.
    Following {
        /// Our heads when we last sent something, or its heads when it first spoke.
        base: Heads,
        /// Heads of its own that came on top since.
        own: Vec<ChangeHash>,
    },
    /// It has changes that we lack: Automerge negotiates.
    Apart(Box<State>),
}

/// One reader of one document.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Who is behind it.
    pub(crate) who: Arc<Identity>,
    /// What they may do with the document. Nothing before that is known.
    pub(crate) grant: Grant,
    /// What it was told of that.
    pub(crate) told_role: Role,
    /// What it brought and was not taken.
    pub(crate) refused: Refused,
    pub(crate) storage: Option<StorageId>,
    pub(crate) follows: Arc<BTreeSet<StorageId>>,
    /// Where what it has waiting counts.
    pub(crate) room: Arc<WaitingRoom>,
    pub(crate) progress: Progress,
    /// It announced that it takes whole documents.
    pub(crate) takes_documents: bool,
    /// Its socket has taken the last message.
    pub(crate) free: bool,
    /// It asked something that has not been answered.
    pub(crate) owed: bool,
    /// Changes that it asked for by name.
    pub(crate) need: Vec<ChangeHash>,
    /// What it said last, if that brought nothing: its heads, and what it asked for by name.
    last_said: Option<(Vec<ChangeHash>, Vec<ChangeHash>)>,
    pub(crate) anew: Anew,
}

/// Whether it is told to bring everything again that we lack. What it has sent on this connection it does not send a second
/// time, not even when it is asked for it by name: it believes that we have it. But we may have forgotten it, with a commit
/// that failed or a document that was deleted, while the connection held. Of whoever may not write nothing is to be brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anew {
    /// It brings what it is asked for.
    No,
    /// It does not: the next message tells it.
    Due,
    /// It was told. That it brings nothing all the same is its own affair, until we forget something again.
    Told,
}

/// What a message says about its sender, once its changes are dealt with.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) heads: Vec<ChangeHash>,
    pub(crate) need: Vec<ChangeHash>,
    pub(crate) brought_changes: bool,
    /// `request`, or empty heads: it has nothing, whatever we believed.
    pub(crate) starts_over: bool,
    pub(crate) takes_documents: bool,
}

impl Peer {
    pub(crate) fn new(
        grant: Grant,
        storage: Option<StorageId>,
        follows: Arc<BTreeSet<StorageId>>,
        room: Arc<WaitingRoom>,
    ) -> Self {
        Self {
            who: grant.who().clone(),
            grant,
            told_role: Role::None,
            refused: Refused::default(),
            storage,
            follows,
            room,
            progress: Progress::Silent,
            takes_documents: false,
            free: true,
            owed: false,
            need: Vec::new(),
            last_said: None,
            anew: Anew::No,
        }
    }

    /// Takes in a message whose heads are all known to us: from here on it follows.
    pub(crate) fn heard(&mut self, said: Said) {
        if self.note_owed(&said) {
            let room = NEED_MAX.saturating_sub(self.need.len());
            self.need.extend(said.need.into_iter().take(room));
        }
        self.progress = match std::mem::replace(&mut self.progress, Progress::Silent) {
            Progress::Following { base, mut own } if !said.starts_over => {
                own.extend(said.heads.into_iter().filter(|head| !base.contains(head)));
                own.sort_unstable();
                own.dedup();
                own.truncate(OWN_MAX);
                Progress::Following { base, own }
            }
            _ => Progress::Following { base: said.heads.into(), own: Vec::new() },
        };
    }

    /// Takes in a message with heads that we lack; the caller has told its `State` already.
    pub(crate) fn heard_apart(&mut self, said: &Said, state: Box<State>) {
        let is_news = self.note_owed(said);
        if said.brought_changes {
            self.anew = Anew::No;
        } else if !is_news && self.anew == Anew::No && self.grant.role() >= Role::Write {
            self.anew = Anew::Due;
            self.owed = true;
        }
        self.progress = Progress::Apart(state);
    }

    /// An answer is owed for everything but a plain acknowledgement of what we told, and but for
    /// saying the same again: two sides that cannot agree would talk for ever. What was sent has arrived, so asking once more
    /// for the same means that it did not help, as with a client whose actor somebody else has taken. Says whether
    /// this was neither.
    fn note_owed(&mut self, said: &Said) -> bool {
        self.takes_documents |= said.takes_documents;
        let acknowledges = match &self.progress {
            Progress::Following { base, .. } => **base == *said.heads && said.need.is_empty(),
            _ => false,
        };
        let brings_nothing = !said.brought_changes && !said.starts_over;
        let repeats =
            self.last_said.as_ref().is_some_and(|(heads, need)| (heads, need) == (&said.heads, &said.need));
        self.last_said = brings_nothing.then(|| (said.heads.clone(), said.need.clone()));
        let is_news = !(brings_nothing && (acknowledges || repeats));
        self.owed |= is_news;
        is_news
    }

    /// It was sent everything up to `heads`.
    pub(crate) fn sent_up_to(&mut self, heads: &Heads) {
        self.owed = false;
        self.need.clear();
        if !matches!(self.progress, Progress::Apart(_)) {
            self.progress = Progress::Following { base: heads.clone(), own: Vec::new() };
        }
    }

    /// Whether it has everything up to `heads`, as far as we can tell without looking at history.
    pub(crate) fn has(&self, heads: &[ChangeHash]) -> bool {
        match &self.progress {
            Progress::Following { base, own } => {
                heads == &**base || heads.iter().all(|head| own.contains(head) || base.contains(head))
            }
            Progress::Silent | Progress::Apart(_) => false,
        }
    }
}
