//! Documents as JSON that is kept up to date, for those who speak no Automerge.
//!
//! Edit path: ← the hub says that what is stored of a document has changed, → its [`Feed`] looks, makes one
//! patch of all that happened, → every [`Subscription`] gets it in its own time.
//!
//! ```text
//!  Looking ──looked──▶ At(state) ──changed, looked──▶ At(state) … ──deleted, or nobody can look──▶ Over
//! ```
//!
//! Always true: there is one feed for a document, and none for one that nobody follows. A document is read
//! once for all who follow it, at most every [`LOOK_EVERY`], and less often when reading takes long.
//! **Invariant:** a subscriber is the heads it was told last. Whoever is slow costs nobody anything: it is
//! told the difference between those heads and the newest state, whenever it is ready.

mod event; // What a subscriber is told.
mod state; // A document as JSON at some heads.
mod subscription; // One who follows.

pub use event::{Event, dotted, from_dotted, listed};
pub use state::{Since, State, Update};
pub use subscription::Subscription;

use crate::hub::{Hub, News, ViewError, Watch};
use automerge::{Automerge, ChangeHash, ReadDoc};
use dovetail_core::document::{Heads, Standing, Verdict};
use dovetail_core::grant::ReadPermit;
use dovetail_core::id::{DocumentId, SessionId};
use dovetail_core::json;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

/// How often a feed looks at its document at most. What is seen on a screen need not be younger, and a
/// hundred edits of one drag are three patches.
pub const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A feed pauses this many times as long as its last look took: so following a large document as JSON takes
/// a fifth of a core at most.
const PAUSE_PER_LOOK: u32 = 4;

/// All feeds. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Feeds {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: Hub,
    /// Turns to compute, shared with all others who do.
    turns: Arc<Semaphore>,
    open: Mutex<HashMap<DocumentId, Arc<Feed>>>,
}

/// One document that is followed.
#[derive(Debug)]
struct Feed {
    id: DocumentId,
    inner: Arc<Inner>,
    frames: watch::Sender<Frame>,
    /// For what is said in the moment.
    watch: Watch,
}

/// How far a feed has come.
#[derive(Debug, Clone)]
enum Frame {
    /// It has not seen the document yet.
    Looking,
    /// This is the newest that it saw, and what the rules said of it or of something older.
    At(Arc<State>, Option<Arc<Verdict>>),
    /// It has ended.
    Over(Ending),
}

#[derive(Debug, Clone)]
enum Ending {
    Deleted,
    Lost(ViewError),
}

impl From<ViewError> for Ending {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::Deleted { .. } => Ending::Deleted,
            other => Ending::Lost(other),
        }
    }
}

impl Inner {
    fn open(&self) -> MutexGuard<'_, HashMap<DocumentId, Arc<Feed>>> {
        self.open.lock().expect("nothing panics while it holds this lock")
    }
}

impl Feeds {
    /// Feeds of the documents of this hub. What they compute waits for one of `turns`.
    #[must_use]
    pub fn new(hub: Hub, turns: Arc<Semaphore>) -> Self {
        Self { inner: Arc::new(Inner { hub, turns, open: Mutex::default() }) }
    }

    /// Follows a document: from these heads on when it knows them, else from a snapshot. What `me` says
    /// itself is not told to it.
    ///
    /// # Errors
    /// See [`ViewError`]; a document that nobody has brought cannot be followed.
    pub async fn follow(
        &self,
        permit: &ReadPermit,
        from: Option<Vec<ChangeHash>>,
        me: Option<SessionId>,
    ) -> Result<Subscription, ViewError> {
        let (feed, frames) = self.feed(permit.document());
        Subscription::begin(feed, frames, from, me).await
    }

    /// How many documents are followed.
    #[must_use]
    pub fn open(&self) -> usize {
        self.inner.open().len()
    }

    /// The document's feed, which runs as long as somebody holds such a receiver.
    fn feed(&self, document: &DocumentId) -> (Arc<Feed>, watch::Receiver<Frame>) {
        let mut open = self.inner.open();
        let feed = open.entry(document.clone()).or_insert_with(|| Feed::spawn(document, &self.inner));
        (feed.clone(), feed.frames.subscribe())
    }
}

impl Feed {
    fn spawn(document: &DocumentId, inner: &Arc<Inner>) -> Arc<Self> {
        let watch = inner.hub.watch(&ReadPermit::of_server(document.clone()));
        let frames = watch::Sender::new(Frame::Looking);
        let feed = Arc::new(Self { id: document.clone(), inner: inner.clone(), frames, watch });
        tokio::spawn(Running { feed: feed.clone() }.run());
        feed
    }

    /// A feed looks for all who follow, each of whom has shown that they may.
    async fn copy(&self) -> Result<Automerge, ViewError> {
        self.inner.hub.view(&ReadPermit::of_server(self.id.clone()), Automerge::clone).await
    }

    /// Reads the document and compares it with what was read before.
    async fn look(&self, before: Option<Arc<State>>) -> Result<Arc<State>, ViewError> {
        let doc = self.copy().await?;
        self.compute(move || {
            let heads = sorted(doc.get_heads());
            match before {
                Some(before) if before.heads == heads => before,
                Some(before) => {
                    let value = read_again(&doc, &before);
                    Arc::new(before.followed_by(&value, heads, json::read(&doc, None)))
                }
                None => Arc::new(State::first(heads, json::read(&doc, None))),
            }
        })
        .await
    }

    /// What leads from heads that nobody remembers to this state; nothing when the document does not know
    /// them.
    async fn update_from(&self, from: Heads, state: Arc<State>) -> Result<Option<Update>, ViewError> {
        let doc = self.copy().await?;
        self.compute(move || {
            let is_known = from.iter().all(|head| doc.get_change_by_hash(head).is_some());
            let update = || {
                let before = json::read(&doc, Some(&from));
                Update::between(&from, &state.heads, &before, &read_again(&doc, &state))
            };
            is_known.then(update)
        })
        .await
    }

    /// Computes where that blocks nobody, when its turn comes.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ViewError> {
        let busy = || ViewError::Busy { document: self.id.clone() };
        let turn = self.inner.turns.clone().acquire_owned().await.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn); // also when whoever asked has gone
            done
        });
        done.await.map_err(|error| {
            tracing::error!(document = %self.id, %error, "reading a document for its followers failed");
            busy()
        })
    }
}

/// A feed's task. However it ends, be it by a panic, the feed leaves the table and its subscribers are told.
struct Running {
    feed: Arc<Feed>,
}

impl Running {
    async fn run(self) {
        let feed = &self.feed;
        let mut watch = feed.inner.hub.watch(&ReadPermit::of_server(feed.id.clone()));
        let mut state = None;
        loop {
            let began = Instant::now();
            let verdict = watch.news().verdict; // what comes from here on is for the next look
            match feed.look(state.clone()).await {
                Ok(seen) => {
                    state = Some(seen.clone());
                    feed.frames.send_replace(Frame::At(seen.clone(), verdict));
                    let pause = LOOK_EVERY.max(began.elapsed() * PAUSE_PER_LOOK);
                    match self.next(&mut watch, &seen, began + pause).await {
                        Ok(()) => {}
                        Err(None) => return,
                        Err(Some(ending)) => return self.end(ending),
                    }
                }
                Err(error) => return self.end(error.into()),
            }
        }
    }

    /// Waits until there is something new to see, and not sooner than `not_before`. Ends when nobody
    /// follows any more, or nothing will come.
    async fn next(
        &self,
        watch: &mut Watch,
        seen: &Arc<State>,
        not_before: Instant,
    ) -> Result<(), Option<Ending>> {
        let feed = &self.feed;
        let busy = || Ending::Lost(ViewError::Busy { document: feed.id.clone() });
        loop {
            tokio::select! {
                biased;
                () = feed.frames.closed() => if self.leave() { return Err(None) },
                changed = watch.changed() => {
                    changed.map_err(|_| Some(busy()))?;
                    let News { standing, verdict } = watch.news();
                    match standing {
                        Standing::Deleted => return Err(Some(Ending::Deleted)),
                        // Nothing but what the rules say of it may be new.
                        Standing::Stored { heads } if sorted(heads.to_vec()) == seen.heads => {
                            feed.frames.send_replace(Frame::At(seen.clone(), verdict));
                        }
                        _ => {
                            tokio::time::sleep_until(not_before).await;
                            return Ok(());
                        }
                    }
                }
            }
        }
    }

    /// Leaves the table, if nobody has come in the meantime.
    fn leave(&self) -> bool {
        let mut open = self.feed.inner.open();
        let is_left = self.feed.frames.receiver_count() == 0;
        if is_left {
            self.take_out(&mut open);
        }
        is_left
    }

    fn end(&self, ending: Ending) {
        self.take_out(&mut self.feed.inner.open());
        self.feed.frames.send_replace(Frame::Over(ending));
    }

    fn take_out(&self, open: &mut HashMap<DocumentId, Arc<Feed>>) {
        if open.get(&self.feed.id).is_some_and(|feed| Arc::ptr_eq(feed, &self.feed)) {
            open.remove(&self.feed.id);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.end(Ending::Lost(ViewError::Busy { document: self.feed.id.clone() }));
        }
    }
}

/// A state as values: those that are kept, or from the document's history.
fn read_again(doc: &Automerge, state: &State) -> Value {
    state.value.clone().unwrap_or_else(|| json::read(doc, Some(&state.heads)))
}

fn sorted(mut heads: Vec<ChangeHash>) -> Heads {
    heads.sort_unstable();
    heads.into()
}

#[cfg(test)]
mod tests;
