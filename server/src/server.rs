//! The whole server, from the lock on its data directory to the last commit.
//!
//! Always true: the store is opened before anything is served and closed after the last
//! session is gone, and the hub is closed between the two. So what was acknowledged is
//! durable, and what was under way when the server stopped is committed.

use crate::audit::Audit;
use crate::auth::{Authenticator, OpenAuthError};
use crate::bans::Bans;
use crate::clock::Clock;
use crate::config::Config;
use crate::gateway::headers::{Shield, guarded};
use crate::gateway::{ConflictDoors, Gateway, Guard, accept};
use crate::hub::{Hub, OpenHubError, Records};
use crate::metrics::Metrics;
use crate::quarantine::{self, Quarantine};
use crate::quotas::Quotas;
use crate::rules::{OpenRulesError, Shelf};
use crate::shutdown::Shutdown;
use crate::store::{LoadError, OpenError, SledStore, Store};
use crate::sweep::Sweep;
use crate::throttle::Throttle;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often the figures of a server that nobody scrapes are folded.
const METRICS_UPKEEP: Duration = Duration::from_secs(10);

/// Why a server cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenServerError {
    /// The data directory cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Opening it panicked; the report is in the log.
    #[error("opening the data directory failed in an unforeseen way")]
    Panicked,
    /// What was written down before cannot be read.
    #[error("could not read the audit log and the quarantine")]
    Records(#[from] LoadError),
    /// Nobody can be asked who they are.
    #[error(transparent)]
    Auth(#[from] OpenAuthError),
    /// Its rules cannot be put in force.
    #[error(transparent)]
    Rules(#[from] OpenRulesError),
    /// Its documents cannot be reached.
    #[error(transparent)]
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
    sweep: Sweep,
}

impl Server {
    /// Takes the data directory and reads what it must know of it.
    ///
    /// # Errors
    /// When another server holds the directory, or it cannot be read or written.
    pub async fn open(config: Config) -> Result<Self, OpenServerError> {
        let (dir, floor) = (config.data_dir.clone(), config.limits.disk_free_min);
        // On a thread of its own: after a kill the whole log is read.
        let opened = tokio::task::spawn_blocking(move || SledStore::open(&dir, floor)).await;
        let store = opened.map_err(|_| OpenServerError::Panicked)??;
        Self::on(config, Arc::new(store), Clock::System).await
    }

    /// The same on a store that is open already: a test's, say.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn on(config: Config, store: Arc<dyn Store>, clock: Clock) -> Result<Self, OpenServerError> {
        let shutdown = Shutdown::new();
        let metrics = Metrics::of_process();
        let hub = Hub::open(Arc::clone(&store), &config.limits, clock.clone()).await?;
        let rules =
            Shelf::open(Arc::clone(&store), hub.clone(), clock.clone(), config.rules_dir.as_deref()).await?;
        let (sweep, swept) = Sweep::new(hub.clone(), Arc::clone(&store), clock.clone());
        let records = Records {
            audit: Audit::open(Arc::clone(&store), clock.clone(), config.limits.audit_entries_max).await?,
            quarantine: Quarantine::open(Arc::clone(&store), kept(&config), clock.clone()).await?,
        };
        hub.keep_records(records.clone());
        if config.auth.is_on() {
            let limits = &config.limits;
            let documents = limits.documents_per_subject_max.map(|most| most as usize);
            hub.bound(Quotas::new(documents, limits.bytes_per_subject_max)).await?;
        }
        let authenticator = Authenticator::open(&config.auth, clock.clone())?;
        let throttle =
            if authenticator.is_on() { Throttle::new(&config.limits, &clock) } else { Throttle::off() };
        let guard = Guard {
            authenticator,
            throttle,
            bans: Bans::new(&clock),
            cookie_name: config.auth.cookie_name.clone(),
            origins: config.auth.allowed_origins.clone(),
            proxies: config.trusted_proxies.clone(),
        };
        let conflicts = ConflictDoors { rules, swept, dry_runs: Arc::default() };
        let gateway = Gateway::new(
            hub.clone(),
            Arc::clone(&store),
            conflicts,
            guard,
            records,
            &config,
            shutdown.watch(),
            metrics,
            clock,
        );
        Ok(Self { config, store, hub, shutdown, gateway, sweep })
    }

    /// What handlers use; for tests that call them without a socket.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// What it was told.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Serves until `stop` resolves, then drains and closes. Takes the listener so that a
    /// test can bind port 0.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let Self { config, store, hub, shutdown, gateway, sweep } = self;
        let upkeep = tokio::spawn(fold_metrics(gateway.metrics.clone()));
        let sweeping = tokio::spawn(sweep.run());
        let forgetting = tokio::spawn(gateway.keep_swept());
        let watching = tokio::spawn(gateway.clone().watch_bounds());
        let clock = gateway.clock.clone();
        let shield = Shield::new(config.auth.allowed_origins.clone(), config.listen, gateway.asks(), clock);
        let routes = guarded(gateway.routes(), shield);
        let serving = accept::serve(listener, routes, &config.limits, &gateway.crowd, shutdown.watch());
        let stopping = async {
            stop.await;
            sweeping.abort();
            shutdown.begin();
            hub.end_sessions();
        };
        tokio::join!(serving, stopping);
        upkeep.abort();
        forgetting.abort();
        watching.abort();
        close(&gateway, &hub, &*store).await;
    }

    /// Commits what is under way and lets go of the data directory.
    pub async fn close(self) {
        close(&self.gateway, &self.hub, &*self.store).await;
    }
}

fn kept(config: &Config) -> quarantine::Settings {
    let limits = &config.limits;
    quarantine::Settings { bytes_max: limits.quarantine_bytes_max, keep: limits.quarantine_keep }
}

/// Points that wait become changes, changes are committed, and then the store is let go of.
async fn close(gateway: &Gateway, hub: &Hub, store: &dyn Store) {
    gateway.points.close().await;
    hub.close().await;
    gateway.records.quarantine.flush().await;
    gateway.records.audit.flush().await;
    store.close().await;
    tracing::info!("closed");
}

async fn fold_metrics(metrics: Metrics) {
    let mut every = tokio::time::interval(METRICS_UPKEEP);
    loop {
        every.tick().await;
        metrics.upkeep();
    }
}
