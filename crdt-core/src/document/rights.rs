//! Who may do what with the document: asked again whenever that may have changed.
//!
//! Edit path: ← a token, an entry or the policy is another one, or ends, → readers that may no longer read are turned
//! away, those that now may are served, and who understands it is told.
//!
//! Always true: a grant is made anew from what is stored, never changed. What is not stored yet holds for nobody.
//! **Invariant:** nobody is told of a role before they may know that the document exists.

use super::admit::{Bringer, From, Rejected, Rights};
use super::burst::{Waiting, refuse};
use super::chunk::{Lifecycle, Manifest};
use super::events::{Effect, LoadFault, Refusal, Rejection};
use super::intake::Sizes;
use super::phase::{AfterCommit, Asked, Content};
use super::{Document, intake, peer};
use crate::authors::Authors;
use crate::grant::{Access, Followed, Identity, Limits, Role};
use crate::id::{DocumentId, SessionId};
use crate::limits::DocumentLimits;
use crate::rules::{Conflict, Mode, State};
use crate::time::Timestamp;
use automerge::ChangeHash;
use std::sync::Arc;

impl Document {
    /// What is written down of who may do what; nothing while that is not known.
    pub(super) fn rights(&self, now: Timestamp) -> Option<Rights<'_>> {
        if self.lacks_followed().is_some() {
            return None;
        }
        let manifest = match &self.content {
            Content::Unknown | Content::Damaged { manifest: None } => return None,
            Content::Live(live) if live.is_absent() => None,
            Content::Live(live) => Some(&live.manifest),
            Content::Cold { manifest, .. }
            | Content::Deleted { manifest }
            | Content::Damaged { manifest: Some(manifest) } => Some(manifest),
        };
        Some(Rights {
            document: &self.id,
            access: manifest.map(|manifest| &*manifest.access),
            kind: manifest.and_then(|manifest| manifest.kind.as_deref()),
            followed: self.followed.as_deref(),
            policy: &self.policy,
            now,
        })
    }

    /// Who may do what is written down here; nothing for a document that nobody has brought, or of which that is not
    /// known.
    #[must_use]
    pub fn access(&self) -> Option<&Arc<Access>> {
        match &self.content {
            Content::Live(live) if !live.is_absent() => Some(&live.manifest.access),
            Content::Cold { manifest, .. }
            | Content::Deleted { manifest }
            | Content::Damaged { manifest: Some(manifest) } => Some(&manifest.access),
            Content::Live(_) | Content::Unknown | Content::Damaged { manifest: None } => None,
        }
    }

    /// Whose the actors are, while the content is in memory.
    #[must_use]
    pub fn authors(&self) -> Option<&Arc<Authors>> {
        match &self.content {
            Content::Live(live) => Some(&live.authors),
            _ => None,
        }
    }

    /// Whether a connection may read the document, and so say something to its other readers. Of one that nobody has brought there
    /// are none: two who know its id hear as little of each other as if it were hidden from them.
    #[must_use]
    pub fn may_read(&self, session: SessionId) -> bool {
        !self.is_absent() && self.peers.get(&session).is_some_and(|peer| peer.grant.may_read())
    }

    /// All connections that may read it, but `except`.
    pub fn readers_except(&self, except: SessionId) -> impl Iterator<Item = SessionId> {
        let is_there = !self.is_absent();
        let readers = self.peers.iter().filter(move |(_, peer)| is_there && peer.grant.may_read());
        readers.map(|(session, _)| *session).filter(move |session| *session != except)
    }

    /// Nobody has brought it, as far as is known.
    fn is_absent(&self) -> bool {
        match &self.content {
            Content::Unknown => true,
            Content::Live(live) => live.is_absent(),
            Content::Cold { .. } | Content::Deleted { .. } | Content::Damaged { .. } => false,
        }
    }

    /// Whether it is not known yet who may do what.
    #[must_use]
    pub fn access_is_unknown(&self) -> bool {
        matches!(self.content, Content::Unknown) || self.lacks_followed().is_some()
    }

    /// The document that this one follows.
    #[must_use]
    pub fn follows(&self) -> Option<&DocumentId> {
        self.access()?.follows.as_ref()
    }

    /// The document that this one follows and of which nothing is known yet. Until then nothing is decided here: to refuse an edit
    /// of somebody who may make it would be worse than to wait for the store.
    pub(super) fn lacks_followed(&self) -> Option<&DocumentId> {
        let known = self.followed.as_ref().map(|followed| &followed.document);
        self.follows().filter(|follows| known != Some(*follows))
    }

    /// The store's answer. What was told meanwhile is newer.
    pub(super) fn followed_came(
        &mut self,
        now: Timestamp,
        answer: Result<Arc<Followed>, LoadFault>,
        effects: &mut Vec<Effect>,
    ) {
        self.asked = None;
        match answer {
            Ok(followed) => {
                if self.lacks_followed().is_some() {
                    self.followed = Some(followed);
                }
                self.stale.mark_all();
                self.ask_again(now, effects);
            }
            // It may be damaged, and what follows it is not: its own people go on.
            Err(LoadFault::Damaged) => {
                self.followed =
                    self.follows().cloned().map(|document| Arc::new(Followed::of_nobody(document)));
                self.ask_again(now, effects);
            }
            Err(LoadFault::Unavailable) => self.give_up(effects),
        }
    }

    /// Other rights are given for a document, perhaps for the one that this follows.
    pub(super) fn followed_changed(
        &mut self,
        now: Timestamp,
        followed: Arc<Followed>,
        effects: &mut Vec<Effect>,
    ) {
        if self.follows() == Some(&followed.document) {
            self.followed = Some(followed);
            self.ask_again(now, effects);
        }
    }

    /// The places that a connection may change, when it is not all.
    #[must_use]
    pub fn limits_of(&self, session: SessionId) -> Option<&Limits> {
        self.peers.get(&session).and_then(|peer| peer.grant.limits())
    }

    /// How many conflicts stand open at these heads, as far as that was judged.
    #[must_use]
    pub fn open_conflicts(&self, heads: &[ChangeHash]) -> Option<u64> {
        let verdict = self.verdict().filter(|verdict| *verdict.heads == *heads)?;
        let surface = |conflict: &&Conflict| conflict.state == State::Open && conflict.mode == Mode::Surface;
        Some(verdict.report.conflicts.iter().filter(surface).count() as u64)
    }

    /// When a right or a token of somebody who is connected ends: time for [`Input::AskAgain`](super::Input::AskAgain).
    #[must_use]
    pub fn asks_again_at(&self) -> Option<Timestamp> {
        self.peers.values().filter_map(|peer| peer.grant.until()).min()
    }

    /// Asks the store when somebody has connected, who may say something in the moment and nothing else. Should the store
    /// not answer, it is asked again when there is more to do.
    pub(super) fn find_out_who_may_read(&mut self, effects: &mut Vec<Effect>) {
        if !self.access_is_unknown() || self.asked.is_some() || !self.somebody_came {
            return;
        }
        self.somebody_came = false;
        let is_unknown = matches!(self.content, Content::Unknown);
        self.ask(if is_unknown { Asked::Manifest } else { Asked::Followed }, effects);
    }

    /// Asks again what each reader may do.
    pub(super) fn ask_again(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let sessions: Vec<SessionId> = self.peers.keys().copied().collect();
        for session in sessions {
            self.ask_for(now, session, effects);
        }
    }

    /// Asks what one reader may do.
    pub(super) fn ask_for(&mut self, now: Timestamp, session: SessionId, effects: &mut Vec<Effect>) {
        let Some(rights) = self.rights(now) else { return };
        let Some(peer) = self.peers.get(&session) else { return };
        let grant = rights.of(&peer.who);
        let is_there = rights.access.is_some() && !matches!(self.content, Content::Deleted { .. });
        let Some(peer) = self.peers.get_mut(&session) else { return };
        let could_read = peer.grant.may_read();
        peer.grant = grant;
        let role = peer.grant.role();
        if could_read != peer.grant.may_read() {
            self.stale.mark(session);
        }
        let follows = peer.follows.clone();
        let may_read_now = peer.grant.may_read() && !could_read;
        if could_read && role == Role::None && is_there {
            effects.push(Effect::Unavailable { session });
        }
        if is_there && role != peer.told_role {
            peer.told_role = role;
            effects.push(Effect::Permission { session, role });
        }
        if may_read_now {
            self.tell_what_is_known(session, follows.iter(), effects);
        }
    }

    /// Who is behind a connection has shown a newer token.
    pub(super) fn identified(
        &mut self,
        now: Timestamp,
        session: SessionId,
        who: Arc<Identity>,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(peer) = self.peers.get_mut(&session) {
            peer.who = who;
            self.ask_for(now, session, effects);
        }
    }

    /// Whether the next that waits is a message of somebody who may not know that the document exists.
    pub(super) fn is_next_hidden(&self) -> bool {
        let Some(Waiting::Message { session, .. }) = self.waiting.front() else { return false };
        self.peers.get(session).is_some_and(|peer| !peer.grant.may_read())
    }

    /// Takes a message of somebody who may not know that the document exists: they are told that there is none, and
    /// what they brought goes aside. The document is not looked at for that.
    pub(super) fn hear_hidden(&mut self, effects: &mut Vec<Effect>) {
        let Some(Waiting::Message { session, is_request, message }) = self.waiting.pop_front() else {
            return;
        };
        // Nothing of the document shows in what is refused.
        let DocumentLimits { change_bytes_max, change_ops_max, .. } = self.limits;
        let sizes = Sizes { change_bytes_max, change_ops_max, document_ops: 0 };
        let changes = intake::read_changes(message.changes.iter(), sizes);
        let Some(peer) = self.peers.get_mut(&session) else { return };
        let mut said = super::serve::said(&message, is_request, !message.changes.is_empty());
        // Should they be let in later, they begin from nothing.
        said = peer::Said { heads: Vec::new(), need: Vec::new(), starts_over: true, ..said };
        peer.heard(said);
        self.stale.mark(session);
        let who = peer.who.clone();
        match changes {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => {
                let bringer = Arc::new(Bringer { from: From::Peer(session), who, limits: None, room: None });
                self.reject(vec![Rejected { bringer, why: Rejection::Hidden, changes }], effects);
            }
            Err(bad) => {
                let waiting = Waiting::Message { session, is_request, message };
                refuse(&waiting, &bad.into(), effects);
            }
        }
    }

    /// Has it stored who may do what from now on. Says whether that could be begun, or answered.
    pub(super) fn set_access(&mut self, effects: &mut Vec<Effect>) -> bool {
        let manifest = match &self.content {
            Content::Live(live) if live.is_absent() => None,
            Content::Live(live) => Some(live.manifest.clone()),
            Content::Cold { manifest, .. } => Some(manifest.clone()),
            // What is deleted answers as deleted, what is damaged as damaged, and of the rest nothing is known yet.
            Content::Deleted { .. } | Content::Unknown | Content::Damaged { .. } => return false,
        };
        let Some(Waiting::SetAccess { ticket, access }) = self.waiting.pop_front() else { return false };
        match manifest {
            None => effects.push(Effect::Answer { ticket, answer: Err(Refusal::Unknown) }),
            Some(manifest) => {
                let manifest = Manifest { access, lifecycle: Lifecycle::Live, ..manifest };
                self.commit(Vec::new(), Vec::new(), manifest, AfterCommit::Access { ticket }, effects);
            }
        }
        true
    }
}
