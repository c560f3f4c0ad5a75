//! (b) Many documents, two clients each, all editing at once.
//!
//! Every edit is a real Automerge change of its own. Both clients write on top of their own
//! last edit, so the document always has two heads, as when two people type at once.

use super::editor::{Edited, Editor, Final, Script};
use super::{Bench, Figures, crowd};
use crate::driver::{Link, Outcome, Stopwatch, micros, millis, percentile};
use crate::edits::{self, Hash, acknowledgement};
use crate::peers::{Kind, Peer};
use crate::report::Better;
use automerge::{Automerge, ChangeHash, ReadDoc};
use dovetail_tests::{Client, new_document_id};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

/// Edits that one client can make at most: more than the fastest server takes in the time.
const EDITS_MAX: usize = 2_000;

/// How many documents a real client opens at the end to see what is in them.
const CHECKED: usize = 3;

/// Runs it with one edit under way for each client, and with eight.
pub(crate) async fn run(bench: &mut Bench) {
    let base = edits::document(10);
    let script = Arc::new(Script::on(&base, &[2, 3], EDITS_MAX));
    let documents = bench.scale(500, 50);
    let lasting = Duration::from_secs(bench.scale(5, 2));
    for window in [1, 8] {
        let name = format!("b {documents} documents x 2, window {window}");
        for run in 0..bench.runs {
            for kind in bench.among(run, &[Kind::Dovetail, Kind::Stock]) {
                let (script, base) = (script.clone(), base.clone());
                let measurement = |peer: Peer| async move {
                    let figures = measure(&peer, &base, script, documents, window, lasting).await;
                    (peer, figures)
                };
                Box::pin(bench.measure(&name, kind, Duration::from_secs(90), measurement)).await;
            }
        }
    }
}

async fn measure(
    peer: &Peer,
    base: &Automerge,
    script: Arc<Script>,
    documents: usize,
    window: usize,
    lasting: Duration,
) -> Outcome<Figures> {
    let head = base.get_heads()[0].0;
    let upload = edits::upload(base);
    let pairs = crowd(documents, |at| open(peer, at, head, &upload)).await?;
    let ids: Vec<_> = pairs.iter().map(|pair| pair.0.clone()).collect();

    let stopwatch = Stopwatch::start(peer);
    let until = Instant::now() + lasting;
    let mut tasks = Vec::with_capacity(2 * documents);
    for (document, links) in pairs {
        let totals: Final = Arc::new([const { AtomicUsize::new(usize::MAX) }; 2]);
        for (who, link) in links.into_iter().enumerate() {
            let (document, script, totals) = (document.clone(), script.clone(), totals.clone());
            tasks.push(tokio::spawn(Editor { link, document, script, who, window, until, totals }.run()));
        }
    }
    let mut edited = Vec::with_capacity(tasks.len());
    for task in tasks {
        edited.push(task.await?);
    }
    let spent = stopwatch.read(peer);

    let total: usize = edited.iter().map(|edited| edited.acknowledged).sum();
    let in_time: usize = edited.iter().map(|edited| edited.acknowledged_in_time).sum();
    let mut latencies: Vec<_> =
        edited.iter().flat_map(|edited| &edited.latencies).map(|time| millis(*time)).collect();
    let mut figures = Figures::default();
    figures.add("edits/s acknowledged", Better::Higher, in_time as f64 / lasting.as_secs_f64());
    figures.add("server CPU us/edit", Better::Lower, micros(spent.server) / total as f64);
    figures.add("latency p50 ms", Better::Lower, percentile(&mut latencies, 0.5));
    figures.add("latency p99 ms", Better::Lower, percentile(&mut latencies, 0.99));
    figures.add("server resident MiB", Better::Lower, peer.resident_bytes() as f64 / f64::from(1 << 20));
    figures.add("driver CPU us/edit", Better::Neither, micros(spent.driver) / total as f64);
    look_at_trouble(&edited, &mut figures);
    for (at, id) in ids.iter().enumerate().take(CHECKED) {
        check(peer, id, &script, [&edited[2 * at], &edited[2 * at + 1]]).await?;
    }
    Ok(figures)
}

/// Two clients, one document: the first brings it, the second says that it has it.
async fn open(peer: &Peer, at: usize, head: Hash, upload: &[u8]) -> Outcome<(String, [Link; 2])> {
    let document = new_document_id().to_string();
    let mut first = Link::open(peer, &format!("first-{at}"), &document, false).await?;
    let envelope = first.envelope("sync", &document);
    first.send(envelope.around(upload)).await?;
    first.until(|incoming| incoming.heads() == [head]).await?;
    let mut second = Link::open(peer, &format!("second-{at}"), &document, false).await?;
    let envelope = second.envelope("sync", &document);
    second.send(envelope.around(&acknowledgement(vec![ChangeHash(head)]))).await?;
    second.until(|incoming| incoming.heads() == [head]).await?;
    Ok((document, [first, second]))
}

fn look_at_trouble(edited: &[Edited], figures: &mut Figures) {
    let asked_again: usize = edited.iter().map(|edited| edited.asked_again).sum();
    if asked_again > 0 {
        figures.note(format!("{asked_again} edits were asked for again"));
    }
    let troubled: Vec<_> = edited.iter().filter_map(|edited| edited.trouble.as_deref()).collect();
    if let Some(first) = troubled.first() {
        figures.note(format!("{} clients ended early: {first}", troubled.len()));
    }
}

/// Opens a document with a real client and looks whether both chains are in it.
async fn check(peer: &Peer, id: &str, script: &Script, edited: [&Edited; 2]) -> Outcome<()> {
    let id = id.parse()?;
    let mut client = Client::connect(&format!("ws://{}/sync", peer.address), "checker", None).await?;
    client.open(&id).await?;
    let wanted: Vec<_> = (0..2)
        .filter_map(|who| Some(script.chains[who].hashes[edited[who].acknowledged.checked_sub(1)?]))
        .collect();
    let has_all =
        |client: &Client| wanted.iter().all(|hash| client.document(&id).get_change_by_hash(hash).is_some());
    Ok(client.wait_for("a document with all edits", Duration::from_secs(10), has_all).await?)
}
