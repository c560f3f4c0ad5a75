//! A client: one server, one store on this device, and the documents that are open.

use crate::api::{Api, ApiError, Listed};
use crate::document::{ChangeError, Document, EditError, ReadError};
use crate::driver::core::{Core, NotForgotten, Shared};
use crate::driver::line::Dialing;
use crate::driver::{Driver, Equipment, SOCKET_AGAIN, rules};
use crate::keep::{Found, Kept, MovedAside, Place, StoreError, StoreKey};
use crate::machine::course::{Connection, Windows};
use crate::machine::engine::Engine;
use crate::machine::replica::{self, Answer, Limits, LoadFault};
use crate::machine::room::{Room, StoreLimits};
use crate::place::{BadUrl, Server};
use crate::status::{self, ConnectionStatus, OnDevice, StorageStatus};
use crate::token::{self, BadToken, Token, TokenAnswer};
use crate::view::{Dashboard, View, ViewError, WidgetData};
use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge};
use autosurgeon::{Reconcile, ReconcileError};
use dovetail_core::dashboard::{Edit, first_dashboard, first_widget_data};
use dovetail_core::grafana;
use dovetail_core::id::{DocumentId, PeerId};
use dovetail_core::rules::RuleBook;
use dovetail_core::wire::Secret;
use futures_util::Stream;
use reqwest::redirect::Policy;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How long a document that is not on this device is waited for.
const OPEN_WITHIN: Duration = Duration::from_secs(30);

/// A server that is there answers a connection in less than a second; a phone's network may take some.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What a client is made of. Everything has a default but the address of the server.
#[derive(Debug)]
pub struct Builder {
    url: Secret,
    token: Result<Token, BadToken>,
    link: Result<Option<Secret>, BadToken>,
    place: Place,
    key: Option<StoreKey>,
    limits: Limits,
    store_limits: StoreLimits,
    windows: Windows,
    requests_only: bool,
    socket_again: Duration,
    open_within: Duration,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is none.
    #[error(transparent)]
    BadUrl(#[from] BadUrl),
    /// What was given as a token is none.
    #[error(transparent)]
    BadToken(#[from] BadToken),
    /// What was given as the secret of a link is none. It is not told: it may be most of one.
    #[error("this is no link's secret: it has a line break or another character in it that none has")]
    BadLink,
    /// The store of this device cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What secures connections is not there, or the system gives no thread.
    #[error("the client cannot start: {0}")]
    System(String),
}

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
        Builder {
            url: Secret::new(url.into()),
            token: Ok(Token::None),
            link: Ok(None),
            place: Place::Memory,
            key: None,
            limits: Limits::default(),
            store_limits: StoreLimits::default(),
            windows: Windows::default(),
            requests_only: false,
            socket_again: SOCKET_AGAIN,
            open_within: OPEN_WITHIN,
        }
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
                    has_hurried = true;
                    core.hurry();
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

impl Builder {
    /// Who we are, for good. White space around it is left out, as a file has it; an empty text is none.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Token::fixed(&token.into());
        self
    }

    /// Where tokens come from: asked before each connection, and again before a token ends. It is called on the client's own thread, so
    /// it waits and does not block.
    #[must_use]
    pub fn token_from<F>(mut self, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = TokenAnswer> + Send + 'static,
    {
        self.token = Ok(Token::source(ask));
        self
    }

    /// The secret of a link that somebody has shared. White space around it is left out; an empty text is none.
    #[must_use]
    pub fn link(mut self, secret: impl Into<String>) -> Self {
        self.link = token::secret(&secret.into());
        self
    }

    /// Keeps documents in a directory, made if it is not there. Without it they are in memory, and go with the process.
    #[must_use]
    pub fn store(mut self, dir: impl Into<PathBuf>) -> Self {
        self.place = Place::Directory(dir.into());
        self
    }

    /// Encrypts what is kept; the same key is needed at each start.
    #[must_use]
    pub fn store_key(mut self, key: StoreKey) -> Self {
        self.key = Some(key);
        self
    }

    /// How much may wait for the server, of each document.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How much room all documents of this device may take, and how long one stays that nobody opens.
    #[must_use]
    pub fn store_limits(mut self, limits: StoreLimits) -> Self {
        self.store_limits = limits;
        self
    }

    /// How long is waited before another connection is tried.
    #[must_use]
    pub fn retry(mut self, windows: Windows) -> Self {
        self.windows = windows;
        self
    }

    /// Uses no WebSocket, though one would get through.
    #[must_use]
    pub fn requests_only(mut self) -> Self {
        self.requests_only = true;
        self
    }

    /// How often a WebSocket is tried where none got through. Five minutes otherwise; never, with [`Duration::MAX`].
    #[must_use]
    pub fn web_socket_again(mut self, every: Duration) -> Self {
        self.socket_again = every;
        self
    }

    /// How long [`Client::open`] waits for a document that is not on this device. Thirty seconds otherwise.
    #[must_use]
    pub fn open_within(mut self, within: Duration) -> Self {
        self.open_within = within;
        self
    }

    /// Opens the store and begins to connect. It waits for the store alone: without a network everything goes on as well.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn connect(self) -> Result<Client, StartError> {
        let link = self.link.clone().map_err(|_| StartError::BadLink)?;
        let server = Arc::new(Server::parse(self.url.reveal(), link)?);
        let token = self.token.clone()?;
        let requests = requests().map_err(StartError::System)?;
        let dialing = Dialing { server, token, requests, requests_only: self.requests_only };
        let (tell, told) = oneshot::channel();
        let open_within = self.open_within;
        let api = Api::new(dialing.clone());
        thread::Builder::new()
            .name("dovetail-client".to_owned())
            .spawn(move || on_own_thread(self, dialing, tell))
            .map_err(|error| StartError::System(error.to_string()))?;
        let ended = |_| StartError::System("its thread has ended".to_owned());
        let (core, moved_aside) = told.await.map_err(ended)??;
        Ok(Client { inner: Arc::new(Inner { core, api, moved_aside, open_within }) })
    }
}

/// What makes requests, and keeps their connections.
pub(crate) fn requests() -> Result<reqwest::Client, String> {
    // No Dovetail server sends anybody elsewhere: where something does, whoever gave the address is told.
    let builder =
        reqwest::Client::builder().no_proxy().redirect(Policy::none()).connect_timeout(CONNECT_WITHIN);
    let builder = builder.user_agent(concat!("dovetail-client/", env!("CARGO_PKG_VERSION")));
    builder.build().map_err(|error| error.to_string())
}

type Started = Result<(Core, Option<MovedAside>), StartError>;

fn on_own_thread(builder: Builder, dialing: Dialing, tell: oneshot::Sender<Started>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(tell.send(Err(StartError::System(error.to_string())))),
    };
    runtime.block_on(async move {
        match start(builder, dialing).await {
            Ok((driver, core, moved_aside)) => {
                // Whoever asked for a client may not want it any more: then it ends at once.
                match tell.send(Ok((core.clone(), moved_aside))) {
                    Ok(()) => driver.is_wanted(),
                    Err(_) => core.close(),
                }
                driver.run().await;
            }
            Err(error) => drop(tell.send(Err(error))),
        }
    });
}

async fn start(builder: Builder, dialing: Dialing) -> Result<(Driver, Core, Option<MovedAside>), StartError> {
    let kept = Kept::open(&builder.place, builder.key).await?;
    let storage = kept.dir.is_some().then(|| kept.storage.clone());
    let engine = Engine::new(new_peer(), storage, builder.windows, builder.limits);
    let cached = kept.rules().await;
    let book = cached.iter().fold(RuleBook::default(), |book, (kind, text)| rules::with(&book, kind, text));
    let core: Core = Arc::new(Shared::new(engine, book, uuid::Uuid::new_v4().to_string()));
    take_up_kept(&core, builder.store_limits, found(&kept).await);
    let moved_aside = kept.moved_aside.clone();
    let equipment = Equipment { core: core.clone(), kept, dialing, socket_again: builder.socket_again };
    Ok((Driver::new(equipment), core, moved_aside))
}

async fn found(kept: &Kept) -> Vec<Found> {
    kept.documents().await.unwrap_or_else(|error| {
        tracing::error!(%error, "what waits for the server on this device cannot be found out: it is sent when it is opened");
        Vec::new()
    })
}

/// What there is since an earlier run: how much room it takes, and what of it waits for the server.
fn take_up_kept(core: &Shared, limits: StoreLimits, found: Vec<Found>) {
    let unsaved: Vec<DocumentId> =
        found.iter().filter(|found| found.is_unsaved).map(|found| found.id.clone()).collect();
    let tenants = found.into_iter().map(|found| (found.id, found.tenant)).collect();
    core.set_room(Room::new(limits, core.clock.now(), tenants));
    core.open_unsaved(&unsaved);
}

/// A name for this run of the client.
pub(crate) fn new_peer() -> PeerId {
    format!("rust-{}", uuid::Uuid::new_v4().simple()).parse().expect("37 letters and digits")
}

fn in_words(connection: &Connection) -> String {
    match connection {
        Connection::Connecting => "no connection has come about".to_owned(),
        Connection::Online => "the server has not answered".to_owned(),
        Connection::Offline { reason, .. } | Connection::Refused { reason, .. } => reason.clone(),
    }
}
