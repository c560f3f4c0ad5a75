//! One client that edits one document as fast as its window lets it, and answers as a
//! stock client does: each message that brought something gets a plain acknowledgement.
//!
//! An edit is *acknowledged* when the server has stated heads that contain it: that is all
//! the acknowledgement there is in the protocol, and the window counts edits without it.

use crate::driver::{Link, Outcome};
use crate::edits::{Chain, Hash, acknowledgement, question};
use crate::frames::Incoming;
use automerge::{Automerge, ChangeHash};
use bytes::Bytes;
use futures_util::{FutureExt, SinkExt};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// How often an editor that only waits looks whether its partner is through.
const GLANCE: Duration = Duration::from_millis(50);

/// What all editors write: one chain for the first of each document and one for the second.
#[derive(Debug)]
pub(super) struct Script {
    /// The heads of the document that they edit.
    base: Vec<ChangeHash>,
    /// The changes.
    pub chains: Vec<Chain>,
    /// Whose each hash is, and where it stands in that chain, from 1.
    pub owners: HashMap<Hash, (usize, usize)>,
}

impl Script {
    /// One chain for each author, `edits` long.
    pub(super) fn on(base: &Automerge, authors: &[u8], edits: usize) -> Self {
        let chains: Vec<_> = authors.iter().map(|author| Chain::on(base, *author, edits)).collect();
        let owner = |(who, chain): (usize, &Chain)| {
            chain.positions().into_iter().map(move |(hash, at)| (hash, (who, at))).collect::<Vec<_>>()
        };
        let owners = chains.iter().enumerate().flat_map(owner).collect();
        Self { base: base.get_heads(), chains, owners }
    }
}

/// How many edits each editor of a document has made in the end; not yet: `usize::MAX`.
pub(super) type Final = Arc<[AtomicUsize; 2]>;

/// One editor and what it knows.
#[derive(Debug)]
pub(super) struct Editor {
    /// Its connection.
    pub link: Link,
    /// The document.
    pub document: String,
    /// What is written.
    pub script: Arc<Script>,
    /// Which chain is its own.
    pub who: usize,
    /// How many edits may wait for their acknowledgement.
    pub window: usize,
    /// When to stop writing.
    pub until: Instant,
    /// How far it and its partner are when they stop.
    pub totals: Final,
}

/// What became of an editor.
#[derive(Debug, Default)]
pub(super) struct Edited {
    /// Edits sent.
    pub sent: usize,
    /// Edits acknowledged.
    pub acknowledged: usize,
    /// Edits acknowledged before the writing stopped.
    pub acknowledged_in_time: usize,
    /// The partner's edits that have arrived.
    pub other: usize,
    /// From sending each edit to its acknowledgement.
    pub latencies: Vec<Duration>,
    /// Edits that the server asked for again.
    pub asked_again: usize,
    /// Why it ended early.
    pub trouble: Option<String>,
}

impl Edited {
    /// Notes that the server has our edits up to this one.
    fn acknowledge(&mut self, edit: usize, now: Instant, sent_at: &[Instant]) {
        let news = sent_at.iter().take(edit).skip(self.acknowledged);
        self.latencies.extend(news.map(|sent| now - *sent));
        self.acknowledged = self.acknowledged.max(edit);
    }
}

impl Editor {
    /// Edits until the time is up, and reads until everything has arrived on both sides.
    pub(super) async fn run(mut self) -> Edited {
        let mut edited = Edited::default();
        if let Err(error) = self.edit(&mut edited).await {
            edited.trouble = Some(error.to_string());
        }
        edited
    }

    async fn edit(&mut self, edited: &mut Edited) -> Outcome<()> {
        let envelope = self.link.envelope("sync", &self.document);
        let script = self.script.clone();
        let own = &script.chains[self.who];
        let mut sent_at = Vec::new();
        loop {
            let writes = Instant::now() < self.until && edited.sent < own.messages.len();
            while writes
                && edited.sent - edited.acknowledged < self.window
                && edited.sent < own.messages.len()
            {
                let frame = envelope.around(&own.messages[edited.sent]);
                self.link.socket.feed(Message::Binary(frame)).await?;
                sent_at.push(Instant::now());
                edited.sent += 1;
            }
            self.link.socket.flush().await?;
            if !writes && self.is_done(edited) {
                return Ok(());
            }
            let Ok(received) = timeout(GLANCE, self.link.receive()).await else { continue };
            let mut next = Some(received);
            let before = edited.other;
            while let Some(frame) = next {
                self.take(&frame?, edited, &sent_at).await?;
                next = self.link.receive().now_or_never();
            }
            if edited.other > before {
                let frame = envelope.around(&acknowledgement(self.heads(edited)));
                self.link.socket.feed(Message::Binary(frame)).await?;
            }
        }
    }

    /// Reads one message: which of our edits the server has, and which of the partner's it brought.
    async fn take(&mut self, frame: &Bytes, edited: &mut Edited, sent_at: &[Instant]) -> Outcome<()> {
        let incoming = Incoming::read(frame).ok_or("a frame that is no message")?;
        if incoming.kind == "error" {
            return Err(incoming.words.into());
        }
        let now = Instant::now();
        let mut missing = Vec::new();
        for head in incoming.heads() {
            match self.script.owners.get(head) {
                Some((who, at)) if *who == self.who => edited.acknowledge(*at, now, sent_at),
                Some((_, at)) if *at <= edited.other => {}
                Some((_, at)) if incoming.brings_changes() => edited.other = *at,
                Some(_) => missing.push(ChangeHash(*head)),
                None => {} // The document before all edits.
            }
        }
        if now <= self.until {
            edited.acknowledged_in_time = edited.acknowledged;
        }
        if !missing.is_empty() {
            let frame =
                self.link.envelope("sync", &self.document).around(&question(self.heads(edited), missing));
            self.link.socket.feed(Message::Binary(frame)).await?;
        }
        self.send_again(incoming.need(), edited).await
    }

    /// A server may ask for a change by name, when its filter claimed that it has it.
    async fn send_again(&mut self, need: &[Hash], edited: &mut Edited) -> Outcome<()> {
        let envelope = self.link.envelope("sync", &self.document);
        for (who, at) in need.iter().filter_map(|hash| self.script.owners.get(hash)) {
            edited.asked_again += 1;
            let message = &self.script.chains[*who].messages[at - 1];
            self.link.socket.feed(Message::Binary(envelope.around(message))).await?;
        }
        Ok(())
    }

    /// What this client's document has: its own last edit, and the partner's that has come.
    fn heads(&self, edited: &Edited) -> Vec<ChangeHash> {
        let head =
            |who: usize, count: usize| Some(*self.script.chains.get(who)?.hashes.get(count.checked_sub(1)?)?);
        let heads: Vec<_> =
            [head(self.who, edited.sent), head(1 - self.who, edited.other)].into_iter().flatten().collect();
        if heads.is_empty() { self.script.base.clone() } else { heads }
    }

    fn is_done(&self, edited: &Edited) -> bool {
        self.totals[self.who].store(edited.sent, SeqCst);
        let others = self.totals[1 - self.who].load(SeqCst);
        edited.acknowledged == edited.sent && edited.other >= others
    }
}
