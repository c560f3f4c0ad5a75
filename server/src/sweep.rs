//! What is done about conflicts when nobody does anything: documents that nobody has open are judged, waivers
//! end, and what has stood open for long is settled where its rule says so.
//!
//! Edit path: ← the time, and other rules in force; → the [`inbox`](crate::inbox), and settling changes that go the way of
//! every other change.
//!
//! Always true: the sweep is slow on purpose. It works a quarter of the time at most, one document at a time, and
//! never before somebody's edit. Documents that somebody has open are judged by their task; all others are read from the store
//! beside the hub.

use crate::clock::Clock;
use crate::conflicts;
use crate::hub::Hub;
use crate::inbox::Due;
use crate::store::Store;
use dovetail_core::document::chunk::{Lifecycle, Manifest};
use dovetail_core::document::judge_stored;
use dovetail_core::grant::EditPermit;
use dovetail_core::id::DocumentId;
use dovetail_core::rules::RuleBook;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Documents listed at once.
const PAGE: usize = 64;

/// For each moment of work so many of rest.
const REST: u32 = 3;

/// How often it is looked at what falls due. Waivers end by the minute; a second late is early enough.
const DUE_EVERY: Duration = Duration::from_secs(1);

/// What is done about at one look; the rest a second later.
const DUE_MAX: usize = 64;

/// How long is waited before a store that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// How far the sweep has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Every document has been judged by the rules in force.
    pub is_complete: bool,
    /// Documents that could not be read.
    pub unread: u64,
}

/// See the top of the file.
#[derive(Debug)]
pub struct Sweep {
    hub: Hub,
    store: Arc<dyn Store>,
    clock: Clock,
    progress: watch::Sender<Progress>,
}

impl Sweep {
    /// A sweep over these documents, and where to see how far it has come.
    #[must_use]
    pub fn new(hub: Hub, store: Arc<dyn Store>, clock: Clock) -> (Self, watch::Receiver<Progress>) {
        let (progress, seen) = watch::channel(Progress::default());
        (Self { hub, store, clock, progress }, seen)
    }

    /// Goes on until it is dropped.
    pub async fn run(self) {
        let mut rules = self.hub.watch_rules();
        loop {
            let book = rules.borrow_and_update().clone();
            self.progress.send_replace(Progress::default());
            let swept = async {
                self.judge_all(&book).await;
                self.attend(&book).await;
            };
            tokio::select! {
                () = swept => return,
                changed = rules.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Every stored document that has rules and was not judged by them as it stands.
    async fn judge_all(&self, book: &Arc<RuleBook>) {
        let mut after: Option<DocumentId> = None;
        let mut unread = 0;
        loop {
            let page = match self.store.list(after.as_ref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "documents cannot be listed to be judged");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            };
            let is_last = page.len() < PAGE;
            for (document, manifest) in page {
                if manifest.is_ok_and(|manifest| self.is_to_be_judged(&document, &manifest, book))
                    && !self.judged_by_those_who_have_it(&document).await
                {
                    unread += u64::from(!self.judge(&document, book).await);
                }
                after = Some(document);
            }
            if is_last {
                break;
            }
        }
        self.progress.send_replace(Progress { is_complete: true, unread });
    }

    /// Says whether somebody has it open. Its content may have to come back into memory for it, and then there is a rest.
    async fn judged_by_those_who_have_it(&self, document: &DocumentId) -> bool {
        let began = Instant::now();
        let is_open = self.hub.judge_again(document).await;
        tokio::time::sleep(began.elapsed() * REST).await;
        is_open
    }

    fn is_to_be_judged(&self, document: &DocumentId, manifest: &Manifest, book: &RuleBook) -> bool {
        let in_force = manifest.kind.as_deref().and_then(|kind| book.of(kind));
        let Some(in_force) = in_force.filter(|_| manifest.lifecycle == Lifecycle::Live) else { return false };
        self.hub.inbox().verdict(document).is_none_or(|verdict| {
            verdict.version != in_force.version || *verdict.heads != *manifest.heads.as_slice()
        })
    }

    /// Judges a stored document and rests. Says whether it could be read.
    async fn judge(&self, document: &DocumentId, book: &Arc<RuleBook>) -> bool {
        let began = Instant::now();
        let seen = self.hub.inbox().seen();
        let stored = match self.store.load(document).await {
            Ok(Some(stored)) if stored.manifest.lifecycle == Lifecycle::Live => stored,
            // It was deleted meanwhile: there is nothing to say of it.
            Ok(_) => {
                self.hub.inbox().note(document, None, self.clock.now());
                return true;
            }
            Err(error) => {
                tracing::warn!(%document, %error, "a document cannot be read to be judged");
                return false;
            }
        };
        let (id, book, now) = (document.clone(), book.clone(), self.clock.now());
        let evaluator = self.hub.evaluator().clone();
        let judging =
            move || judge_stored(&id, &stored, &book, now, |question| evaluator.answer_here(question));
        let judged = tokio::task::spawn_blocking(judging).await;
        let was_read = match judged {
            Ok(Ok(verdict)) => {
                // Evaluating takes long: it may have been deleted meanwhile.
                let is_live = matches!(
                    self.store.manifest(document).await,
                    Ok(Some(manifest)) if manifest.lifecycle == Lifecycle::Live
                );
                if let Some(verdict) = verdict.filter(|_| is_live) {
                    self.hub.inbox().note_unseen(seen, document, &verdict, now);
                }
                true
            }
            Ok(Err(damage)) => {
                tracing::warn!(%document, %damage, "a damaged document cannot be judged");
                false
            }
            Err(_) => false,
        };
        tokio::time::sleep(began.elapsed() * REST).await;
        was_read
    }

    /// From then on only what falls due.
    async fn attend(&self, book: &Arc<RuleBook>) {
        let mut every = tokio::time::interval(DUE_EVERY);
        loop {
            every.tick().await;
            for due in self.hub.inbox().due(self.clock.now(), book, DUE_MAX) {
                match due {
                    Due::Judge(document) => {
                        if !self.hub.judge_again(&document).await {
                            self.judge(&document, book).await;
                        }
                    }
                    Due::Settle { document, conflict } => {
                        self.hub.inbox().note_attempt(&document, &conflict);
                        self.settle(document, &conflict).await;
                    }
                }
            }
        }
    }

    async fn settle(&self, document: DocumentId, conflict: &str) {
        match conflicts::settle_first(&self.hub, EditPermit::of_server(document.clone()), conflict).await {
            Ok(proposal) => tracing::info!(%document, conflict, %proposal, "settled by itself"),
            Err(error) => tracing::warn!(%document, conflict, %error, "cannot be settled by itself"),
        }
    }
}
