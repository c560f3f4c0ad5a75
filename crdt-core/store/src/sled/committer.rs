//! One thread through which everything is written.
//!
//! A sync of the disk takes about as long for one batch as for a thousand. So whatever has come while the disk
//! was busy is written as one *group*: one `sled::Batch`, one flush, one `fdatasync`, and then
//! all who wait are answered. One thread also gives the order: first asked, first written.
//!
//! ```text
//!  hub task ─┐                                        ┌─ answer
//!  hub task ─┼─▶ queue ─▶ group ─▶ tree ─▶ flush ─▶ fdatasync ─┼─ answer
//!  hub task ─┘                                        └─ answer
//! ```
//! Edit path: ← [`super::SledStore`] queues a batch, → [`super::write`] makes records of it, → the answer
//! releases what the document held back.
//!
//! **Invariant:** nobody is answered with `Ok` before `fdatasync` came back without an error.
//! **Invariant:** after one error nothing is written any more, but for those of pages that sled only moves ([`past_others`](super::read::past_others)).
//! A kernel may report a failed write-back once and
//! forget it, so a second sync on the same file that succeeds proves nothing.

use super::super::{CommitError, Space};
use super::codec::Damage;
use super::disk::Disk;
use super::read::ReadError;
use super::write::Writer;
use super::{Opened, damage_in_words, panic_message};
use bytes::Bytes;
use dovetail_core::document::chunk::Batch;
use dovetail_core::time::Timestamp;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::{debug, error, warn};

/// The most batches of a group. A group of that many takes some 100 ms, which is how long one that comes
/// just too late waits for its turn.
const GROUP_JOBS_MAX: usize = 4_096;

/// The most bytes of a group, for the same reason. A batch that is larger has a group of its own.
pub const GROUP_BYTES_MAX: usize = 4 << 20;

/// Batches that may wait: one group, while another one is being written. A document has one batch under way
/// at a time, so more documents than that write at once before anybody waits for room in the queue.
const QUEUE_JOBS_MAX: usize = GROUP_JOBS_MAX;

/// Batches that are accepted and not yet durable, before writers wait: those that wait and the group that is being written.
pub const COMMITS_WAITING_MAX: usize = QUEUE_JOBS_MAX + GROUP_JOBS_MAX;

/// A group that takes longer than this is worth a line in the log: people notice.
const SLOW_GROUP: Duration = Duration::from_secs(1);

/// The way to the committing thread.
#[derive(Debug)]
pub(super) struct Committer {
    /// `None` when the store is closed. The thread ends when nobody holds a sender any more.
    jobs: RwLock<Option<mpsc::Sender<Job>>>,
    /// Tokio's mutex: closing waits for the thread while it is held, so that a second caller waits too.
    thread: Mutex<Option<JoinHandle<()>>>,
    progress: Arc<Progress>,
}

/// What the thread tells about itself.
#[derive(Debug, Default)]
struct Progress {
    /// Set once and for good by the first error.
    read_only: OnceLock<Arc<str>>,
    commits: AtomicU64,
    groups: AtomicU64,
    in_group: AtomicUsize,
    last_commit_at_ms: AtomicU64,
}

#[derive(Debug)]
struct Job {
    write: Write,
    done: oneshot::Sender<Result<(), CommitError>>,
}

/// What can be written.
#[derive(Debug)]
pub(super) enum Write {
    Batch(Batch),
    Records { space: Space, writes: Vec<(String, Option<Bytes>)> },
}

impl Committer {
    /// Starts the thread. `sync` makes durable what a flush has brought to the operating system.
    pub(super) fn start(
        opened: Arc<Opened>,
        disk: Arc<Disk>,
        sync: impl FnMut() -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let progress = Arc::new(Progress::default());
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS_MAX);
        let run = {
            let progress = Arc::clone(&progress);
            move || {
                Groups { writer: Writer::new(Arc::clone(&opened)), opened, disk, sync, progress }.run(queue);
            }
        };
        let thread = thread::Builder::new().name("dovetail-committer".to_owned()).spawn(run)?;
        Ok(Self { jobs: RwLock::new(Some(jobs)), thread: Mutex::new(Some(thread)), progress })
    }

    /// Queues and waits until it is durable.
    pub(super) async fn commit(&self, write: Write) -> Result<(), CommitError> {
        let (done, answer) = oneshot::channel();
        let jobs = self.sender().ok_or(CommitError::Closed)?;
        jobs.send(Job { write, done }).await.map_err(|_| self.why_it_ended())?;
        // The thread ends when the last sender is gone: do not hold this one while waiting for it.
        drop(jobs);
        answer.await.unwrap_or_else(|_| Err(self.why_it_ended()))
    }

    /// Lets the thread write what is queued, and waits for its end.
    pub(super) async fn close(&self) {
        self.stop_taking();
        let mut thread = self.thread.lock().await;
        if let Some(thread) = thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            debug_assert!(matches!(joined, Ok(Ok(()))), "the thread catches its panics");
        }
    }

    pub(super) fn read_only(&self) -> Option<Arc<str>> {
        self.progress.read_only.get().cloned()
    }

    pub(super) fn queued(&self) -> usize {
        let waiting = self.sender().map_or(0, |jobs| jobs.max_capacity() - jobs.capacity());
        waiting + self.progress.in_group.load(Ordering::Relaxed)
    }

    pub(super) fn commits_and_groups(&self) -> (u64, u64) {
        (self.progress.commits.load(Ordering::Relaxed), self.progress.groups.load(Ordering::Relaxed))
    }

    pub(super) fn last_commit_at(&self) -> Option<Timestamp> {
        let at_ms = self.progress.last_commit_at_ms.load(Ordering::Relaxed);
        (at_ms > 0).then(|| Timestamp::from_millis(at_ms))
    }

    fn sender(&self) -> Option<mpsc::Sender<Job>> {
        self.jobs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn stop_taking(&self) {
        self.jobs.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn why_it_ended(&self) -> CommitError {
        self.read_only().map_or(CommitError::Closed, |why| CommitError::ReadOnly { why })
    }
}

impl Drop for Committer {
    /// Waits for the thread, as [`Committer::close`] does, so that the directory is free afterwards.
    fn drop(&mut self) {
        self.stop_taking();
        if let Some(thread) = self.thread.get_mut().take() {
            // It catches its panics; a second one here would end the process.
            let _ = thread.join();
        }
    }
}

/// The thread's own.
struct Groups<S> {
    opened: Arc<Opened>,
    disk: Arc<Disk>,
    writer: Writer,
    sync: S,
    progress: Arc<Progress>,
}

impl<S: FnMut() -> io::Result<()>> Groups<S> {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut left_over = None;
        while let Some(first) = left_over.take().or_else(|| queue.blocking_recv()) {
            let (group, next) = gather(first, &mut queue);
            left_over = next;
            self.progress.in_group.store(group.len(), Ordering::Relaxed);
            self.commit(group);
            self.progress.in_group.store(0, Ordering::Relaxed);
        }
        self.opened.noted.sync();
    }

    /// Writes a group and answers everybody in it.
    fn commit(&mut self, group: Vec<Job>) {
        if let Err(error) = self.check() {
            return answer(group.into_iter().map(|job| job.done), &Err(error));
        }
        let mut waiting = Vec::with_capacity(group.len());
        let written = self.write(group, &mut waiting);
        let written = written.map_err(|why| CommitError::ReadOnly { why: self.stop_writing(why) });
        if written.is_ok() {
            self.note_success(waiting.len());
        }
        answer(waiting, &written);
    }

    /// Whether anything may be written now.
    fn check(&self) -> Result<(), CommitError> {
        match self.progress.read_only.get() {
            Some(why) => Err(CommitError::ReadOnly { why: Arc::clone(why) }),
            None => Ok(self.disk.check()?),
        }
    }

    /// Makes a group durable, or says why nothing can be written any more. Sled panics where it finds its files
    /// corrupt; that is one of the reasons.
    fn write(&mut self, group: Vec<Job>, waiting: &mut Vec<Answer>) -> Result<(), Arc<str>> {
        let started = SystemTime::now();
        let jobs = group.len();
        let attempt = catch_unwind(AssertUnwindSafe(|| self.try_to_write(group, waiting)));
        let took = started.elapsed().unwrap_or_default();
        if took > SLOW_GROUP {
            warn!(jobs, took_ms = took.as_millis() as u64, "the disk is slow");
        } else {
            debug!(jobs, took_us = took.as_micros() as u64, "stored");
        }
        self.opened.note_synced(matches!(attempt, Ok(Ok(()))));
        attempt.unwrap_or_else(|panic| Err(panic_message(&*panic).into()))
    }

    fn try_to_write(&mut self, group: Vec<Job>, waiting: &mut Vec<Answer>) -> Result<(), Arc<str>> {
        let mut failed = None;
        for Job { write, done } in group {
            match self.stage(write) {
                Ok(()) => waiting.push(done),
                Err(Refused::Alone(error)) => {
                    let _ = done.send(Err(error));
                }
                Err(Refused::All(error)) => {
                    // The others are answered too, by whoever called this.
                    waiting.push(done);
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)?;
        self.writer.apply().map_err(|error| in_words(&error))?;
        self.opened.db.flush().map_err(|error| in_words(&error))?;
        // Sled's flush calls `sync_file_range`, which empties no drive's cache and writes no file size.
        (self.sync)().map_err(|error| Arc::from(error.to_string()))?;
        self.opened.noted.write(self.writer.tally());
        Ok(())
    }

    fn stage(&mut self, write: Write) -> Result<(), Refused> {
        let batch = match write {
            Write::Batch(batch) => batch,
            Write::Records { space, writes } => {
                let staged = self.writer.stage_own(space, &writes);
                return staged.map_err(|error| refused(error, |why| CommitError::Unreadable { why }));
            }
        };
        let document = batch.document.clone();
        let staged = self.writer.stage(batch);
        staged.map_err(|error| refused(error, |what| CommitError::Damaged { document, what }))
    }

    fn note_success(&self, commits: usize) {
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.progress.last_commit_at_ms.store(at_ms, Ordering::Relaxed);
        self.progress.commits.fetch_add(commits as u64, Ordering::Relaxed);
        self.progress.groups.fetch_add(1, Ordering::Relaxed);
        self.progress.in_group.store(0, Ordering::Relaxed);
    }

    /// The first reason stays.
    fn stop_writing(&self, why: Arc<str>) -> Arc<str> {
        let first = self.progress.read_only.get_or_init(|| {
            error!(%why, "the store takes no more changes until the server is started again");
            why
        });
        Arc::clone(first)
    }
}

type Answer = oneshot::Sender<Result<(), CommitError>>;

enum Refused {
    /// This one cannot be written; the others are not concerned.
    Alone(CommitError),
    /// Nothing can be written any more.
    All(Arc<str>),
}

fn refused(error: ReadError, damaged: impl FnOnce(String) -> CommitError) -> Refused {
    match error {
        ReadError::Damaged(Damage(what)) | ReadError::Bent(what) => Refused::Alone(damaged(what)),
        ReadError::Disk(error) => Refused::All(in_words(&error)),
        ReadError::NeverSynced => unreachable!("the committer does not wait for itself"),
    }
}

fn answer(waiting: impl IntoIterator<Item = Answer>, answer: &Result<(), CommitError>) {
    for done in waiting {
        // Who no longer listens is gone, with what was to be told.
        let _ = done.send(answer.clone());
    }
}

fn in_words(error: &sled::Error) -> Arc<str> {
    damage_in_words(error).into()
}

/// Takes what is waiting, up to the bounds, and the one that was taken but did not fit any more.
fn gather(first: Job, queue: &mut mpsc::Receiver<Job>) -> (Vec<Job>, Option<Job>) {
    let mut bytes = first.write.bytes();
    let mut group = vec![first];
    while group.len() < GROUP_JOBS_MAX {
        let Ok(next) = queue.try_recv() else {
            break;
        };
        bytes += next.write.bytes();
        if bytes > GROUP_BYTES_MAX {
            return (group, Some(next));
        }
        group.push(next);
    }
    (group, None)
}

impl Write {
    fn bytes(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.put.iter().map(|chunk| chunk.bytes().len()).sum(),
            Self::Records { writes, .. } => writes.iter().flat_map(|(_, value)| value).map(Bytes::len).sum(),
        }
    }
}
