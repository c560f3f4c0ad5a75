//! One connection: what may be said in which phase, and to which document it goes.
//!
//! Edit path: ← the socket brings a frame, [`Session::receive`] reads it and says to which document
//! it belongs. On the way back [`Session::outgoing`] puts what a document says into a frame for
//! this peer.
//!
//! ```text
//!  AwaitingJoin ──join──▶ Open ──leave / bad frame / refusal / silence──▶ Closed
//!       └──────deadline / anything but a join / other version───────────────▲
//! ```
//!
//! Invariant: in `Open` every message that is acted on carries the name that joined.
//! Invariant: after `Close` nothing is read and nothing is written any more.

mod handshake; // From the first frame to an open session.
mod outgoing; // What documents say, as frames for this peer.
mod renewal; // When a newer token is asked for.

pub use handshake::ServerIdentity;
pub use outgoing::Outgoing;
pub use renewal::Renewal;

use crate::document::careful::carefully;
use crate::document::{Heads, Refusal, RemoteHeads, WaitingRoom, claims};
use crate::grant::Identity;
use crate::id::{DocumentId, PeerId, SessionId, StorageId};
use crate::limits::{FOLLOWED_STORAGES_MAX, SessionLimits};
use crate::time::Timestamp;
use crate::wire::{self, EphemeralFrame, Message, Own, OwnMessage, Secret, SyncEnvelope, SyncKind};
use automerge::sync;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How many of the messages sent last are recognised when they are acknowledged late. A client
/// acknowledges each message; while a burst is going on it is a few messages behind.
const TOLD_MAX: usize = 8;

/// Why a session ends, as its peer is told: an `error` message first, then this close code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// No `join` came in time.
    #[error("join_deadline: no join message within {within_ms} ms")]
    JoinDeadline {
        /// The time it had.
        within_ms: u128,
    },
    /// Something else came first.
    #[error("join_expected: expected a join message, got {got}")]
    JoinExpected {
        /// What came.
        got: String,
    },
    /// It speaks no version that we do. The words are those of the stock server.
    #[error("unsupported protocol version")]
    UnsupportedVersion,
    /// It joined already.
    #[error("already_joined: this connection has joined as {peer}")]
    AlreadyJoined {
        /// Under this name.
        peer: PeerId,
    },
    /// It speaks in somebody else's name.
    #[error("sender_mismatch: this connection joined as {joined}, the message is from {sender}")]
    SenderMismatch {
        /// Its own name.
        joined: PeerId,
        /// The other.
        sender: PeerId,
    },
    /// The frame cannot be read.
    #[error("{0}")]
    BadFrame(String),
    /// A message has more bytes than may be taken.
    #[error("message_too_large: a message has at most {bytes_max} bytes")]
    TooLarge {
        /// How many it may have.
        bytes_max: usize,
    },
    /// It reads more documents than a connection may.
    #[error("too_many_documents: a connection reads at most {max} documents")]
    TooManyDocuments {
        /// How many it may.
        max: usize,
    },
    /// It follows more stores than a connection may.
    #[error("too_many_storages: a connection follows at most {FOLLOWED_STORAGES_MAX} storage ids")]
    TooManyStorages,
    /// Nothing came from it for too long.
    #[error("silent: nothing was received for {silence_ms} ms")]
    Silent {
        /// For how long.
        silence_ms: u128,
    },
    /// It said goodbye.
    #[error("the peer left")]
    Left,
    /// A document could not take what it brought.
    #[error("{code}: {words}")]
    Refused {
        /// What programs look at.
        code: &'static str,
        /// What people read.
        words: String,
        /// The same may succeed later.
        try_again: bool,
    },
    /// Automerge panicked over what it brought. Whoever does that again is not let in for a while.
    #[error("{}: {words}", Self::INVALID_CHANGE)]
    Panicked {
        /// What people read.
        words: String,
        /// What Automerge said, for the log.
        cause: String,
    },
    /// It may not do that. A client that understands more is told so and goes on.
    #[error("{code}: {words}")]
    Forbidden {
        /// What programs look at.
        code: &'static str,
        /// What people read.
        words: String,
    },
    /// It does not say who it is, or not any longer.
    #[error("{code}: {words}")]
    Unauthenticated {
        /// What programs look at.
        code: &'static str,
        /// What people read.
        words: String,
    },
    /// Not now: it does more than one may in this time, or what it takes to let it in is not at hand. The same may succeed
    /// later.
    #[error("{code}: {words}")]
    NotNow {
        /// What programs look at.
        code: &'static str,
        /// What people read.
        words: String,
    },
    /// Another connection joined under the same name.
    #[error("replaced: another connection joined as {peer}")]
    Replaced {
        /// The name.
        peer: PeerId,
    },
    /// Somebody else's connection joined under the same name, and goes on.
    #[error("peer_id_taken: somebody else is connected as {peer}; draw another peer id")]
    PeerIdTaken {
        /// The name.
        peer: PeerId,
    },
    /// The server stops; another will be there soon.
    #[error("restart: the server is going down")]
    ServerStops,
    /// It does not read what it is sent.
    #[error("slow_reader: too much is waiting to be read by this connection")]
    SlowReader,
}

/// What people are told who were cut off.
pub const BLOCKED: &str = "whoever administers this server has blocked you; ask them why";

impl CloseReason {
    /// The code of changes that cannot be taken.
    const INVALID_CHANGE: &'static str = "invalid_change";

    /// Its holder was cut off.
    #[must_use]
    pub fn blocked() -> Self {
        Self::Unauthenticated { code: "token_revoked", words: BLOCKED.to_owned() }
    }

    /// No newer token came in time.
    #[must_use]
    pub fn token_over() -> Self {
        let words = "the token of this connection has ended; connect again with a new one".to_owned();
        Self::Unauthenticated { code: "token_expired", words }
    }

    /// A newer token came, of somebody else.
    #[must_use]
    pub fn token_of_another() -> Self {
        let words = "this token is somebody else's; connect again to be somebody else".to_owned();
        Self::Unauthenticated { code: "token_of_another", words }
    }

    /// The WebSocket close code, RFC 6455 section 7.4 and its registry; those from 4000 on are ours.
    #[must_use]
    pub fn close_code(&self) -> u16 {
        match self {
            CloseReason::Left => 1000,
            CloseReason::JoinDeadline { .. }
            | CloseReason::JoinExpected { .. }
            | CloseReason::UnsupportedVersion
            | CloseReason::AlreadyJoined { .. } => 1002,
            CloseReason::BadFrame(_) => 1007,
            CloseReason::TooLarge { .. } => 1009,
            CloseReason::SenderMismatch { .. }
            | CloseReason::TooManyDocuments { .. }
            | CloseReason::TooManyStorages
            | CloseReason::Silent { .. }
            | CloseReason::SlowReader
            | CloseReason::Panicked { .. } => 1008,
            CloseReason::ServerStops => 1012,
            CloseReason::Refused { try_again: true, .. } => 1013,
            CloseReason::Refused { try_again: false, .. } => 1008,
            CloseReason::NotNow { .. } => 1013,
            CloseReason::Replaced { .. } | CloseReason::PeerIdTaken { .. } => 4001,
            CloseReason::Unauthenticated { .. } => 4401,
            CloseReason::Forbidden { .. } => 4403,
        }
    }

    /// Whether there is something to tell: one who leaves needs no `error` message.
    fn is_told(&self) -> bool {
        !matches!(self, CloseReason::Left | CloseReason::ServerStops)
    }
}

/// What has to be done in the world.
#[derive(Debug)]
pub enum Effect {
    /// Send this frame.
    Write(Bytes),
    /// Send a WebSocket ping.
    Ping,
    /// Send what was written, then close.
    Close(CloseReason),
    /// The peer has a name now; an older connection of the same name is to be closed.
    Joined(PeerId),
    /// The peer understands our own messages: [`Session::welcome`] has the first.
    Welcome,
    /// Somebody shows a newer token: check it, and tell the session by [`Session::identified`].
    Verify(Secret),
    /// Tell a document.
    Tell {
        /// Which.
        document: DocumentId,
        /// What.
        what: ToDocument,
    },
}

/// What a session has for a document.
#[derive(Debug)]
pub enum ToDocument {
    /// This session reads it from now on.
    Open {
        /// Who is behind it.
        who: Arc<Identity>,
        /// The peer's store, if it has one that lasts.
        storage: Option<StorageId>,
        /// The stores it follows.
        follows: Arc<BTreeSet<StorageId>>,
        /// It announced that it knows Dovetail's own messages.
        understands_ours: bool,
        /// Where what it has waiting counts.
        room: Arc<WaitingRoom>,
    },
    /// Who is behind it has shown a newer token.
    Identified(Arc<Identity>),
    /// It follows other stores than before.
    Follow(Arc<BTreeSet<StorageId>>),
    /// A sync message.
    Message {
        /// It came as a `request`.
        is_request: bool,
        /// The message.
        message: sync::Message,
    },
    /// For the other readers; not looked into.
    Ephemeral(EphemeralFrame),
    /// News of another store. Only for a document that is open anyway.
    RemoteHeads(RemoteHeads),
}

#[derive(Debug)]
enum Phase {
    AwaitingJoin { until: Timestamp },
    Open(Box<Open>),
    Closed,
}

/// What exists once a peer has joined.
#[derive(Debug)]
struct Open {
    peer: PeerId,
    storage: Option<StorageId>,
    follows: Arc<BTreeSet<StorageId>>,
    documents: BTreeMap<DocumentId, OpenDocument>,
    /// It announced that it knows Dovetail's own messages.
    understands_ours: bool,
    /// What it has waiting in all of its documents.
    room: Arc<WaitingRoom>,
}

/// A document that this connection reads.
#[derive(Debug)]
struct OpenDocument {
    envelope: SyncEnvelope,
    /// The heads told last, newest behind: when they come back, that is an acknowledgement.
    told: VecDeque<Heads>,
}

/// One connection. See the top of the file.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    limits: SessionLimits,
    server: Arc<ServerIdentity>,
    /// Who is behind it.
    who: Arc<Identity>,
    renewal: Renewal,
    phase: Phase,
    heard_at: Timestamp,
    pinged_at: Timestamp,
}

impl Session {
    /// A connection of somebody that was just made.
    #[must_use]
    pub fn new(
        id: SessionId,
        now: Timestamp,
        limits: SessionLimits,
        server: Arc<ServerIdentity>,
        who: Arc<Identity>,
    ) -> Self {
        let phase = Phase::AwaitingJoin { until: now + limits.join_within };
        let renewal = Renewal::of(who.until, now);
        Self { id, limits, server, who, renewal, phase, heard_at: now, pinged_at: now }
    }

    /// Who is behind it.
    #[must_use]
    pub fn who(&self) -> &Arc<Identity> {
        &self.who
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The peer's name, once it has joined and until it is closed.
    #[must_use]
    pub fn peer(&self) -> Option<&PeerId> {
        match &self.phase {
            Phase::Open(open) => Some(&open.peer),
            Phase::AwaitingJoin { .. } | Phase::Closed => None,
        }
    }

    /// The documents it reads.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentId> {
        let documents = match &self.phase {
            Phase::Open(open) => Some(open.documents.keys()),
            Phase::AwaitingJoin { .. } | Phase::Closed => None,
        };
        documents.into_iter().flatten()
    }

    /// Whether it follows other stores: the server counts those who do.
    #[must_use]
    pub fn follows_somebody(&self) -> bool {
        matches!(&self.phase, Phase::Open(open) if !open.follows.is_empty())
    }

    /// A binary message has come. `somebody_follows`: some connection wants to hear of other stores'
    /// heads, so acknowledgements are shown to the documents too.
    pub fn receive(&mut self, now: Timestamp, frame: &[u8], somebody_follows: bool) -> Vec<Effect> {
        let _stop = tracing::debug_span!("session", session = %self.id).entered();
        self.heard(now);
        let mut effects = Vec::new();
        let message = match wire::decode(frame) {
            Ok(message) => message,
            Err(bad) => {
                self.close(CloseReason::BadFrame(format!("{}: {bad}", bad.code())), &mut effects);
                return effects;
            }
        };
        match &mut self.phase {
            Phase::Closed => {}
            Phase::AwaitingJoin { .. } => self.first(message, &mut effects),
            Phase::Open(open) => {
                let house = House { server: &self.server, limits: &self.limits, who: &self.who };
                if let Err(reason) = open.receive(message, house, somebody_follows, &mut effects) {
                    self.close(reason, &mut effects);
                }
            }
        }
        effects
    }

    /// Something has come, be it only a pong: the peer lives.
    pub fn heard(&mut self, now: Timestamp) {
        self.heard_at = now;
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.look_at_token(now, &mut effects);
        match &self.phase {
            Phase::Closed => {}
            Phase::AwaitingJoin { until } if now >= *until => {
                let within_ms = self.limits.join_within.as_millis();
                self.close(CloseReason::JoinDeadline { within_ms }, &mut effects);
            }
            Phase::AwaitingJoin { .. } => {}
            Phase::Open(_) if now.since(self.heard_at) >= self.limits.silence_max => {
                let silence_ms = self.limits.silence_max.as_millis();
                self.close(CloseReason::Silent { silence_ms }, &mut effects);
            }
            Phase::Open(_) => {
                if now >= self.ping_at() {
                    self.pinged_at = now;
                    effects.push(Effect::Ping);
                }
            }
        }
        effects
    }

    /// When [`tick`](Self::tick) has something to do next, if nothing else happens.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        let next = match &self.phase {
            Phase::Closed => return None,
            Phase::AwaitingJoin { until } => *until,
            Phase::Open(_) => self.ping_at().min(self.heard_at + self.limits.silence_max),
        };
        Some(self.renewal.due_at().map_or(next, |due| due.min(next)))
    }

    /// Ends the session from our side.
    pub fn close(&mut self, reason: CloseReason, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        if reason.is_told() {
            let target = self.peer().cloned();
            let message = reason.to_string().into();
            let sender = Some(self.server.peer.clone());
            effects.push(Effect::Write(Message::Error { sender, target, message }.encode().into()));
        }
        self.phase = Phase::Closed;
        effects.push(Effect::Close(reason));
    }

    /// A client whose token ends soon is asked for another one; when it has ended, so has the session.
    fn look_at_token(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.renewal.is_over(now) {
            self.close(CloseReason::token_over(), effects);
        } else if let Some(until) = self.renewal.ask(now) {
            match self.phase {
                Phase::Open(_) => self.tell_token(until, effects),
                // Who has not joined cannot be asked yet: later, then, but in time.
                Phase::AwaitingJoin { .. } => self.renewal = Renewal::of(Some(until), now),
                Phase::Closed => {}
            }
        }
    }

    /// Says when the token ends, to those who understand it.
    fn tell_token(&self, until: Timestamp, effects: &mut Vec<Effect>) {
        let own = Own::Token { token: None, until: Some(until.as_millis()) };
        effects.extend(self.own(None, own).map(Effect::Write));
    }

    /// What became of [`Effect::Verify`]. Somebody else's token is no renewal.
    ///
    /// # Errors
    /// Nothing is returned as an error: a token that is refused ends the session.
    pub fn identified(&mut self, now: Timestamp, checked: Result<Arc<Identity>, CloseReason>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let who = match checked {
            Ok(who) if who.subject == self.who.subject => who,
            Ok(_) => {
                self.close(CloseReason::token_of_another(), &mut effects);
                return effects;
            }
            Err(reason) => {
                self.close(reason, &mut effects);
                return effects;
            }
        };
        self.renewal = Renewal::of(who.until, now);
        self.who = who;
        if let Some(until) = self.who.until {
            self.tell_token(until, &mut effects);
        }
        let Phase::Open(open) = &self.phase else { return effects };
        for document in open.documents.keys() {
            let what = ToDocument::Identified(self.who.clone());
            effects.push(Effect::Tell { document: document.clone(), what });
        }
        effects
    }

    /// Only a peer that has been silent for a while is pinged: traffic proves life better.
    fn ping_at(&self) -> Timestamp {
        self.heard_at.max(self.pinged_at) + self.limits.ping_every
    }
}

/// What the open part of a session borrows from the rest.
#[derive(Clone, Copy)]
struct House<'a> {
    server: &'a ServerIdentity,
    limits: &'a SessionLimits,
    who: &'a Arc<Identity>,
}

impl Open {
    fn receive(
        &mut self,
        message: Message<'_>,
        house: House<'_>,
        somebody_follows: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        // A mesh of clients relays what others say in the moment; it is dropped, not punished.
        let is_relayed = matches!(&message, Message::Ephemeral(said) if said.sender != self.peer);
        if is_relayed {
            return Ok(());
        }
        if let Some(sender) = message.sender()
            && *sender != self.peer
        {
            return Err(CloseReason::SenderMismatch { joined: self.peer.clone(), sender: sender.clone() });
        }
        match message {
            Message::Join(_) => Err(CloseReason::AlreadyJoined { peer: self.peer.clone() }),
            Message::Leave { .. } => Err(CloseReason::Left),
            Message::Sync(said) => self.sync(&said, house, somebody_follows, effects),
            Message::Ephemeral(said) => {
                self.open(&said.document, house, effects)?;
                let what = ToDocument::Ephemeral(EphemeralFrame::new(&said));
                effects.push(Effect::Tell { document: said.document, what });
                Ok(())
            }
            Message::RemoteSubscriptionChange { add, remove, .. } => self.subscribe(add, &remove, effects),
            Message::RemoteHeadsChanged { document, new_heads, .. } => {
                for (storage, wire::RemoteHeads { heads, at }) in new_heads {
                    let what = ToDocument::RemoteHeads(RemoteHeads { storage, heads: heads.into(), at });
                    effects.push(Effect::Tell { document: document.clone(), what });
                }
                Ok(())
            }
            Message::Own(message) => {
                self.hear_own(*message, &house.server.peer, effects);
                Ok(())
            }
            // What a client says in these is nothing that we would act on.
            Message::Peer(_)
            | Message::DocUnavailable { .. }
            | Message::Error { .. }
            | Message::Unknown { .. } => Ok(()),
        }
    }

    fn sync(
        &mut self,
        said: &wire::Sync<'_>,
        house: House<'_>,
        somebody_follows: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        let bad = |words: String| CloseReason::BadFrame(format!("bad_sync_message: {words}"));
        claims::check(&said.data).map_err(|claims| bad(claims.to_string()))?;
        let message = carefully(|| sync::Message::decode(&said.data))
            .map_err(Refusal::from)?
            .map_err(|error| bad(error.to_string()))?;
        let open = self.open(&said.document, house, effects)?;
        let is_request = said.kind == SyncKind::Request;
        let is_silent = !is_request && open.is_acknowledged_by(&message);
        if is_silent && !(somebody_follows && self.storage.is_some()) {
            return Ok(());
        }
        let what = ToDocument::Message { is_request, message };
        effects.push(Effect::Tell { document: said.document.clone(), what });
        Ok(())
    }

    /// The document, opened if this is the first time it is spoken of.
    fn open(
        &mut self,
        document: &DocumentId,
        house: House<'_>,
        effects: &mut Vec<Effect>,
    ) -> Result<&mut OpenDocument, CloseReason> {
        let House { server, limits, who } = house;
        if !self.documents.contains_key(document) {
            if self.documents.len() >= limits.documents_max {
                return Err(CloseReason::TooManyDocuments { max: limits.documents_max });
            }
            let (storage, follows) = (self.storage.clone(), self.follows.clone());
            let understands_ours = self.understands_ours;
            let (who, room) = (who.clone(), self.room.clone());
            let what = ToDocument::Open { who, storage, follows, understands_ours, room };
            effects.push(Effect::Tell { document: document.clone(), what });
        }
        Ok(self.documents.entry(document.clone()).or_insert_with(|| OpenDocument {
            envelope: SyncEnvelope::new(&server.peer, &self.peer, document),
            told: VecDeque::new(),
        }))
    }

    /// Of our own messages a client says two: a newer token, and a ping.
    fn hear_own(&self, message: OwnMessage, server: &PeerId, effects: &mut Vec<Effect>) {
        match (self.understands_ours, message.own) {
            (true, Own::Token { token: Some(token), .. }) => effects.push(Effect::Verify(token)),
            (true, Own::Ping {}) => {
                effects.extend(self.own_frame(server, None, Own::Pong {}).map(Effect::Write));
            }
            _ => {}
        }
    }

    fn subscribe(
        &mut self,
        add: Vec<StorageId>,
        remove: &[StorageId],
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        let mut follows = BTreeSet::clone(&self.follows);
        follows.extend(add);
        for storage in remove {
            follows.remove(storage);
        }
        if follows.len() > FOLLOWED_STORAGES_MAX {
            return Err(CloseReason::TooManyStorages);
        }
        self.follows = Arc::new(follows);
        for document in self.documents.keys() {
            let what = ToDocument::Follow(self.follows.clone());
            effects.push(Effect::Tell { document: document.clone(), what });
        }
        Ok(())
    }
}

impl OpenDocument {
    /// A plain acknowledgement: our heads come back, nothing is brought and nothing is asked. Most
    /// messages are that; the document need not see them.
    fn is_acknowledged_by(&self, message: &sync::Message) -> bool {
        message.changes.is_empty()
            && message.need.is_empty()
            && self.told.iter().rev().any(|told| **told == *message.heads)
    }
}
