//! A client: one server, one store on this device, and the documents that are open.

mod start; // What it is made of, and how it begins.

pub use start::{Builder, StartError};
pub(crate) use start::{new_peer, requests};

use crate::api::{Api, ApiError, Listed};
use crate::document::{ChangeError, Document, EditError, ReadError};
use crate::driver::core::{Core, NotForgotten};
use crate::keep::MovedAside;
use crate::machine::course::Connection;
use crate::machine::replica::{self, Answer, LoadFault};
use crate::status::{self, ConnectionStatus, OnDevice, StorageStatus};
use crate::view::{Dashboard, View, ViewError, WidgetData};
use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge};
use autosurgeon::{Reconcile, ReconcileError};
use dovetail_core::dashboard::{Edit, first_dashboard, first_widget_data};
use dovetail_core::grafana;
use dovetail_core::id::DocumentId;
use dovetail_core::wire::Secret;
use futures_util::Stream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Why a document was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The server has none of that name that we may see: it was never brought there, was deleted, or is somebody else's.
    #[error("the server has no document {id} for us, and this device has none")]
    NotFound {
        /// Which.
        id: DocumentId,
    },
    /// It is not on this device, and the server does not let us in.
    #[error("document {id} is not on this device, and the server does not let us in: {reason}")]
    Refused {
        /// Which.
        id: DocumentId,
        /// Why, for programs.
        code: String,
        /// Why, for people.
        reason: String,
    },
    /// It is not on this device, and no server brought it.
    #[error("document {id} is not on this device, and no server has brought it within {within:?}: {reason}")]
    NotHere {
        /// Which.
        id: DocumentId,
        /// How long it was waited for.
        within: Duration,
        /// How the connection is, in words.
        reason: String,
    },
    /// The disk's doing.
    #[error("document {id}: {fault}")]
    Unreadable {
        /// Which.
        id: DocumentId,
        /// What is wrong.
        fault: LoadFault,
    },
    /// It is something else than what it was to be opened as.
    #[error("document {id}: {error}")]
    Other {
        /// Which.
        id: DocumentId,
        /// What it is.
        error: Box<ViewError>,
    },
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}

/// Why a document is still on this device.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// The app's doing: it holds a handle, or waits for an edit of it.
    #[error("document {id} is open: let go of its handles first")]
    Open {
        /// Which.
        id: DocumentId,
    },
    /// The disk's doing.
    #[error("document {id} is still on this device: {why}")]
    Store {
        /// Which.
        id: DocumentId,
        /// Why.
        why: String,
    },
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}

/// Why no document was made of something.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no JSON.
    #[error("this is no JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// It is no dashboard of Grafana's.
    #[error(transparent)]
    NotGrafana(#[from] Box<grafana::ImportError>),
    /// This device could not keep it.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// See the top of the file. Clones are the same client; when the last one and all its documents are gone, what was edited is kept, and the
/// store is let go of a moment later. [`close`](Self::close) waits for that.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) core: Core,
    api: Api,
    moved_aside: Option<MovedAside>,
    open_within: Duration,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl Client {
    /// Begins with the address of a server: `http://host:port` or `https://host`.
    #[must_use]
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(Secret::new(url.into()))
    }

    // Documents.

    /// Opens a document. One that is on this device is there at once, with or without a connection; another one is waited for.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open<T: View>(&self, id: &DocumentId) -> Result<Document<T>, OpenError> {
        let document = Document::look(Arc::clone(&self.inner), id);
        loop {
            self.wait_for(&document).await?;
            // It is shown as it stands, before anybody looks.
            self.inner.core.show_now(id);
            let id = id.clone();
            return match document.get() {
                Ok(_) => Ok(document),
                Err(ReadError::NotHere) => continue,
                Err(ReadError::View(error)) => Err(OpenError::Other { id, error: Box::new(error) }),
                Err(ReadError::Unreadable { fault }) => Err(OpenError::Unreadable { id, fault }),
                Err(ReadError::Closed) => Err(OpenError::Closed),
            };
        }
    }

    /// Makes a dashboard; nobody has to be asked for that. It is durable on this device then, and on the server as soon as there is a
    /// connection.
    ///
    /// # Errors
    /// See [`EditError`].
    pub async fn create_dashboard(&self, title: &str) -> Result<Document<Dashboard>, EditError> {
        let first = first_dashboard().with_actor(ActorId::random());
        let (now, limits) = (self.inner.core.clock.now(), *self.inner.core.lock().engine.limits());
        let titled = [Edit::SetTitle { title: title.to_owned() }];
        self.made(replica::with_edits(first, now, &titled, &limits)?).await
    }

    /// Makes a document for what a widget shows; [`Edit::AttachData`] lets the widget show it.
    ///
    /// # Errors
    /// See [`EditError`].
    pub async fn create_widget_data(&self) -> Result<Document<WidgetData>, EditError> {
        self.made(first_widget_data()).await
    }

    /// Makes a document of any shape; nobody has to be asked for that. `fill` writes what is in it.
    ///
    /// # Errors
    /// What `fill` said, or what [`EditError`] says of an edit; then there is no document.
    pub async fn create<T: View, E>(
        &self,
        fill: impl FnOnce(&mut Transaction<'_>) -> Result<(), E>,
    ) -> Result<Document<T>, ChangeError<E>> {
        let mut doc = Automerge::new().with_actor(ActorId::random());
        doc.transact(fill).map_err(|failure| ChangeError::GivenUp(failure.error))?;
        if doc.get_heads().is_empty() {
            doc.empty_commit(CommitOptions::default());
        }
        self.made(doc).await.map_err(ChangeError::Edit)
    }

    /// Makes a document of a value of an app's own.
    ///
    /// # Errors
    /// The value cannot be the root of a document, or what [`EditError`] says of an edit.
    pub async fn create_from<T: View + Reconcile>(
        &self,
        value: &T,
    ) -> Result<Document<T>, ChangeError<ReconcileError>> {
        self.create(|tx| autosurgeon::reconcile(tx, value)).await
    }

    /// Makes a dashboard of the JSON that Grafana exports; nobody has to be asked for that. What was unusual about it is told in words.
    ///
    /// # Errors
    /// See [`ImportError`].
    pub async fn import_grafana(
        &self,
        json: &[u8],
    ) -> Result<(Document<Dashboard>, Vec<String>), ImportError> {
        let value = serde_json::from_slice(json)?;
        let imported =
            grafana::import(&value, &ActorId::random(), self.inner.core.clock.now()).map_err(Box::new)?;
        let notes = imported.notes.iter().map(ToString::to_string).collect();
        Ok((self.made(imported.doc).await?, notes))
    }

    async fn made<T: View>(&self, doc: Automerge) -> Result<Document<T>, EditError> {
        let document = self.take_up(doc)?;
        document.kept().await?;
        Ok(document)
    }

    fn take_up<T: View>(&self, doc: Automerge) -> Result<Document<T>, EditError> {
        let (storage, limits) = {
            let state = self.inner.core.lock();
            (state.engine.storage(), *state.engine.limits())
        };
        replica::are_in_bounds(&doc.get_changes(&[]), limits.change_bytes_max)?;
        if storage.is_full() {
            let StorageStatus { bytes, bytes_max, .. } = storage;
            return Err(replica::EditError::StoreFull { bytes, bytes_max }.into());
        }
        let id = DocumentId::from_bytes(uuid::Uuid::new_v4().as_bytes()).expect("sixteen bytes are an id");
        Ok(Document::look_at_new(Arc::clone(&self.inner), &id, doc))
    }

    async fn wait_for<T: View>(&self, document: &Document<T>) -> Result<(), OpenError> {
        let core = &self.inner.core;
        let waiting = async {
            let mut has_hurried = false;
            let mut told = document.told();
            let mut connection = self.inner.core.connection.subscribe();
            loop {
                told.mark_unchanged();
                connection.mark_unchanged();
                if let Some(answer) = self.is_there(document) {
                    return answer;
                }
                if !has_hurried
                    && core.with(document.id(), |_, replica, _, _| replica.is_loaded()) == Some(true)
                {
                    has_hurried = core.hurry();
                }
                tokio::select! {
                    _ = told.changed() => {}
                    _ = connection.changed() => {}
                }
            }
        };
        let within = self.inner.open_within;
        // The app may have another runtime than tokio's, or none: the client's own tells the time.
        let waiting = {
            let _ours = core.runtime.enter();
            tokio::time::timeout(within, waiting)
        };
        waiting.await.unwrap_or_else(|_| {
            let reason = in_words(&self.inner.core.connection.borrow().connection);
            Err(OpenError::NotHere { id: document.id().clone(), within, reason })
        })
    }

    /// Whether a document is there, or why it does not come. Nothing as long as neither is known.
    fn is_there<T: View>(&self, document: &Document<T>) -> Option<Result<(), OpenError>> {
        let id = document.id();
        let found = self.inner.core.with(id, |now, replica, _, _| {
            if let Some(fault) = replica.fault() {
                return Some(Err(OpenError::Unreadable { id: id.clone(), fault: fault.clone() }));
            }
            // One of which all was refused is empty, and what was refused can be looked at.
            let is_here = replica.has_content(now) || replica.refused().next().is_some();
            match (is_here, replica.is_loaded(), replica.answer()) {
                (true, _, _) => Some(Ok(())),
                (false, true, Answer::Missing) => Some(Err(OpenError::NotFound { id: id.clone() })),
                _ => None,
            }
        });
        let Some(found) = found else { return Some(Err(OpenError::Closed)) };
        if found.is_some() {
            return found;
        }
        let connection = self.inner.core.lock().engine.connection().clone();
        let is_loaded = self.inner.core.with(id, |_, replica, _, _| replica.is_loaded()).unwrap_or(false);
        match connection {
            Connection::Refused { code, reason } if is_loaded => {
                Some(Err(OpenError::Refused { id: id.clone(), code, reason }))
            }
            _ => None,
        }
    }

    // What is on this device.

    /// The documents that are on this device, with or without a connection, in the order of their ids.
    #[must_use]
    pub fn on_device(&self) -> Vec<OnDevice> {
        let state = self.inner.core.lock();
        let on_device = state.engine.room().tenants().map(|(id, tenant)| OnDevice {
            id: id.clone(),
            bytes: tenant.bytes,
            opened_at: tenant.opened_at,
        });
        on_device.collect()
    }

    /// Lets go of a document that is not open: what this device alone has of it is lost, edits that wait for the server and refused ones among it.
    /// The server's copy is as it was, and opening the document fetches it again. Done when the store has let go.
    ///
    /// # Errors
    /// See [`ForgetError`]; then it is here, as it was.
    pub async fn forget(&self, id: &DocumentId) -> Result<(), ForgetError> {
        let told = self.inner.core.forget(id).map_err(|why| match why {
            NotForgotten::Open => ForgetError::Open { id: id.clone() },
            NotForgotten::Closed => ForgetError::Closed,
        })?;
        let answer = told.await.map_err(|_| ForgetError::Closed)?;
        answer.map_err(|why| ForgetError::Store { id: id.clone(), why })
    }

    // The server, asked directly.

    /// The server, for what no document tells.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.inner.api
    }

    /// Documents of the server that we may see, deleted ones not among them; asked over HTTP, page by page.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn list(&self) -> Result<Vec<Listed>, ApiError> {
        let api = self.inner.api.clone();
        // The app may have another runtime than tokio's, or none.
        let listed = self.inner.core.runtime.spawn(async move { api.list().await }).await;
        listed.unwrap_or(Err(ApiError::Closed))
    }

    // How it stands.

    /// How the connection is, now and from now on. What [`borrow`](watch::Receiver::borrow) gives holds up the whole client: let go of it before
    /// anything is awaited.
    #[must_use]
    pub fn connection(&self) -> watch::Receiver<ConnectionStatus> {
        self.inner.core.connection.subscribe()
    }

    /// The same as a stream: how it is now, and each that follows.
    pub fn connections(&self) -> impl Stream<Item = ConnectionStatus> + Send + Unpin + use<> {
        status::stream(self.connection())
    }

    /// How much room the documents on this device take, now and from now on. As with [`connection`](Self::connection), nothing is awaited while
    /// it is borrowed.
    #[must_use]
    pub fn storage(&self) -> watch::Receiver<StorageStatus> {
        self.inner.core.storage.subscribe()
    }

    /// The same as a stream: how much is taken now, and each that follows.
    pub fn storages(&self) -> impl Stream<Item = StorageStatus> + Send + Unpin + use<> {
        status::stream(self.storage())
    }

    /// The store of this device was damaged, and was begun anew: what could be read of it, and where it lies.
    #[must_use]
    pub fn moved_aside(&self) -> Option<&MovedAside> {
        self.inner.moved_aside.as_ref()
    }

    /// Says that the network is back: nobody waits for the next try.
    pub fn network_is_back(&self) {
        self.inner.core.lock().engine.network_is_back();
        self.inner.core.wake.notify_one();
    }

    /// Tries to connect, also where the server had refused it.
    pub fn reconnect(&self) {
        self.inner.core.lock().engine.reconnect();
        self.inner.core.wake.notify_one();
    }

    /// Keeps what was edited, and lets go of the store. Documents that are open take no more edits.
    pub async fn close(self) {
        let mut is_over = self.inner.core.is_over.subscribe();
        self.inner.core.close();
        let _ = is_over.wait_for(|is_over| *is_over).await; // It cannot be gone: we hold it.
    }
}

fn in_words(connection: &Connection) -> String {
    match connection {
        Connection::Connecting => "no connection has come about".to_owned(),
        Connection::Online => "the server has not answered".to_owned(),
        Connection::Offline { reason, .. } | Connection::Refused { reason, .. } => reason.clone(),
    }
}
