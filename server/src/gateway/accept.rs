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
use crate::config::Limits;
use crate::metrics;
use crate::shutdown::Drain;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// How long nothing is accepted after accepting failed. It fails when file descriptors run
/// out; without a pause the loop would burn a core until somebody leaves.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
        Self { address: SocketAddr::from(([10, 1, 2, 3], 4)), _slot: Arc::new(Slot::taken(permit)) }
    }
}

/// One of `connections_max`, given back when the last [`Visitor`] of a connection is gone.
#[derive(Debug)]
struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    fn taken(permit: OwnedSemaphorePermit) -> Self {
        ::metrics::gauge!(metrics::CONNECTIONS).increment(1.0);
        Self { _permit: permit }
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
    mut drain: Drain,
) {
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let http = protocol(limits);

    while let Some((stream, visitor)) = next_visitor(&listener, &slots, &mut drain).await {
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
    drain: &mut Drain,
) -> Option<(TcpStream, Visitor)> {
    let admit = async {
        // The slot first: who finds none waits in the kernel's queue and costs nothing here.
        let permit = Arc::clone(slots).acquire_owned().await.expect("this semaphore is never closed");
        let (stream, address) = accept(listener).await;
        // An edit is one small packet, and the next one waits for its answer: without this the
        // kernel would hold it back for up to 40 ms to see whether more comes.
        let _ = stream.set_nodelay(true);
        (stream, Visitor { address, _slot: Arc::new(Slot::taken(permit)) })
    };
    tokio::select! {
        () = drain.begun() => None,
        admitted = admit => Some(admitted),
    }
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
