//! What happens in the [simulated world](crate::world), played against the real server and the real client: sockets, disks and
//! processes, and whatever the machine makes of the time.
//!
//! ```text
//!  seed ──▶ Script ──▶ play ─ step by step ─▶ heal ─▶ everybody agrees
//!
//!  devices: the client, its store ◀── taps: shut, dead, slow ──▶ the server's process ◀──▶ its disk
//! ```
//!
//! | step | here |
//! |---|---|
//! | `Edit` | the edits are made one behind the other, and nobody waits for the device's store |
//! | `Connect`, `Redial` | the device's proxy lets it through; what it was connected by goes dead, at the server's end without a word |
//! | `Cut`, `ClientNotices`, `ServerNotices` | the proxy goes dead without a word; one end is told |
//! | `Throttle` | the proxy passes on a few bytes at a time, and pauses |
//! | `Rounds` | a wait until all is saved, so many times 5 ms at most |
//! | `Door`, `Delete` | requests |
//! | `Right` | the owner's request; only where people are asked who they are |
//! | `Settle` | the first conflict that the device shows |
//! | `Crash` | the server is killed so many milliseconds later as there are effects, and started again over its data |
//! | `DeviceCrash` | its connections are gone, then it is closed and started again over its store; without a store it is lost |
//! | `LoseDevice` | the same over a copy of the last restart, or nothing |
//! | `Up`, `Down`, `Burst`, `Socket`, `Turn`, `Evaluate`, `Disk`, `DeviceDisk { fails: false }` | passed over: it happens by itself |
//! | `Rest` | passed over: a document leaves the server's memory as soon as nobody reads it |
//! | `DiskFails`, `DeviceDisk { fails: true }`, `ReadsNothing`, `Reopen`, `Full`, `Ahead`, `Wait` | passed over: neither a real disk, a quota nor the clock does what it is told to |
//!
//! Always true here: what happens is drawn from the seed, when exactly it happens is not. So what must hold is what must always hold.

mod device; // The client, its store and its way to the server.
mod house; // The server, and who comes there.

pub use house::Town;

use crate::tap::End;
use crate::world::{MEMBER, Right, Script, Step};
use device::{Device, Member};
use dovetail_core::id::DocumentId;
use house::House;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// However busy the machine is, everything has come to an end so long after it was healed.
const HEALED_WITHIN: Duration = Duration::from_secs(40);

/// What is shown follows what is so by a few milliseconds.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// What a round takes at most.
const ROUND: Duration = Duration::from_millis(5);

/// What is wrong, in words.
pub type Wrong = String;

fn in_words(error: impl Display) -> Wrong {
    error.to_string()
}

/// How much happened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// Edits that devices were told to be kept, and had at the end.
    pub kept: usize,
    /// Edits of which somebody knew that the server has them.
    pub acknowledged: usize,
    /// Changes that the server did not take.
    pub refused: usize,
    /// So often the server was killed.
    pub crashes: usize,
    /// So often a device was started again, or lost.
    pub restarts: usize,
    /// Conflicts at the end.
    pub conflicts: usize,
}

impl Played {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            kept: self.kept + other.kept,
            acknowledged: self.acknowledged + other.acknowledged,
            refused: self.refused + other.refused,
            crashes: self.crashes + other.crashes,
            restarts: self.restarts + other.restarts,
            conflicts: self.conflicts + other.conflicts,
        }
    }
}

/// See the top of the file.
struct Play {
    house: House,
    devices: Vec<Device>,
    documents: Vec<DocumentId>,
    has_rules: bool,
    /// What whoever was told of it may rely on, whatever becomes of devices.
    acknowledged: BTreeSet<Member>,
    doors: u64,
    played: Played,
}

/// Plays a script from its beginning to its end.
///
/// # Errors
/// What was found to be wrong, and the last words of the server.
pub async fn play(town: &Town, script: &Script) -> Result<Played, Wrong> {
    let mut play = Play::begin(town, script).await?;
    match play.go_through(&script.steps).await {
        Ok(()) => Ok(play.played),
        Err(wrong) => Err(format!("{wrong}\n{}", play.house.server.said())),
    }
}

impl Play {
    /// Every device has every document, and none is connected.
    async fn begin(town: &Town, script: &Script) -> Result<Self, Wrong> {
        let house = House::start(town, script).await?;
        let mut documents = Vec::new();
        for _ in 0..script.documents {
            documents.push(house.create(script.has_rules).await?);
        }
        let mut devices = Vec::new();
        for n in 0..script.clients {
            let token = script.changes_max.map(|_| town.token_of(n).to_owned());
            let device = Device::new(n, house.server.address(), token, n < script.ours, &documents).await?;
            device.tap.shut();
            device.tap.cut();
            devices.push(device);
        }
        Ok(Self {
            house,
            devices,
            documents,
            has_rules: script.has_rules,
            acknowledged: BTreeSet::new(),
            doors: 0,
            played: Played::default(),
        })
    }

    async fn go_through(&mut self, steps: &[Step]) -> Result<(), Wrong> {
        for step in steps {
            self.happen(*step).await?;
            self.devices.iter_mut().try_for_each(Device::take_notes)?;
        }
        self.heal().await?;
        self.come_to_rest().await?;
        self.everything_holds_soon().await?;
        // What a server has that was killed is what is on its disk.
        self.house.crash().await?;
        self.come_to_rest().await?;
        self.everything_holds_soon().await?;
        self.count()
    }

    /// Routing only.
    async fn happen(&mut self, step: Step) -> Result<(), Wrong> {
        match step {
            Step::Edit { client, document, changes, value } => {
                let (document, has_rules) = (document % self.documents.len(), self.has_rules);
                self.device(client).edit(document, changes, value, has_rules).await
            }
            Step::Connect { client } => {
                self.device(client).connect();
                Ok(())
            }
            Step::Redial { client } => {
                self.device(client).redial();
                Ok(())
            }
            Step::Cut { client } => {
                self.device(client).cut();
                Ok(())
            }
            Step::ClientNotices { client } => {
                self.device(client).tap.tell(End::Device);
                Ok(())
            }
            Step::ServerNotices { client, .. } => {
                self.device(client).tap.tell(End::Server);
                Ok(())
            }
            Step::Throttle { client, up, down } => {
                self.device(client).tap.set_pace(up, down);
                Ok(())
            }
            Step::Rounds { rounds } => {
                self.rounds(ROUND * u32::from(rounds)).await;
                Ok(())
            }
            Step::Door { document } => self.door(document).await,
            Step::Delete { document, deleted } => {
                self.house.delete(&self.documents[document % self.documents.len()], deleted).await
            }
            Step::Right { client, right } => {
                let client = client % self.devices.len();
                self.house.give(client, right, &self.documents).await
            }
            Step::Settle { client, document } => {
                let document = document % self.documents.len();
                self.device(client).settle(document).await;
                Ok(())
            }
            Step::Crash { effects, .. } => {
                self.played.crashes += 1;
                sleep(Duration::from_millis(effects.into())).await;
                self.house.crash().await
            }
            Step::DeviceCrash { client, .. } => {
                self.played.restarts += 1;
                self.device(client).restart().await
            }
            Step::LoseDevice { client, has_backup } => {
                self.played.restarts += 1;
                self.device(client).lose(has_backup).await
            }
            Step::Up { .. } | Step::Down { .. } | Step::Burst { .. } | Step::Socket { .. } => Ok(()),
            Step::Turn { .. } | Step::Evaluate { .. } | Step::Rest { .. } | Step::Disk { .. } => Ok(()),
            Step::DiskFails { .. } | Step::DeviceDisk { .. } | Step::ReadsNothing { .. } => Ok(()),
            Step::Reopen { .. } => Ok(()),
            Step::Full { .. } | Step::Ahead { .. } | Step::Wait { .. } => Ok(()),
        }
    }

    fn device(&mut self, client: usize) -> &mut Device {
        let client = client % self.devices.len();
        &mut self.devices[client]
    }

    /// Whoever is connected is waited for; what they say is saved then is noted.
    async fn rounds(&mut self, most: Duration) {
        let until = Instant::now() + most;
        for device in self.devices.iter_mut().filter(|device| device.tap.is_open()) {
            let left = until.saturating_duration_since(Instant::now());
            self.acknowledged.extend(device.saved(left).await);
        }
    }

    async fn door(&mut self, document: usize) -> Result<(), Wrong> {
        self.doors += 1;
        let document = document % self.documents.len();
        let key = format!("{}door-{}", MEMBER, self.doors);
        if self.house.change(&self.documents[document], &key, self.doors).await? {
            self.acknowledged.insert((document, key));
        }
        Ok(())
    }

    // Everything comes to an end.

    /// Nothing fails any more, and everybody finds out what is over. Connections that hold are kept.
    async fn heal(&mut self) -> Result<(), Wrong> {
        for document in &self.documents {
            self.house.delete(document, false).await?;
        }
        for client in 0..self.devices.len() {
            self.house.give(client, Right::Write, &self.documents).await?;
        }
        for device in &self.devices {
            device.tap.set_pace(0, 0);
            device.tap.tell(End::Device);
            device.tap.tell(End::Server);
            device.connect();
        }
        Ok(())
    }

    /// Until everybody has what the server has, and nothing waits.
    async fn come_to_rest(&mut self) -> Result<(), Wrong> {
        let until = Instant::now() + HEALED_WITHIN;
        loop {
            let before = self.heads().await?;
            let all_agree = timeout_at(until, self.everybody_has_the_same()).await;
            if Instant::now() >= until {
                return Err(self.who_does_not_agree().await);
            }
            // Whoever was sent away comes again.
            self.devices.iter().for_each(Device::try_again);
            if matches!(all_agree, Ok(Ok(()))) && self.heads().await? == before {
                return Ok(());
            }
        }
    }

    async fn heads(&self) -> Result<Vec<Vec<automerge::ChangeHash>>, Wrong> {
        let mut all = Vec::new();
        for document in &self.documents {
            all.push(self.house.heads(document).await?);
        }
        Ok(all)
    }

    async fn everybody_has_the_same(&mut self) -> Result<(), Wrong> {
        /// How long one device may take before it is looked at what else has happened.
        const MOMENT: Duration = Duration::from_secs(2);
        for (nth, document) in self.documents.iter().enumerate() {
            for device in &mut self.devices {
                device.look(nth).await;
                self.acknowledged.extend(device.saved(MOMENT).await);
            }
            let heads = self.house.heads(document).await?;
            for device in &self.devices {
                timeout(MOMENT, device.until_at(nth, &heads)).await.map_err(in_words)??;
            }
        }
        Ok(())
    }

    async fn who_does_not_agree(&self) -> Wrong {
        let mut words = String::from("it does not come to rest:");
        for (nth, document) in self.documents.iter().enumerate() {
            words += &format!("\n  the server has {:?} of document {nth}", self.house.heads(document).await);
            for (n, device) in self.devices.iter().enumerate() {
                let status = device.document(nth).map(|document| {
                    let heads = document.with_automerge(|doc| doc.get_heads());
                    format!("{heads:?} {:?}", *document.status().borrow())
                });
                words += &format!("\n  device {n}: {status:?}");
            }
        }
        words
    }

    // What must hold.

    async fn everything_holds_soon(&mut self) -> Result<(), Wrong> {
        let until = Instant::now() + SHOWN_WITHIN;
        loop {
            self.devices.iter_mut().try_for_each(Device::take_notes)?;
            match self.everything_holds().await {
                Err(_) if Instant::now() < until => sleep(Duration::from_millis(10)).await,
                answer => return answer,
            }
        }
    }

    async fn everything_holds(&self) -> Result<(), Wrong> {
        for (nth, id) in self.documents.iter().enumerate() {
            let stored = self.house.stored(id).await?;
            let shown = self.house.shown(id).await?;
            let conflicts = self.house.conflicts(id).await?;
            let mut acknowledged = self.acknowledged.iter().filter(|(of, _)| *of == nth);
            if let Some((_, lost)) = acknowledged.find(|(_, key)| shown.get(key).is_none()) {
                return Err(format!("{lost:?} was acknowledged, and document {nth} does not have it"));
            }
            for (n, device) in self.devices.iter().enumerate() {
                let status = device.nothing_waits(nth)?;
                let seen = device.document(nth)?.get().map_err(in_words)?.0;
                if seen != shown {
                    return Err(format!("device {n} has {seen} of document {nth}, and the server {shown}"));
                }
                device.nothing_is_lost(nth, &stored)?;
                let state = |conflict: &dovetail_client::Conflict| {
                    (conflict.id.to_string(), format!("{:?}", conflict.state).to_lowercase())
                };
                let found: BTreeSet<_> = status.conflicts.iter().map(state).collect();
                if found != conflicts {
                    return Err(format!(
                        "device {n} sees {found:?} in document {nth}, and the server {conflicts:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Wrong> {
        self.played.acknowledged = self.acknowledged.len();
        for device in &self.devices {
            self.played.kept += device.kept.len();
            for nth in 0..self.documents.len() {
                let status = device.nothing_waits(nth)?;
                self.played.refused += status.refused.len();
                self.played.conflicts += status.conflicts.len();
            }
        }
        Ok(())
    }
}
