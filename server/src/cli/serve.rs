//! `dovetail` and `dovetail serve`: start, tell that we listen, serve, stop.

use super::{Failure, arguments, explained, on_runtime};
use crate::config::{self, Config};
use crate::server::{OpenServerError, Server};
use crate::{shutdown, telemetry};
use clap::ArgMatches;
use std::io::Write;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// File descriptors that are not connections: the store's, the runtime's, standard ones.
const DESCRIPTORS_BESIDE_CONNECTIONS: u64 = 128;

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let config = arguments::config(matches)?;
    telemetry::start(&config);
    warn_of_unknown_variables();
    raise_descriptor_limit(config.limits.connections_max);
    on_runtime(serve(config))
}

/// One is mistyped, or for something else of the same name. It is no fault: whoever runs a service called dovetail may set
/// some of their own.
fn warn_of_unknown_variables() {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for variable in config::unknown_variables(names) {
        tracing::warn!(variable, "no setting is called that; `dovetail config` lists them");
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    // Signals first: one that comes while the store opens must not end us half-way.
    let stop =
        shutdown::signal().map_err(|error| Failure::Failed(format!("cannot listen to signals: {error}")))?;
    let (listener, address) = bind(config.listen).await?;
    let data_dir = config.data_dir.display().to_string();
    let asks = config.auth.is_on();
    let server = Server::open(config).await.map_err(|error| match error {
        // A file of keys that the settings name gives none.
        OpenServerError::Auth(_) => Failure::Usage(explained(&error)),
        _ => Failure::Failed(explained(&error)),
    })?;

    tracing::info!(%address, data_dir, version = env!("CARGO_PKG_VERSION"), asks_for_tokens = asks, "serving");
    say_that_we_listen(address);
    server.run(listener, stop).await;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound
        .await
        .map_err(|error: std::io::Error| Failure::Failed(format!("cannot listen on {address}: {error}")))
}

/// The line that scripts wait for. Whoever closed our output does not wait for it.
fn say_that_we_listen(address: SocketAddr) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "listening on http://{address}");
    let _ = out.flush();
}

/// A shell gives a process 1,024 file descriptors and lets it take more. Every connection
/// is one, so we take what `connections_max` needs, as far as we may.
#[cfg(unix)]
fn raise_descriptor_limit(connections_max: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let wanted = connections_max as u64 + DESCRIPTORS_BESIDE_CONNECTIONS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if enough(current) {
        return;
    }
    let raised = Some(maximum.map_or(wanted, |maximum| maximum.min(wanted)));
    if setrlimit(Resource::Nofile, Rlimit { current: raised, maximum }).is_err() || !enough(raised) {
        tracing::warn!(
            wanted,
            allowed = raised,
            "fewer file descriptors than connections_max needs; connections beyond them will wait"
        );
    }
}

#[cfg(not(unix))]
fn raise_descriptor_limit(_connections_max: usize) {}
