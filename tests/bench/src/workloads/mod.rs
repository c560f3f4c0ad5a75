//! The workloads, each in a file of its own that says what it asks of a server.
//!
//! Always true here: a workload starts its servers over empty data and stops them, one at
//! a time, so that none disturbs another; it has a deadline; what could not be reached in
//! time is a note in the report and no reason to give up the rest.

pub(crate) mod cold; // (d) stored documents opened after a restart
pub(crate) mod device; // (g) the Rust client
pub(crate) mod durable; // (f) SIGKILL under full load
mod editor; // one client that edits: for (b) and (f)
pub(crate) mod fanout; // (a) one writer, many readers
pub(crate) mod idle; // (c) connections that say nothing
pub(crate) mod offline; // (e) a client comes back with thousands of edits
pub(crate) mod pairs; // (b) many documents, two clients each

use crate::driver::{Failure, Outcome};
use crate::peers::{Kind, Peer, Places};
use crate::report::Report;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::future::Future;
use std::time::Duration;

/// How many sockets open at the same time: below any listener's backlog.
const OPENING_MAX: usize = 32;

/// What is to be run, and where it is noted.
#[derive(Debug)]
pub(crate) struct Bench {
    /// Where the servers are.
    pub places: Places,
    /// Who is measured.
    pub kinds: Vec<Kind>,
    /// How often what is cheap is repeated.
    pub runs: usize,
    /// A tenth of everything: to see that it works, not to quote from.
    pub quick: bool,
    /// What came out.
    pub report: Report,
}

impl Bench {
    /// `full`, or `quick` where all is to be small.
    pub(crate) fn scale<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// The peers that take part in one run of a workload. The stock server is measured in the
    /// first run only: it is slower by so much that repeating it takes most of the time, and
    /// tells nothing new.
    pub(crate) fn among(&self, run: usize, kinds: &[Kind]) -> Vec<Kind> {
        let takes_part = |kind: &Kind| kinds.contains(kind) && (run == 0 || *kind != Kind::Stock);
        self.kinds.iter().copied().filter(takes_part).collect()
    }

    /// Starts a server, runs one measurement against it and stops it. What fails or takes
    /// too long becomes a note.
    pub(crate) async fn measure<F, Fut>(
        &mut self,
        workload: &str,
        kind: Kind,
        within: Duration,
        measurement: F,
    ) where
        F: FnOnce(Peer) -> Fut,
        Fut: Future<Output = (Peer, Outcome<Figures>)>,
    {
        eprintln!("{workload}: {kind}");
        let started = Peer::start(kind, &self.places).await;
        let measured = match started {
            Err(error) => Err(Failure::from(error)),
            Ok(peer) => match tokio::time::timeout(within, measurement(peer)).await {
                // The peer went with the future, and so did its process.
                Err(_) => Err(format!("not done within {} s", within.as_secs()).into()),
                Ok((peer, Ok(figures))) => peer.stop().await.map_err(Failure::from).map(|()| figures),
                Ok((peer, Err(error))) => {
                    let said = peer.said();
                    let tail: Vec<_> = said.lines().rev().take(5).collect();
                    eprintln!(
                        "  {kind} said last:\n{}",
                        tail.into_iter().rev().collect::<Vec<_>>().join("\n")
                    );
                    Err(error)
                }
            },
        };
        match measured {
            Err(error) => self.report.note(format!("{workload}, {kind}: {error}")),
            Ok(figures) => {
                for (figure, better, value) in figures.0 {
                    self.report.add(workload, figure, better, kind, value);
                }
                for note in figures.1 {
                    self.report.note(format!("{workload}, {kind}: {note}"));
                }
            }
        }
    }
}

/// What one measurement found: figures, and notes.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<(&'static str, crate::report::Better, f64)>, Vec<String>);

impl Figures {
    /// One more figure.
    pub(crate) fn add(&mut self, figure: &'static str, better: crate::report::Better, value: f64) {
        self.0.push((figure, better, value));
    }

    /// One more note.
    pub(crate) fn note(&mut self, note: String) {
        self.1.push(note);
    }
}

/// Does the same for many, [`OPENING_MAX`] at a time, and keeps their order.
pub(crate) async fn crowd<T, Fut>(count: usize, one: impl FnMut(usize) -> Fut) -> Outcome<Vec<T>>
where
    Fut: Future<Output = Outcome<T>>,
{
    stream::iter((0..count).map(one)).buffered(OPENING_MAX).try_collect().await
}
