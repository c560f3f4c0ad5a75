//! A simulated world: a server with a disk, clients, and links between them, in which everything happens that a seed says, in the
//! order in which it says so.
//!
//! ```text
//!  seed ──▶ Script ──▶ World ─ step by step ─▶ heal ─▶ everybody agrees, or a fault is told with the fewest steps that show it
//!
//!  clients ◀── links: in order, cut at any moment ──▶ server ◀── answers when somebody says so ──▶ disk
//! ```
//!
//! Always true here: there are no sockets, threads and clocks, so that thousands of worlds fit into seconds; the same script is the
//! same run. What was acknowledged anywhere is never forgotten here, whatever becomes of whoever was told.

pub mod boards; // Rules for documents.
mod client; // A stock client.
mod device; // A client of whichever kind.
mod link; // One connection.
mod ours; // Our own client.
pub mod replica; // A document as a stock client has it.
mod script; // What happens.
mod server; // Sessions and documents, driven as the real server drives them.
pub mod store; // What is on the disk.
mod task; // The task of one document.
mod trial; // Many seeds, and what they find.

pub(crate) use ours::{MEMBER, write, written};
pub use replica::Replica;
pub use script::{Right, Script, Step};
pub use store::{Fault, StoredDocument};
pub use trial::{Found, Seeds, broken_by, try_seeds, try_seeds_with_ours};

use automerge::{Automerge, ChangeHash, ReadDoc};
use bytes::Bytes;
use client::Heard;
use device::{Client, Device};
use dovetail_client::machine::replica::SEND_EVERY;
use dovetail_core::document::chunk::Lifecycle;
use dovetail_core::document::{Verdict, judge_stored};
use dovetail_core::id::{DocumentId, SessionId};
use dovetail_core::rules::{Report, RuleBook, State, to_the_end};
use link::{Link, Network, Pace, Packet};
use server::Server;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What everything that is under way takes at most to come to an end, in rounds. A few dozen are usual.
const ROUNDS_MAX: usize = 2_000;

/// So often somebody may have to connect again before everything is healed.
const HEALING_MAX: usize = 20;

/// See the top of the file.
#[derive(Debug)]
pub struct World {
    server: Server,
    devices: Vec<Device>,
    documents: Vec<DocumentId>,
    links: BTreeMap<SessionId, Link>,
    next_session: u64,
    /// What whoever was told of it may rely on.
    acknowledged: BTreeSet<(DocumentId, ChangeHash)>,
    has_rules: bool,
    /// What a crash that was ordered leaves.
    leaves: Leaves,
    /// What was found to be wrong first.
    fault: Option<String>,
    /// What has been said so far, in figures: two runs of one script say the same.
    said: Said,
}

/// What of what was under way is there after a crash.
#[derive(Debug, Default, Clone, Copy)]
struct Leaves {
    batches: usize,
    messages: usize,
}

/// How much has been said.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Messages that arrived at clients.
    pub messages: u64,
    /// Their bytes, added up in order.
    pub sum: u64,
    /// So often the server was killed.
    pub crashes: u64,
    /// Heads that somebody was told of.
    pub acknowledged: u64,
    /// Changes that were taken out of documents on devices, since the server did not take them.
    pub refused: u64,
}

impl Said {
    fn and(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            sum: self.sum.wrapping_mul(31).wrapping_add(other.sum),
            crashes: self.crashes + other.crashes,
            acknowledged: self.acknowledged + other.acknowledged,
            refused: self.refused + other.refused,
        }
    }
}

/// Plays a script from its beginning to its end. How much was said.
///
/// # Errors
/// What was found to be wrong, in words.
pub fn play(script: &Script) -> Result<Said, String> {
    let mut world = World::new(script);
    for step in &script.steps {
        world.step(*step);
        world.sound()?;
    }
    world.heal();
    world.sound()?;
    world.everybody_agrees()?;
    world.nothing_waits()?;
    world.somebody_looks();
    world.sound()?;
    world.the_rules_agree()?;
    // Where changes are refused, one that was built on such a change may wait aside for it as long as its bringer is there.
    if script.changes_max.is_none() {
        world.nothing_is_left_aside()?;
    }
    let refused = world.devices.iter_mut().filter_map(|device| device.client.as_ours());
    let refused = refused.map(|client| client.refused().count() as u64).sum();
    Ok(Said { acknowledged: world.acknowledged.len() as u64, refused, ..world.said })
}

impl World {
    /// In which nothing has happened yet.
    #[must_use]
    pub fn new(script: &Script) -> Self {
        let ids = 1..=u8::try_from(script.documents).unwrap_or(u8::MAX);
        let documents: Vec<DocumentId> = ids.filter_map(|n| DocumentId::from_bytes(&[n; 16]).ok()).collect();
        let client = |n| match n < script.ours {
            true => Client::ours(n, &documents),
            false => Client::stock(n, &documents),
        };
        let device = |n| Device { client: client(n), link: None, network: Network::default() };
        let rules = if script.has_rules { boards::rules([]) } else { Arc::new(RuleBook::empty()) };
        Self {
            server: Server::new(rules, script.judges_late, script.changes_max),
            devices: (0..script.clients).map(device).collect(),
            documents,
            links: BTreeMap::new(),
            next_session: 1,
            acknowledged: BTreeSet::new(),
            has_rules: script.has_rules,
            leaves: Leaves::default(),
            fault: None,
            said: Said::default(),
        }
    }

    /// Something happens.
    pub fn step(&mut self, step: Step) {
        self.pass(Duration::from_millis(1));
        self.happen(step);
        if self.server.is_dead() {
            self.crash(self.leaves);
        }
        self.bury_devices(0);
        self.links.retain(|_, link| !link.is_over());
        for (document, heads) in std::mem::take(&mut self.server.answered) {
            self.note_acknowledged(&document, heads);
        }
    }

    /// Routing only.
    fn happen(&mut self, step: Step) {
        match step {
            Step::Edit { client, document, changes, value } => self.edit(client, document, changes, value),
            Step::Connect { client } => self.connect_if_not_connected(client % self.devices.len()),
            Step::Redial { client } => self.connect(client % self.devices.len()),
            Step::Cut { client } => self.cut(client),
            Step::ClientNotices { client } => self.client_notices(client),
            Step::ServerNotices { client, link } => {
                let is_unnoticed = |link: &Link| link.is_cut && link.server_holds;
                self.on_link(client, link, is_unnoticed, |server, session, link| server.lose(session, link));
            }
            Step::Up { client, link } => self.up(client % self.devices.len(), link),
            Step::Down { client } => self.down(client % self.devices.len()),
            Step::Socket { client, link } => {
                let is_slow = self.devices[client % self.devices.len()].network.down.is_slow();
                let has_room = |link: &Link| link.server_holds && link.has_room_down(is_slow);
                self.on_link(client, link, has_room, |server, session, link| server.socket(session, link));
            }
            Step::Throttle { client, up, down } => {
                let network = Network { up: Pace::of(up), down: Pace::of(down) };
                let client = client % self.devices.len();
                self.devices[client].network = network;
            }
            Step::Turn { document } => self.server.turn(&self.document(document)),
            Step::Evaluate { document } => self.server.evaluated(&self.document(document)),
            Step::Disk { questions } => (0..questions).for_each(|_| self.disk_takes()),
            Step::DiskFails { how } => self.server.disk.fail(how),
            Step::Rest { document } => self.server.rest(&self.document(document)),
            Step::Door { document } => self.server.door_changes(&self.document(document)),
            Step::Delete { document, deleted } => {
                self.server.door_deletes(&self.document(document), deleted);
            }
            Step::LoseDevice { client, has_backup } => self.lose_device(client, has_backup),
            Step::Wait { seconds } => self.wait(seconds),
            Step::Burst { client } => self.burst(client % self.devices.len()),
            Step::Ahead { client, seconds } => self.set_ahead(client % self.devices.len(), seconds),
            Step::Right { client, right } => self.give(client % self.devices.len(), right),
            Step::DeviceDisk { client, fails } => self.device_disk(client % self.devices.len(), fails),
            Step::ReadsNothing { client } => {
                let client = client % self.devices.len();
                self.devices[client].client.as_ours().into_iter().for_each(|client| client.read_nothing());
            }
            Step::Reopen { client } => self.reopen(client % self.devices.len()),
            Step::Full { document, is_full } => self.server.set_full(&self.document(document), is_full),
            Step::Settle { client, document } => self.settle_one(client, document),
            Step::DeviceCrash { client, effects, batches } => self.device_crash(client, effects, batches),
            Step::Rounds { rounds } => {
                (0..rounds).all(|_| self.round() && !self.server.is_dead());
            }
            Step::Crash { effects, batches, messages } => {
                self.leaves = Leaves { batches: batches.into(), messages: messages.into() };
                self.server.kill_after(effects.into());
            }
        }
    }

    // Clients.

    fn edit(&mut self, client: usize, document: usize, changes: u8, value: u8) {
        let document = self.document(document);
        let client = client % self.devices.len();
        let says = self.devices[client].client.edit(&document, changes, value, self.has_rules);
        self.say(client, says);
    }

    fn connect_if_not_connected(&mut self, client: usize) {
        if self.devices[client].link.is_none() {
            self.connect(client);
        }
    }

    fn connect(&mut self, client: usize) {
        self.let_go(client);
        let session = SessionId(self.next_session);
        self.next_session += 1;
        let device = &mut self.devices[client];
        let mut link = Link::new(client);
        link.send_up(Packet::Frame(device.client.connect()));
        device.link = Some(session);
        self.links.insert(session, link);
        self.server.accept(session, client);
    }

    fn let_go(&mut self, client: usize) {
        let device = &mut self.devices[client];
        device.client.disconnect();
        if let Some(link) = device.link.take().and_then(|session| self.links.get_mut(&session)) {
            link.client_lets_go();
        }
    }

    fn cut(&mut self, client: usize) {
        let device = &self.devices[client % self.devices.len()];
        if let Some(link) = device.link.and_then(|session| self.links.get_mut(&session)) {
            link.cut();
        }
    }

    fn client_notices(&mut self, client: usize) {
        let client = client % self.devices.len();
        let link = self.devices[client].link.and_then(|session| self.links.get(&session));
        if link.is_some_and(|link| link.is_cut) {
            self.let_go(client);
        }
    }

    fn lose_device(&mut self, client: usize, has_backup: bool) {
        let client = client % self.devices.len();
        self.let_go(client);
        self.devices[client].client.lose_device(has_backup);
    }

    /// A client's next message arrives at the server, or the end of what it had to say.
    fn up(&mut self, client: usize, which: usize) {
        let is_there = self.links.values().any(|link| link.owner == client && link.has_something_up());
        if is_there && self.devices[client].network.up.lets_through() {
            self.on_link(client, which, Link::has_something_up, |server, session, link| {
                server.hear(session, link);
            });
        }
    }

    /// The server's next message arrives at a client, or the end of what it had to say.
    fn down(&mut self, client: usize) {
        let Some(session) = self.devices[client].link else { return };
        let Some(link) = self.links.get_mut(&session).filter(|link| link.has_something_down()) else {
            return;
        };
        if !self.devices[client].network.down.lets_through() {
            return;
        }
        match link.down.pop_front() {
            Some(Packet::Frame(frame)) => self.hear(client, &frame),
            Some(Packet::Ping | Packet::Pong) => link.send_up(Packet::Pong),
            None => self.let_go(client),
        }
    }

    /// All that is on its way to a client arrives at once. A stock client takes one after the other, and so does whose network is slow.
    fn burst(&mut self, client: usize) {
        if self.devices[client].network.down.is_slow() {
            return self.down(client);
        }
        let link = self.devices[client].link.and_then(|session| self.links.get_mut(&session));
        let Some(link) = link.filter(|link| link.has_something_down()) else { return };
        let is_frame = |packet: &&Packet| matches!(packet, Packet::Frame(_));
        let count = link.down.iter().take_while(is_frame).count();
        let frames: Vec<Bytes> = link.down.drain(..count).filter_map(Packet::into_frame).collect();
        match self.devices[client].client.as_ours() {
            Some(ours) => {
                self.said.messages += frames.len() as u64;
                let heard = ours.hear_all(&frames);
                self.heard(client, heard);
            }
            None => frames.iter().for_each(|frame| self.hear(client, frame)),
        }
    }

    fn set_ahead(&mut self, client: usize, seconds: u8) {
        if let Some(ours) = self.devices[client].client.as_ours() {
            ours.set_ahead(Duration::from_secs(seconds.into()));
        }
    }

    fn give(&mut self, client: usize, right: Right) {
        self.server.give(client, right, &mut self.links);
    }

    fn hear(&mut self, client: usize, frame: &[u8]) {
        self.said.messages += 1;
        self.said.sum = frame.iter().fold(self.said.sum, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte));
        let heard = self.devices[client].client.hear(frame);
        self.heard(client, heard);
    }

    fn heard(&mut self, client: usize, heard: Result<Heard, String>) {
        match heard {
            Ok(heard) => {
                self.say(client, heard.says);
                for (document, heads) in heard.acknowledged {
                    self.note_acknowledged(&document, heads);
                }
            }
            Err(words) => {
                self.fault.get_or_insert(words);
            }
        }
    }

    fn say(&mut self, client: usize, frames: Vec<Bytes>) {
        let session = self.devices[client].link;
        let Some(link) = session.and_then(|session| self.links.get_mut(&session)) else { return };
        frames.into_iter().for_each(|frame| link.send_up(Packet::Frame(frame)));
    }

    /// Time passes for everybody, and our clients look at it.
    fn pass(&mut self, time: Duration) {
        self.server.pass(time);
        let now = self.server.now();
        for n in 0..self.devices.len() {
            if let Some(says) = self.devices[n].client.as_ours().map(|client| client.pass(now)) {
                self.say(n, says);
            }
        }
    }

    fn device_disk(&mut self, client: usize, fails: bool) {
        if let Some(ours) = self.devices[client].client.as_ours() {
            let says = ours.disk_takes(fails);
            self.say(client, says);
        }
    }

    fn reopen(&mut self, client: usize) {
        if let Some(ours) = self.devices[client].client.as_ours() {
            let says = ours.reopen();
            self.say(client, says);
        }
    }

    fn settle_one(&mut self, client: usize, document: usize) {
        let (client, document) = (client % self.devices.len(), self.document(document));
        let (rules, is_named) = (self.server.rules().clone(), self.server.asks_who());
        if let Some(ours) = self.devices[client].client.as_ours() {
            let says = ours.settle(&document, &rules, is_named);
            self.say(client, says);
        }
    }

    fn device_crash(&mut self, client: usize, effects: u8, batches: u8) {
        let client = client % self.devices.len();
        let Some(ours) = self.devices[client].client.as_ours() else { return };
        ours.kill_after(effects.into());
        self.bury_devices(batches.into());
    }

    /// Who is dead is started again, and has lost its connection. Who wants another one gives it up.
    fn bury_devices(&mut self, batches: usize) {
        for n in 0..self.devices.len() {
            if self.devices[n].client.as_ours().is_some_and(|client| client.wants_another()) {
                self.let_go(n);
            }
            if self.devices[n].client.as_ours().is_some_and(|client| client.is_dead()) {
                self.said.crashes += 1;
                self.let_go(n);
                self.devices[n].client.as_ours().into_iter().for_each(|client| client.crash(batches));
            }
        }
    }

    fn note_acknowledged(&mut self, document: &DocumentId, heads: Vec<ChangeHash>) {
        self.acknowledged.extend(heads.into_iter().map(|head| (document.clone(), head)));
    }

    // The server.

    /// Does something with one of a client's links for which this holds.
    fn on_link(
        &mut self,
        client: usize,
        which: usize,
        holds: impl Fn(&Link) -> bool,
        does: impl FnOnce(&mut Server, SessionId, &mut Link),
    ) {
        let client = client % self.devices.len();
        let is_one = |link: &Link| link.owner == client && holds(link);
        let count = self.links.values().filter(|link| is_one(link)).count();
        if count == 0 {
            return;
        }
        let link = self.links.iter_mut().filter(|(_, link)| is_one(link)).nth(which % count);
        if let Some((session, link)) = link {
            does(&mut self.server, *session, link);
        }
    }

    fn wait(&mut self, seconds: u8) {
        self.pass(Duration::from_secs(seconds.into()));
        for (session, link) in self.links.iter_mut().filter(|(_, link)| link.server_holds) {
            self.server.tick(*session, link);
        }
    }

    fn disk_takes(&mut self) {
        if let Err(words) = self.server.disk.take() {
            self.fault.get_or_insert(words);
        }
    }

    fn crash(&mut self, leaves: Leaves) {
        self.said.crashes += 1;
        self.server.start_again(leaves.batches);
        for link in self.links.values_mut() {
            link.server_lets_go();
            link.down.truncate(leaves.messages);
        }
    }

    fn document(&self, n: usize) -> DocumentId {
        self.documents[n % self.documents.len()].clone()
    }

    // Everything comes to an end.

    /// Until nothing is under way any more, or a crash that was ordered has come. Nobody connects.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            if !self.round() || self.server.is_dead() || self.fault.is_some() {
                return;
            }
        }
        self.fault.get_or_insert_with(|| "the world does not come to rest".to_owned());
    }

    /// Everybody has a turn. Says whether anything was to be done.
    fn round(&mut self) -> bool {
        let mut moved = self.devices_have_a_turn() || self.server.disk.waiting() > 0;
        (0..self.server.disk.waiting()).for_each(|_| self.disk_takes());
        for document in self.documents.clone() {
            moved |= self.server.is_woken(&document);
            self.server.evaluated(&document);
            self.server.turn(&document);
        }
        let sessions: Vec<SessionId> = self.links.keys().copied().collect();
        for session in sessions {
            let Some(link) = self.links.get_mut(&session) else { continue };
            let network = &mut self.devices[link.owner].network;
            if link.has_something_up() && !self.server.is_dead() {
                if network.up.lets_through() {
                    self.server.hear(session, link);
                }
                moved = true;
            }
            // One thing at a time: while a socket is busy, more comes for it.
            let has_room = link.has_room_down(network.down.is_slow());
            if has_room && self.server.has_something_to_write(session) && !self.server.is_dead() {
                self.server.socket(session, link);
                moved = true;
            }
            let owner = link.owner;
            if self.devices[owner].link == Some(session) && link.has_something_down() {
                self.down(owner);
                moved = true;
            }
        }
        moved
    }

    /// Stores of devices do what they were asked for; when there is nothing else to do, time passes for who waits for that.
    fn devices_have_a_turn(&mut self) -> bool {
        let mut moved = false;
        for n in 0..self.devices.len() {
            for _ in 0..self.devices[n].client.as_ours().map_or(0, |client| client.waits_for_disk()) {
                self.device_disk(n, false);
                moved = true;
            }
        }
        let waits = self
            .devices
            .iter_mut()
            .any(|device| device.client.as_ours().is_some_and(|client| client.waits_for_time()));
        if waits {
            self.pass(SEND_EVERY);
        }
        self.bury_devices(0);
        moved || waits
    }

    /// Nothing fails any more, everybody finds out what is over and connects again. Connections that hold are kept: nobody may
    /// have to come again to hear of something.
    fn heal(&mut self) {
        self.server.spare();
        for device in &mut self.devices {
            device.network = Network::default();
            device.client.as_ours().into_iter().for_each(|client| client.spare());
        }
        (0..self.devices.len()).for_each(|client| self.reopen(client));
        if self.server.disk.is_broken() {
            self.crash(Leaves { batches: 1, messages: 0 });
        }
        for client in 0..self.devices.len() {
            self.give(client, Right::Write);
        }
        for _ in 0..HEALING_MAX {
            self.undelete();
            for (session, link) in self.links.iter_mut().filter(|(_, link)| link.is_cut && link.server_holds)
            {
                self.server.lose(*session, link);
            }
            for client in 0..self.devices.len() {
                self.client_notices(client);
                self.connect_if_not_connected(client);
            }
            self.settle();
            self.links.retain(|_, link| !link.is_over());
            if self.devices.iter().all(|device| device.link.is_some()) {
                return;
            }
        }
        self.fault.get_or_insert_with(|| "somebody is sent away again and again".to_owned());
    }

    /// Whoever has deleted something takes it back. Nothing else is done to a document: it may wake a task that has missed something.
    fn undelete(&mut self) {
        self.settle();
        for document in self.documents.clone() {
            let manifest = self.server.disk.stored(&document).and_then(|stored| stored.manifest.as_ref());
            if manifest.is_some_and(|manifest| manifest.lifecycle != Lifecycle::Live) {
                self.server.door_deletes(&document, false);
            }
        }
    }

    /// What nobody needs in memory is not judged.
    fn somebody_looks(&mut self) {
        for document in self.documents.clone() {
            self.server.door_looks(&document);
        }
        self.settle();
    }

    // What must hold.

    /// Nothing was found to be wrong so far.
    fn sound(&self) -> Result<(), String> {
        let of_devices = self.devices.iter().find_map(|device| match &device.client {
            Client::Ours(client) => client.fault(),
            Client::Stock(_) => None,
        });
        match self.server.fault.as_ref().or(self.fault.as_ref()).or(of_devices) {
            Some(words) => Err(words.clone()),
            None => Ok(()),
        }
    }

    /// P2 on devices: the server has all that waited there and all that was said to be kept, but for what it refused. That a device
    /// brings nothing of that again is looked at when it speaks.
    fn nothing_waits(&mut self) -> Result<(), String> {
        for (n, device) in self.devices.iter_mut().enumerate() {
            let Some(client) = device.client.as_ours() else { continue };
            if client.pending() > 0 {
                return Err(format!("{} changes of client {n} wait for ever", client.pending()));
            }
            for document in &self.documents {
                let stored = self.server.disk.stored(document);
                let whole = stored.map_or_else(Automerge::new, StoredDocument::document);
                if let Some(words) = client.wrong_member(document, &whole) {
                    return Err(format!("client {n}: {words}"));
                }
                let lost = client.kept().find(|(of, head)| of == document && !has(&whole, head));
                if let Some((_, head)) = lost {
                    return Err(format!("client {n} was told that {head} is kept, and it is nowhere"));
                }
            }
        }
        Ok(())
    }

    /// P1, P2: all have the same, and it is what a load of the stored bytes finds; everything that was acknowledged is in it.
    fn everybody_agrees(&mut self) -> Result<(), String> {
        for document in &self.documents {
            let stored = self.server.disk.stored(document);
            let whole = stored.map_or_else(Automerge::new, StoredDocument::document);
            let heads = whole.get_heads();
            let manifest = stored.and_then(|stored| stored.manifest.as_ref());
            if manifest.is_some_and(|it| it.heads != heads || it.changes != whole.stats().num_changes) {
                return Err("what is stored is not what its manifest says".to_owned());
            }
            for (n, device) in self.devices.iter_mut().enumerate() {
                if device.client.heads(document) != heads {
                    let waits = device.client.as_ours().map(|client| client.pending());
                    let lacked =
                        device.client.heads(document).iter().filter(|head| !has(&whole, head)).count();
                    return Err(format!(
                        "client {n} has something else than the server: {lacked} of its heads are not there, and {waits:?} changes wait"
                    ));
                }
            }
            let acknowledged = self.acknowledged.iter().filter(|(of, _)| of == document);
            if let Some((_, lost)) = acknowledged.clone().find(|(_, head)| !has(&whole, head)) {
                return Err(format!("{lost} was acknowledged, and is nowhere"));
            }
        }
        Ok(())
    }

    /// What the rules say is what they say to somebody who has seen nothing but what is stored.
    fn the_rules_agree(&mut self) -> Result<(), String> {
        self.documents.clone().iter().try_for_each(|document| self.rules_agree_on(document))
    }

    fn rules_agree_on(&mut self, document: &DocumentId) -> Result<(), String> {
        let stored = self.server.disk.stored(document).filter(|_| self.has_rules);
        let Some(stored) = stored.and_then(StoredDocument::load) else { return Ok(()) };
        let (rules, now) = (self.server.rules(), self.server.now());
        let anew = judge_stored(document, &stored, rules, now, |question| question.answer(&to_the_end()));
        let anew = anew.map_err(|damage| damage.to_string())?;
        let known = self.server.verdict(document);
        if conflicts(known.as_ref()) != conflicts(anew.as_ref()) {
            return Err(format!("the rules say {known:?}, and {anew:?} to somebody who comes anew"));
        }
        let rules = rules.clone();
        for (n, device) in self.devices.iter_mut().enumerate() {
            let Some(client) = device.client.as_ours() else { continue };
            let seen = client.report(document, &rules);
            let anew = anew.as_ref().map(|anew| &*anew.report);
            // Who made a change is what only a server knows that asks people who they are.
            let is_same = match self.server.asks_who() {
                true => seen.as_ref().map(standings) == anew.map(standings),
                false => seen.as_ref() == anew,
            };
            if !is_same {
                return Err(format!("client {n} sees {seen:?}, and the server {anew:?}"));
            }
        }
        Ok(())
    }

    /// A document with changes that wait for others stays in memory while whoever brought them is there. Here they all are.
    fn nothing_is_left_aside(&mut self) -> Result<(), String> {
        for document in self.documents.clone() {
            self.server.rest(&document);
            self.settle();
            self.server.rest(&document);
            self.settle();
            if self.server.is_live(&document) {
                return Err("a document does not leave memory: something waits aside in it".to_owned());
            }
        }
        self.sound()?;
        self.everybody_keeps_quiet()
    }

    fn everybody_keeps_quiet(&mut self) -> Result<(), String> {
        let before = self.said.messages;
        self.settle();
        if self.said.messages == before { Ok(()) } else { Err("somebody still talks".to_owned()) }
    }
}

/// What a verdict says, and of which state.
fn conflicts(verdict: Option<&Arc<Verdict>>) -> Option<(&[ChangeHash], String)> {
    verdict.map(|verdict| (&*verdict.heads, format!("{:?}", verdict.report)))
}

/// What is the same for everybody, whoever they are.
fn standings(report: &Report) -> Vec<(&str, &str, State)> {
    report.conflicts.iter().map(|of| (&*of.id, &*of.fingerprint, of.state)).collect()
}

fn has(doc: &Automerge, change: &ChangeHash) -> bool {
    doc.get_missing_deps(std::slice::from_ref(change)).is_empty()
}
