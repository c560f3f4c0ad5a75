//! (a) One writer, many readers of one document.
//!
//! A *delivery* is one edit known to one reader; a *message* is one sync message that
//! brought it, perhaps with others. Readers answer each message with a plain
//! acknowledgement, as stock clients do, and look at nothing but its heads; two of them
//! keep what they were sent, and at the end it is seen that real documents come of it.
//!
//! The window counts edits that not every reader has: the writer waits for the slowest.

use super::{Bench, Figures, crowd};
use crate::driver::{Link, Outcome, Spent, Stopwatch, micros, percentile};
use crate::edits::{self, Chain, Hash};
use crate::frames::{Acknowledger, Envelope, Incoming};
use crate::peers::{Kind, Peer};
use crate::report::Better;
use automerge::sync::Message as SyncMessage;
use automerge::{Automerge, ChangeHash};
use bytes::Bytes;
use dovetail_tests::new_document_id;
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

/// How long the slowest reader may lag before the run is over.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// Readers that keep what they were sent, to prove it afterwards.
const WITNESSES: usize = 2;

/// How fast the writer writes.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// So many edits a second.
    Gentle(f64),
    /// As fast as the slowest reader follows, with so many edits under way.
    Fast(usize),
}

/// What is written: the same for all.
#[derive(Debug)]
struct Script {
    base: Automerge,
    chain: Chain,
    positions: HashMap<Hash, usize>,
}

/// Runs it at 100 and at 1,000 readers, gently and fast.
pub(crate) async fn run(bench: &mut Bench) {
    let base = edits::document(1_000);
    let chain = Chain::on(&base, 2, bench.scale(12_000, 2_000));
    let positions = chain.positions();
    let script = Arc::new(Script { base, chain, positions });
    for readers in [100, bench.scale(1_000, 200)] {
        let gentle = (Pace::Gentle(4.0), Duration::from_secs(bench.scale(10, 3)), 1);
        let fast = (Pace::Fast(16), Duration::from_secs(bench.scale(4, 1)), bench.runs);
        for (pace, lasting, runs) in [gentle, fast] {
            let name = match pace {
                Pace::Gentle(rate) => format!("a {readers} readers, {rate} edits/s"),
                Pace::Fast(window) => format!("a {readers} readers, window {window}"),
            };
            for run in 0..runs {
                for kind in bench.among(run, &[Kind::Relay, Kind::Dovetail, Kind::Stock]) {
                    let script = script.clone();
                    let measurement = |peer: Peer| async move {
                        let figures = measure(&peer, script, readers, pace, lasting).await;
                        (peer, figures)
                    };
                    bench.measure(&name, kind, Duration::from_secs(60), measurement).await;
                }
            }
        }
    }
}

async fn measure(
    peer: &Peer,
    script: Arc<Script>,
    readers: usize,
    pace: Pace,
    lasting: Duration,
) -> Outcome<Figures> {
    let document = new_document_id().to_string();
    let mut writer = Link::open(peer, "writer", &document, true).await?;
    let head = script.base.get_heads()[0].0;
    if peer.kind != Kind::Relay {
        let envelope = writer.envelope("sync", &document);
        writer.send(envelope.around(&edits::upload(&script.base))).await?;
        writer.until(|incoming| incoming.heads() == [head]).await?;
    }
    let (over, is_over) = watch::channel(false);
    let board = Arc::new(Board::new(readers, script.chain.hashes.len()));
    let seats = crowd(readers, |at| sit_down(peer, &document, head, at)).await?;
    let tasks: Vec<_> = seats
        .into_iter()
        .enumerate()
        .map(|(at, (link, acknowledger))| {
            let keeps = at < WITNESSES && peer.kind != Kind::Relay;
            let reader = Reader {
                envelope: link.envelope("sync", &document),
                acknowledger,
                keeps,
                board: board.clone(),
                script: script.clone(),
                over: is_over.clone(),
            };
            tokio::spawn(reader.run(link))
        })
        .collect();

    let stopwatch = Stopwatch::start(peer);
    let envelope = writer.envelope("sync", &document);
    let edits = write(writer, &envelope, &board, &script, pace, lasting).await?;
    let complete = board.wait_for(edits).await;
    let spent = stopwatch.read(peer);
    over.send_replace(true);

    let mut read = Vec::with_capacity(readers);
    for task in tasks {
        read.push(task.await??);
    }
    let mut figures = tell(&read, &spent, pace);
    if !complete {
        figures
            .note(format!("stalled: {} of {edits} edits reached all {readers}", board.complete.load(SeqCst)));
    }
    for witness in read.iter().filter(|reading| !reading.kept.is_empty()) {
        testify(&script, witness)?;
    }
    Ok(figures)
}

/// Connects one reader; where there is a server, says that it has the document already.
async fn sit_down(peer: &Peer, document: &str, head: Hash, at: usize) -> Outcome<(Link, Acknowledger)> {
    let mut link = Link::open(peer, &format!("reader-{at}"), document, false).await?;
    let acknowledger = Acknowledger::new(&link.envelope("sync", document));
    if peer.kind != Kind::Relay {
        link.send(acknowledger.frame(&head)).await?;
        link.until(|incoming| incoming.heads() == [head]).await?;
    }
    Ok((link, acknowledger))
}

/// Who has seen what, shared by the writer and all readers. Edits count from 1.
#[derive(Debug)]
struct Board {
    readers: usize,
    began: Instant,
    sent_at: Vec<AtomicU64>,
    seen_by: Vec<AtomicUsize>,
    complete: AtomicUsize,
    progress: Notify,
}

impl Board {
    fn new(readers: usize, edits: usize) -> Self {
        Self {
            readers,
            began: Instant::now(),
            sent_at: (0..=edits).map(|_| AtomicU64::new(0)).collect(),
            seen_by: (0..=edits).map(|_| AtomicUsize::new(0)).collect(),
            complete: AtomicUsize::new(0),
            progress: Notify::new(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Notes that one more reader has an edit; tells how long that took.
    fn seen(&self, edit: usize, now: u64) -> Duration {
        if self.seen_by[edit].fetch_add(1, SeqCst) + 1 == self.readers {
            self.complete.fetch_max(edit, SeqCst);
            self.progress.notify_one();
        }
        Duration::from_nanos(now.saturating_sub(self.sent_at[edit].load(SeqCst)))
    }

    /// Waits until every reader has this edit; false when they stall.
    async fn wait_for(&self, edit: usize) -> bool {
        while self.complete.load(SeqCst) < edit {
            if timeout(STALLED_AFTER, self.progress.notified()).await.is_err() {
                return false;
            }
        }
        true
    }
}

/// Writes until the time is up; answers how many edits.
async fn write(
    writer: Link,
    envelope: &Envelope,
    board: &Board,
    script: &Script,
    pace: Pace,
    lasting: Duration,
) -> Outcome<usize> {
    let (mut sink, mut answers) = writer.socket.split();
    // The server's answers are read, so that it never waits for us, and not looked at.
    let drain = tokio::spawn(async move { while let Some(Ok(_)) = answers.next().await {} });
    let began = tokio::time::Instant::now();
    let mut sent = 0_usize;
    for message in &script.chain.messages {
        match pace {
            Pace::Gentle(rate) => sleep_until(began + Duration::from_secs_f64(sent as f64 / rate)).await,
            Pace::Fast(window) if !board.wait_for((sent + 1).saturating_sub(window)).await => break,
            Pace::Fast(_) => {}
        }
        if began.elapsed() >= lasting {
            break;
        }
        sent += 1;
        board.sent_at[sent].store(board.now(), SeqCst);
        sink.send(Message::Binary(envelope.around(message))).await?;
    }
    // The socket stays open until all is delivered: the drain holds the other half.
    board.wait_for(sent).await;
    drain.abort();
    Ok(sent)
}

#[derive(Debug)]
struct Reader {
    envelope: Envelope,
    acknowledger: Acknowledger,
    keeps: bool,
    board: Arc<Board>,
    script: Arc<Script>,
    over: watch::Receiver<bool>,
}

/// What one reader has seen.
#[derive(Debug, Default)]
struct Reading {
    messages: usize,
    edit: usize,
    latencies: Vec<Duration>,
    kept: Vec<Bytes>,
}

impl Reader {
    async fn run(mut self, mut link: Link) -> Outcome<Reading> {
        let mut reading = Reading::default();
        loop {
            let next = tokio::select! {
                biased;
                frame = link.receive() => Some(frame?),
                _ = self.over.changed() => None,
            };
            let Some(mut frame) = next else { return Ok(reading) };
            // All that has arrived is answered with one write.
            loop {
                if let Some(answer) = self.take(&frame, &mut reading)? {
                    link.socket.feed(Message::Binary(answer)).await?;
                }
                match link.receive().now_or_never() {
                    Some(more) => frame = more?,
                    None => break,
                }
            }
            link.socket.flush().await?;
        }
    }

    fn take(&self, frame: &Bytes, reading: &mut Reading) -> Outcome<Option<Bytes>> {
        let incoming = Incoming::read(frame).ok_or("a frame that is no message")?;
        if incoming.kind == "error" {
            return Err(incoming.words.into());
        }
        let now = self.board.now();
        let newest =
            incoming.heads().iter().filter_map(|head| Some((*self.script.positions.get(head)?, head)));
        let Some((edit, head)) = newest.max() else { return Ok(None) };
        reading.messages += 1;
        if edit > reading.edit && !incoming.brings_changes() {
            return Ok(Some(self.ask(reading.edit, *head)));
        }
        for edit in reading.edit + 1..=edit {
            reading.latencies.push(self.board.seen(edit, now));
        }
        reading.edit = reading.edit.max(edit);
        if self.keeps {
            reading.kept.push(frame.clone());
        }
        Ok(Some(self.acknowledger.frame(head)))
    }

    /// The server told of an edit and did not send it: what a stock client says then.
    fn ask(&self, edit: usize, missing: Hash) -> Bytes {
        let ours = match edit.checked_sub(1) {
            Some(at) => vec![self.script.chain.hashes[at]],
            None => self.script.base.get_heads(),
        };
        self.envelope.around(&edits::question(ours, vec![ChangeHash(missing)]))
    }
}

fn tell(read: &[Reading], spent: &Spent, pace: Pace) -> Figures {
    let deliveries: usize = read.iter().map(|reading| reading.latencies.len()).sum();
    let messages: usize = read.iter().map(|reading| reading.messages).sum();
    let mut latencies: Vec<f64> =
        read.iter().flat_map(|reading| &reading.latencies).map(|time| micros(*time) / 1e3).collect();
    let mut figures = Figures::default();
    if matches!(pace, Pace::Fast(_)) {
        figures.add("deliveries/s", Better::Higher, deliveries as f64 / spent.wall.as_secs_f64());
    }
    figures.add("server CPU us/delivery", Better::Lower, micros(spent.server) / deliveries as f64);
    figures.add("server CPU us/message", Better::Lower, micros(spent.server) / messages as f64);
    figures.add("latency p50 ms", Better::Lower, percentile(&mut latencies, 0.5));
    figures.add("latency p99 ms", Better::Lower, percentile(&mut latencies, 0.99));
    figures.add("latency max ms", Better::Lower, percentile(&mut latencies, 1.0));
    figures.add("edits per message", Better::Neither, deliveries as f64 / messages as f64);
    figures.add("driver CPU us/message", Better::Neither, micros(spent.driver) / messages as f64);
    figures
}

/// Builds a real document of what a witness was sent, and looks whether it is the newest.
fn testify(script: &Script, witness: &Reading) -> Outcome<()> {
    let mut document = script.base.clone();
    for frame in &witness.kept {
        let data = Incoming::read(frame).ok_or("a frame that is no message")?.data;
        for chunk in SyncMessage::decode(data)?.changes.iter() {
            document.load_incremental(chunk)?;
        }
    }
    let newest = script.chain.hashes[witness.edit - 1];
    match document.get_heads() == [newest] {
        true => Ok(()),
        false => Err("a reader was told of edits that it was not sent".into()),
    }
}
