//! (c) Connections that say nothing: what each costs in resident memory, bare and with a
//! small document of its own. Socket buffers are the kernel's and not counted.

use super::{Bench, Figures, crowd};
use crate::driver::{Link, Outcome, Stopwatch, millis};
use crate::edits;
use crate::peers::{Kind, Peer};
use crate::report::Better;
use dovetail_tests::new_document_id;
use std::time::Duration;
use tokio::time::sleep;

/// Connections that are open before the first reading, so that what a server makes once is
/// not counted against the rest.
const EARLIER: usize = 20;

/// How long a server has to come to rest before its memory is read.
const REST: Duration = Duration::from_millis(1_500);

/// How long its idle processor time is watched.
const WATCHED: Duration = Duration::from_secs(3);

/// Runs it.
pub(crate) async fn run(bench: &mut Bench) {
    let count = bench.scale(2_000, 200);
    let name = format!("c {count} connections");
    for kind in bench.among(&[Kind::Relay, Kind::Dovetail, Kind::Stock]) {
        let measurement = |peer: Peer| async move {
            let figures = measure(&peer, count).await;
            (peer, figures)
        };
        bench.measure(&name, kind, Duration::from_secs(90), measurement).await;
    }
}

async fn measure(peer: &Peer, count: usize) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let earlier = crowd(EARLIER, |at| join(peer, format!("early-{at}"))).await?;
    sleep(REST).await;
    let before = peer.resident_bytes();
    let links = crowd(count, |at| join(peer, format!("idle-{at}"))).await?;
    sleep(REST).await;
    let joined = peer.resident_bytes();
    let per_connection = |bytes: u64| bytes as f64 / 1_024.0 / count as f64;
    figures.add("KiB/connection, joined", Better::Lower, per_connection(joined.saturating_sub(before)));
    if peer.kind == Kind::Relay {
        return Ok(figures);
    }
    let watch = Stopwatch::start(peer);
    sleep(WATCHED).await;
    let idle = millis(watch.read(peer).server) / WATCHED.as_secs_f64();
    figures.add("idle CPU ms/s", Better::Lower, idle);

    let document = edits::document(5);
    let (upload, head) = (edits::upload(&document), document.get_heads()[0].0);
    let mut links = links.into_iter();
    let opened = crowd(count, |_| {
        let link = links.next();
        let upload = &upload;
        async move {
            let mut link = link.ok_or("a connection for each document")?;
            let envelope = link.envelope("sync", &new_document_id().to_string());
            link.send(envelope.around(upload)).await?;
            link.until(|incoming| incoming.heads() == [head]).await?;
            Ok(link)
        }
    })
    .await?;
    sleep(REST).await;
    let with_document = peer.resident_bytes();
    figures.add(
        "KiB/connection and its document",
        Better::Lower,
        per_connection(with_document.saturating_sub(before)),
    );
    drop((opened, earlier));
    sleep(REST).await;
    let left = peer.resident_bytes().saturating_sub(before);
    figures.add("KiB/connection left after closing", Better::Lower, per_connection(left));
    Ok(figures)
}

async fn join(peer: &Peer, name: String) -> Outcome<Link> {
    Link::open(peer, &name, &name, false).await
}
