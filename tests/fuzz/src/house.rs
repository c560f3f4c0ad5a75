//! A server without sockets: sessions, documents, and a store in memory that answers at once.
//!
//! Edit path: ← a frame of somebody, → all that comes of it, until everything is quiet. What each session was sent is kept,
//! so that it can be asked afterwards what somebody else has noticed.

use crate::corpus;
use automerge::Automerge;
use automerge::sync::Message;
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKey, ChunkKind, Lifecycle, Manifest, Stored};
use dovetail_core::document::{Document, Effect, Input, Refusal};
use dovetail_core::grant::{Followed, Identity};
use dovetail_core::id::{DocumentId, SessionId};
use dovetail_core::limits::{DocumentLimits, SessionLimits};
use dovetail_core::rules::{InForce, RuleBook, RuleSet, to_the_end};
use dovetail_core::session::{
    CloseReason, Effect as FromSession, Outgoing, ServerIdentity, Session, ToDocument,
};
use dovetail_core::time::Timestamp;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The time never matters here, so it stands.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// How often a machine may go on by itself before that is a loop.
const STEPS_MAX: usize = 10_000;

/// A document with its store.
#[derive(Debug)]
pub struct Shelf {
    id: DocumentId,
    /// The machine.
    pub machine: Document,
    /// What is stored of it, as a store has it.
    pub stored: Option<Manifest>,
    /// Its chunks.
    pub chunks: BTreeMap<ChunkKey, Chunk>,
    /// What it has for its readers.
    pub said: Vec<(SessionId, Said)>,
}

/// What a document has for one reader.
#[derive(Debug, Clone)]
pub enum Said {
    /// Something to send.
    Send(Outgoing),
    /// It has to go.
    Refuse(Refusal),
}

impl Shelf {
    /// One that the store does not have.
    #[must_use]
    pub fn empty(id: DocumentId) -> Self {
        let limits = DocumentLimits { chunks_before_snapshot: 4, ..DocumentLimits::default() };
        let machine = Document::new(id.clone(), limits, rules(), Arc::default());
        Self { id, machine, stored: None, chunks: BTreeMap::new(), said: Vec::new() }
    }

    /// One that is stored as this, and of which nothing is in memory.
    #[must_use]
    pub fn with(id: DocumentId, document: &Automerge) -> Self {
        let chunk = Chunk::new(ChunkKind::Snapshot, document.save().into());
        let manifest = Manifest {
            heads: document.get_heads(),
            changes: document.get_changes_meta(&[]).len() as u64,
            bytes: chunk.bytes().len() as u64,
            kind: Some("board".to_owned()),
            title: None,
            created_at: NOW,
            changed_at: NOW,
            lifecycle: Lifecycle::Live,
            access: Arc::default(),
        };
        let mut shelf = Self::empty(id);
        shelf.stored = Some(manifest);
        shelf.chunks.insert(chunk.key(), chunk);
        shelf
    }

    /// The server is started again.
    #[must_use]
    pub fn started_again(&self) -> Self {
        Self { stored: self.stored.clone(), chunks: self.chunks.clone(), ..Self::empty(self.document()) }
    }

    /// The document as a server would find it.
    ///
    /// # Panics
    /// When nobody could load it, or it is not what the manifest says.
    #[must_use]
    pub fn loaded(&self) -> Automerge {
        let of = |kind| self.chunks.values().filter(move |chunk| chunk.key().kind == kind);
        let chunks = of(ChunkKind::Snapshot).chain(of(ChunkKind::Changes));
        let bytes: Vec<u8> = chunks.flat_map(|chunk| chunk.bytes().to_vec()).collect();
        if bytes.is_empty() {
            return Automerge::new();
        }
        let loaded = Automerge::load(&bytes).expect("what is stored can be loaded");
        assert_eq!(Some(loaded.get_heads()), self.stored.as_ref().map(|manifest| manifest.heads.clone()));
        loaded
    }

    /// Somebody reads it.
    pub fn open(&mut self, session: SessionId) {
        let (follows, room) = (Arc::default(), Arc::default());
        self.tell(Input::Open { session, who: Identity::local(), storage: None, follows, room });
    }

    /// A sync message comes, and all that follows of it.
    pub fn message(&mut self, session: SessionId, message: Message) {
        self.tell(Input::Message { session, is_request: false, message });
        self.run();
    }

    /// Something happens.
    pub fn tell(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.machine.handle(NOW, input, &mut effects);
        self.carry_out(effects);
    }

    /// Until nothing is left to do.
    ///
    /// # Panics
    /// When that never ends.
    pub fn run(&mut self) {
        for _ in 0..STEPS_MAX {
            let mut effects = Vec::new();
            self.machine.advance(NOW, &mut effects);
            if effects.is_empty() && self.machine.wants_to_judge() {
                self.machine.judge(NOW, &mut effects);
            }
            if effects.is_empty() && !self.machine.wants_to_judge() {
                return;
            }
            self.carry_out(effects);
        }
        panic!("the document does not come to rest");
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::LoadManifest => self.tell(Input::Manifest(Ok(self.stored.clone()))),
                Effect::LoadChunks => {
                    let stored = self.stored.clone();
                    let chunks = self.chunks.values().cloned().collect();
                    self.tell(Input::Chunks(Ok(stored.map(|manifest| Stored { manifest, chunks }))));
                }
                Effect::LoadFollowed { document } => {
                    self.tell(Input::Followed(Ok(Arc::new(Followed::of_nobody(document)))));
                }
                Effect::Commit(batch) => self.commit(batch),
                Effect::Evaluate(question) => self.tell(Input::Evaluated(question.answer(&to_the_end()))),
                Effect::Send { to, body } => {
                    for session in to {
                        self.say(session, Outgoing::Sync { document: self.document(), body: body.clone() });
                    }
                }
                Effect::Unavailable { session } => {
                    self.say(session, Outgoing::Unavailable { document: self.document() });
                }
                Effect::RemoteHeads { to, news } => {
                    for session in to {
                        let news = news.clone();
                        self.say(session, Outgoing::RemoteHeads { document: self.document(), news });
                    }
                }
                Effect::Reject { session, why, changes } => {
                    let document = self.document();
                    self.say(session, Outgoing::Rejected { document, why, changes, set_aside: true });
                }
                Effect::Refuse { session, refusal } => self.said.push((session, Said::Refuse(refusal))),
                Effect::SetAside { .. }
                | Effect::Permission { .. }
                | Effect::Acknowledge { .. }
                | Effect::Answer { .. }
                | Effect::Judged(_)
                | Effect::View { .. } => {}
            }
        }
    }

    fn commit(&mut self, batch: Batch) {
        for key in &batch.delete {
            self.chunks.remove(key);
        }
        self.chunks.extend(batch.put.into_iter().map(|chunk| (chunk.key(), chunk)));
        self.stored = Some(batch.manifest);
        self.tell(Input::Stored(Ok(())));
    }

    fn say(&mut self, session: SessionId, outgoing: Outgoing) {
        let is_sync = matches!(outgoing, Outgoing::Sync { .. });
        self.said.push((session, Said::Send(outgoing)));
        if is_sync {
            self.tell(Input::Drained { session });
        }
    }

    fn document(&self) -> DocumentId {
        self.id.clone()
    }
}

/// Documents 1 and 2, and whoever is connected.
#[derive(Debug)]
pub struct House {
    /// The documents.
    pub shelves: BTreeMap<DocumentId, Shelf>,
    sessions: BTreeMap<SessionId, Session>,
    /// What each was sent.
    pub sent: BTreeMap<SessionId, Vec<Vec<u8>>>,
    /// How the sessions that are over ended.
    pub ended: BTreeMap<SessionId, CloseReason>,
    server: Arc<ServerIdentity>,
}

impl House {
    /// A house with these documents: 1, 2 and so on.
    #[must_use]
    pub fn with(documents: Vec<Shelf>) -> Self {
        let shelves = documents.into_iter().map(|shelf| (shelf.document(), shelf)).collect();
        let server = ServerIdentity { peer: corpus::peer(corpus::SERVER), storage: "store".parse().unwrap() };
        Self {
            shelves,
            sessions: BTreeMap::new(),
            sent: BTreeMap::new(),
            ended: BTreeMap::new(),
            server: Arc::new(server),
        }
    }

    /// Somebody connects.
    pub fn connect(&mut self, session: SessionId) {
        let limits = SessionLimits { documents_max: 8, ..SessionLimits::default() };
        self.sessions
            .insert(session, Session::new(session, NOW, limits, self.server.clone(), Identity::local()));
    }

    /// Whether a session goes on.
    #[must_use]
    pub fn is_open(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// A frame comes, and all that follows of it.
    pub fn receive(&mut self, session: SessionId, frame: &[u8]) {
        let Some(of) = self.sessions.get_mut(&session) else { return };
        let effects = of.receive(NOW, frame, true);
        self.carry_out(session, effects);
        self.run();
    }

    /// Somebody goes.
    pub fn disconnect(&mut self, session: SessionId) {
        self.sessions.remove(&session);
        self.shelves.values_mut().for_each(|shelf| shelf.tell(Input::Leave { session }));
        self.run();
    }

    fn run(&mut self) {
        loop {
            let mut said: VecDeque<(SessionId, Said)> = VecDeque::new();
            for shelf in self.shelves.values_mut() {
                shelf.run();
                said.extend(shelf.said.drain(..));
            }
            if said.is_empty() {
                return;
            }
            for (session, said) in said {
                let outgoing = match said {
                    Said::Send(outgoing) => outgoing,
                    Said::Refuse(refusal) => Outgoing::Refused(refusal),
                };
                if let Some(of) = self.sessions.get_mut(&session) {
                    let effects = of.outgoing(outgoing);
                    self.carry_out(session, effects);
                }
            }
        }
    }

    fn carry_out(&mut self, session: SessionId, effects: Vec<FromSession>) {
        for effect in effects {
            match effect {
                FromSession::Write(frame) => self.sent.entry(session).or_default().push(frame.to_vec()),
                FromSession::Close(reason) => {
                    self.ended.insert(session, reason);
                    self.sessions.remove(&session);
                    self.shelves.values_mut().for_each(|shelf| shelf.tell(Input::Leave { session }));
                }
                FromSession::Tell { document, what } => self.tell(session, document, what),
                FromSession::Ping
                | FromSession::Joined(_)
                | FromSession::Welcome
                | FromSession::Verify(_) => {}
            }
        }
    }

    fn tell(&mut self, session: SessionId, document: DocumentId, what: ToDocument) {
        let shelf = self.shelves.entry(document.clone()).or_insert_with(|| Shelf::empty(document));
        match what {
            ToDocument::Open { who, storage, follows, room, .. } => {
                shelf.tell(Input::Open { session, who, storage, follows, room });
            }
            ToDocument::Identified(who) => shelf.tell(Input::Identified { session, who }),
            ToDocument::Follow(follows) => shelf.tell(Input::Follow { session, follows }),
            ToDocument::Message { is_request, message } => {
                shelf.tell(Input::Message { session, is_request, message });
            }
            ToDocument::RemoteHeads(news) => shelf.tell(Input::RemoteHeads { session, news }),
            // As the hub does: whoever reads hears it.
            ToDocument::Ephemeral(frame) => {
                let frame = Arc::new(frame);
                let others: Vec<SessionId> = shelf.machine.readers_except(session).collect();
                let said = |other| (other, Said::Send(Outgoing::Ephemeral(frame.clone())));
                shelf.said.extend(others.into_iter().map(said));
            }
        }
    }
}

/// Rules of several kinds, so that whatever comes in is judged as well.
fn rules() -> Arc<RuleBook> {
    let rules = json!([
        {"id": "title", "predicate": "required", "over": "title", "message": "none"},
        {"id": "count", "predicate": "range", "over": "count", "max": 5, "message": "{found}", "proposals": ["clamp"]},
        {"id": "once", "predicate": "exclusive_field", "over": "contested", "message": "{values}"},
    ]);
    let source = serde_json::from_value(json!({"kind": "board", "rule": rules})).unwrap();
    let rules = Arc::new(RuleSet::compile(source).unwrap());
    Arc::new(RuleBook::empty().with(InForce { version: 1, rules }))
}
