//! TLS in front of a server, as a proxy of a company ends it: with a certificate that no machine trusts by itself.
//!
//! Always true here: everything stays on loopback, and it ends when it is dropped. The key is for tests and lies in the repository: nobody
//! trusts what it signs but those who are told to.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// See the top of the file.
#[derive(Debug)]
pub struct Tls {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Tls {
    /// TLS before `server`.
    ///
    /// # Errors
    /// When there is no port to listen on, or the certificate cannot be read.
    pub async fn before(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(config()?));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(acceptor.clone(), stream, server));
            }
        });
        Ok(Self { address, serving })
    }

    /// `https://` and where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Who has signed its certificate, as `SSL_CERT_FILE` names those whom a process trusts.
    #[must_use]
    pub fn authority() -> PathBuf {
        file("authority.pem")
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web/tls").join(name)
}

fn config() -> io::Result<ServerConfig> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file("server.pem")).map_err(io::Error::other)?.collect();
    let key = PrivateKeyDer::from_pem_file(file("server.private.pem")).map_err(io::Error::other)?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    builder
        .with_no_client_auth()
        .with_single_cert(chain.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)
}

async fn pass(acceptor: TlsAcceptor, stream: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut onward = TcpStream::connect(server).await?;
    copy_bidirectional(&mut stream, &mut onward).await?;
    Ok(())
}
