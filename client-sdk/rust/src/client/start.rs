//! What a client is made of, and how it begins: a store, a thread of its own, and what an earlier run has left.
//!
//! Always true: it waits for the store of this device alone; whether there is a network is found out afterwards.

use super::{Client, Inner};
use crate::api::Api;
use crate::driver::core::{Core, Shared};
use crate::driver::line::Dialing;
use crate::driver::{Driver, Equipment, SOCKET_AGAIN, rules};
use crate::keep::{Found, Kept, MovedAside, Place, StoreError, StoreKey};
use crate::machine::course::Windows;
use crate::machine::engine::Engine;
use crate::machine::replica::Limits;
use crate::machine::room::{Room, StoreLimits};
use crate::place::{BadUrl, Server};
use crate::token::{self, BadToken, Token, TokenAnswer};
use dovetail_core::id::{DocumentId, PeerId};
use dovetail_core::rules::RuleBook;
use dovetail_core::wire::Secret;
use reqwest::redirect::Policy;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a document that is not on this device is waited for.
const OPEN_WITHIN: Duration = Duration::from_secs(30);

/// A server that is there takes a connection in less than a second; a phone's network may take some.
const REACH_WITHIN: Duration = Duration::from_secs(10);

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

impl Builder {
    pub(super) fn new(url: Secret) -> Self {
        Self {
            url,
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
        reqwest::Client::builder().no_proxy().redirect(Policy::none()).connect_timeout(REACH_WITHIN);
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
    let mut engine = Engine::new(new_peer(), storage, builder.windows, builder.limits);
    if dialing.token.is_source() {
        engine.has_token_source();
    }
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
