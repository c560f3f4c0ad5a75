//! The server without sockets, threads and clocks: one [`Session`] for each connection, one [`Task`] for each open document, and a
//! [`Disk`] whose answers come when somebody says so. It can be killed between any two effects.
//!
//! Edit path: ← a frame, its session says which document it is for, → that document's task, the next time it has its turn. And
//! back: ← what documents have for a reader waits in its outbox, → frames on its link, when its socket has its turn.
//!
//! Always true: nothing happens here by itself. What leaves is looked at when it leaves: whoever is told of a change that is not
//! stored at that moment has found a fault, which stands in [`Server::fault`] from then on.

use super::link::{Link, Packet};
use super::script::Right;
use super::store::{Asked, Disk};
use super::task::{Note, Task};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutomergeError, Change, ChangeHash, ROOT, sync};
use bytes::Bytes;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::document::scan::{ScannedKind, scan};
use dovetail_core::document::{Effect, Input, Refusal, Rejection, Ticket, Verdict};
use dovetail_core::grant::{EditPermit, Identity, Role, Scope};
use dovetail_core::id::{DocumentId, PeerId, SessionId};
use dovetail_core::limits::{DocumentLimits, SessionLimits};
use dovetail_core::rules::{RuleBook, to_the_end};
use dovetail_core::session::{self, CloseReason, Outgoing, ServerIdentity, Session, ToDocument};
use dovetail_core::time::Timestamp;
use dovetail_core::wire::Own;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Server {
    /// What survives a crash.
    pub(super) disk: Disk,
    /// What somebody was told at a door: everything up to these heads is acknowledged.
    pub(super) answered: Vec<(DocumentId, Vec<ChangeHash>)>,
    /// What was found to be wrong first.
    pub(super) fault: Option<String>,
    house: House,
    connections: BTreeMap<SessionId, Connection>,
    names: BTreeMap<PeerId, SessionId>,
    tasks: BTreeMap<DocumentId, Task>,
    doors: BTreeMap<Ticket, Door>,
    next_ticket: u64,
    fuse: Fuse,
}

/// What does not change while it runs.
#[derive(Debug)]
struct House {
    identity: Arc<ServerIdentity>,
    rules: Arc<RuleBook>,
    limits: DocumentLimits,
    /// What people may do who may not do everything.
    rights: BTreeMap<usize, Right>,
    /// Judging takes longer than the disk.
    judges_late: bool,
    now: Timestamp,
}

/// One end of a link.
#[derive(Debug)]
struct Connection {
    session: Session,
    outbox: VecDeque<Outgoing>,
    /// It is to end.
    close: Option<CloseReason>,
    /// Documents whose message is on its way into the socket.
    in_socket: Vec<DocumentId>,
    is_writing: bool,
    /// The documents whose mailboxes it holds.
    reads: BTreeSet<DocumentId>,
}

/// Who waits at a door.
#[derive(Debug)]
enum Door {
    /// Wants to see what is there.
    Look(DocumentId),
    /// The same, to change it.
    Change(DocumentId),
    /// Has brought changes, or deletes, or takes that back.
    Told(DocumentId),
}

/// Kills the server before one of the effects to come.
#[derive(Debug, Default)]
struct Fuse {
    effects_left: Option<usize>,
    is_burnt: bool,
}

impl Fuse {
    /// There is one more effect. Says whether the server is dead before it.
    fn burns(&mut self) -> bool {
        match &mut self.effects_left {
            Some(0) => self.is_burnt = true,
            Some(left) => *left -= 1,
            None => {}
        }
        self.is_burnt
    }
}

impl Server {
    /// One with an empty disk.
    ///
    /// # Panics
    /// Never: the names are names.
    pub(super) fn new(rules: Arc<RuleBook>, judges_late: bool, changes_max: Option<u64>) -> Self {
        let identity = ServerIdentity {
            peer: "server".parse().expect("a name"),
            storage: "store".parse().expect("a name"),
        };
        // Few enough that documents are folded many times in a short life.
        let limits = DocumentLimits {
            chunks_before_snapshot: 6,
            chunks_before_idle_snapshot: 3,
            changes_max: changes_max.unwrap_or(u64::MAX),
            ..DocumentLimits::default()
        };
        let now = Timestamp::from_millis(1);
        Self {
            disk: Disk::default(),
            answered: Vec::new(),
            fault: None,
            house: House {
                identity: Arc::new(identity),
                rules,
                limits,
                rights: BTreeMap::new(),
                judges_late,
                now,
            },
            connections: BTreeMap::new(),
            names: BTreeMap::new(),
            tasks: BTreeMap::new(),
            doors: BTreeMap::new(),
            next_ticket: 1,
            fuse: Fuse::default(),
        }
    }

    /// Time passes, and nothing happens yet.
    pub(super) fn pass(&mut self, time: Duration) {
        self.house.now = self.house.now + time;
    }

    /// Somebody has connected.
    pub(super) fn accept(&mut self, session: SessionId, owner: usize) {
        let (limits, identity) = (SessionLimits::default(), self.house.identity.clone());
        let who = self.house.who(owner);
        let connection = Connection {
            session: Session::new(session, self.house.now, limits, identity, who),
            outbox: VecDeque::new(),
            close: None,
            in_socket: Vec::new(),
            is_writing: false,
            reads: BTreeSet::new(),
        };
        self.connections.insert(session, connection);
    }

    /// Whether people are asked who they are.
    pub(super) fn asks_who(&self) -> bool {
        self.house.is_guarded()
    }

    /// Somebody may do something else from now on.
    pub(super) fn give(&mut self, owner: usize, right: Right, links: &mut BTreeMap<SessionId, Link>) {
        if !self.house.is_guarded() || self.house.rights.insert(owner, right).unwrap_or(Right::Write) == right
        {
            return;
        }
        let who = self.house.who(owner);
        for (session, link) in links.iter_mut().filter(|(_, link)| link.owner == owner && link.server_holds) {
            self.with(*session, link, |connection, now| connection.session.identified(now, Ok(who.clone())));
        }
    }

    /// The next message of a link arrives, or its end.
    pub(super) fn hear(&mut self, session: SessionId, link: &mut Link) {
        match link.up.pop_front() {
            Some(Packet::Frame(frame)) => {
                self.with(session, link, |connection, now| connection.session.receive(now, &frame, false));
            }
            Some(Packet::Ping | Packet::Pong) => self.with(session, link, |connection, now| {
                connection.session.heard(now);
                Vec::new()
            }),
            None => self.lose(session, link),
        }
    }

    /// A connection is gone.
    pub(super) fn lose(&mut self, session: SessionId, link: &mut Link) {
        link.server_lets_go();
        if let Some(connection) = self.connections.remove(&session) {
            self.ended(session, &connection);
        }
    }

    /// A socket has its turn: it is done with what it was writing, or takes what there is.
    pub(super) fn socket(&mut self, session: SessionId, link: &mut Link) {
        let Some(connection) = self.connections.get_mut(&session) else { return };
        if connection.close.is_none() && connection.is_writing {
            connection.is_writing = false;
            for document in std::mem::take(&mut connection.in_socket) {
                if let Some(task) = self.tasks.get_mut(&document) {
                    task.drained.push(session);
                }
            }
            return;
        }
        self.with(session, link, |connection, _| match connection.close.take() {
            Some(reason) => {
                let mut effects = Vec::new();
                connection.session.close(reason, &mut effects);
                effects
            }
            None => {
                let items = std::mem::take(&mut connection.outbox);
                items.into_iter().flat_map(|item| connection.write(item)).collect()
            }
        });
    }

    /// Whether that would do something.
    pub(super) fn has_something_to_write(&self, session: SessionId) -> bool {
        self.connections.get(&session).is_some_and(|connection| {
            connection.close.is_some() || connection.is_writing || !connection.outbox.is_empty()
        })
    }

    /// Somebody looks at the time.
    pub(super) fn tick(&mut self, session: SessionId, link: &mut Link) {
        self.with(session, link, |connection, now| connection.session.tick(now));
    }

    /// Somebody comes to a door to change a document.
    pub(super) fn door_changes(&mut self, document: &DocumentId) {
        let ticket = self.wait(Door::Change(document.clone()));
        self.call(document, Input::View { ticket });
    }

    /// Somebody comes to a door to see a document.
    pub(super) fn door_looks(&mut self, document: &DocumentId) {
        let ticket = self.wait(Door::Look(document.clone()));
        self.call(document, Input::View { ticket });
    }

    /// Somebody deletes a document, or takes that back.
    pub(super) fn door_deletes(&mut self, document: &DocumentId, deleted: bool) {
        let ticket = self.wait(Door::Told(document.clone()));
        self.call(document, Input::Delete { ticket, deleted });
    }

    /// Memory is short, or nobody has needed a document for a while.
    pub(super) fn rest(&mut self, document: &DocumentId) {
        if let Some(task) = self.tasks.get_mut(document) {
            task.calls.push_back(Input::Rest);
        }
    }

    /// Whose document it is has no room for more, or has again.
    pub(super) fn set_full(&mut self, document: &DocumentId, is_full: bool) {
        if let Some(task) = self.tasks.get_mut(document) {
            task.calls.push_back(Input::Full(is_full));
        }
    }

    /// What a rule asks has been evaluated.
    pub(super) fn evaluated(&mut self, document: &DocumentId) {
        let Some(task) = self.tasks.get_mut(document) else { return };
        if let Some(question) = task.questions.pop_front() {
            task.notes.push(Note::Judge(Input::Evaluated(question.answer(&to_the_end()))));
        }
    }

    /// A document's task has its turn. Nothing wakes it but what it waits for.
    pub(super) fn turn(&mut self, document: &DocumentId) {
        let Some(mut task) = self.tasks.remove(document) else { return };
        if task.is_woken(self.disk.has_answered(document)) {
            self.run(&mut task);
        }
        let is_missed = !task.is_done() || self.is_held(document);
        if is_missed && !self.fuse.is_burnt {
            self.tasks.insert(document.clone(), task);
        }
    }

    /// Whether that would do something.
    pub(super) fn is_woken(&self, document: &DocumentId) -> bool {
        self.tasks
            .get(document)
            .is_some_and(|task| task.is_woken(self.disk.has_answered(document)) || !task.questions.is_empty())
    }

    /// Whether its content is in memory.
    pub(super) fn is_live(&self, document: &DocumentId) -> bool {
        self.tasks.get(document).is_some_and(|task| task.machine.is_live())
    }

    /// What the rules say of a document.
    pub(super) fn verdict(&self, document: &DocumentId) -> Option<Arc<Verdict>> {
        self.tasks.get(document).and_then(|task| task.machine.verdict().cloned())
    }

    /// The rules in force.
    pub(super) fn rules(&self) -> &Arc<RuleBook> {
        &self.house.rules
    }

    /// What time it is.
    pub(super) fn now(&self) -> Timestamp {
        self.house.now
    }

    /// It is to be killed after so many more effects.
    pub(super) fn kill_after(&mut self, effects: usize) {
        self.fuse.effects_left = Some(effects);
    }

    /// Nobody kills it any more.
    pub(super) fn spare(&mut self) {
        self.fuse.effects_left = None;
    }

    /// Whether it has been killed, and not been started again.
    pub(super) fn is_dead(&self) -> bool {
        self.fuse.is_burnt
    }

    /// It is started again. What was in memory is gone; of what was asked of the disk, so many batches more are there.
    pub(super) fn start_again(&mut self, more_batches: usize) {
        self.connections.clear();
        self.names.clear();
        self.tasks.clear();
        self.doors.clear();
        self.fuse = Fuse::default();
        if let Err(words) = self.disk.crash(more_batches) {
            self.find(&words);
        }
    }

    // Sessions.

    /// Has a connection do something, and carries out what comes of it.
    fn with(
        &mut self,
        session: SessionId,
        link: &mut Link,
        does: impl FnOnce(&mut Connection, Timestamp) -> Vec<session::Effect>,
    ) {
        let Some(mut connection) = self.connections.remove(&session) else { return };
        let effects = does(&mut connection, self.house.now);
        let mut is_over = false;
        for effect in effects {
            if self.fuse.burns() {
                return;
            }
            is_over |= self.carry_out_for(session, &mut connection, effect, link);
        }
        if is_over {
            link.server_lets_go();
            self.ended(session, &connection);
        } else {
            self.connections.insert(session, connection);
        }
    }

    /// Says whether that was the end of the connection.
    fn carry_out_for(
        &mut self,
        session: SessionId,
        connection: &mut Connection,
        effect: session::Effect,
        link: &mut Link,
    ) -> bool {
        match effect {
            session::Effect::Write(frame) => {
                connection.is_writing = true;
                link.send_down(Packet::Frame(frame));
            }
            session::Effect::Ping => link.send_down(Packet::Ping),
            session::Effect::Joined(peer) => {
                let older = self.names.insert(peer.clone(), session);
                if let Some(older) = older.and_then(|older| self.connections.get_mut(&older)) {
                    older.close.get_or_insert(CloseReason::Replaced { peer });
                }
            }
            session::Effect::Tell { document, what } => self.tell(session, connection, &document, what),
            session::Effect::Close(_) => return true,
            session::Effect::Welcome => {}
            session::Effect::Verify(_) => self.find("somebody has shown a token that nobody has"),
        }
        false
    }

    fn tell(
        &mut self,
        session: SessionId,
        connection: &mut Connection,
        document: &DocumentId,
        what: ToDocument,
    ) {
        let input = match what {
            ToDocument::Open { who, storage, follows, room, .. } => {
                connection.reads.insert(document.clone());
                Input::Open { session, who, storage, follows, room }
            }
            ToDocument::Message { is_request, message } => Input::Message { session, is_request, message },
            ToDocument::Identified(who) => Input::Identified { session, who },
            ToDocument::Follow(follows) => Input::Follow { session, follows },
            ToDocument::RemoteHeads(news) => Input::RemoteHeads { session, news },
            ToDocument::Ephemeral(_) => return,
        };
        self.call(document, input);
    }

    fn ended(&mut self, session: SessionId, connection: &Connection) {
        self.names.retain(|_, named| *named != session);
        for document in &connection.reads {
            if let Some(task) = self.tasks.get_mut(document) {
                task.notes.push(Note::Leave(session));
            }
        }
    }

    // Documents.

    fn call(&mut self, document: &DocumentId, input: Input) {
        let House { limits, rules, .. } = &self.house;
        let task = self.tasks.entry(document.clone());
        task.or_insert_with(|| Task::new(document.clone(), *limits, rules.clone())).calls.push_back(input);
    }

    fn wait(&mut self, door: Door) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.doors.insert(ticket, door);
        ticket
    }

    /// Somebody may put something into its mailbox.
    fn is_held(&self, document: &DocumentId) -> bool {
        self.connections.values().any(|connection| connection.reads.contains(document))
            || self.doors.values().any(|door| door.document() == document)
    }

    /// As the task of the real server: everything that is there is taken in, then the machine does what it can.
    fn run(&mut self, task: &mut Task) {
        let now = self.house.now;
        let answer = self.disk.answer(&task.id);
        task.take_in(now, answer);
        self.advance(task);
        while task.machine.waits_for_sockets() && !task.drained.is_empty() && !self.fuse.is_burnt {
            task.take_drained(now);
            self.advance(task);
        }
        if task.machine.wants_to_judge() && !(self.house.judges_late && task.machine.waits_for_store()) {
            self.hand_in(task);
            task.machine.judge(now, &mut task.effects);
            self.carry_out_all(task);
        }
        self.hand_in(task);
        self.is_what_is_stored(task);
    }

    fn advance(&mut self, task: &mut Task) {
        while !self.fuse.is_burnt {
            task.machine.advance(self.house.now, &mut task.effects);
            if task.effects.is_empty() {
                return;
            }
            self.carry_out_all(task);
        }
    }

    fn carry_out_all(&mut self, task: &mut Task) {
        for effect in std::mem::take(&mut task.effects) {
            if self.fuse.burns() {
                return;
            }
            self.carry_out(task, effect);
        }
    }

    /// A question reaches the disk when the task has done everything else.
    fn hand_in(&mut self, task: &mut Task) {
        if task.asks.is_some()
            && !self.fuse.burns()
            && let Some(asked) = task.asks.take()
        {
            self.disk.ask(task.id.clone(), asked);
        }
    }

    /// Outside of a commit, what is in memory is what is stored.
    fn is_what_is_stored(&mut self, task: &Task) {
        if !self.fuse.is_burnt
            && let Some(doc) = task.machine.automerge()
            && doc.get_heads() != self.disk.heads(&task.id)
        {
            self.find("what is in memory is not what is stored");
        }
    }

    fn carry_out(&mut self, task: &mut Task, effect: Effect) {
        match effect {
            Effect::LoadManifest => task.asks = Some(Asked::Manifest),
            Effect::LoadChunks => task.asks = Some(Asked::Chunks),
            Effect::Commit(batch) => {
                task.is_committing = true;
                task.asks = Some(Asked::Commit(Box::new(batch)));
            }
            Effect::Send { to, body } => {
                self.look_at_what_leaves(task, &body.bytes);
                for session in to {
                    self.push(session, Outgoing::Sync { document: task.id.clone(), body: body.clone() });
                }
            }
            Effect::Unavailable { session } => {
                self.push(session, Outgoing::Unavailable { document: task.id.clone() });
            }
            Effect::RemoteHeads { to, news } => {
                for session in to {
                    let news = news.clone();
                    self.push(session, Outgoing::RemoteHeads { document: task.id.clone(), news });
                }
            }
            Effect::Refuse { session, refusal } => {
                match &refusal {
                    Refusal::StoreUnavailable | Refusal::DiskLow => {}
                    Refusal::Rejected(why) => self.is_full(why),
                    refusal => self.find(&format!("an honest client is refused: {refusal}")),
                }
                self.push(session, Outgoing::Refused(refusal));
            }
            Effect::Acknowledge { heads, .. } => self.are_stored(&task.id, &heads, "acknowledged"),
            Effect::Answer { ticket, answer } => self.answer(ticket, answer),
            Effect::Judged(verdict) => {
                if let Some(verdict) = verdict {
                    self.are_stored(&task.id, &verdict.heads, "judged");
                }
            }
            Effect::Evaluate(question) => task.questions.push_back(question),
            Effect::View { ticket } => self.look(task, ticket),
            Effect::Reject { session, why, changes } => {
                self.is_full(&why);
                let document = task.id.clone();
                self.push(session, Outgoing::Rejected { document, why, changes, set_aside: true });
            }
            Effect::SetAside { why, .. } => self.is_full(&why),
            Effect::LoadFollowed { .. } => self.find("a document follows another that nobody has told it to"),
            Effect::Permission { session, role } => {
                let own = Own::Permission { role: role.to_string(), paths: None };
                self.push(session, Outgoing::Own { document: task.id.clone(), own });
            }
        }
    }

    fn push(&mut self, session: SessionId, outgoing: Outgoing) {
        if let Some(connection) = self.connections.get_mut(&session) {
            connection.outbox.push_back(outgoing);
        }
    }

    /// Whoever wanted to see it sees it now.
    fn look(&mut self, task: &mut Task, ticket: Ticket) {
        let Some(door) = self.doors.remove(&ticket) else { return };
        if task.machine.wants_to_judge() {
            task.machine.judge(self.house.now, &mut task.effects);
        }
        let Some(seen) = task.machine.automerge() else {
            return self.find("a view is offered, and there is none");
        };
        if seen.get_heads() != self.disk.heads(&task.id) {
            self.find("somebody saw what is not stored");
        }
        let Door::Change(document) = door else { return };
        let actor = [vec![200], ticket.0.to_be_bytes().to_vec()].concat();
        let mut copy = seen.clone().with_actor(ActorId::from(actor));
        let value = i64::try_from(ticket.0).unwrap_or_default();
        copy.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "door", value))
            .expect("a change that can be made");
        let changes: Vec<Bytes> = copy
            .get_last_local_change()
            .map(|change| change.raw_bytes().to_vec().into())
            .into_iter()
            .collect();
        let permit = EditPermit::of_server(document.clone());
        let ticket = self.wait(Door::Told(document));
        task.calls.push_back(Input::Submit { ticket, permit, changes });
    }

    fn answer(&mut self, ticket: Ticket, answer: Result<Manifest, Refusal>) {
        let Some(door) = self.doors.remove(&ticket) else { return };
        match answer {
            Ok(manifest) => {
                let document = door.document().clone();
                self.are_stored(&document, &manifest.heads, "answered at a door");
                self.answered.push((document, manifest.heads));
            }
            Err(Refusal::Unknown | Refusal::Deleted | Refusal::StoreUnavailable | Refusal::DiskLow) => {}
            Err(refusal) => self.find(&format!("a door was refused: {refusal}")),
        }
    }

    // What must hold (P2).

    /// An honest client is refused nothing but what there is no room for, or no right to.
    fn is_full(&mut self, why: &Rejection) {
        let is_for_that = matches!(
            why,
            Rejection::DocumentFull { .. }
                | Rejection::QuotaExceeded
                | Rejection::DependsOnRefused
                | Rejection::TooMany
                | Rejection::ReadOnly
                | Rejection::Hidden
        );
        if self.house.limits.changes_max == u64::MAX || !is_for_that {
            self.find(&format!("changes of an honest client were not taken: {why}"));
        }
    }

    /// What leaves speaks of what is stored at this moment, and while a commit is under way nothing leaves.
    fn look_at_what_leaves(&mut self, task: &Task, bytes: &[u8]) {
        if task.is_committing {
            self.find("something leaves while a commit is under way");
        }
        let message = match sync::Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => return self.find(&format!("the server's own message cannot be read: {error}")),
        };
        self.are_stored(&task.id, &message.heads, "told");
        for chunk in message.changes.iter() {
            match hashes_in(chunk) {
                Ok(hashes) => self.are_stored(&task.id, &hashes, "sent"),
                Err(error) => self.find(&error.to_string()),
            }
        }
    }

    fn are_stored(&mut self, document: &DocumentId, changes: &[ChangeHash], how: &str) {
        if changes.iter().any(|change| !self.disk.has(document, change)) {
            self.find(&format!("{how} of a change that is not stored"));
        }
    }

    fn find(&mut self, words: &str) {
        self.fault.get_or_insert_with(|| words.to_owned());
    }
}

impl House {
    /// Whether people are asked who they are.
    fn is_guarded(&self) -> bool {
        self.limits.changes_max != u64::MAX
    }

    fn who(&self, owner: usize) -> Arc<Identity> {
        if !self.is_guarded() {
            return Identity::local();
        }
        let right = self.rights.get(&owner).copied().unwrap_or(Right::Write);
        let limited = Scope { document: None, role: Role::Read, limits: None };
        let person = Identity::person(format!("person-{owner}").parse().expect("a name"));
        Arc::new(Identity {
            is_server_admin: right != Right::None,
            scope: (right == Right::Read).then(|| [limited].into()),
            ..person
        })
    }
}

impl Connection {
    fn write(&mut self, outgoing: Outgoing) -> Vec<session::Effect> {
        if let Outgoing::Sync { document, .. } = &outgoing {
            self.in_socket.push(document.clone());
        }
        self.session.outgoing(outgoing)
    }
}

impl Door {
    fn document(&self) -> &DocumentId {
        match self {
            Self::Look(document) | Self::Change(document) | Self::Told(document) => document,
        }
    }
}

/// The changes in a piece of a sync message; of a whole document the last ones.
fn hashes_in(bytes: &[u8]) -> Result<Vec<ChangeHash>, Box<dyn std::error::Error>> {
    let mut hashes = Vec::new();
    for chunk in scan(bytes) {
        let chunk = chunk?;
        match chunk.kind {
            ScannedKind::Change => hashes.push(Change::try_from(chunk.whole)?.hash()),
            ScannedKind::DeflatedChange | ScannedKind::Document | ScannedKind::Bundle => {
                return Ok(automerge::Automerge::load(bytes)?.get_heads());
            }
        }
    }
    Ok(hashes)
}
