//! Who reads a document, and the way out to each of them.
//!
//! Edit path: ← a session has come, or the task has something for it, → its [`Outbox`].
//!
//! Always true: a session comes once and leaves once. What is Dovetail's own goes to those
//! who understand it; what somebody may not read is not pushed to them.

use crate::hub::desk::{Desk, Said};
use crate::hub::outbox::Outbox;
use dovetail_core::document::Document;
use dovetail_core::grant::{Identity, Role};
use dovetail_core::id::{DocumentId, SessionId};
use dovetail_core::session::{CloseReason, Outgoing};
use dovetail_core::wire::{ConflictsFrame, Own};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

/// Words of the moment that wait until it is known who may hear them: that is a read of the store, and at 20 a second
/// from each of ten people there are some.
const SAID_EARLY_MAX: usize = 64;

/// A reader's way out.
pub(super) struct Exit {
    pub(super) outbox: Arc<Outbox>,
    pub(super) understands_ours: bool,
    /// Who came in, and from where: for the audit log.
    pub(super) who: Arc<Identity>,
    pub(super) address: Option<IpAddr>,
}

/// See the top of the file.
pub(super) struct Readers {
    document: DocumentId,
    exits: BTreeMap<SessionId, Exit>,
    /// Readers that know nothing of the rules yet.
    newcomers: Vec<SessionId>,
    /// What was said in the moment before it was known who may hear it.
    said_early: VecDeque<Arc<Said>>,
}

impl Readers {
    pub(super) fn of(document: DocumentId) -> Self {
        Self { document, exits: BTreeMap::new(), newcomers: Vec::new(), said_early: VecDeque::new() }
    }

    /// A session reads the document from now on.
    pub(super) fn come(&mut self, session: SessionId, exit: Exit) {
        self.exits.insert(session, exit);
        self.newcomers.push(session);
    }

    /// A session is gone.
    pub(super) fn leave(&mut self, session: SessionId) {
        self.newcomers.retain(|newcomer| *newcomer != session);
        self.exits.remove(&session);
    }

    /// A reader's role is another one. Who may read from now on knows nothing of the rules yet.
    pub(super) fn change_role(&mut self, session: SessionId, role: Role) {
        if role == Role::None {
            self.newcomers.retain(|newcomer| *newcomer != session);
        } else if !self.newcomers.contains(&session) {
            self.newcomers.push(session);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.exits.len()
    }

    /// Who came in, and from where.
    pub(super) fn whose(&self, session: SessionId) -> Option<(&Identity, Option<IpAddr>)> {
        self.exits.get(&session).map(|exit| (&*exit.who, exit.address))
    }

    pub(super) fn understands_ours(&self, session: SessionId) -> bool {
        self.exits.get(&session).is_some_and(|exit| exit.understands_ours)
    }

    pub(super) fn push(&self, session: SessionId, outgoing: Outgoing) {
        if let Some(exit) = self.exits.get(&session) {
            exit.outbox.push(outgoing);
        }
    }

    /// Something of our own, for who understands it.
    pub(super) fn push_own(&self, session: SessionId, own: Own) {
        if self.understands_ours(session) {
            self.push(session, Outgoing::Own { document: self.document.clone(), own });
        }
    }

    /// What the rules say is news: all who understand it hear of it.
    pub(super) fn tell_conflicts(&mut self, frame: &Arc<ConflictsFrame>, document: &Document) {
        self.newcomers.clear();
        for (session, exit) in &self.exits {
            if exit.understands_ours && document.may_read(*session) {
                exit.outbox.push(self.conflicts(frame));
            }
        }
    }

    pub(super) fn has_newcomers(&self) -> bool {
        !self.newcomers.is_empty()
    }

    /// New readers hear what the rules say. Who may not read is one again when they may.
    pub(super) fn greet(&mut self, frame: &Arc<ConflictsFrame>, document: &Document) {
        for session in std::mem::take(&mut self.newcomers) {
            if document.may_read(session) {
                self.push(session, self.conflicts(frame));
            }
        }
    }

    fn conflicts(&self, frame: &Arc<ConflictsFrame>) -> Outgoing {
        Outgoing::Conflicts { document: self.document.clone(), frame: frame.clone() }
    }

    /// Words of the moment are passed on from those who may read, once that is known.
    pub(super) fn hear(&mut self, said: Arc<Said>, document: &Document, desk: &Desk) {
        if document.access_is_unknown() {
            if self.said_early.len() < SAID_EARLY_MAX {
                self.said_early.push_back(said);
            }
        } else if document.may_read(said.from) {
            self.say(&said, document, desk);
        }
    }

    pub(super) fn hear_what_was_early(&mut self, document: &Document, desk: &Desk) {
        if !document.access_is_unknown() {
            for said in std::mem::take(&mut self.said_early) {
                self.hear(said, document, desk);
            }
        }
    }

    /// To all who read and all who watch, but to its sender.
    pub(super) fn say(&self, said: &Arc<Said>, document: &Document, desk: &Desk) {
        for session in document.readers_except(said.from) {
            self.push(session, Outgoing::Ephemeral(said.frame.clone()));
        }
        desk.pass_on(said);
    }

    /// Ends all of their sessions.
    pub(super) fn send_away(&self, reason: &CloseReason) {
        for exit in self.exits.values() {
            exit.outbox.close(reason.clone());
        }
    }
}
