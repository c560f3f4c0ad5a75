//! Fetching a small document from an address that somebody configured.
//!
//! Always true: it takes [`FETCH_WITHIN`] at most and [`BYTES_MAX`] at most, and follows nobody elsewhere: a
//! redirect is an answer without keys, or whoever can make one would choose whom this server calls.

use super::keys_url::KeysUrl;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tracing::warn;

/// From the name to the last byte. Whoever signs in waits for it once.
const FETCH_WITHIN: Duration = Duration::from_secs(5);

/// The most bytes of a set of keys: 64 of the largest have less than 128 KiB, certificates beside them.
pub(super) const BYTES_MAX: usize = 256 * 1024;

/// The most bytes of the answer's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Fetches from one address.
pub(super) struct Fetcher {
    url: KeysUrl,
    /// Nothing for an address on this machine.
    tls: Option<TlsConnector>,
    within: Duration,
}

/// Why there is nobody to fetch with.
#[derive(Debug, thiserror::Error)]
pub enum NoTls {
    /// No authority is trusted by this machine.
    #[error(
        "this machine has no certificates of authorities; install ca-certificates, or name a file in SSL_CERT_FILE"
    )]
    NoRoots,
    /// It cannot be set up.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("it takes longer than {} s", FETCH_WITHIN.as_secs())]
    TooLong,
    #[error("no connection: {0}")]
    Connect(#[source] io::Error),
    #[error("the host's name is none")]
    BadHost,
    #[error("no answer: {0}")]
    Http(#[source] hyper::Error),
    #[error("the answer has the status {0}")]
    Status(StatusCode),
    #[error("the answer is larger than {} KiB, or broke off", BYTES_MAX / 1024)]
    Body,
}

impl Fetcher {
    pub(super) fn new(url: KeysUrl) -> Result<Self, NoTls> {
        let tls = if url.is_https() { Some(trusting_this_machine()?.into()) } else { None };
        Ok(Self { url, tls, within: FETCH_WITHIN })
    }

    /// One with less patience, so that no test waits for seconds.
    #[cfg(test)]
    pub(super) fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// The body of the answer.
    pub(super) async fn fetch(&self) -> Result<Bytes, FetchError> {
        let fetching = tokio::time::timeout(self.within, Box::pin(self.ask()));
        fetching.await.unwrap_or(Err(FetchError::TooLong))
    }

    async fn ask(&self) -> Result<Bytes, FetchError> {
        let stream =
            TcpStream::connect((self.url.host(), self.url.port())).await.map_err(FetchError::Connect)?;
        match &self.tls {
            None => self.exchange(stream).await,
            Some(tls) => {
                let host =
                    ServerName::try_from(self.url.host().to_owned()).map_err(|_| FetchError::BadHost)?;
                let stream = tls.connect(host, stream).await.map_err(FetchError::Connect)?;
                Box::pin(self.exchange(stream)).await
            }
        }
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Bytes, FetchError> {
        let mut client = http1::Builder::new();
        client.max_buf_size(HEAD_BYTES_MAX);
        let (mut sender, connection) =
            client.handshake(TokioIo::new(stream)).await.map_err(FetchError::Http)?;
        // Drives the bytes, and is dropped with this call, however it ends.
        let mut driven = JoinSet::new();
        driven.spawn(connection);
        let request = Request::get(self.url.path())
            .header(header::HOST, self.url.authority())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("dovetail/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .expect("the address was read as one");
        let answer = sender.send_request(request).await.map_err(FetchError::Http)?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), BYTES_MAX).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|_| FetchError::Body)
    }
}

/// TLS with those authorities that this machine trusts, a company's own among them.
fn trusting_this_machine() -> Result<Arc<ClientConfig>, NoTls> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        warn!(%error, "certificates of this machine that cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(NoTls::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(Arc::new(config.map_err(NoTls::Setup)?.with_root_certificates(roots).with_no_client_auth()))
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").field("url", &self.url).finish_non_exhaustive()
    }
}
