//! (c) Connections that say nothing: what each costs in resident memory; and what a small
//! open document costs, of which every fourth of them then has one of its own.
//!
//! Socket buffers are the kernel's and not counted.

use super::{Bench, Figures, OPENING_MAX, crowd};
use crate::driver::{Failure, Link, Outcome, Stopwatch, millis};
use crate::edits::{self, Hash};
use crate::peers::{Kind, Peer};
use crate::report::Better;
use dovetail_tests::new_document_id;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Connections that are open before the first reading, so that what a server makes once is
/// not counted against the rest.
const EARLIER: usize = 20;

/// How long a server has to come to rest before its memory is read.
const REST: Duration = Duration::from_millis(1_500);

/// How long it may take until all documents are open: the stock server needs 40 ms for each.
const OPENED_WITHIN: Duration = Duration::from_secs(50);

/// How long its idle processor time is watched.
const WATCHED: Duration = Duration::from_secs(3);

/// Runs it.
pub(crate) async fn run(bench: &mut Bench) {
    let count = bench.scale(2_000, 200);
    let name = format!("c {count} connections");
    for kind in bench.among(0, &[Kind::Relay, Kind::Dovetail, Kind::Stock]) {
        let measurement = |peer: Peer| async move {
            let figures = measure(&peer, count).await;
            (peer, figures)
        };
        bench.measure(&name, kind, Duration::from_secs(90), measurement).await;
    }
}

async fn measure(peer: &Peer, count: usize) -> Outcome<Figures> {
    let documents = if peer.kind == Kind::Relay { 0 } else { count / 4 };
    let mut figures = Figures::default();
    let hall = Hall::new();
    let earlier = crowd(EARLIER, |at| hall.enter(peer, format!("early-{at}"), false)).await?;
    sleep(REST).await;
    let before = peer.resident_bytes();
    let guests = crowd(count, |at| hall.enter(peer, format!("idle-{at}"), at < documents)).await?;
    sleep(REST).await;
    let joined = peer.resident_bytes();
    let kib =
        |now: u64, earlier: u64, count: usize| now.saturating_sub(earlier) as f64 / 1_024.0 / count as f64;
    figures.add("KiB/connection, joined", Better::Lower, kib(joined, before, count));
    let watch = Stopwatch::start(peer);
    sleep(WATCHED).await;
    figures.add("idle CPU ms/s", Better::Lower, millis(watch.read(peer).server) / WATCHED.as_secs_f64());
    if documents == 0 {
        return Ok(figures);
    }
    let watch = Stopwatch::start(peer);
    hall.open_documents.send_replace(true);
    hall.until_open(documents).await?;
    figures.add(
        "server CPU ms/document made",
        Better::Lower,
        millis(watch.read(peer).server) / documents as f64,
    );
    sleep(REST).await;
    figures.add("KiB/open document", Better::Lower, kib(peer.resident_bytes(), joined, documents));
    for guest in earlier.into_iter().chain(guests) {
        guest.abort();
    }
    sleep(REST).await;
    figures.add(
        "KiB/document left after closing",
        Better::Lower,
        kib(peer.resident_bytes(), before, documents),
    );
    Ok(figures)
}

/// Where the connections sit: each in a task of its own, so that it answers pings.
#[derive(Debug)]
struct Hall {
    /// Those who are to have a document open it now.
    open_documents: watch::Sender<bool>,
    opened: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    upload: Arc<[u8]>,
    head: Hash,
}

impl Hall {
    fn new() -> Self {
        let document = edits::document(5);
        Self {
            open_documents: watch::Sender::new(false),
            opened: Arc::default(),
            gate: Arc::new(Semaphore::new(OPENING_MAX)),
            upload: edits::upload(&document).into(),
            head: document.get_heads()[0].0,
        }
    }

    /// Connects one, which will open a document when it is told to, if it `opens` at all.
    async fn enter(&self, peer: &Peer, name: String, opens: bool) -> Outcome<JoinHandle<Outcome<()>>> {
        let mut link = Link::open(peer, &name, &name, false).await?;
        let (mut told, opened, gate) =
            (self.open_documents.subscribe(), self.opened.clone(), self.gate.clone());
        let (upload, head) = (self.upload.clone(), self.head);
        Ok(tokio::spawn(async move {
            let turn = async {
                told.wait_for(|told| *told && opens).await?;
                Ok::<_, Failure>(gate.acquire_owned().await?)
            };
            let turn = tokio::select! {
                turn = turn => turn?,
                nothing = link.until(|_| false) => return nothing.map(drop),
            };
            let envelope = link.envelope("sync", &new_document_id().to_string());
            link.send(envelope.around(&upload)).await?;
            link.until(|incoming| incoming.heads() == [head]).await?;
            opened.fetch_add(1, SeqCst);
            drop(turn);
            link.until(|_| false).await.map(drop)
        }))
    }

    async fn until_open(&self, documents: usize) -> Outcome<()> {
        let until = Instant::now() + OPENED_WITHIN;
        while self.opened.load(SeqCst) < documents {
            if Instant::now() > until {
                return Err(format!("{} of {documents} documents opened", self.opened.load(SeqCst)).into());
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}
