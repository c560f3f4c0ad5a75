//! A document among peers that run Automerge's own sync, in a world without sockets: a store that answers when it is
//! told to, and links that keep their order.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where
#![allow(dead_code)] // no test uses all of it
#![allow(missing_debug_implementations, unreachable_pub)]

use automerge::sync::{Message, State};
use automerge::{ActorId, ChangeHash, ROOT, ReadDoc};
use dovetail_core::document::chunk::{Batch, Manifest};
use dovetail_core::document::{Document, Effect, Input, Refusal, Ticket, Verdict};
use dovetail_core::grant::{Followed, Identity, Policy, Role};
use dovetail_core::id::{DocumentId, SessionId, StorageId};
use dovetail_core::limits::DocumentLimits;
use dovetail_core::rules::{Judge, Question, Report, RuleBook, UndecidedReason, to_the_end};
use dovetail_core::time::Timestamp;
use dovetail_tests::world::replica::HearError;
use dovetail_tests::world::{Replica, StoredDocument, boards};
use serde_json::json;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A store in memory whose answers wait until they are let go.
#[derive(Default)]
pub struct Disk {
    stored: StoredDocument,
    pub asked: VecDeque<Asked>,
}

impl Deref for Disk {
    type Target = StoredDocument;

    fn deref(&self) -> &StoredDocument {
        &self.stored
    }
}

impl DerefMut for Disk {
    fn deref_mut(&mut self) -> &mut StoredDocument {
        &mut self.stored
    }
}

pub enum Asked {
    Manifest,
    Chunks,
    Followed(DocumentId),
    Commit(Box<Batch>),
}

/// A stock client: a document with a sync state per connection, and two queues to the server.
pub struct Client {
    pub replica: Replica,
    pub session: Option<SessionId>,
    pub to_server: VecDeque<Message>,
    pub from_server: VecDeque<Vec<u8>>,
    pub unavailable: usize,
    pub received: usize,
    /// Who is behind it.
    pub who: Arc<Identity>,
    /// What it was told of changes that were not taken.
    pub rejected: Vec<(&'static str, Vec<ChangeHash>)>,
    /// What it was told of what it may do.
    pub roles: Vec<Role>,
    pub acknowledged: usize,
}

impl Deref for Client {
    type Target = Replica;

    fn deref(&self) -> &Replica {
        &self.replica
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Replica {
        &mut self.replica
    }
}

impl Client {
    pub fn talk(&mut self) {
        if self.session.is_some() {
            self.to_server.extend(self.replica.say());
        }
    }

    pub fn listen(&mut self) -> bool {
        let Some(bytes) = self.from_server.pop_front() else { return false };
        self.received += 1;
        match self.replica.hear(&bytes) {
            Ok(()) => self.talk(),
            // A client that lies about its actor cannot take the truth either; that is its own affair.
            Err(HearError::Automerge(_)) => {}
            Err(other) => panic!("{other}"),
        }
        true
    }
}

pub struct World {
    pub machine: Document,
    pub disk: Disk,
    pub clients: Vec<Client>,
    pub next_session: u64,
    pub now: u64,
    pub answers: Vec<(Ticket, Result<Manifest, Refusal>)>,
    pub views: Vec<Ticket>,
    pub refused: Vec<SessionId>,
    /// And why.
    pub refusals: Vec<Refusal>,
    /// Who was told of which other stores.
    pub told_of_stores: Vec<(SessionId, StorageId)>,
    /// Changes that were set aside: whose, why, which.
    pub aside: Vec<(String, &'static str, ChangeHash)>,
    /// Who may do what with whole kinds of documents.
    pub policy: Arc<Policy>,
    /// And with the document that this one may follow, as it is stored.
    pub followed: Option<Arc<Followed>>,
    pub is_slow: Vec<SessionId>,
    /// What the rules said last.
    pub verdict: Option<Arc<Verdict>>,
    pub judged: usize,
    /// What the rules ask and nobody has answered.
    pub questions: VecDeque<Arc<Question>>,
    /// Nobody finds the time to judge.
    pub judges_late: bool,
}

impl World {
    pub fn new(clients: u8) -> Self {
        Self::within(clients, DocumentLimits { chunks_before_snapshot: 6, ..DocumentLimits::default() })
    }

    /// With a document of other bounds.
    pub fn within(clients: u8, limits: DocumentLimits) -> Self {
        let client = |n: u8| Client {
            replica: Replica::new(ActorId::from([n + 1]), n.is_multiple_of(2)),
            session: None,
            to_server: VecDeque::new(),
            from_server: VecDeque::new(),
            unavailable: 0,
            received: 0,
            who: Identity::local(),
            rejected: Vec::new(),
            roles: Vec::new(),
            acknowledged: 0,
        };
        Self {
            machine: Document::new(id(), limits, rules(), Arc::default()),
            disk: Disk::default(),
            clients: (0..clients).map(client).collect(),
            next_session: 1,
            now: 0,
            answers: Vec::new(),
            views: Vec::new(),
            refused: Vec::new(),
            refusals: Vec::new(),
            told_of_stores: Vec::new(),
            aside: Vec::new(),
            policy: Arc::default(),
            followed: None,
            is_slow: Vec::new(),
            verdict: None,
            judged: 0,
            questions: VecDeque::new(),
            judges_late: false,
        }
    }

    pub fn tell(&mut self, input: Input) {
        self.now += 1;
        match &input {
            Input::Policy(policy) => self.policy = policy.clone(),
            Input::FollowedChanged(followed) => self.followed = Some(followed.clone()),
            _ => {}
        }
        let mut effects = Vec::new();
        self.machine.handle(Timestamp::from_millis(self.now), input, &mut effects);
        self.carry_out(effects);
    }

    pub fn advance(&mut self) {
        loop {
            let mut effects = Vec::new();
            self.machine.advance(Timestamp::from_millis(self.now), &mut effects);
            if effects.is_empty() {
                break;
            }
            self.carry_out(effects);
        }
        if !self.judges_late {
            self.judge();
        }
    }

    /// As whoever drives the machine does when it has carried everything out.
    pub fn judge(&mut self) {
        if self.machine.wants_to_judge() {
            let mut effects = Vec::new();
            self.machine.judge(Timestamp::from_millis(self.now), &mut effects);
            self.carry_out(effects);
        }
    }

    pub fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::LoadManifest => self.disk.asked.push_back(Asked::Manifest),
                Effect::LoadChunks => self.disk.asked.push_back(Asked::Chunks),
                Effect::LoadFollowed { document } => self.disk.asked.push_back(Asked::Followed(document)),
                Effect::Commit(batch) => self.disk.asked.push_back(Asked::Commit(Box::new(batch))),
                Effect::Send { to, body } => self.send(&to, &body.bytes),
                Effect::Unavailable { session } => {
                    if let Some(client) = self.client(session) {
                        client.unavailable += 1;
                    }
                }
                Effect::Refuse { session, refusal } => {
                    self.refused.push(session);
                    self.refusals.push(refusal);
                    self.cut(session);
                }
                Effect::Reject { session, why, changes } => {
                    if let Some(client) = self.client(session) {
                        client.rejected.push((why.code(), changes));
                    }
                }
                Effect::SetAside { who, why, changes, .. } => {
                    for (hash, _) in changes {
                        self.aside.push((who.subject.to_string(), why.code(), hash));
                    }
                }
                Effect::Permission { session, role } => {
                    if let Some(client) = self.client(session) {
                        client.roles.push(role);
                    }
                }
                Effect::Acknowledge { session, heads } => self.acknowledged(session, &heads),
                Effect::Answer { ticket, answer } => self.answers.push((ticket, answer)),
                Effect::View { ticket } => {
                    let seen = self.machine.automerge().expect("a view is only offered when there is one");
                    assert_eq!(
                        seen.get_heads(),
                        self.disk.document().get_heads(),
                        "a view shows what is stored"
                    );
                    self.views.push(ticket);
                }
                Effect::Judged(verdict) => self.judged(verdict),
                Effect::Evaluate(question) => {
                    assert!(self.questions.is_empty(), "one at a time");
                    self.questions.push_back(question);
                }
                Effect::RemoteHeads { to, news } => {
                    self.told_of_stores.extend(to.into_iter().map(|session| (session, news.storage.clone())));
                }
            }
        }
    }

    /// P2: whatever is acknowledged is on the disk at that moment.
    fn acknowledged(&mut self, session: SessionId, heads: &[ChangeHash]) {
        let stored = self.disk.document();
        for head in heads {
            assert!(stored.get_change_by_hash(head).is_some(), "acknowledged what is not stored");
        }
        if let Some(client) = self.client(session) {
            client.acknowledged += 1;
        }
    }

    /// DO41: once there is time, the newest verdict is on the newest state.
    pub fn the_rules_have_spoken(&mut self) {
        let stored = self.disk.document();
        if stored.get(ROOT, "kind").unwrap().is_none() {
            return assert_eq!(self.verdict, None);
        }
        // What nobody needs in memory is not judged: somebody looks.
        self.tell(Input::View { ticket: Ticket(99) });
        self.run_until_quiet();
        self.judge();
        while self.evaluated() {
            self.judge();
        }
        let verdict = self.verdict.clone().expect("somebody has looked");
        assert!(!verdict.report.is_pending());
        assert_eq!(*verdict.heads, *stored.get_heads());
        assert_eq!((verdict.kind.as_str(), verdict.version), ("board", 3));
        assert_eq!(self.machine.verdict(), Some(&verdict));
    }

    /// P2: what is told of the rules is told of what is stored, and is what a look at the whole finds.
    pub fn judged(&mut self, verdict: Option<Arc<Verdict>>) {
        self.judged += 1;
        if let Some(verdict) = &verdict {
            let stored = self.disk.document();
            for head in verdict.heads.iter() {
                assert!(stored.get_change_by_hash(head).is_some(), "a verdict on what is not stored");
            }
            let seen = stored.fork_at(&verdict.heads).unwrap();
            let in_force = rules();
            let rules = in_force.of("board").unwrap().rules.clone();
            let judge = Judge::evaluated(&id(), rules, &seen, |question| question.answer(&to_the_end()));
            let whole = judge.report(&seen, Timestamp::from_millis(self.now));
            assert_eq!(decided(&verdict.report, &verdict.report), decided(&whole, &verdict.report));
        }
        self.verdict = verdict;
    }

    /// P2: whatever is told is on the disk at that moment.
    pub fn send(&mut self, to: &[SessionId], bytes: &[u8]) {
        let stored = self.disk.document();
        for head in Message::decode(bytes).unwrap().heads {
            assert!(stored.get_change_by_hash(&head).is_some(), "told of a change that is not stored");
        }
        for session in to {
            assert!(self.may_read(*session), "sent to somebody who may not read");
            if let Some(client) = self.client(*session) {
                client.from_server.push_back(bytes.to_vec());
            }
            if !self.is_slow.contains(session) {
                self.tell(Input::Drained { session: *session });
            }
        }
    }

    /// Whether somebody may read, as far as that is stored at this moment. Whoever is gone may not be asked.
    fn may_read(&self, session: SessionId) -> bool {
        let Some(client) = self.clients.iter().find(|client| client.session == Some(session)) else {
            return true;
        };
        // Of a document that nobody has brought there is nothing to hide; whoever brings it is asked for it.
        let Some(manifest) = &self.disk.manifest else { return true };
        let (kind, now) = (manifest.kind.as_deref(), Timestamp::from_millis(self.now));
        manifest
            .access
            .grant(&id(), kind, self.followed.as_deref(), &self.policy, &client.who, now)
            .may_read()
    }

    pub fn client(&mut self, session: SessionId) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.session == Some(session))
    }

    pub fn connect(&mut self, n: usize) -> SessionId {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        self.clients[n].session = Some(session);
        self.clients[n].state = State::new();
        let who = self.clients[n].who.clone();
        let (follows, room) = (Arc::default(), Arc::default());
        self.tell(Input::Open { session, who, storage: None, follows, room });
        self.clients[n].talk();
        session
    }

    pub fn disconnect(&mut self, n: usize) {
        if let Some(session) = self.clients[n].session.take() {
            self.clients[n].to_server.clear();
            self.clients[n].from_server.clear();
            self.tell(Input::Leave { session });
        }
    }

    /// Whoever is refused is sent away.
    fn cut(&mut self, session: SessionId) {
        if let Some(n) = self.clients.iter().position(|client| client.session == Some(session)) {
            self.disconnect(n);
        }
    }

    pub fn deliver_to_server(&mut self, n: usize) -> bool {
        let Some(session) = self.clients[n].session else { return false };
        let Some(message) = self.clients[n].to_server.pop_front() else { return false };
        let is_request = message.heads.is_empty() && message.changes.is_empty();
        self.tell(Input::Message { session, is_request, message });
        true
    }

    pub fn disk_answers(&mut self) -> bool {
        let Some(asked) = self.disk.asked.pop_front() else { return false };
        let input = match asked {
            Asked::Manifest => Input::Manifest(Ok(self.disk.manifest.clone())),
            Asked::Chunks => Input::Chunks(Ok(self.disk.load())),
            Asked::Followed(document) => {
                let stored = self.followed.clone().filter(|followed| followed.document == document);
                Input::Followed(Ok(stored.unwrap_or_else(|| Arc::new(Followed::of_nobody(document)))))
            }
            Asked::Commit(batch) => {
                self.disk.write(*batch);
                Input::Stored(Ok(()))
            }
        };
        self.tell(input);
        true
    }

    pub fn evaluated(&mut self) -> bool {
        let Some(question) = self.questions.pop_front() else { return false };
        self.tell(Input::Evaluated(question.answer(&to_the_end())));
        true
    }

    /// The server is killed: what is in memory and in flight is gone, the disk stays.
    pub fn crash(&mut self) {
        for n in 0..self.clients.len() {
            self.disconnect(n);
        }
        self.disk.asked.clear();
        self.questions.clear();
        let limits = DocumentLimits { chunks_before_snapshot: 6, ..DocumentLimits::default() };
        self.machine = Document::new(id(), limits, rules(), self.policy.clone());
        self.verdict = None;
    }

    pub fn run_until_quiet(&mut self) {
        loop {
            self.run_without_evaluating();
            if !self.evaluated() {
                return;
            }
        }
    }

    pub fn run_without_evaluating(&mut self) {
        for _ in 0..10_000 {
            self.advance();
            let mut moved = self.disk_answers();
            for n in 0..self.clients.len() {
                moved |= self.deliver_to_server(n);
                moved |= self.clients[n].listen();
            }
            if !moved {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    pub fn everyone_agrees(&self) {
        let stored = self.disk.document();
        for (n, client) in self.clients.iter().enumerate() {
            assert_eq!(client.doc.get_heads(), stored.get_heads(), "client {n}");
        }
    }
}

pub fn id() -> DocumentId {
    DocumentId::from_bytes(&[7; 16]).unwrap()
}

/// A report without what the rules that are being evaluated in `of` have found.
pub fn decided(report: &Report, of: &Report) -> Report {
    let pending = of.undecided.iter().filter(|it| it.reason == UndecidedReason::Pending);
    let pending: Vec<&str> = pending.map(|it| it.rule.as_str()).collect();
    let mut report = report.clone();
    report.conflicts.retain(|conflict| !pending.contains(&conflict.rule.as_str()));
    report.undecided.retain(|it| !pending.contains(&it.rule.as_str()));
    report
}

/// Those of boards, and what is evaluated elsewhere.
pub fn rules() -> Arc<RuleBook> {
    boards::rules(expressions())
}

/// What is evaluated elsewhere, where that can be done.
pub fn expressions() -> Vec<serde_json::Value> {
    match cfg!(feature = "cel") {
        true => vec![json!({"id": "pair", "predicate": "cel", "message": "{k0} and {k1}",
            "expr": "!has(self.k0) || !has(self.k1) || self.k0 + self.k1 <= 12.0"})],
        false => Vec::new(),
    }
}
