//! All documents of a device, and the connection that they share.
//!
//! Edit path: ← an app edits a [`replica`] here, → the engine lets it advance and says what has to be done: keep, dial,
//! write; ← frames and answers of the store, → the replica that they are about.
//!
//! Routing only: what an edit becomes is decided in `replica`, what a frame means in `link`, when to connect in `course`.
//!
//! Always true: there is one connection at a time, and nothing is heard of one that was given up.

use super::course::{Besides, Connection, Course, Ending, Windows};
use super::link::{Due, Heard, Introduction, Link, Welcome};
use super::replica::{self, Limits, LoadFault, Notes, Replica};
use super::room::{Leave, Left, Room, StorageStatus};
use automerge::{ActorId, Automerge, sync};
use bytes::Bytes;
use dovetail_core::document::chunk::{Batch, Stored};
use dovetail_core::id::{DocumentId, PeerId, StorageId};
use dovetail_core::time::Timestamp;
use dovetail_core::wire::Secret;
use std::collections::{BTreeMap, BTreeSet};

/// What has to be done in the world, in this order.
#[derive(Debug)]
pub enum Effect {
    /// Make a connection, with a token if there is a source of them; answer with [`Engine::dialed`] or [`Engine::ended`].
    Dial,
    /// Give the connection up: nothing of it is wanted any more.
    HangUp,
    /// Say this on the connection.
    Write(Bytes),
    /// The token was not taken, or ends soon: ask the source for another one. While there is a connection, answer with
    /// [`Engine::show_token`].
    AskToken,
    /// Somebody else is connected under our peer id: draw another one and answer with [`Engine::set_peer`].
    AnotherPeerId,
    /// Read a document and its notes; answer with [`Engine::loaded`].
    Load(DocumentId),
    /// Make this durable, behind everything that was asked for before; answer with [`Engine::stored`].
    Commit(Batch),
    /// Write the notes of a document down; answer with [`Engine::noted`].
    Note(DocumentId, Box<Notes>),
    /// Let go of what is stored of a document, if it may leave; answer with [`Engine::forgotten`].
    Forget(DocumentId, Leave),
    /// The content of a document is another one.
    Changed(DocumentId),
    /// How a document stands is another.
    Told(DocumentId),
    /// How the connection is is another, or who we are on it.
    Connection,
    /// Somebody else who has a document open says something.
    Said {
        /// About which document.
        document: DocumentId,
        /// Who.
        by: PeerId,
        /// What: CBOR, as a rule.
        data: Bytes,
    },
}

/// See the top of the file.
#[derive(Debug)]
pub struct Engine {
    me: Introduction,
    limits: Limits,
    /// As the app has it, whatever a server takes.
    change_bytes_max: u64,
    course: Course,
    link: Option<Link>,
    welcome: Option<Welcome>,
    /// What the server complained about last on this connection: the reason, when the end comes behind it.
    words: String,
    replicas: BTreeMap<DocumentId, Replica>,
    room: Room,
    /// Documents that were let go of while they were read: the answer is about what is not there any more. So many are to come.
    stale_loads: BTreeMap<DocumentId, usize>,
    /// What was said on this connection of documents that are not open. The server believes that it was heard.
    missed: BTreeSet<DocumentId>,
    effects: Vec<Effect>,
}

impl Engine {
    /// With nothing open; a connection is made at once.
    #[must_use]
    pub fn new(peer: PeerId, storage: Option<StorageId>, windows: Windows, limits: Limits) -> Self {
        Self {
            me: Introduction { peer, storage },
            change_bytes_max: limits.change_bytes_max,
            limits,
            course: Course::new(windows),
            link: None,
            welcome: None,
            words: String::new(),
            replicas: BTreeMap::new(),
            room: Room::default(),
            stale_loads: BTreeMap::new(),
            missed: BTreeSet::new(),
            effects: vec![Effect::Dial],
        }
    }

    /// Whether something has to be done.
    #[must_use]
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// What has to be done by now.
    #[must_use]
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    // Room.

    /// What is kept on the device, and how much may be. Without it nothing leaves.
    pub fn set_room(&mut self, room: Room) {
        self.room = room;
    }

    /// How much of the room is taken.
    #[must_use]
    pub fn storage(&self) -> StorageStatus {
        self.room.status()
    }

    /// What is kept on the device.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Lets go of a document, and of whatever of it is nowhere else. It is closed, whatever waits.
    pub fn forget(&mut self, id: &DocumentId) {
        if self.replicas.remove(id).is_some_and(|replica| !replica.is_loaded()) {
            *self.stale_loads.entry(id.clone()).or_default() += 1;
        }
        self.effects.push(Effect::Forget(id.clone(), Leave::Anyway));
    }

    // Documents.

    /// Opens a document, if it is not. `actor` is new, drawn by lot.
    pub fn open(&mut self, now: Timestamp, id: &DocumentId, actor: ActorId) {
        if self.replicas.contains_key(id) {
            return;
        }
        if self.missed.contains(id) {
            self.connect_anew(now);
            // Nothing has failed: nobody waits.
            self.network_is_back();
        }
        let replica = Replica::new(id.clone(), actor, self.limits);
        self.take_up(now, replica);
        self.with(now, id, |replica, effects| replica.open(effects));
    }

    /// Opens a document that was made here just now. `actor` is new, drawn by lot.
    pub fn create(&mut self, now: Timestamp, id: &DocumentId, actor: ActorId, doc: Automerge) {
        self.take_up(now, Replica::made(id.clone(), actor, self.limits, doc));
    }

    fn take_up(&mut self, now: Timestamp, mut replica: Replica) {
        if self.link.as_ref().is_some_and(Link::is_joined) {
            replica.connected();
        }
        let id = replica.id().clone();
        self.replicas.insert(id.clone(), replica);
        self.turn(now, &id);
    }

    /// Closes a document of which nothing waits for the disk or the server. Whether it is closed.
    pub fn let_go(&mut self, now: Timestamp, id: &DocumentId) -> bool {
        let Some(replica) = self.replicas.get(id) else { return true };
        let is_done = replica.is_quiet() && replica.pending_size().0 == 0;
        if is_done {
            self.room.is_closed(now, id, replica.has_to_stay());
            self.replicas.remove(id);
        }
        is_done
    }

    /// What is allowed here.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A document that is open.
    #[must_use]
    pub fn replica(&self, id: &DocumentId) -> Option<&Replica> {
        self.replicas.get(id)
    }

    /// All that are open.
    pub fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.replicas.values()
    }

    /// Does something with a document that is open, and what comes of it. Nothing when it is not open.
    pub fn with<T>(
        &mut self,
        now: Timestamp,
        id: &DocumentId,
        does: impl FnOnce(&mut Replica, &mut Vec<replica::Effect>) -> T,
    ) -> Option<T> {
        let mut effects = Vec::new();
        let replica = self.replicas.get_mut(id)?;
        replica.set_storage(self.room.status());
        let done = does(replica, &mut effects);
        self.carry_out(now, id, effects);
        self.turn(now, id);
        Some(done)
    }

    /// The store's answer to [`Effect::Load`].
    pub fn loaded(
        &mut self,
        now: Timestamp,
        id: &DocumentId,
        answer: Result<(Option<Stored>, Option<Notes>), LoadFault>,
    ) {
        if let Some(stale) = self.stale_loads.get_mut(id) {
            *stale -= 1;
            if *stale == 0 {
                self.stale_loads.remove(id);
            }
            return;
        }
        if let Ok((stored, _)) = &answer {
            // What could not be written was counted as if it were here.
            self.room.takes(now, id, stored.as_ref().map_or(0, |stored| stored.manifest.bytes));
        }
        self.with(now, id, |replica, effects| replica.loaded(now, answer, effects));
    }

    /// The store's answer to [`Effect::Commit`].
    pub fn stored(&mut self, now: Timestamp, id: &DocumentId, answer: Result<(), &str>) {
        self.with(now, id, |replica, effects| replica.stored(now, answer, effects));
    }

    /// The store's answer to [`Effect::Note`].
    pub fn noted(&mut self, now: Timestamp, id: &DocumentId, answer: Result<(), &str>) {
        self.with(now, id, |replica, effects| replica.noted(now, answer, effects));
    }

    /// The store's answer to [`Effect::Forget`].
    pub fn forgotten(&mut self, now: Timestamp, id: &DocumentId, left: Left) {
        self.room.has_left(now, id, left);
    }

    // The connection.

    /// How it is.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        self.course.connection()
    }

    /// Tokens have a source, which may have another one later.
    pub fn has_token_source(&mut self) {
        self.course.has_token_source();
    }

    /// What the server has said of us and of this connection, if there is one.
    #[must_use]
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }

    /// Whether there is a connection, be it that the server has not answered yet.
    #[must_use]
    pub fn has_link(&self) -> bool {
        self.link.is_some()
    }

    /// A connection is there: somebody has to be told who we are.
    pub fn dialed(&mut self, now: Timestamp) {
        let (link, join) = Link::open(now, self.me.clone());
        self.link = Some(link);
        self.words.clear();
        self.effects.push(Effect::Write(join));
    }

    /// Another connection is there in the place of the one before, without a pause between them.
    pub fn switched(&mut self, now: Timestamp) {
        self.forget_link();
        // What was to be said on the one before is nothing for this one.
        self.effects.retain(|effect| !matches!(effect, Effect::Write(_)));
        self.dialed(now);
    }

    /// Frames have come, which are looked at together: what they bring of one document is applied in one go. `draw` is from 0 to
    /// below 1.
    pub fn heard(&mut self, now: Timestamp, frames: &[Bytes], draw: f64) {
        let mut concerned = BTreeSet::new();
        for frame in frames {
            let Some(link) = &mut self.link else { break };
            match link.hear(now, frame) {
                Ok(Heard::Sync { document, message }) => {
                    self.hear_sync(now, &document, message);
                    concerned.insert(document);
                }
                Ok(heard) => {
                    // What was said before it is looked at before it.
                    std::mem::take(&mut concerned).iter().for_each(|id| self.turn(now, id));
                    self.take_in(now, heard);
                }
                Err(nonsense) => self.hang_up(now, &Ending::from(nonsense), draw),
            }
        }
        concerned.iter().for_each(|id| self.turn(now, id));
    }

    fn hear_sync(&mut self, now: Timestamp, id: &DocumentId, message: sync::Message) {
        let mut effects = Vec::new();
        match self.replicas.get_mut(id) {
            Some(replica) => replica.hear(message, &mut effects),
            None => _ = self.missed.insert(id.clone()),
        }
        self.carry_out(now, id, effects);
    }

    fn take_in(&mut self, now: Timestamp, heard: Heard) {
        match heard {
            Heard::Joined => {
                self.course.joined(now);
                self.effects.push(Effect::Connection);
                self.replicas.values_mut().for_each(Replica::connected);
                self.turn_all(now);
            }
            Heard::Welcome(welcome) => {
                let bounds = &welcome.bounds;
                // A change comes in a message, with what that says besides.
                let of_server = bounds.change_bytes_max.min(bounds.message_bytes_max / 8 * 7);
                let bytes_max = of_server.min(self.change_bytes_max);
                self.limits.change_bytes_max = bytes_max;
                self.replicas.values_mut().for_each(|replica| replica.set_change_bytes_max(bytes_max));
                self.welcome = Some(welcome);
                self.effects.push(Effect::Connection);
            }
            Heard::Sync { document, message } => self.hear_sync(now, &document, message),
            Heard::Missing { document } => {
                self.with(now, &document, Replica::is_missing);
            }
            Heard::Rejected { document, changes, code, reason } => {
                self.with(now, &document, |replica, effects| {
                    replica.rejected(now, &changes, &code, &reason, effects);
                });
            }
            Heard::Permitted { document, role } => {
                self.with(now, &document, |replica, effects| replica.permitted(role, effects));
            }
            Heard::Said { document, by, data } => self.effects.push(Effect::Said { document, by, data }),
            Heard::TokenEnds => self.effects.push(Effect::AskToken),
            Heard::Words(words) => self.words = words,
            Heard::Nothing => {}
        }
    }

    /// The connection is over, or could not be made. `draw` is from 0 to below 1.
    pub fn ended(&mut self, now: Timestamp, ending: Ending, draw: f64) {
        let words = std::mem::take(&mut self.words);
        let ending = Ending { words: if ending.words.is_empty() { words } else { ending.words }, ..ending };
        self.forget_link();
        let besides = self.course.ended(now, &ending, draw);
        self.effects.push(Effect::Connection);
        match besides {
            Besides::Nothing => {}
            Besides::AnotherToken => self.effects.push(Effect::AskToken),
            Besides::AnotherPeerId => self.effects.push(Effect::AnotherPeerId),
        }
        if self.course.tick(now) {
            self.effects.push(Effect::Dial);
        }
    }

    fn hang_up(&mut self, now: Timestamp, ending: &Ending, draw: f64) {
        self.effects.push(Effect::HangUp);
        self.ended(now, ending.clone(), draw);
    }

    fn forget_link(&mut self) {
        self.link = None;
        self.welcome = None;
        self.missed.clear();
        self.replicas.values_mut().for_each(Replica::disconnected);
    }

    /// Somebody says that the network is back.
    pub fn network_is_back(&mut self) {
        if self.course.network_is_back() {
            self.effects.extend([Effect::Connection, Effect::Dial]);
        }
    }

    /// Somebody wants a connection, whatever was said.
    pub fn reconnect(&mut self) {
        if self.course.reconnect() {
            self.effects.extend([Effect::Connection, Effect::Dial]);
        }
    }

    /// Goes on under another name, from the next connection on.
    pub fn set_peer(&mut self, peer: PeerId) {
        self.me.peer = peer;
    }

    /// Shows a newer token on the connection that there is.
    pub fn show_token(&mut self, token: Secret) {
        if let Some(link) = self.link.as_ref().filter(|link| link.is_joined()) {
            self.effects.push(Effect::Write(link.show_token(token)));
        }
    }

    /// Says something to the others who have a document open, who get it or do not. At least one byte; `run` names this run of the
    /// program. Whether there is a connection to say it on.
    pub fn broadcast(&mut self, document: &DocumentId, run: &str, data: &[u8]) -> bool {
        let Some(link) = self.link.as_mut().filter(|link| link.is_joined()) else { return false };
        let frame = link.broadcast(document, run, data);
        self.effects.push(Effect::Write(frame));
        true
    }

    // Time.

    /// When [`tick`](Self::tick) is wanted.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        let of_link = self.link.as_ref().map(Link::next_tick);
        let of_replicas = self.replicas.values().filter_map(Replica::next_tick).min();
        [of_link, of_replicas, self.course.next_tick(), self.room.next_look()].into_iter().flatten().min()
    }

    /// Time has passed. `draw` is from 0 to below 1.
    pub fn tick(&mut self, now: Timestamp, draw: f64) {
        match self.link.as_mut().and_then(|link| link.tick(now)) {
            Some(Due::Ping(frame)) => self.effects.push(Effect::Write(frame)),
            Some(Due::Gone) => {
                let words = "the server has fallen silent".to_owned();
                self.hang_up(now, &Ending { close_code: None, words }, draw);
            }
            None => {}
        }
        if self.course.tick(now) {
            self.effects.extend([Effect::Connection, Effect::Dial]);
        }
        self.make_room(now);
        self.turn_all(now);
    }

    fn make_room(&mut self, now: Timestamp) {
        let leaving = self.room.leave(now, |id| self.replicas.contains_key(id));
        self.effects.extend(leaving.into_iter().map(|id| Effect::Forget(id, Leave::WhenSaved)));
    }

    fn turn_all(&mut self, now: Timestamp) {
        let ids: Vec<DocumentId> = self.replicas.keys().cloned().collect();
        ids.iter().for_each(|id| self.turn(now, id));
    }

    /// A document does what it can.
    fn turn(&mut self, now: Timestamp, id: &DocumentId) {
        let mut effects = Vec::new();
        if let Some(replica) = self.replicas.get_mut(id) {
            replica.advance(now, &mut effects);
        }
        self.carry_out(now, id, effects);
    }

    fn carry_out(&mut self, now: Timestamp, id: &DocumentId, effects: Vec<replica::Effect>) {
        for effect in effects {
            match effect {
                replica::Effect::Load => self.effects.push(Effect::Load(id.clone())),
                replica::Effect::Commit(batch) => {
                    self.room.takes(now, id, batch.manifest.bytes);
                    self.effects.push(Effect::Commit(batch));
                }
                replica::Effect::Note(notes) => self.effects.push(Effect::Note(id.clone(), notes)),
                replica::Effect::Send(message) => {
                    let frames = self.link.as_ref().map(|link| link.say(id, message)).unwrap_or_default();
                    self.effects.extend(frames.into_iter().map(Effect::Write));
                }
                replica::Effect::Reconnect => self.connect_anew(now),
                replica::Effect::Changed => self.effects.push(Effect::Changed(id.clone())),
                replica::Effect::Told => self.effects.push(Effect::Told(id.clone())),
            }
        }
    }

    /// Another connection is made, soon at first: a store that goes on failing makes one again and again. No server has lost all its
    /// clients by that, so nothing is drawn.
    fn connect_anew(&mut self, now: Timestamp) {
        let words = "a document is begun anew on this device".to_owned();
        self.hang_up(now, &Ending { close_code: None, words }, 0.5);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on says where

    use super::super::room::StoreLimits;
    use super::*;
    use dovetail_core::dashboard::first_dashboard;
    use dovetail_core::document::chunk::{Chunk, ChunkKind, Lifecycle, Manifest};
    use std::sync::Arc;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn id() -> DocumentId {
        DocumentId::from_bytes(&[7; 16]).unwrap()
    }

    fn engine() -> Engine {
        let mut engine = Engine::new("device".parse().unwrap(), None, Windows::default(), Limits::default());
        engine.set_room(Room::new(StoreLimits::default(), NOW, BTreeMap::new()));
        engine.create(NOW, &id(), ActorId::from([1; 16]), first_dashboard());
        engine
    }

    /// RC77: what a store did not take takes no room.
    #[test]
    fn rc77_what_is_not_kept_takes_no_room() {
        let mut engine = engine();
        assert_eq!(engine.storage().documents, 1);
        engine.stored(NOW, &id(), Err("no room"));
        assert!(engine.take_effects().iter().any(|effect| matches!(effect, Effect::Load(_))));
        engine.loaded(NOW, &id(), Ok((None, None)));
        assert_eq!((engine.storage().documents, engine.storage().bytes), (0, 0));
    }

    /// RC84: what was read before it was let go of is not taken for what is there.
    #[test]
    fn rc84_an_answer_that_is_out_of_date() {
        let mut engine = engine();
        engine.replicas.clear();
        engine.open(NOW, &id(), ActorId::from([2; 16]));
        engine.forget(&id());
        engine.open(NOW, &id(), ActorId::from([3; 16]));
        let loads = |effect: &Effect| matches!(effect, Effect::Load(_));
        assert_eq!(engine.take_effects().iter().filter(|effect| loads(effect)).count(), 2);
        let doc = first_dashboard();
        let chunk = Chunk::new(ChunkKind::Snapshot, doc.save().into());
        let manifest = Manifest {
            heads: doc.get_heads(),
            changes: 1,
            bytes: chunk.bytes().len() as u64,
            kind: None,
            title: None,
            created_at: NOW,
            changed_at: NOW,
            lifecycle: Lifecycle::Live,
            access: Arc::default(),
        };
        engine.loaded(NOW, &id(), Ok((Some(Stored { manifest, chunks: vec![chunk] }), None)));
        assert!(!engine.replica(&id()).unwrap().is_loaded());
        engine.forgotten(NOW, &id(), Left::Gone);
        engine.loaded(NOW, &id(), Ok((None, None)));
        assert!(engine.replica(&id()).unwrap().is_loaded());
        assert_eq!(engine.storage().documents, 0);
    }

    /// RC84: what is let go of is closed whatever waits, and takes room until the store has answered.
    #[test]
    fn rc84_what_is_let_go_of_is_closed() {
        let mut engine = engine();
        engine.stored(NOW, &id(), Ok(()));
        engine.forget(&id());
        assert!(engine.replica(&id()).is_none());
        let forgets = |effect: &Effect| matches!(effect, Effect::Forget(_, Leave::Anyway));
        assert!(engine.take_effects().iter().any(forgets));
        assert_eq!(engine.storage().documents, 1);
        engine.forgotten(NOW, &id(), Left::Gone);
        assert_eq!(engine.storage().documents, 0);
    }
}
