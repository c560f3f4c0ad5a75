//! Our own client without sockets, disks and clocks: replicas, a link, and a store of its own, whose answers come when somebody says so.
//! It can be killed between any two effects.
//!
//! Always true: what it was told to be kept is there after every crash, or was refused by the server and is known to be. That is looked at
//! by hash, and by content: edits write members of the root that nobody else writes, which what is made again in their place writes too.

use super::boards::KEYS;
use super::client::{BEARABLE, Heard, push};
use super::store::StoredDocument;
use automerge::transaction::{Transactable, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash, ROOT, ReadDoc, sync};
use bytes::Bytes;
use dovetail_client::machine::course::{Ending, Windows};
use dovetail_client::machine::engine::{Effect, Engine};
use dovetail_client::machine::replica::{self, Fate, Limits, LoadFault, Notes, Refused, Replica};
use dovetail_core::dashboard::Edit;
use dovetail_core::document::chunk::Batch;
use dovetail_core::id::DocumentId;
use dovetail_core::rules::{Conflict, Report, RuleBook};
use dovetail_core::time::Timestamp;
use dovetail_core::wire::{Message, decode};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct OurClient {
    n: usize,
    documents: Vec<DocumentId>,
    /// So often it was started: each run has a name and actors of its own.
    runs: u32,
    now: Timestamp,
    /// Its clock is so much before that of everybody else.
    ahead: Duration,
    engine: Engine,
    disk: Disk,
    /// What a copy of the device has that was made when it connected last.
    backup: (BTreeMap<DocumentId, Batches>, BTreeMap<DocumentId, Notes>),
    /// What it was told to be kept, and has not been refused.
    kept: BTreeSet<(DocumentId, ChangeHash)>,
    /// What the server did not take, in its whole life.
    refused: BTreeSet<ChangeHash>,
    members: Members,
    /// What the server has sent it.
    brought: BTreeSet<ChangeHash>,
    /// Changes that whoever settles the same conflict at the same heads makes too: one's may be refused, and another's taken.
    shared: BTreeSet<ChangeHash>,
    /// It dies before the last of so many effects more.
    effects_left: Option<usize>,
    /// Nothing is read from its store before its next start.
    reads_nothing: bool,
    /// The connection is of no use any more.
    wants_another: bool,
    fault: Option<String>,
}

/// Members of the root that one edit writes each, and nobody else.
#[derive(Debug, Default)]
struct Members {
    /// So many were ever written.
    count: i64,
    /// Those that the store has not answered, with the numbers of their edits.
    waiting: Vec<(DocumentId, u64, String)>,
    /// What it was told to be kept.
    kept: BTreeSet<(DocumentId, String)>,
}

/// So many refused changes a device tells of: then the oldest are forgotten.
const REFUSED_MAX: usize = 256;

/// What those members begin with.
pub(crate) const MEMBER: &str = "edit ";

/// Every batch that was written of a document.
type Batches = Vec<Batch>;

/// What it keeps.
#[derive(Debug, Default)]
struct Disk {
    written: BTreeMap<DocumentId, Batches>,
    notes: BTreeMap<DocumentId, Notes>,
    /// What was ever noted to be refused: from then on no crash makes it forget that.
    refused: BTreeSet<ChangeHash>,
    asked: VecDeque<(DocumentId, Asked)>,
}

#[derive(Debug)]
enum Asked {
    Load,
    Commit(Batch),
    Note(Box<Notes>),
}

impl OurClient {
    pub(super) fn new(n: usize, documents: &[DocumentId]) -> Self {
        let mut client = Self {
            n,
            documents: documents.to_vec(),
            runs: 0,
            now: Timestamp::from_millis(1),
            ahead: Duration::ZERO,
            engine: engine(n, 0),
            disk: Disk::default(),
            backup: Default::default(),
            kept: BTreeSet::new(),
            refused: BTreeSet::new(),
            members: Members::default(),
            brought: BTreeSet::new(),
            shared: BTreeSet::new(),
            effects_left: None,
            reads_nothing: false,
            wants_another: false,
            fault: None,
        };
        client.start();
        client
    }

    /// A run begins: all documents are opened.
    fn start(&mut self) {
        self.runs += 1;
        self.engine = engine(self.n, self.runs);
        self.effects_left = None;
        self.reads_nothing = false;
        self.wants_another = false;
        self.disk.asked.clear();
        self.members.waiting.clear();
        for document in self.documents.clone() {
            self.open(&document);
        }
        self.carry_out();
    }

    fn open(&mut self, document: &DocumentId) {
        let which = document.as_bytes().first().copied().unwrap_or_default();
        let actor = [&[2, self.n as u8, which][..], &self.runs.to_be_bytes(), &[0; 9]].concat();
        self.engine.open(self.now, document, ActorId::from(actor));
    }

    /// Documents that could not be read are closed, and opened once more.
    pub(super) fn reopen(&mut self) -> Vec<Bytes> {
        let is_broken = |replica: &&Replica| replica.fault().is_some();
        let broken: Vec<DocumentId> =
            self.engine.replicas().filter(is_broken).map(|replica| replica.id().clone()).collect();
        for document in broken {
            self.runs += 1;
            if !self.engine.let_go(self.now, &document) {
                self.fault.get_or_insert_with(|| "what cannot be read cannot be closed".to_owned());
            }
            self.open(&document);
        }
        self.carry_out()
    }

    // What happens to it.

    pub(super) fn connect(&mut self) -> Bytes {
        self.backup = (self.disk.written.clone(), self.disk.notes.clone());
        // What it wanted to say on the connection before is nothing for this one.
        self.carry_out();
        self.engine.dialed(self.now);
        self.carry_out().into_iter().next().unwrap_or_default()
    }

    pub(super) fn disconnect(&mut self) {
        self.engine.ended(self.now, Ending::default(), 0.5);
        self.carry_out();
        self.wants_another = false;
    }

    pub(super) fn edit(
        &mut self,
        document: &DocumentId,
        changes: u8,
        value: u8,
        is_board: bool,
    ) -> Vec<Bytes> {
        let (now, n, members) = (self.now, self.n, &mut self.members);
        self.engine.with(now, document, |replica, effects| {
            for nth in 0..changes {
                members.count += 1;
                let member = (format!("{MEMBER}{n}-{}", members.count), members.count);
                if let Some(number) = edit(replica, now, &member, value.wrapping_add(nth), is_board, effects)
                {
                    members.waiting.push((document.clone(), number, member.0));
                }
            }
        });
        self.carry_out()
    }

    /// Settles the first conflict that can be, in its own name where it has one.
    pub(super) fn settle(&mut self, document: &DocumentId, rules: &RuleBook, is_named: bool) -> Vec<Bytes> {
        let now = self.now;
        let by = is_named.then(|| format!("person-{}", self.n));
        let made = self.engine.with(now, document, |replica, _| {
            let report = replica.report(now, rules).unwrap_or_default();
            let offered = |conflict: &Conflict| {
                conflict.proposals.first().map(|offer| (conflict.id.clone(), offer.name))
            };
            let (conflict, proposal) = report.conflicts.iter().find_map(offered)?;
            let before = replica.automerge(now)?.get_heads();
            replica.settle(now, rules, &conflict, proposal, by.as_deref()).ok()?;
            let made = replica.automerge(now)?.get_changes(&before);
            Some(made.iter().map(|change| change.hash()).collect::<Vec<_>>())
        });
        self.shared.extend(made.flatten().into_iter().flatten());
        self.carry_out()
    }

    /// What the rules say of what it has.
    pub(super) fn report(&mut self, document: &DocumentId, rules: &RuleBook) -> Option<Report> {
        let now = self.now;
        self.engine.with(now, document, |replica, _| replica.report(now, rules)).flatten()
    }

    /// Its clock is set ahead, as it finds out at the next look.
    pub(super) fn set_ahead(&mut self, by: Duration) {
        self.ahead += by;
    }

    pub(super) fn hear(&mut self, frame: &[u8]) -> Result<Heard, String> {
        self.hear_all(&[Bytes::copy_from_slice(frame)])
    }

    /// Frames that have come at once.
    pub(super) fn hear_all(&mut self, frames: &[Bytes]) -> Result<Heard, String> {
        let mut heard = Heard::default();
        for frame in frames {
            match decode(frame).map_err(|bad| bad.to_string())? {
                Message::Sync(said) => {
                    let message = sync::Message::decode(&said.data).map_err(|error| error.to_string())?;
                    // What the server brings all the same it has taken: a second copy was on its way, or what it refused was there at its next start.
                    self.brought.extend(hashes(&message));
                    heard.acknowledged.push((said.document, message.heads));
                }
                Message::Error { message, .. }
                    if !BEARABLE
                        .iter()
                        .chain(&["too_many_refused"])
                        .any(|code| message.starts_with(code)) =>
                {
                    return Err(format!("our client was sent away: {message}"));
                }
                _ => {}
            }
        }
        self.engine.heard(self.now, frames, 0.5);
        heard.says = self.carry_out();
        Ok(heard)
    }

    pub(super) fn lose_device(&mut self, has_backup: bool) {
        let (written, notes) = if has_backup { self.backup.clone() } else { Default::default() };
        self.disk = Disk { written, notes, ..Disk::default() };
        self.kept.clear();
        self.members.kept.clear();
        self.brought.clear();
        self.start();
    }

    /// It is killed. Of what its store was asked for, so many batches more are there.
    pub(super) fn crash(&mut self, more_batches: usize) {
        for _ in 0..more_batches {
            let Some((document, asked)) = self.disk.asked.pop_front() else { break };
            self.disk.write(document, asked);
        }
        self.start();
    }

    /// It is to die before the last of so many effects more.
    pub(super) fn kill_after(&mut self, effects: usize) {
        self.effects_left = Some(effects);
    }

    /// From now on until it is started again its store reads nothing.
    pub(super) fn read_nothing(&mut self) {
        self.reads_nothing = true;
    }

    pub(super) fn spare(&mut self) {
        self.effects_left = None;
        self.reads_nothing = false;
    }

    /// Whether it gives its connection up.
    pub(super) fn wants_another(&self) -> bool {
        self.wants_another
    }

    pub(super) fn is_dead(&self) -> bool {
        self.effects_left == Some(0)
    }

    /// Its store does the next thing, well or not. What it says then.
    pub(super) fn disk_takes(&mut self, fails: bool) -> Vec<Bytes> {
        let now = self.now;
        let Some((document, asked)) = self.disk.asked.pop_front() else { return Vec::new() };
        match asked {
            Asked::Load if fails || self.reads_nothing => {
                let fault = LoadFault::Unavailable("it was told to fail".to_owned());
                self.engine.loaded(now, &document, Err(fault));
            }
            Asked::Load => {
                let stored = self.disk.stored(&document).and_then(|stored| stored.load());
                let notes = self.disk.notes.get(&document).cloned();
                self.engine.loaded(now, &document, Ok((stored, notes)));
                self.is_all_there(&document);
            }
            Asked::Commit(_) if fails => self.engine.stored(now, &document, Err("no room")),
            Asked::Commit(batch) => {
                let heads = batch.manifest.heads.clone();
                self.disk.write(document.clone(), Asked::Commit(batch));
                self.engine.stored(now, &document, Ok(()));
                self.kept.extend(heads.into_iter().map(|head| (document.clone(), head)));
            }
            Asked::Note(_) if fails => self.engine.noted(now, &document, Err("no room")),
            note @ Asked::Note(_) => {
                self.disk.write(document.clone(), note);
                self.engine.noted(now, &document, Ok(()));
            }
        }
        self.carry_out()
    }

    pub(super) fn waits_for_disk(&self) -> usize {
        self.disk.asked.len()
    }

    /// Time passes. What it says.
    pub(super) fn pass(&mut self, now: Timestamp) -> Vec<Bytes> {
        self.now = now + self.ahead;
        self.engine.tick(self.now, 0.5);
        self.carry_out()
    }

    /// Whether one of its documents has something to do when some time has passed.
    pub(super) fn waits_for_time(&self) -> bool {
        self.engine.replicas().any(|replica| replica.next_tick().is_some())
    }

    // What comes of it.

    fn carry_out(&mut self) -> Vec<Bytes> {
        let mut says = Vec::new();
        for replica in self.engine.replicas() {
            self.refused.extend(replica.taken_out());
        }
        self.members.are_told(&self.engine);
        for effect in self.engine.take_effects() {
            match &mut self.effects_left {
                Some(0) => return says,
                Some(left) => *left -= 1,
                None => {}
            }
            match effect {
                Effect::Load(document) => self.disk.asked.push_back((document, Asked::Load)),
                Effect::Commit(batch) => {
                    self.disk.asked.push_back((batch.document.clone(), Asked::Commit(batch)));
                }
                Effect::Forget(..) => {} // Nothing leaves a device that has no bounds.
                Effect::Note(document, notes) => self.disk.asked.push_back((document, Asked::Note(notes))),
                Effect::Write(frame) => {
                    self.says_nothing_refused(&frame);
                    says.push(frame);
                }
                Effect::HangUp => {
                    says.clear();
                    self.wants_another = true;
                }
                // When it connects is said by the script.
                Effect::Dial | Effect::Connection => {}
                Effect::AskToken | Effect::AnotherPeerId => {}
                Effect::Changed(_) | Effect::Told(_) | Effect::Said { .. } => {}
            }
        }
        says
    }

    /// What it knows to be refused it does not bring again.
    fn says_nothing_refused(&mut self, frame: &Bytes) {
        if self.disk.refused.is_empty() {
            return;
        }
        let Ok(Message::Sync(said)) = decode(frame) else { return };
        let Ok(message) = sync::Message::decode(&said.data) else { return };
        let again =
            hashes(&message).find(|hash| self.disk.refused.contains(hash) && !self.shared.contains(hash));
        if let Some(hash) = again {
            self.fault.get_or_insert_with(|| format!("{hash} was refused, and is brought again"));
        }
    }

    // What must hold.

    pub(super) fn fault(&self) -> Option<&String> {
        self.fault.as_ref()
    }

    pub(super) fn heads(&mut self, document: &DocumentId) -> Vec<ChangeHash> {
        let now = self.now;
        let heads =
            self.engine.with(now, document, |replica, _| replica.automerge(now).map(|doc| doc.get_heads()));
        heads.flatten().unwrap_or_default()
    }

    /// What waits for the server.
    pub(super) fn pending(&self) -> usize {
        self.engine.replicas().map(|replica| replica.pending_size().0).sum()
    }

    /// What it was told to be kept, but for what was refused.
    pub(super) fn kept(&self) -> impl Iterator<Item = &(DocumentId, ChangeHash)> {
        self.kept.iter().filter(|(_, head)| !self.refused.contains(head))
    }

    /// What it knows for good that the server did not take, of what nobody else makes. What it has not noted when it is killed it offers again.
    pub(super) fn refused(&self) -> impl Iterator<Item = &ChangeHash> {
        let may_be_there = |hash: &&ChangeHash| self.shared.contains(hash) || self.brought.contains(hash);
        self.disk.refused.iter().filter(move |hash| !may_be_there(hash))
    }

    /// By content: a member that it was told to be kept, is not there, and is not told as refused. Or one that is, and is there.
    pub(super) fn wrong_member(&self, document: &DocumentId, doc: &Automerge) -> Option<String> {
        let refused = self.engine.replica(document).into_iter().flat_map(Replica::refused);
        let refused: Vec<&Refused> = refused.collect();
        if refused.len() >= REFUSED_MAX {
            return None;
        }
        let is_refused: BTreeSet<String> = refused.into_iter().flat_map(written).collect();
        let is_there = |member: &String| matches!(doc.get(ROOT, member), Ok(Some(_)));
        let mut kept = self.members.kept.iter().filter(|(of, _)| of == document).map(|(_, member)| member);
        if let Some(lost) = kept.find(|member| !is_there(member) && !is_refused.contains(*member)) {
            return Some(format!("{lost:?} was kept, and is nowhere"));
        }
        // A server whose disk broke may have refused what it finds there later: that is there beside what was made in its place, and
        // this may be refused too. That no device brings it again is looked at when it speaks.
        if self.refused.iter().any(|hash| doc.get_change_meta_by_hash(hash).is_some()) {
            return None;
        }
        let back = is_refused.iter().find(|member| is_there(member))?;
        Some(format!("{back:?} was refused, and is there"))
    }

    fn is_all_there(&mut self, document: &DocumentId) {
        let now = self.now;
        let Some(replica) = self.engine.replica(document) else { return };
        self.refused.extend(replica.taken_out());
        if let Some(fault) = replica.fault() {
            self.fault.get_or_insert_with(|| fault.to_string());
        }
        let kept = self.kept.iter().filter(|(of, head)| of == document && !self.refused.contains(head));
        let kept: Vec<ChangeHash> = kept.map(|(_, head)| *head).collect();
        let doc = self.engine.with(now, document, |replica, _| replica.automerge(now).cloned());
        if let Some(words) = doc.flatten().and_then(|doc| self.wrong_member(document, &doc)) {
            self.fault.get_or_insert(words);
        }
        let lost = self.engine.with(now, document, |replica, _| {
            let doc = replica.automerge(now)?;
            kept.into_iter().find(|head| !doc.get_missing_deps(&[*head]).is_empty())
        });
        if let Some(head) = lost.flatten() {
            self.fault
                .get_or_insert_with(|| format!("{head} was said to be kept on a device, and is not there"));
        }
    }
}

fn hashes(message: &sync::Message) -> impl Iterator<Item = ChangeHash> + '_ {
    message.changes.iter().filter_map(|bytes| Some(Change::from_bytes(bytes.to_vec()).ok()?.hash()))
}

fn engine(n: usize, run: u32) -> Engine {
    let peer = format!("ours-{n}-{run}").parse().expect("a name");
    let storage = format!("device-{n}").parse().ok();
    Engine::new(peer, storage, Windows::default(), Limits::default())
}

/// The number of the edit, where it wrote its member.
fn edit(
    replica: &mut Replica,
    now: Timestamp,
    (member, count): &(String, i64),
    value: u8,
    is_board: bool,
    effects: &mut Vec<replica::Effect>,
) -> Option<u64> {
    if value.is_multiple_of(3) {
        let title = format!("title {value}");
        let _ = replica.edit(now, &[Edit::SetTitle { title }], None);
        // What fails takes nothing with it that was taken before.
        let nobody = "nobody".parse().expect("an id");
        let _ = replica.edit(now, &[Edit::RemoveWidget { id: nobody }], None);
        return None;
    }
    let change = |tx: &mut Transaction<'_>| {
        tx.put(ROOT, member, *count)?;
        write(tx, value, is_board)
    };
    let changed = replica.change(now, None, change, effects);
    changed.ok()?.ok().map(|((), number)| number)
}

impl Members {
    /// What became of those that waited for the store.
    fn are_told(&mut self, engine: &Engine) {
        for (document, number, member) in std::mem::take(&mut self.waiting) {
            match engine.replica(&document).map(|replica| replica.fate(number)) {
                Some(Fate::Kept) => _ = self.kept.insert((document, member)),
                Some(Fate::Waits) => self.waiting.push((document, number, member)),
                Some(Fate::Lost(_)) | None => {}
            }
        }
    }
}

/// The members that a refused change wrote.
pub(crate) fn written(refused: &Refused) -> Vec<String> {
    let patch = refused.patch.as_ref().and_then(|patch| patch.as_array());
    let paths = patch.into_iter().flatten().filter_map(|operation| operation["path"].as_str());
    paths
        .filter_map(|path| path.strip_prefix('/'))
        .filter(|key| key.starts_with(MEMBER))
        .map(str::to_owned)
        .collect()
}

impl Disk {
    fn write(&mut self, document: DocumentId, asked: Asked) {
        match asked {
            Asked::Load => {}
            Asked::Commit(batch) => self.written.entry(document).or_default().push(batch),
            Asked::Note(notes) => {
                self.refused.extend(&notes.taken_out);
                self.notes.insert(document, *notes);
            }
        }
    }

    fn stored(&self, document: &DocumentId) -> Option<StoredDocument> {
        let mut stored = StoredDocument::default();
        self.written.get(document)?.iter().for_each(|batch| stored.write(batch.clone()));
        Some(stored)
    }
}

/// What an edit does, by its value.
pub(crate) fn write(tx: &mut Transaction<'_>, value: u8, is_board: bool) -> Result<(), AutomergeError> {
    let key = KEYS[usize::from(value) % KEYS.len()];
    match value / 5 % 4 {
        0 => tx.put(ROOT, "note", i64::from(value)),
        1 => push(tx, i64::from(value)),
        _ if is_board => {
            if tx.get(ROOT, "kind")?.is_none() {
                tx.put(ROOT, "kind", "board")?;
            }
            tx.put(ROOT, key, i64::from(value % 16))
        }
        _ => tx.put(ROOT, key, i64::from(value)),
    }
}
