//! The measure: two stock clients on one document, the server's memory, and who is connected.
//!
//! Always true: the pair edits before, during and after an attack, and an edit counts from its making to its being
//! seen by the other. Figures are printed whether they are within their bounds or not.

use crate::PATIENCE;
use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc};
use dovetail_core::id::DocumentId;
use dovetail_tests::{Client, Server, new_document_id};
use std::fs;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Of a hundred edits of the pair ninety-nine are seen within this. It says "alive", not "quick": debug assertions are
/// on, and two cores are shared by the server, the attack and other tests. An attack that held the server up
/// would do so for as long as it lasts, seconds at least.
pub(crate) const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// Edits of the pair before an attack, after it, and at least during it.
const EDITS: usize = 20;

/// How often the pair edits: like somebody who drags.
const EDIT_EVERY: Duration = Duration::from_millis(20);

/// How often a figure is looked at that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The connections of the pair, and the one by which the figures are asked for.
const OWN_CONNECTIONS: f64 = 3.0;

/// Carries out `attack` on this server and holds it to what everybody else notices: the pair goes on, the server's memory
/// grows by no more than `memory_max` bytes meanwhile, and all connections are given back.
pub(crate) async fn during<T>(
    name: &str,
    server: &Server,
    memory_max: u64,
    attack: impl Future<Output = T>,
) -> T {
    let mut pair = Pair::new(server).await;
    let before = pair.edits(EDITS).await;
    let resident = resident_bytes(server);
    forget_peak(server);
    let (done, meanwhile) = pair.edits_while(attack).await;
    let grown = peak_bytes(server).saturating_sub(resident);
    let after = pair.edits(EDITS).await;
    let [before, during, after] = [before, meanwhile, after].map(percentile_99);
    println!("{name}: p99 {before:?}, {during:?}, {after:?}; {} KiB more at its peak", grown >> 10);
    for (when, p99) in [("before", before), ("during", during), ("after", after)] {
        assert!(p99 <= SEEN_WITHIN, "{name}: {when} the attack an edit is seen after {p99:?}");
    }
    assert!(grown <= memory_max, "{name}: the server took {grown} bytes more, of {memory_max}");
    settled(server, "dovetail_connections", |now| now == OWN_CONNECTIONS).await;
    settled(server, "dovetail_sessions", |now| now == 2.0).await;
    done
}

/// Two stock clients that edit one document in turn.
pub(crate) struct Pair {
    document: DocumentId,
    ana: Client,
    bo: Client,
    edits: i64,
}

impl Pair {
    pub(crate) async fn new(server: &Server) -> Self {
        let document = new_document_id();
        let mut ana = Client::connect(&server.ws_url(), "pair-ana", None).await.unwrap();
        let mut bo = Client::connect(&server.ws_url(), "pair-bo", None).await.unwrap();
        ana.open(&document).await.unwrap();
        bo.open(&document).await.unwrap();
        Self { document, ana, bo, edits: 0 }
    }

    /// The document that they edit.
    pub(crate) fn document(&self) -> &DocumentId {
        &self.document
    }

    /// How many edits they have made: the last is in the document.
    pub(crate) fn n(&self) -> i64 {
        self.edits
    }

    /// So many edits, and how long each took.
    pub(crate) async fn edits(&mut self, count: usize) -> Vec<Duration> {
        let mut took = Vec::new();
        let mut pace = pace();
        while took.len() < count {
            pace.tick().await;
            took.push(self.edit().await);
        }
        took
    }

    /// Waits until nothing about the last edit is on its way to either.
    pub(crate) async fn settle(&mut self) {
        for one in [&mut self.ana, &mut self.bo] {
            one.settle(&self.document, PATIENCE).await.unwrap();
        }
    }

    /// Edits until this is done, [`EDITS`] of them at least.
    pub(crate) async fn edits_while<T>(&mut self, other: impl Future<Output = T>) -> (T, Vec<Duration>) {
        let mut took = Vec::new();
        let mut pace = pace();
        let mut done = None;
        let mut other = pin!(other);
        while done.is_none() || took.len() < EDITS {
            let mut edit = pin!(async {
                pace.tick().await;
                self.edit().await
            });
            loop {
                tokio::select! {
                    seen = &mut edit => break took.push(seen),
                    result = &mut other, if done.is_none() => done = Some(result),
                }
            }
        }
        (done.expect("the loop ends when it is"), took)
    }

    /// One edit, from its making to its being seen by the other, who makes the next one.
    async fn edit(&mut self) -> Duration {
        self.edits += 1;
        let (document, wanted) = (&self.document, self.edits);
        let (ana, bo) = (&mut self.ana, &mut self.bo);
        let began = Instant::now();
        ana.edit(document, |tx| tx.put(ROOT, "n", wanted)).await.unwrap();
        let seen = async {
            let is_there = |bo: &Client| {
                let value = bo.document(document).get(ROOT, "n").unwrap();
                value.is_some_and(|(value, _)| value.as_i64() == Some(wanted))
            };
            bo.wait_for("the edit", PATIENCE, is_there).await.unwrap();
            began.elapsed()
        };
        let (took, settled) = tokio::join!(seen, ana.settle(document, PATIENCE));
        settled.unwrap();
        std::mem::swap(&mut self.ana, &mut self.bo);
        took
    }
}

fn pace() -> tokio::time::Interval {
    let mut pace = interval(EDIT_EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// What ninety-nine of a hundred stay below: of less than a hundred, the longest.
pub(crate) fn percentile_99(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[(took.len() * 99).div_ceil(100) - 1]
}

/// A figure of the server; nothing when it has none of this name yet.
pub(crate) async fn figure(server: &Server, name: &str) -> f64 {
    let figures = server.get("/metrics").await.unwrap().text();
    let of_name = figures.lines().filter_map(|line| line.split_once(' ')).filter(|(whose, _)| {
        whose.strip_prefix(name).is_some_and(|labels| labels.is_empty() || labels.starts_with('{'))
    });
    of_name.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
}

/// Waits until a figure is as it should be.
pub(crate) async fn settled(server: &Server, name: &str, is_right: impl Fn(f64) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = figure(server, name).await;
        if is_right(now) {
            return;
        }
        assert!(Instant::now() < deadline, "{name} is {now}");
        sleep(LOOK_EVERY).await;
    }
}

/// Resident memory, as Linux tells it.
pub(crate) fn resident_bytes(server: &Server) -> u64 {
    status_kib(server, "VmRSS:") << 10
}

/// The most that was resident since [`forget_peak`].
fn peak_bytes(server: &Server) -> u64 {
    status_kib(server, "VmHWM:") << 10
}

/// Where Linux does not let us, the peak is one since the start: never too low.
fn forget_peak(server: &Server) {
    let _not_allowed = fs::write(format!("/proc/{}/clear_refs", server.id()), "5");
}

fn status_kib(server: &Server, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// A document of so many bytes, which hardly compress.
pub(crate) async fn ballast(server: &Server, bytes: usize) -> DocumentId {
    let document = new_document_id();
    let mut maker = Client::connect(&server.ws_url(), "maker", None).await.unwrap();
    let mut drawn = fastrand::Rng::with_seed(1);
    let noise: String = std::iter::repeat_with(|| drawn.alphanumeric()).take(bytes).collect();
    maker.open(&document).await.unwrap();
    maker.edit(&document, |tx| tx.put(ROOT, "noise", noise)).await.unwrap();
    maker.settle(&document, PATIENCE).await.unwrap();
    maker.close().await.unwrap();
    document
}
