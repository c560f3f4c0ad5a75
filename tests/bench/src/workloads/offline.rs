//! (e) A client comes back with 5,000 edits made offline to a document of 1,000 changes.
//!
//! It is a real client: Automerge's own sync decides what is sent. The clock runs from the
//! first message about the document until the server has stated the client's heads.

use super::{Bench, Figures};
use crate::driver::{Outcome, Stopwatch, millis};
use crate::edits;
use crate::peers::{Kind, Peer};
use crate::report::Better;
use automerge::Automerge;
use dovetail_tests::{Client, new_document_id};
use std::time::Duration;

const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(40);

/// Runs it.
pub(crate) async fn run(bench: &mut Bench) {
    let before = edits::document(1_000);
    let count = bench.scale(5_000, 500);
    let after = edits::edited(before.clone(), 2, count);
    let name = format!("e {count} offline changes");
    for run in 0..bench.runs {
        for kind in bench.among(run, &[Kind::Dovetail, Kind::Stock]) {
            let (before, after) = (before.clone(), after.clone());
            let measurement = |peer: Peer| async move {
                let figures = Box::pin(measure(&peer, before, after)).await;
                (peer, figures)
            };
            bench.measure(&name, kind, Duration::from_secs(90), measurement).await;
        }
    }
}

async fn measure(peer: &Peer, before: Automerge, after: Automerge) -> Outcome<Figures> {
    let url = format!("ws://{}/sync", peer.address);
    let id = new_document_id();
    let mut author = Client::connect(&url, "author", None).await?;
    author.hold(&id, before).await?;
    author.settle(&id, ACKNOWLEDGED_WITHIN).await?;
    author.close().await?;

    let mut traveller = Client::connect(&url, "traveller", None).await?;
    let stopwatch = Stopwatch::start(peer);
    traveller.hold(&id, after).await?;
    traveller.settle(&id, ACKNOWLEDGED_WITHIN).await?;
    let spent = stopwatch.read(peer);

    let mut figures = Figures::default();
    figures.add("acknowledged after ms", Better::Lower, millis(spent.wall));
    figures.add("server CPU ms", Better::Lower, millis(spent.server));
    figures.add("client CPU ms", Better::Neither, millis(spent.driver));
    Ok(figures)
}
