//! (f) SIGKILL under full load: what was acknowledged and is gone.
//!
//! SIGKILL leaves the page cache alone, so this shows what a server had not even handed to
//! the system. A loss of power is another matter, and not tried here.

use super::editor::{Edited, Editor, Script};
use super::{Bench, Figures, crowd};
use crate::driver::{Link, Outcome};
use crate::edits::{self, Hash};
use crate::frames::Incoming;
use crate::peers::{Kind, Peer};
use crate::report::Better;
use dovetail_tests::new_document_id;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const DOCUMENTS: usize = 20;
const EDITS_MAX: usize = 20_000;
const WINDOW: usize = 8;

/// How long a restarted server may take to say what it has of a document.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Runs it.
pub(crate) async fn run(bench: &mut Bench) {
    let base = edits::document(10);
    let script = Arc::new(Script::on(&base, &[2], bench.scale(EDITS_MAX, 4_000)));
    let (upload, head) = (Arc::new(edits::upload(&base)), base.get_heads()[0].0);
    let lasting = Duration::from_secs(bench.scale(3, 1));
    for run in 0..bench.runs {
        for kind in bench.among(run, &[Kind::Dovetail, Kind::Stock]) {
            let (script, upload) = (script.clone(), upload.clone());
            let measurement = |mut peer: Peer| async move {
                let figures = measure(&mut peer, script, &upload, head, lasting).await;
                (peer, figures)
            };
            let name = format!("f {DOCUMENTS} documents, SIGKILL");
            bench.measure(&name, kind, Duration::from_secs(90), measurement).await;
        }
    }
}

async fn measure(
    peer: &mut Peer,
    script: Arc<Script>,
    upload: &[u8],
    head: Hash,
    lasting: Duration,
) -> Outcome<Figures> {
    let opened = crowd(DOCUMENTS, |at| open(peer, at, head, upload)).await?;
    let ids: Vec<_> = opened.iter().map(|(id, _)| id.clone()).collect();
    let until = Instant::now() + lasting * 10;
    let tasks: Vec<_> = opened
        .into_iter()
        .map(|(document, link)| {
            let totals = Arc::new([const { AtomicUsize::new(0) }; 2]);
            let script = script.clone();
            tokio::spawn(Editor { link, document, script, who: 0, window: WINDOW, until, totals }.run())
        })
        .collect();
    sleep(lasting).await;
    peer.kill_and_restart().await?;
    let mut edited: Vec<Edited> = Vec::new();
    for task in tasks {
        edited.push(task.await?);
    }

    let kept = crowd(DOCUMENTS, |at| found(peer, &ids[at], &script)).await?;
    let losses: Vec<_> =
        edited.iter().zip(kept).map(|(edited, kept)| edited.acknowledged.saturating_sub(kept)).collect();
    let mut figures = Figures::default();
    let acknowledged: usize = edited.iter().map(|edited| edited.acknowledged).sum();
    figures.add("edits acknowledged", Better::Neither, acknowledged as f64);
    figures.add("of them lost", Better::Lower, losses.iter().sum::<usize>() as f64);
    figures.add(
        "documents with a loss",
        Better::Lower,
        losses.iter().filter(|lost| **lost > 0).count() as f64,
    );
    Ok(figures)
}

async fn open(peer: &Peer, at: usize, head: Hash, upload: &[u8]) -> Outcome<(String, Link)> {
    let document = new_document_id().to_string();
    let mut link = Link::open(peer, &format!("writer-{at}"), &document, false).await?;
    let envelope = link.envelope("sync", &document);
    link.send(envelope.around(upload)).await?;
    link.until(|incoming| incoming.heads() == [head]).await?;
    Ok((document, link))
}

/// How many edits of the chain the server still has. None, if it does not know the document.
async fn found(peer: &Peer, document: &str, script: &Script) -> Outcome<usize> {
    let mut link = Link::open(peer, &format!("finder of {document}"), document, false).await?;
    let request = link.envelope("request", document).around(&edits::request());
    link.send(request).await?;
    let heads = async {
        loop {
            let frame = link.receive().await?;
            let incoming = Incoming::read(&frame).ok_or("a frame that is no message")?;
            match incoming.kind {
                "doc-unavailable" => return Ok(0),
                "sync" if !incoming.heads().is_empty() => {
                    let places = incoming.heads().iter().filter_map(|head| script.owners.get(head));
                    return Ok(places.map(|(_, at)| *at).max().unwrap_or(0));
                }
                _ => {}
            }
        }
    };
    timeout(ANSWERS_WITHIN, heads).await.unwrap_or(Ok(0))
}
