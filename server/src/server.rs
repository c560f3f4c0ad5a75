//! The whole server, from the lock on its data directory to the last commit.
//!
//! Always true: the store is opened before anything is served and closed after the last
//! session is gone, and the hub is closed between the two. So what was acknowledged is
//! durable, and what was under way when the server stopped is committed.

use crate::clock::Clock;
use crate::config::Config;
use crate::gateway::{Gateway, accept};
use crate::hub::{Hub, OpenHubError};
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::store::{self, SledStore, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often the figures of a server that nobody scrapes are folded.
const METRICS_UPKEEP: Duration = Duration::from_secs(10);

/// Why the server cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory: another server holds it, or it cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::OpenError),
    /// It was opened, and what lies there does not say who this server is.
    #[error("cannot read who this server is")]
    Hub(#[from] OpenHubError),
}

/// A server that holds its data directory and serves nobody yet.
#[derive(Debug)]
pub struct Server {
    config: Config,
    store: Arc<dyn Store>,
    hub: Hub,
    shutdown: Shutdown,
    gateway: Gateway,
}

impl Server {
    /// Takes the data directory and reads what it must know of it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let data_dir = config.data_dir.clone();
        let opened = tokio::task::spawn_blocking(move || SledStore::open(&data_dir)).await;
        let store = opened.expect("opening a store turns its own panics into errors")?;
        let store = Arc::new(store);
        Self::on(config, store, Clock::System).await
    }

    /// The same on a store that is open already: a test's, say.
    ///
    /// # Errors
    /// See [`OpenError::Hub`].
    pub async fn on(config: Config, store: Arc<dyn Store>, clock: Clock) -> Result<Self, OpenError> {
        // First, so that nothing is counted before somebody counts.
        let metrics = Metrics::of_process();
        let shutdown = Shutdown::new();
        let hub = Hub::open(Arc::clone(&store), &config.limits, clock.clone()).await?;
        let gateway =
            Gateway::new(hub.clone(), Arc::clone(&store), &config, shutdown.watch(), metrics, clock);
        Ok(Self { config, store, hub, shutdown, gateway })
    }

    /// The documents.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// What handlers use; for tests that call them without a socket.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Serves until `stop` resolves, then drains and closes. Takes the listener so that a
    /// test can bind port 0.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let upkeep = tokio::spawn(fold_metrics(self.gateway.metrics.clone()));
        let serving =
            accept::serve(listener, self.gateway.routes(), &self.config.limits, self.shutdown.watch());
        let stopping = async {
            stop.await;
            self.shutdown.begin();
            self.hub.end_sessions();
        };
        tokio::join!(serving, stopping);
        upkeep.abort();
        self.close().await;
    }

    /// Commits what is under way and lets go of the data directory.
    pub async fn close(self) {
        self.hub.close().await;
        self.store.close().await;
        tracing::info!("closed");
    }
}

async fn fold_metrics(metrics: Metrics) {
    let mut every = tokio::time::interval(METRICS_UPKEEP);
    loop {
        every.tick().await;
        metrics.upkeep();
    }
}
