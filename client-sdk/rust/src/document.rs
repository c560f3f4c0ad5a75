//! One document that is open, as an app holds it.
//!
//! Edit path: ← an app edits, → [`Core`](crate::driver::core::Core), where it is in the document at once; → [`Kept`] resolves when it is
//! durable on this device; → [`Document::saved`], when it is on the server.

use crate::client::Inner;
use crate::driver::core::{Shared, Shown};
use crate::machine::course::Connection;
use crate::machine::replica::{self, Answer, Effect, Fate, LoadFault, Pending, Refused, Replica};
use crate::presence::Presence;
use crate::status::{self, DocumentStatus};
use crate::view::{Dashboard, View, ViewError};
use automerge::transaction::Transaction;
use automerge::{Automerge, AutomergeError, ChangeHash};
use autosurgeon::{Hydrate, Reconcile, ReconcileError};
use dovetail_core::dashboard::Edit;
use dovetail_core::id::DocumentId;
use dovetail_core::rules::{Proposal, RuleBook, Waiver};
use dovetail_core::time::Timestamp;
use futures_util::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::watch;

/// A document that is open, seen as a `T`. Clones are the same one.
pub struct Document<T> {
    handle: Arc<Handle>,
    seen_as: PhantomData<fn() -> T>,
}

/// As long as there is one, the document is open.
#[derive(Debug)]
struct Handle {
    client: Arc<Inner>,
    id: DocumentId,
    told: watch::Receiver<u64>,
    content: watch::Receiver<u64>,
    status: watch::Receiver<DocumentStatus>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.client.core.look_away(&self.id);
    }
}

impl<T> Clone for Document<T> {
    fn clone(&self) -> Self {
        Self { handle: Arc::clone(&self.handle), seen_as: PhantomData }
    }
}

impl<T> fmt::Debug for Document<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Document").field(&self.handle.id).finish()
    }
}

/// Why an edit was not taken, or did not last.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is not in the document.
    #[error(transparent)]
    NotTaken(#[from] replica::EditError),
    /// The disk's doing: this device could not keep it, and it is not in the document any more. It may have reached the server all the
    /// same; then it comes back from there.
    #[error("the edit could not be kept on this device, and is not in the document any more: {why}")]
    Lost {
        /// What the store said.
        why: Arc<str>,
    },
    /// The document is not what it was taken for.
    #[error("the document does not take it: {0}")]
    Document(String),
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}

/// Why a document was not changed by a closure.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// Nothing could be changed, or it did not last.
    #[error(transparent)]
    Edit(EditError),
    /// The closure said so; nothing is changed.
    #[error("the change was given up")]
    GivenUp(#[source] E),
}

/// Why a document was not brought to another value.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Nothing could be changed, or it did not last.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// It does not have the shape of the app's type.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The value cannot be a document.
    #[error("the value cannot be written into a document: {0}")]
    Value(#[from] ReconcileError),
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// There is no such conflict, or no such proposal, or nothing can be changed.
    #[error(transparent)]
    NotDecided(#[from] replica::DecideError),
    /// It did not last.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Why it is not known that all is saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The server does not let us in: what waits stays on this device.
    #[error("{pending} changes stay on this device, as the server does not let us in: {reason}")]
    Refused {
        /// How many wait.
        pending: usize,
        /// Why, for programs.
        code: String,
        /// Why, for people.
        reason: String,
    },
    /// The server has no such document for us, and takes none: what waits stays on this device.
    #[error(
        "{pending} changes stay on this device, as the server has no such document for you: it was deleted, the right to it is gone, or you may make none there, or no more; what is here can be exported"
    )]
    Gone {
        /// How many wait.
        pending: usize,
    },
    /// The disk's doing: what waits is not known.
    #[error(transparent)]
    Unreadable {
        /// What is wrong.
        fault: LoadFault,
    },
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}

/// What [`Document::saved`] looks at.
struct Stands {
    pending: usize,
    is_here: bool,
    fault: Option<LoadFault>,
    /// The server has none for us, and takes none.
    is_gone: bool,
}

/// An edit that is in the document. Awaited, it is durable on this device: it survives the end of the process by any means.
/// Dropped, it goes on all the same.
#[must_use = "the edit is in the document; whether it lasts is known when this is awaited"]
pub struct Kept(Pin<Box<dyn Future<Output = Result<(), EditError>> + Send>>);

impl Future for Kept {
    type Output = Result<(), EditError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl<T: View> Document<T> {
    pub(crate) fn look(client: Arc<Inner>, id: &DocumentId) -> Self {
        let shown = client.core.look(id);
        Self::held(client, id, &shown)
    }

    pub(crate) fn look_at_new(client: Arc<Inner>, id: &DocumentId, doc: Automerge) -> Self {
        let shown = client.core.look_at_new(id, doc);
        Self::held(client, id, &shown)
    }

    fn held(client: Arc<Inner>, id: &DocumentId, shown: &Shown) -> Self {
        let (told, content) = (shown.told.subscribe(), shown.content.subscribe());
        let handle = Handle { client, id: id.clone(), told, content, status: shown.status.subscribe() };
        Self { handle: Arc::new(handle), seen_as: PhantomData }
    }

    // Reading.

    /// Which document it is; [`to_url`](DocumentId::to_url) is what a stock client finds it by.
    #[must_use]
    pub fn id(&self) -> &DocumentId {
        &self.handle.id
    }

    /// The document as it is now, with every edit that was made here.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn get(&self) -> Result<T, ReadError> {
        match self.with_automerge(T::of) {
            Some(read) => read.map_err(ReadError::View),
            None => Err(self.why_not_here()),
        }
    }

    fn why_not_here(&self) -> ReadError {
        let fault = self.with(|_, replica, _, _| replica.fault().cloned());
        match fault {
            None => ReadError::Closed,
            // It is read again at this moment, as something of it could not be kept.
            Some(None) => ReadError::NotHere,
            Some(Some(fault)) => ReadError::Unreadable { fault },
        }
    }

    /// The Automerge document, for whatever a view does not show. Nobody else edits meanwhile: in the closure ask nothing of the client or its
    /// documents, which would wait for ever. Nothing when the client was closed, or [`get`](Self::get) says why it cannot be read.
    pub fn with_automerge<R>(&self, look: impl FnOnce(&Automerge) -> R) -> Option<R> {
        self.with(|now, replica, _, _| replica.automerge(now).map(look)).flatten()
    }

    /// The document with its whole history, as Automerge writes it. Also when the right to it is gone; nothing where
    /// [`with_automerge`](Self::with_automerge) has nothing.
    #[must_use]
    pub fn export(&self) -> Option<Vec<u8>> {
        self.with_automerge(Automerge::save)
    }

    /// Counts the states that the content has had; each count that follows is another one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.handle.content.clone()
    }

    /// The document as it is now, and as it is whenever that is something else; states in between are left out where they come faster than they
    /// are taken.
    pub fn states(&self) -> impl Stream<Item = Result<T, ViewError>> + Send + Unpin + use<T>
    where
        T: Send + 'static,
    {
        use futures_util::StreamExt;
        let document = self.clone();
        Box::pin(status::stream(self.changes()).filter_map(move |_| {
            let now = match document.get() {
                Ok(value) => Some(Ok(value)),
                Err(ReadError::View(error)) => Some(Err(error)),
                Err(_) => None, // Nothing to be read at this moment, or for good.
            };
            async move { now }
        }))
    }

    // How it stands.

    /// How it stands, now and from now on: what waits is never older than an edit that was awaited, the rest by a hundredth of a second.
    ///
    /// What [`borrow`](watch::Receiver::borrow) gives holds up the whole client: let go of it, or clone what is needed, before anything is awaited.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<DocumentStatus> {
        self.handle.status.clone()
    }

    /// The same as a stream: how it stands now, and each that follows.
    pub fn statuses(&self) -> impl Stream<Item = DocumentStatus> + Send + Unpin + use<T> {
        status::stream(self.status())
    }

    /// What waits for the server, one by one, the oldest first.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        self.with(|_, replica, _, _| replica.pending().cloned().collect()).unwrap_or_default()
    }

    /// Waits until everything that was edited so far is durable on this device.
    ///
    /// # Errors
    /// The last edit was lost, or the client was closed.
    pub async fn kept(&self) -> Result<(), EditError> {
        let last = self.with(|_, replica, _, _| replica.last_edit()).ok_or(EditError::Closed)?;
        self.keeping(last).await
    }

    /// Waits until the server has everything on its disk, or has refused it (see [`DocumentStatus::refused`]). For ever, without a connection.
    ///
    /// # Errors
    /// See [`SaveError`].
    pub async fn saved(&self) -> Result<(), SaveError> {
        let mut told = self.told();
        let mut connection = self.handle.client.core.connection.subscribe();
        loop {
            told.mark_unchanged();
            connection.mark_unchanged();
            let stands = self.with(|_, replica, _, _| Stands {
                pending: replica.pending_size().0,
                is_here: replica.is_loaded(),
                fault: replica.fault().cloned(),
                is_gone: replica.answer() == Answer::Missing,
            });
            let now = connection.borrow().connection.clone();
            match (stands, now) {
                (None, _) => return Err(SaveError::Closed),
                (Some(Stands { fault: Some(fault), .. }), _) => return Err(SaveError::Unreadable { fault }),
                (Some(Stands { pending: 0, is_here: true, .. }), _) => {
                    self.core().show_now(&self.handle.id);
                    return Ok(());
                }
                (Some(Stands { pending, .. }), Connection::Refused { code, reason }) => {
                    return Err(SaveError::Refused { pending, code, reason });
                }
                (Some(Stands { pending, is_gone: true, .. }), Connection::Online) => {
                    return Err(SaveError::Gone { pending });
                }
                _ => {}
            }
            tokio::select! {
                _ = told.changed() => {}
                _ = connection.changed() => {}
            }
        }
    }

    // Editing, whatever the shape.

    /// Changes the document in a transaction: one change. What the closure gives back is given back when the change is durable on this device.
    /// In the closure ask nothing of the client or its documents, which would wait for ever.
    ///
    /// # Errors
    /// Why nothing could be changed, or what the closure said; then nothing is changed.
    pub async fn change<R, E>(
        &self,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, ChangeError<E>> {
        self.change_as(None, change).await
    }

    /// The same, with words for it: they stand in the history, and in the list of what waits.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub async fn change_as<R, E>(
        &self,
        label: Option<&str>,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, ChangeError<E>> {
        let done = self.edit_with(|now, replica, effects| replica.change(now, label, change, effects));
        let closed = || ChangeError::Edit(EditError::Closed);
        let done = done.ok_or_else(closed)?.map_err(|error| ChangeError::Edit(error.into()))?;
        let (result, edit) = done.map_err(ChangeError::GivenUp)?;
        self.keeping(edit).await.map_err(ChangeError::Edit)?;
        Ok(result)
    }

    // What was refused.

    /// Makes a refused change once more, as it was meant: on the document of now.
    ///
    /// # Errors
    /// There is no such change, it does not fit any more, or nothing can be changed.
    pub async fn apply_again(&self, hash: &ChangeHash) -> Result<(), AgainError> {
        let again = self.edit_with(|now, replica, effects| replica.apply_again(now, hash, effects));
        let edit = again.ok_or(EditError::Closed)?.map_err(AgainError::NotApplied)?;
        Ok(self.keeping(edit).await?)
    }

    /// A refused change is not wanted any more. It, if there is one of that name.
    pub fn discard(&self, hash: &ChangeHash) -> Option<Refused> {
        self.with(|_, replica, _, effects| replica.discard(hash, effects)).flatten()
    }

    // Conflicts.

    /// Settles a conflict by one of its proposals, with or without a connection.
    ///
    /// # Errors
    /// See [`DecideError`]; then nothing is changed.
    pub async fn settle(&self, conflict: &str, proposal: Proposal) -> Result<(), DecideError> {
        let by = self.me();
        self.decide(|now, replica, book| replica.settle(now, book, conflict, proposal, by.as_deref())).await
    }

    /// Notes that a conflict may stay as it is, why, and until when.
    ///
    /// # Errors
    /// See [`DecideError`]; then nothing is changed.
    pub async fn waive(&self, conflict: &str, waiver: &Waiver) -> Result<(), DecideError> {
        self.decide(|now, replica, book| replica.waive(now, book, conflict, waiver)).await
    }

    /// Takes the waiver of a conflict back.
    ///
    /// # Errors
    /// See [`DecideError`]; then nothing is changed.
    pub async fn unwaive(&self, conflict: &str) -> Result<(), DecideError> {
        self.decide(|now, replica, book| replica.unwaive(now, book, conflict)).await
    }

    async fn decide(
        &self,
        does: impl FnOnce(Timestamp, &mut Replica, &RuleBook) -> Result<u64, replica::DecideError>,
    ) -> Result<(), DecideError> {
        let edit = self.with_edited(|now, replica, book, _| does(now, replica, book));
        let edit = edit.ok_or(EditError::Closed)??;
        Ok(self.keeping(edit).await?)
    }

    // Others.

    /// Where others are who have the document open, and where we are: values of an app's own, that are stored nowhere.
    #[must_use]
    pub fn presence<P>(&self, name: &str) -> Presence<P>
    where
        P: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
    {
        Presence::begin(&self.handle.client.core, &self.handle.id, name, self.handle.clone())
    }

    /// Says something to all who have the document open and are connected; it is stored nowhere, and nobody who comes later hears it. Whether it is
    /// on its way: there is a connection, and it has at most 64 KiB as CBOR.
    pub fn broadcast(&self, data: &Value) -> bool {
        crate::presence::say(&self.handle.client.core, &self.handle.id, data)
    }

    /// What others say with [`broadcast`](Self::broadcast), from now on. Of what is taken too slowly, the oldest is dropped.
    pub fn messages(&self) -> impl Stream<Item = Value> + Send + Unpin + use<T> {
        crate::presence::messages(&self.handle.client.core, &self.handle.id)
    }

    // Within.

    fn me(&self) -> Option<String> {
        self.core().lock().subject()
    }

    pub(crate) fn told(&self) -> watch::Receiver<u64> {
        self.handle.told.clone()
    }

    pub(crate) fn core(&self) -> &Shared {
        &self.handle.client.core
    }

    fn with<R>(
        &self,
        does: impl FnOnce(Timestamp, &mut Replica, &RuleBook, &mut Vec<Effect>) -> R,
    ) -> Option<R> {
        self.core().with(&self.handle.id, does)
    }

    /// The same, where the content may become another.
    fn with_edited<R>(
        &self,
        does: impl FnOnce(Timestamp, &mut Replica, &RuleBook, &mut Vec<Effect>) -> R,
    ) -> Option<R> {
        self.with(|now, replica, book, effects| {
            let before = replica.last_edit();
            let done = does(now, replica, book, effects);
            if replica.last_edit() != before {
                effects.push(Effect::Changed);
            }
            done
        })
    }

    fn edit_with<R>(&self, does: impl FnOnce(Timestamp, &mut Replica, &mut Vec<Effect>) -> R) -> Option<R> {
        self.with_edited(|now, replica, _, effects| does(now, replica, effects))
    }

    /// Resolves when the store has answered.
    fn keeping(&self, edit: u64) -> impl Future<Output = Result<(), EditError>> + Send + use<T> {
        let (handle, mut told) = (Arc::clone(&self.handle), self.told());
        async move {
            // What is shown is as new as what is told.
            told.wait_for(|upto| *upto >= edit).await.map_err(|_| EditError::Closed)?;
            match handle.client.core.fate(&handle.id, edit) {
                Some(Fate::Kept) => Ok(()),
                Some(Fate::Lost(why)) => Err(EditError::Lost { why }),
                Some(Fate::Waits) | None => Err(EditError::Closed),
            }
        }
    }

    fn kept_or(&self, edit: Option<Result<u64, replica::EditError>>) -> Kept
    where
        T: 'static,
    {
        match edit {
            Some(Ok(edit)) => Kept(Box::pin(self.keeping(edit))),
            Some(Err(error)) => Kept(Box::pin(std::future::ready(Err(error.into())))),
            None => Kept(Box::pin(std::future::ready(Err(EditError::Closed)))),
        }
    }
}

/// Why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is something else by now.
    #[error(transparent)]
    View(ViewError),
    /// It is read from the device again, as something could not be kept: a moment later it is there.
    #[error("the document is being read again from this device")]
    NotHere,
    /// The disk's doing.
    #[error(transparent)]
    Unreadable {
        /// What is wrong.
        fault: LoadFault,
    },
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}

/// Why a refused change was not made again.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// There is none, or it does not fit.
    #[error(transparent)]
    NotApplied(replica::AgainError),
    /// It did not last.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl Document<Dashboard> {
    /// Makes an edit. It is in the document when this returns; awaited, it is durable on this device. Edits that come while the store is
    /// busy become one change.
    pub fn edit(&self, edit: Edit) -> Kept {
        self.edit_all(&[edit], None)
    }

    /// Makes several edits, all or none, as one change with words for it: they stand in the history, and in the list of what waits.
    pub fn batch(&self, label: &str, edits: &[Edit]) -> Kept {
        self.edit_all(edits, Some(label))
    }

    fn edit_all(&self, edits: &[Edit], label: Option<&str>) -> Kept {
        self.kept_or(self.edit_with(|now, replica, _| replica.edit(now, edits, label)))
    }
}

impl<T: Hydrate + Reconcile> Document<T> {
    /// Changes the value; what is different becomes one change. What the closure gives back is given back when that is durable on this
    /// device.
    ///
    /// # Errors
    /// See [`UpdateError`]; then nothing is changed.
    pub async fn update<R>(&self, update: impl FnOnce(&mut T) -> R) -> Result<R, UpdateError> {
        let changed = self.change(|tx| {
            let mut value: T = autosurgeon::hydrate(tx).map_err(ViewError::from)?;
            let result = update(&mut value);
            autosurgeon::reconcile(tx, &value)?;
            Ok::<R, UpdateError>(result)
        });
        changed.await.map_err(|error| match error {
            ChangeError::Edit(error) => error.into(),
            ChangeError::GivenUp(error) => error,
        })
    }
}

/// What an app's closure may simply say with `?`.
pub type ChangeResult<R> = Result<R, AutomergeError>;
