//! What ties a session to the documents: the same for every transport.
//!
//! Edit path: ← a transport has a frame, [`Session`] reads it, → the mailbox of its document. And back:
//! ← the [`Outbox`] that documents push into, → frames for the transport, and word to each document
//! whose message the peer has taken.
//!
//! Always true: however a transport ends, be it by a panic, its documents are told when the [`Link`] is
//! dropped. A reader that nobody takes away would keep them in memory until the server is started again.

use super::Gateway;
use super::door::{Caller, Door};
use super::reply::{Code, code_of};
use crate::audit::Action;
use crate::hub::{Hub, Mailbox, Outbox, Reader};
use crate::metrics::SESSIONS_ENDED;
use crate::throttle::{Cost, Verdict};
use bytes::Bytes;
use dovetail_core::grant::Kind;
use dovetail_core::id::{DocumentId, PeerId};
use dovetail_core::limits::DocumentLimits;
use dovetail_core::session::{CloseReason, Effect, Session, ToDocument};
use dovetail_core::time::Timestamp;
use dovetail_core::wire::{Bounds, Secret};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a transport sends. Neither call waits: the transport keeps what it cannot send yet.
pub(super) trait Wire {
    /// One frame for the peer.
    fn write(&mut self, frame: Bytes);
    /// The peer has been silent for a while: have it show that it lives.
    fn ping(&mut self);
}

/// See the top of the file.
pub(super) struct Link {
    pub(super) gateway: Gateway,
    pub(super) session: Session,
    /// What documents have for this peer.
    pub(super) outbox: Arc<Outbox>,
    peer: Option<PeerId>,
    /// The documents that this session reads.
    mailboxes: BTreeMap<DocumentId, Mailbox>,
    /// Whether this session counts among those who follow other stores.
    follows: bool,
    /// Whose limits count.
    caller: Caller,
}

impl Link {
    /// A session that was just opened.
    pub(super) fn new(gateway: Gateway, caller: Caller) -> Self {
        let hub = &gateway.hub;
        let now = gateway.clock.now();
        let who = caller.who.clone();
        Self {
            session: Session::new(hub.next_session(), now, hub.session_limits(), hub.identity(), who),
            outbox: Arc::default(),
            peer: None,
            mailboxes: BTreeMap::new(),
            follows: false,
            caller,
            gateway,
        }
    }

    /// A frame has come.
    pub(super) fn receive(&mut self, now: Timestamp, frame: &[u8]) -> Vec<Effect> {
        metrics::counter!(crate::metrics::FRAMES_RECEIVED).increment(1);
        let somebody_follows = self.hub().somebody_follows();
        let effects = self.session.receive(now, frame, somebody_follows);
        self.note_follows();
        effects
    }

    /// Counts what has come. Who is over a limit is not read meanwhile; who is far over it is sent away.
    pub(super) async fn spend(&self, document: Option<&DocumentId>, cost: Cost) -> Option<CloseReason> {
        match self.gateway.guard.throttle.check(&self.caller.counted(), document, cost) {
            Verdict::Go => None,
            Verdict::Slow(wait) => {
                // Boxed: an idle connection need not hold the timer.
                Box::pin(tokio::time::sleep(wait)).await;
                None
            }
            Verdict::Stop { what, retry_after } => {
                let door = Door { gateway: self.gateway.clone(), caller: self.caller.clone() };
                door.note(Action::Limited, Some(what.code()));
                let seconds = retry_after.as_secs_f64().ceil();
                let words = format!("too much for now; come again in {seconds} s, and send less at a time");
                Some(CloseReason::NotNow { code: what.code(), words })
            }
        }
    }

    /// Ends the session from our side.
    pub(super) fn closing(&mut self, reason: CloseReason) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.session.close(reason, &mut effects);
        effects
    }

    /// Carries out what the session answered. Says why the session is over, when it is.
    pub(super) async fn carry_out(
        &mut self,
        effects: Vec<Effect>,
        wire: &mut impl Wire,
    ) -> Option<CloseReason> {
        for effect in effects {
            match effect {
                Effect::Write(frame) => wire.write(frame),
                Effect::Ping => wire.ping(),
                Effect::Joined(peer) => {
                    if let Err(reason) = self.joined(peer) {
                        let effects = self.closing(reason);
                        return Box::pin(self.carry_out(effects, wire)).await;
                    }
                }
                Effect::Welcome => self.welcome(wire),
                Effect::Verify(token) => {
                    let effects = Box::pin(self.verify(&token)).await;
                    let ended = Box::pin(self.carry_out(effects, wire)).await;
                    if ended.is_some() {
                        return ended;
                    }
                }
                Effect::Tell { document, what } => {
                    if let Some(reason) = self.spend_changes(&document, &what).await {
                        let effects = self.closing(reason);
                        return Box::pin(self.carry_out(effects, wire)).await;
                    }
                    self.tell(document, what).await;
                }
                Effect::Close(reason) => {
                    self.note_panic(&reason);
                    metrics::counter!(SESSIONS_ENDED, "code" => code_of(&reason)).increment(1);
                    return Some(reason);
                }
            }
        }
        None
    }

    /// Automerge panicked over what came here: that is written down, and the second time nobody is let in from there.
    fn note_panic(&self, reason: &CloseReason) {
        let CloseReason::Panicked { cause, .. } = reason else { return };
        let address = self.caller.address;
        let door = Door { gateway: self.gateway.clone(), caller: self.caller.clone() };
        metrics::counter!(crate::metrics::PANICS).increment(1);
        tracing::warn!(session = %self.session.id(), ?address, cause, "automerge panicked over a change");
        door.note(Action::Refused, Some(Code::InvalidChange.as_str()));
        if let Some(banned_for) = address.and_then(|address| self.gateway.guard.bans.strike(address)) {
            tracing::warn!(?address, ?banned_for, "nobody is let in from there");
            door.note(Action::Limited, Some(Code::AddressBanned.as_str()));
        }
    }

    /// The peer has taken what this document sent last: it may send the next.
    pub(super) fn drained(&self, document: &DocumentId) {
        if let Some(mailbox) = self.mailboxes.get(document) {
            mailbox.drained(self.session.id());
        }
    }

    fn hub(&self) -> &Hub {
        &self.gateway.hub
    }

    fn note_follows(&mut self) {
        let follows = self.session.follows_somebody();
        if follows != self.follows {
            self.follows = follows;
            self.hub().follows_changed(follows);
        }
    }

    fn joined(&mut self, peer: PeerId) -> Result<(), CloseReason> {
        let whose = &self.caller.who.subject;
        self.hub().joined(self.session.id(), &peer, whose, &self.outbox)?;
        self.peer = Some(peer);
        Ok(())
    }

    /// Changes count for whoever brings them, and for their document where those who bring them may write it. Of a document that
    /// they make with them nothing is known yet.
    async fn spend_changes(&self, document: &DocumentId, what: &ToDocument) -> Option<CloseReason> {
        let ToDocument::Message { message, .. } = what else { return None };
        let changes = message.changes.iter().count();
        if changes == 0 {
            return None;
        }
        let too_many = Box::pin(self.spend(None, Cost::Changes(changes))).await;
        let mailbox = self.mailboxes.get(document);
        if too_many.is_some() || !mailbox.is_some_and(|mailbox| mailbox.may_write(self.session.id())) {
            return too_many;
        }
        Box::pin(self.spend(Some(document), Cost::DocumentChanges(changes))).await
    }

    /// The first of our own messages.
    fn welcome(&self, wire: &mut impl Wire) {
        let (limits, session) = (&self.gateway.limits, self.hub().session_limits());
        let bounds = Bounds {
            message_bytes_max: limits.message_bytes_max as u64,
            change_bytes_max: DocumentLimits::default().change_bytes_max as u64,
            documents_max: session.documents_max as u64,
            silence_ms_max: u64::try_from(session.silence_max.as_millis()).unwrap_or(u64::MAX),
        };
        // A link is for its document: which rules there are is for people.
        let is_link = self.caller.who.kind == Kind::Link;
        let versions = if is_link { BTreeMap::new() } else { self.hub().rules().versions() };
        let now = self.gateway.clock.now();
        if let Some(frame) = self.session.welcome(now, bounds, versions) {
            wire.write(frame);
        }
    }

    /// Somebody shows a newer token.
    async fn verify(&mut self, token: &Secret) -> Vec<Effect> {
        let checked = self.gateway.identify(token.reveal(), &self.caller).await;
        self.session.identified(self.gateway.clock.now(), checked)
    }

    async fn tell(&mut self, document: DocumentId, what: ToDocument) {
        let session = self.session.id();
        if let ToDocument::Open { who, storage, follows, understands_ours, room } = what {
            let outbox = self.outbox.clone();
            let address = self.caller.address;
            let reader = Reader { session, who, address, storage, follows, understands_ours, room, outbox };
            // Boxed: once for a document, and an idle connection need not hold room for it.
            let mailbox = Box::pin(self.gateway.hub.read(&document, reader)).await;
            self.mailboxes.extend(mailbox.map(|mailbox| (document, mailbox)));
            return;
        }
        // Of a document that it does not read there is nothing that it could say.
        if let Some(mailbox) = self.mailboxes.get(&document) {
            mailbox.tell(session, what).await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let session = self.session.id();
        for mailbox in self.mailboxes.values() {
            mailbox.leave(session);
        }
        if self.follows {
            self.hub().follows_changed(false);
        }
        self.hub().left(session, self.peer.as_ref());
    }
}
