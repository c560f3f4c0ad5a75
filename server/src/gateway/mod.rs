//! The edge: everything that others can reach of this server.
//!
//! Edit path: ← bytes from the network, → [`socket`], [`realtime`] or [`http`] hand what was parsed to
//! the [`hub`](crate::hub); what the hub refuses becomes words in [`reply`].
//!
//! **Invariant:** no decision is taken here that a test without sockets could not reach:
//! routes say where, and plain functions say what.
//! **Invariant:** an error's source goes to the log and never to the caller.

pub mod accept; // Connections in, and out again when the server stops.
mod body_slots; // Slots for bodies in memory.
mod door; // Whoever asks, and what they may do.
mod foreign; // Pages that were not let in, for the log.
pub mod headers; // What browsers are told, and which pages may call.
pub mod http; // What is answered at which path.
mod link; // What ties a session to the documents.
mod one_way; // Who is gone is heard to the end.
mod patient; // Answers that nobody reads are not held.
pub(crate) mod poll; // Sync over plain HTTP.
pub(crate) mod realtime; // The JSON WebSocket.
pub mod reply; // Errors as words.
pub mod socket; // The automerge-repo WebSocket.
pub mod upgrade; // From a request to a WebSocket of ours.
mod used; // How much of each bound is used.

use crate::auth::{Authenticator, Origins, Proxies};
use crate::bans::Bans;
use crate::clock::Clock;
use crate::config::{Config, Limits};
use crate::feed::Feeds;
use crate::hub::{Hub, Records};
use crate::metrics::Metrics;
use crate::near::Nearness;
use crate::points::Points;
use crate::rules::Shelf;
use crate::shutdown::Drain;
use crate::store::Store;
use crate::sweep::Progress;
use crate::throttle::Throttle;
use accept::Crowd;
use body_slots::BodySlots;
use door::Entered;
use realtime::People;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// What every handler may use. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The documents.
    pub hub: Hub,
    /// Lists and health only: documents are read and written through the hub.
    pub store: Arc<dyn Store>,
    /// Rules, and how far all documents were judged by them.
    pub conflicts: ConflictDoors,
    /// The bounds.
    pub limits: Arc<Limits>,
    /// Whether the server is on its way out.
    pub drain: Drain,
    /// The figures of `/metrics`.
    pub metrics: Metrics,
    /// The time.
    pub clock: Clock,
    /// Documents as JSON that is kept up to date.
    pub feeds: Feeds,
    guard: Arc<Guard>,
    /// The audit log and the quarantine.
    pub records: Records,
    people: Arc<People>,
    /// The turn to replace rights for kinds and who is blocked.
    policy_turn: Arc<tokio::sync::Mutex<()>>,
    /// Answers to requests that may come twice.
    answers: http::Answers,
    /// Turns for writers who would rather be refused than merged.
    turns: http::Turns,
    /// What feeds widget data documents.
    pub points: Points,
    polls: poll::Polls,
    /// Who is connected.
    pub crowd: Arc<Crowd>,
    /// Which bounds are near.
    near: Arc<Nearness>,
    bodies: BodySlots,
    computations: Arc<Semaphore>,
    /// The turn to read all that is stored.
    reading_all: Arc<tokio::sync::Mutex<()>>,
}

/// What decides who comes in.
#[derive(Debug)]
pub struct Guard {
    /// Who asks people who they are.
    pub authenticator: Authenticator,
    /// Which cookie holds a token, if one does.
    pub cookie_name: Option<String>,
    /// Pages that may call.
    pub origins: Origins,
    /// Proxies whose word is taken for where a request comes from.
    pub proxies: Proxies,
    /// How much one person, address and document may have at a time.
    pub throttle: Throttle,
    /// From where nobody is let in for a while.
    pub bans: Bans,
}

/// What the doors of rules and conflicts use beside the hub.
#[derive(Debug, Clone)]
pub struct ConflictDoors {
    /// Which rules are in force, and those before.
    pub rules: Shelf,
    /// How far the sweep has come.
    pub swept: watch::Receiver<Progress>,
    /// The turn to try rules out.
    pub dry_runs: Arc<tokio::sync::Mutex<()>>,
}

/// The sub-protocols of `/sync` that a client may name beside its token.
const SYNC_PROTOCOLS: &[&str] = &["automerge-repo.v1"];

/// How many requests may make a document of a body, or a form of a document, at one time. Each
/// takes a core for up to a second, and JSON takes up to sixteen times its length while it is
/// read: 256 MiB for the largest body. More wait for their turn.
pub(crate) const COMPUTATIONS_MAX: usize = 4;

impl Gateway {
    /// A gateway to these documents.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "all that a server is made of comes together here, and only here"
    )]
    pub fn new(
        hub: Hub,
        store: Arc<dyn Store>,
        conflicts: ConflictDoors,
        guard: Guard,
        records: Records,
        config: &Config,
        drain: Drain,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        let limits = Arc::new(config.limits.clone());
        let bodies = BodySlots::new(limits.bodies_max);
        let computations = Arc::new(Semaphore::new(COMPUTATIONS_MAX));
        let feeds = Feeds::new(hub.clone(), computations.clone());
        let people = Arc::default();
        let answers = http::Answers::new(Arc::clone(&store), clock.clone());
        let turns = http::Turns::default();
        let points = Points::new(hub.clone(), store.clone(), clock.clone(), drain.clone());
        let polls = poll::Polls::new(limits.connections_max);
        Self {
            hub,
            store,
            conflicts,
            limits,
            drain,
            metrics,
            clock,
            feeds,
            guard: Arc::new(guard),
            records,
            people,
            policy_turn: Arc::default(),
            answers,
            turns,
            points,
            polls,
            near: Arc::default(),
            crowd: Crowd::new(config.limits.connections_per_address_max, config.trusted_proxies.clone()),
            bodies,
            computations,
            reading_all: Arc::default(),
        }
    }

    /// Forgets answers that are too old, for as long as it is run.
    pub fn keep_swept(&self) -> impl Future<Output = ()> + Send + use<> {
        self.answers.clone().keep_swept()
    }

    /// Every route. What matches none is answered by [`reply`] as well, so nothing that
    /// leaves here is without a body that explains it.
    #[must_use]
    pub fn routes(&self) -> BoxedFilter<(Response,)> {
        let gateway = self.clone();
        let path = warp::path!("sync").and(upgrade::request()).and(door::caller(self));
        let sync = path.then(move |request, entered| {
            let gateway = gateway.clone();
            http::answer_anybody("/sync", "GET", async move { open_sync(&gateway, request, entered) })
        });
        sync.boxed().or(http::routes(self)).unify().or(reply::no_route()).unify().boxed()
    }

    /// Computes where that blocks no socket, when its turn comes.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, reply::Problem> {
        let turn =
            Arc::clone(&self.computations).acquire_owned().await.expect("this semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn); // also when whoever asked has gone
            done
        });
        done.await.map_err(|error| reply::of_panic(&error))
    }
}

fn open_sync(
    gateway: &Gateway,
    request: upgrade::Request,
    entered: Entered,
) -> Result<Response, reply::Problem> {
    let (bytes_max, drain) = (gateway.limits.message_bytes_max, &gateway.drain);
    let server = gateway.hub.identity().peer.clone();
    let entered = door::unless_banned(entered)?;
    request.open(bytes_max, SYNC_PROTOCOLS, drain, move |websocket, address| async move {
        match door::joined(entered).await {
            Ok(door) => Box::pin(socket::serve(websocket, address, door)).await,
            Err(problem) => {
                socket::turn_away(websocket, server, door::turned_away(&problem)).await;
            }
        }
    })
}
