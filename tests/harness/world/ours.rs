//! Our own client without sockets, disks and clocks: replicas, a link, and a store of its own, whose answers come when somebody says so.
//! It can be killed between any two effects.
//!
//! Always true: what it was told to be kept is there after every crash, or was refused by the server and is known to be.

use super::boards::KEYS;
use super::client::{BEARABLE, Heard, push};
use super::store::StoredDocument;
use automerge::transaction::{Transactable, Transaction};
use automerge::{ActorId, AutomergeError, ChangeHash, ROOT, ReadDoc};
use bytes::Bytes;
use dovetail_client::machine::link::{Due, Heard as Meaning, Introduction, Link};
use dovetail_client::machine::replica::{Effect, Limits, Notes, Replica};
use dovetail_core::dashboard::Edit;
use dovetail_core::document::chunk::Batch;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// See the top of the file.
#[derive(Debug)]
pub(super) struct OurClient {
    n: usize,
    /// So often it was started: each run has a name and actors of its own.
    runs: u32,
    now: Timestamp,
    link: Option<Link>,
    replicas: BTreeMap<DocumentId, Replica>,
    disk: Disk,
    /// What a copy of the device has that was made when it connected last.
    backup: (BTreeMap<DocumentId, Batches>, BTreeMap<DocumentId, Notes>),
    /// What it was told to be kept, and has not been refused.
    kept: BTreeSet<(DocumentId, ChangeHash)>,
    /// What the server did not take, in its whole life.
    refused: BTreeSet<ChangeHash>,
    /// It dies before the last of so many effects more.
    effects_left: Option<usize>,
    /// The connection is of no use any more.
    wants_another: bool,
    fault: Option<String>,
}

/// Every batch that was written of a document.
type Batches = Vec<Batch>;

/// What it keeps.
#[derive(Debug, Default)]
struct Disk {
    written: BTreeMap<DocumentId, Batches>,
    notes: BTreeMap<DocumentId, Notes>,
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
            runs: 0,
            now: Timestamp::from_millis(1),
            link: None,
            replicas: BTreeMap::new(),
            disk: Disk::default(),
            backup: Default::default(),
            kept: BTreeSet::new(),
            refused: BTreeSet::new(),
            effects_left: None,
            wants_another: false,
            fault: None,
        };
        client.start(documents);
        client
    }

    /// A run begins: all documents are opened.
    fn start(&mut self, documents: &[DocumentId]) {
        self.runs += 1;
        self.link = None;
        self.effects_left = None;
        self.disk.asked.clear();
        for (which, document) in documents.iter().enumerate() {
            let run = self.runs.to_be_bytes();
            let actor = [&[2, self.n as u8, which as u8][..], &run, &[0; 9]].concat();
            let mut replica = Replica::new(document.clone(), ActorId::from(actor), Limits::default());
            let mut effects = Vec::new();
            replica.open(&mut effects);
            self.replicas.insert(document.clone(), replica);
            self.carry_out(document, effects);
        }
    }

    // What happens to it.

    pub(super) fn connect(&mut self) -> Bytes {
        self.backup = (self.disk.written.clone(), self.disk.notes.clone());
        let peer = format!("ours-{}-{}", self.n, self.runs).parse().expect("a name");
        let storage = format!("device-{}", self.n).parse().ok();
        let (link, join) = Link::open(self.now, Introduction { peer, storage });
        self.link = Some(link);
        join
    }

    pub(super) fn disconnect(&mut self) {
        self.wants_another = false;
        self.link = None;
        self.replicas.values_mut().for_each(Replica::disconnected);
    }

    pub(super) fn edit(
        &mut self,
        document: &DocumentId,
        changes: u8,
        value: u8,
        is_board: bool,
    ) -> Vec<Bytes> {
        let now = self.now;
        let Some(replica) = self.replicas.get_mut(document) else { return Vec::new() };
        for nth in 0..changes {
            let value = value.wrapping_add(nth);
            if value % 3 == 0 {
                let title = format!("title {value}");
                let _ = replica.edit(&[Edit::SetTitle { title }], None);
                // What fails takes nothing with it that was taken before.
                let nobody = "nobody".parse().expect("an id");
                let _ = replica.edit(&[Edit::RemoveWidget { id: nobody }], None);
            } else {
                let _ = replica.change(now, None, |tx| write(tx, value, is_board));
            }
        }
        self.turn(document)
    }

    pub(super) fn hear(&mut self, frame: &[u8]) -> Result<Heard, String> {
        let now = self.now;
        let Some(link) = &mut self.link else { return Ok(Heard::default()) };
        let meaning = link.hear(now, frame).map_err(|nonsense| nonsense.to_string())?;
        let mut heard = Heard::default();
        let mut effects = Vec::new();
        let document = match meaning {
            Meaning::Joined { .. } => {
                self.replicas.values_mut().for_each(Replica::connected);
                let documents: Vec<DocumentId> = self.replicas.keys().cloned().collect();
                heard.says = documents.iter().flat_map(|document| self.turn(document)).collect();
                return Ok(heard);
            }
            Meaning::Sync { document, message } => {
                heard.acknowledged = Some((document.clone(), message.heads.clone()));
                if let Some(replica) = self.replicas.get_mut(&document) {
                    replica.hear(message);
                }
                document
            }
            Meaning::Missing { document } => {
                if let Some(replica) = self.replicas.get_mut(&document) {
                    replica.is_missing(&mut effects);
                }
                document
            }
            Meaning::Rejected { document, changes, code, reason } => {
                self.refused.extend(&changes);
                if let Some(replica) = self.replicas.get_mut(&document) {
                    replica.rejected(now, &changes, &code, &reason, &mut effects);
                }
                document
            }
            Meaning::Permitted { document, role } => {
                if let Some(replica) = self.replicas.get_mut(&document) {
                    replica.permitted(role, &mut effects);
                }
                document
            }
            Meaning::Words(words)
                if !BEARABLE.iter().chain(&["too_many_refused"]).any(|code| words.starts_with(code)) =>
            {
                return Err(format!("our client was sent away: {words}"));
            }
            _ => return Ok(heard),
        };
        heard.says = self.carry_out(&document, effects);
        heard.says.extend(self.turn(&document));
        Ok(heard)
    }

    pub(super) fn lose_device(&mut self, has_backup: bool) {
        let documents: Vec<DocumentId> = self.replicas.keys().cloned().collect();
        let (written, notes) = if has_backup { self.backup.clone() } else { Default::default() };
        self.disk = Disk { written, notes, asked: VecDeque::new() };
        self.kept.clear();
        self.start(&documents);
    }

    /// It is killed. Of what its store was asked for, so many batches more are there.
    pub(super) fn crash(&mut self, more_batches: usize) {
        for _ in 0..more_batches {
            let Some((document, asked)) = self.disk.asked.pop_front() else { break };
            self.disk.write(document, asked);
        }
        let documents: Vec<DocumentId> = self.replicas.keys().cloned().collect();
        self.start(&documents);
    }

    /// It is to die before the last of so many effects more.
    pub(super) fn kill_after(&mut self, effects: usize) {
        self.effects_left = Some(effects);
    }

    pub(super) fn spare(&mut self) {
        self.effects_left = None;
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
        let Some(replica) = self.replicas.get_mut(&document) else { return Vec::new() };
        let mut effects = Vec::new();
        match asked {
            Asked::Load => {
                let stored = self.disk.stored(&document).and_then(|stored| stored.load());
                replica.loaded(now, Ok((stored, self.disk.notes.get(&document).cloned())), &mut effects);
                self.is_all_there(&document);
            }
            Asked::Commit(_) if fails => replica.stored(Err("no room"), &mut effects),
            Asked::Commit(batch) => {
                let heads = batch.manifest.heads.clone();
                self.disk.write(document.clone(), Asked::Commit(batch));
                replica.stored(Ok(()), &mut effects);
                self.kept.extend(heads.into_iter().map(|head| (document.clone(), head)));
            }
            note @ Asked::Note(_) => self.disk.write(document.clone(), note),
        }
        let mut says = self.carry_out(&document, effects);
        says.extend(self.turn(&document));
        says
    }

    pub(super) fn waits_for_disk(&self) -> usize {
        self.disk.asked.len()
    }

    /// Time passes. What it says; nothing when the connection is to be given up.
    pub(super) fn pass(&mut self, now: Timestamp) -> Option<Vec<Bytes>> {
        self.now = now;
        let mut says = match self.link.as_mut().and_then(|link| link.tick(now)) {
            Some(Due::Gone) => return None,
            Some(Due::Ping(frame)) => vec![frame],
            None => Vec::new(),
        };
        let documents: Vec<DocumentId> = self.replicas.keys().cloned().collect();
        says.extend(documents.iter().flat_map(|document| self.turn(document)));
        Some(says)
    }

    /// When one of its documents has something to do.
    pub(super) fn next_tick(&self) -> Option<Timestamp> {
        self.replicas.values().filter_map(Replica::next_tick).min()
    }

    // What comes of it.

    fn turn(&mut self, document: &DocumentId) -> Vec<Bytes> {
        let mut says = Vec::new();
        loop {
            let mut effects = Vec::new();
            let Some(replica) = self.replicas.get_mut(document).filter(|_| self.effects_left != Some(0))
            else {
                return says;
            };
            replica.advance(self.now, &mut effects);
            self.refused.extend(replica.taken_out());
            if effects.is_empty() {
                return says;
            }
            let is_told_only = effects.iter().all(|effect| matches!(effect, Effect::Told | Effect::Changed));
            says.extend(self.carry_out(document, effects));
            if is_told_only {
                return says;
            }
        }
    }

    fn carry_out(&mut self, document: &DocumentId, effects: Vec<Effect>) -> Vec<Bytes> {
        let mut says = Vec::new();
        for effect in effects {
            match &mut self.effects_left {
                Some(0) => return says,
                Some(left) => *left -= 1,
                None => {}
            }
            match effect {
                Effect::Load => self.disk.asked.push_back((document.clone(), Asked::Load)),
                Effect::Commit(batch) => self.disk.asked.push_back((document.clone(), Asked::Commit(batch))),
                Effect::Note(notes) => self.disk.asked.push_back((document.clone(), Asked::Note(notes))),
                Effect::Send(message) => {
                    if let Some(link) = &self.link {
                        says.extend(link.say(document, message));
                    }
                }
                Effect::Reconnect => self.wants_another = true,
                Effect::Changed | Effect::Told => {}
            }
        }
        says
    }

    // What must hold.

    pub(super) fn fault(&self) -> Option<&String> {
        self.fault.as_ref()
    }

    pub(super) fn heads(&mut self, document: &DocumentId) -> Vec<ChangeHash> {
        let now = self.now;
        let doc = self.replicas.get_mut(document).and_then(|replica| replica.automerge(now));
        doc.map(|doc| doc.get_heads()).unwrap_or_default()
    }

    /// What waits for the server.
    pub(super) fn pending(&self) -> usize {
        self.replicas.values().map(|replica| replica.pending_size().0).sum()
    }

    /// What it was told to be kept, but for what was refused.
    pub(super) fn kept(&self) -> impl Iterator<Item = &(DocumentId, ChangeHash)> {
        self.kept.iter().filter(|(_, head)| !self.refused.contains(head))
    }

    /// What the server did not take.
    pub(super) fn refused(&self) -> impl Iterator<Item = &ChangeHash> {
        self.refused.iter()
    }

    fn is_all_there(&mut self, document: &DocumentId) {
        let now = self.now;
        let Some(replica) = self.replicas.get_mut(document) else { return };
        self.refused.extend(replica.taken_out());
        if let Some(fault) = replica.fault() {
            self.fault.get_or_insert_with(|| fault.to_string());
        }
        let Some(doc) = replica.automerge(now) else { return };
        let lost = self.kept.iter().filter(|(of, head)| of == document && !self.refused.contains(head));
        let mut lost = lost.filter(|(_, head)| !doc.get_missing_deps(&[*head]).is_empty());
        if let Some((_, head)) = lost.next() {
            self.fault
                .get_or_insert_with(|| format!("{head} was said to be kept on a device, and is not there"));
        }
    }
}

impl Disk {
    fn write(&mut self, document: DocumentId, asked: Asked) {
        match asked {
            Asked::Load => {}
            Asked::Commit(batch) => self.written.entry(document).or_default().push(batch),
            Asked::Note(notes) => _ = self.notes.insert(document, *notes),
        }
    }

    fn stored(&self, document: &DocumentId) -> Option<StoredDocument> {
        let mut stored = StoredDocument::default();
        self.written.get(document)?.iter().for_each(|batch| stored.write(batch.clone()));
        Some(stored)
    }
}

fn write(tx: &mut Transaction<'_>, value: u8, is_board: bool) -> Result<(), AutomergeError> {
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
