//! (d) Stored documents opened after a restart, by clients that have nothing yet: many of
//! 1,000 changes, and one of 50,000.
//!
//! The clock runs from the client's `request` to the arrival of the message that holds the
//! document; what the client then does with it is not counted.

use super::{Bench, Figures, crowd};
use crate::driver::{Link, Outcome, Stopwatch, millis, percentile};
use crate::edits::{self, Hash};
use crate::frames::Incoming;
use crate::peers::{Kind, Peer};
use crate::report::Better;
use automerge::Automerge;
use automerge::sync::Message as SyncMessage;
use bytes::Bytes;
use dovetail_tests::new_document_id;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long one document may take to open.
const OPENS_WITHIN: Duration = Duration::from_secs(40);

/// A message that states the heads but brings no document is shorter than this.
const BRINGS_NOTHING_BELOW: usize = 1_000;

/// How long a server that has just started is left alone, so that its start is not counted.
const REST: Duration = Duration::from_secs(1);

/// How many documents are taken apart afterwards.
const CHECKED: usize = 3;

/// Runs it.
pub(crate) async fn run(bench: &mut Bench) {
    let many = (bench.scale(200, 20), 1_000);
    let large = (1, bench.scale(50_000, 10_000));
    for (documents, changes) in [many, large] {
        let document = edits::document(changes);
        let (upload, head) = (edits::upload(&document), document.get_heads()[0].0);
        let name = format!("d {documents} documents of {changes} changes");
        for run in 0..bench.runs {
            for kind in bench.among(run, &[Kind::Dovetail, Kind::Stock]) {
                let upload = &upload;
                let measurement = |mut peer: Peer| async move {
                    let figures = measure(&mut peer, documents, upload, head).await;
                    (peer, figures)
                };
                bench.measure(&name, kind, Duration::from_secs(100), measurement).await;
            }
        }
    }
}

async fn measure(peer: &mut Peer, documents: usize, upload: &[u8], head: Hash) -> Outcome<Figures> {
    // The stock server needs minutes for all of them; a quarter shows what each costs it.
    let documents = if peer.kind == Kind::Stock { documents.div_ceil(4) } else { documents };
    let stopwatch = Stopwatch::start(peer);
    let ids = crowd(documents, |_| create(peer, upload, head)).await?;
    let created = stopwatch.read(peer);
    peer.restart().await?;
    let peer = &*peer;
    sleep(REST).await;
    let resident = peer.resident_bytes();
    let (mut times, mut frames, mut server) = (Vec::new(), Vec::new(), Duration::ZERO);
    for id in &ids {
        let mut link = Link::open(peer, &format!("opener of {id}"), "", false).await?;
        let stopwatch = Stopwatch::start(peer);
        let opened = timeout(OPENS_WITHIN, open(&mut link, id, head)).await;
        let frame = opened.map_err(|_| format!("a document did not open in {OPENS_WITHIN:?}"))??;
        let spent = stopwatch.read(peer);
        times.push(millis(spent.wall));
        server += spent.server;
        frames.push(frame);
    }
    for frame in frames.iter().take(CHECKED) {
        check(frame, head)?;
    }

    let mut figures = Figures::default();
    figures.add("created: server CPU ms/document", Better::Lower, millis(created.server) / documents as f64);
    figures.add("open p50 ms", Better::Lower, percentile(&mut times, 0.5));
    if documents > 1 {
        figures.add("open p99 ms", Better::Lower, percentile(&mut times, 0.99));
    }
    figures.add("open: server CPU ms/document", Better::Lower, millis(server) / documents as f64);
    let grown = peer.resident_bytes().saturating_sub(resident);
    figures.add("resident KiB/document", Better::Lower, grown as f64 / 1_024.0 / documents as f64);
    Ok(figures)
}

async fn create(peer: &Peer, upload: &[u8], head: Hash) -> Outcome<String> {
    let id = new_document_id().to_string();
    let mut link = Link::open(peer, &format!("creator of {id}"), "", false).await?;
    let envelope = link.envelope("sync", &id);
    link.send(envelope.around(upload)).await?;
    link.until(|incoming| incoming.heads() == [head]).await?;
    Ok(id)
}

/// Asks for a document until it has come whole.
async fn open(link: &mut Link, id: &str, head: Hash) -> Outcome<Bytes> {
    let request = edits::request();
    let mut kind = "request";
    loop {
        let frame = link.envelope(kind, id).around(&request);
        link.send(frame).await?;
        let answer = link.until(|incoming| incoming.heads() == [head]).await?;
        if answer.len() > BRINGS_NOTHING_BELOW {
            return Ok(answer);
        }
        kind = "sync"; // It only stated its heads: asked again, it sends.
    }
}

/// Looks whether the message really holds the document.
fn check(frame: &[u8], head: Hash) -> Outcome<()> {
    let data = Incoming::read(frame).ok_or("a frame that is no message")?.data;
    let mut document = Automerge::new();
    for chunk in SyncMessage::decode(data)?.changes.iter() {
        document.load_incremental(chunk)?;
    }
    match document.get_heads().first() {
        Some(found) if found.0 == head => Ok(()),
        _ => Err("the opened document is not whole".into()),
    }
}
