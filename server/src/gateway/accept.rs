//! Connections: in, bounded, and out again when the server stops.
//!
//! warp's own server has no bound on connections, no deadline for a request's head, and
//! does not know of WebSockets when it stops, so the loop is ours and warp is the service
//! behind it. HTTP/1.1 only: without TLS no browser speaks anything else, and a WebSocket
//! needs it.
//!
//! Always true: a connection holds one [`Visitor`] for as long as its socket is open, also
//! after it has become a WebSocket. So "all slots are back" means "everybody is gone".

use super::patient::Patient;
use super::reply::Code;
use crate::auth::Proxies;
use crate::config::Limits;
use crate::metrics;
use crate::shutdown::Drain;
use crate::throttle::network_of;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// How long nothing is accepted after accepting failed. It fails when file descriptors run
/// out; without a pause the loop would burn a core until somebody leaves.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections there are, and from where.
#[derive(Debug, Default)]
pub struct Crowd {
    /// How many may be of one address. Nothing: as many as there are.
    of_one_max: Option<usize>,
    /// From there come others' connections.
    proxies: Proxies,
    /// Whether this machine has the bound as well: a test has no other address.
    bounds_loopback: bool,
    all: AtomicUsize,
    /// One entry for each address that somebody is connected from, so no more than there are connections.
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Crowd {
    /// Nobody is there yet.
    #[must_use]
    pub fn new(of_one_max: Option<u32>, proxies: Proxies) -> Arc<Self> {
        Arc::new(Self { of_one_max: of_one_max.map(|most| most as usize), proxies, ..Self::default() })
    }

    /// How many connections are open.
    #[must_use]
    pub fn all(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// One more, unless its address has as many as it may.
    fn join(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let from = network_of(address);
        let is_bounded = (self.bounds_loopback || !address.is_loopback()) && !self.proxies.trust(address);
        let mut by_address = self.by_address();
        let theirs = by_address.entry(from).or_default();
        if is_bounded && self.of_one_max.is_some_and(|most| *theirs >= most) {
            return None;
        }
        *theirs += 1;
        self.all.fetch_add(1, Ordering::Relaxed);
        Some(Place { crowd: Arc::clone(self), from })
    }

    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address.lock().expect("nothing panics while it holds this lock")
    }
}

/// One in the crowd, for as long as it is held.
#[derive(Debug)]
struct Place {
    crowd: Arc<Crowd>,
    from: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.all.fetch_sub(1, Ordering::Relaxed);
        let mut by_address = self.crowd.by_address();
        if let Some(theirs) = by_address.get_mut(&self.from) {
            *theirs -= 1;
            if *theirs == 0 {
                by_address.remove(&self.from);
            }
        }
    }
}

/// Who is at the other end, and the slot they take. Handed to the routes as an extension
/// of every request.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Where they come from.
    pub address: SocketAddr,
    _slot: Arc<Slot>,
}

#[cfg(test)]
impl Visitor {
    /// For tests without sockets: somebody from another machine.
    pub(super) fn of_test() -> Self {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let address = SocketAddr::from(([10, 1, 2, 3], 4));
        let place = Crowd::new(None, Proxies::default()).join(address.ip()).unwrap();
        Self { address, _slot: Arc::new(Slot::taken(permit, place)) }
    }
}

/// One of `connections_max`, given back when the last [`Visitor`] of a connection is gone.
#[derive(Debug)]
struct Slot {
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

impl Slot {
    fn taken(permit: OwnedSemaphorePermit, place: Place) -> Self {
        ::metrics::gauge!(metrics::CONNECTIONS).increment(1.0);
        Self { _permit: permit, _place: place }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        ::metrics::gauge!(metrics::CONNECTIONS).decrement(1.0);
    }
}

/// Serves `routes` until the draining begins, then until everybody is gone or
/// `drain_timeout` has passed, whichever is first.
///
/// Takes the listener so that a test can bind port 0.
pub async fn serve(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    limits: &Limits,
    crowd: &Arc<Crowd>,
    mut drain: Drain,
) {
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let http = protocol(limits);

    while let Some((stream, visitor)) = next_visitor(&listener, &slots, crowd, &mut drain).await {
        let stream = Patient::new(stream, limits.silence_max);
        let connection = connection(http.clone(), stream, visitor, routes.clone(), drain.clone());
        tokio::spawn(Box::pin(connection));
    }
    drop(listener);

    let everybody_gone = async {
        let all = u32::try_from(limits.connections_max).expect("a count has at most 10 million");
        let _ = slots.acquire_many(all).await;
    };
    if tokio::time::timeout(limits.drain_timeout, everybody_gone).await.is_err() {
        let left = limits.connections_max - slots.available_permits();
        tracing::warn!(left, "connections cut: they did not end within drain_timeout");
    }
}

/// The next connection for which there is a slot; `None` when the draining has begun.
async fn next_visitor(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    crowd: &Arc<Crowd>,
    drain: &mut Drain,
) -> Option<(TcpStream, Visitor)> {
    let admit = async {
        // The slot first: who finds none waits in the kernel's queue and costs nothing here.
        let permit = Arc::clone(slots).acquire_owned().await.expect("this semaphore is never closed");
        let (stream, address, place) = loop {
            let (stream, address) = accept(listener).await;
            match crowd.join(address.ip()) {
                Some(place) => break (stream, address, place),
                None => turn_away(&stream, address),
            }
        };
        // An edit is one small packet, and the next one waits for its answer: without this the
        // kernel would hold it back for up to 40 ms to see whether more comes.
        let _ = stream.set_nodelay(true);
        (stream, Visitor { address, _slot: Arc::new(Slot::taken(permit, place)) })
    };
    tokio::select! {
        () = drain.begun() => None,
        admitted = admit => Some(admitted),
    }
}

/// What somebody is told from whose address there are as many connections as may be. Nobody reads their request for that.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\nretry-after: 10\r\n\
    content-type: application/problem+json\r\ncontent-length: 65\r\n\r\n\
    {\"code\":\"too_many_connections\",\"status\":429,\"type\":\"about:blank\"}";

/// Says why, as far as the socket takes it at once, and closes.
fn turn_away(stream: &TcpStream, address: SocketAddr) {
    let code = Code::TooManyConnections.as_str();
    ::metrics::counter!(metrics::THROTTLED, "code" => code, "verdict" => "stop").increment(1);
    tracing::debug!(%address, "as many connections from there as may be (is it a proxy? see trusted_proxies)");
    let _gone = stream.try_write(TOO_MANY);
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if gave_up_before_us(&error) => {}
            Err(error) => {
                ::metrics::counter!(metrics::ACCEPT_FAILURES).increment(1);
                tracing::error!(%error, "cannot accept connections (are there enough file descriptors?)");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The other end went away between its knock and our opening: nothing is wrong here.
fn gave_up_before_us(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

fn protocol(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    http.header_read_timeout(limits.header_timeout);
    http.max_buf_size(limits.header_bytes_max);
    http
}

/// One connection's life as HTTP. A WebSocket leaves it through [`super::upgrade`].
async fn connection(
    http: http1::Builder,
    stream: Patient<TcpStream>,
    visitor: Visitor,
    routes: BoxedFilter<(Response,)>,
    mut drain: Drain,
) {
    let address = visitor.address;
    let service = TowerToHyperService::new(warp::service(routes));
    let introduced = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(visitor.clone());
        service.call(request)
    });
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), introduced).with_upgrades());
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = drain.begun() => {
            // The request under way is answered; an idle connection ends now.
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%address, %error, "a connection ended badly");
    }
}

#[cfg(test)]
mod tests;
