//! A proxy that lets no WebSocket through until it is told to, as some companies have one.
//!
//! Always true here: everything stays on loopback, and it ends when it is dropped.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How many bytes of a request are looked at: its headers are within them.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// See the top of the file.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    lets_through: Arc<AtomicBool>,
    passed: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Gate {
    /// A proxy before `server`, which answers 403 to whoever wants a WebSocket.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn before(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let lets_through = Arc::new(AtomicBool::new(false));
        let passed = Arc::new(AtomicUsize::new(0));
        let (may, count) = (Arc::clone(&lets_through), Arc::clone(&passed));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, server, Arc::clone(&may), Arc::clone(&count)));
            }
        });
        Ok(Self { address, lets_through, passed, serving })
    }

    /// `http://` and where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on WebSockets get through.
    pub fn open(&self) {
        self.lets_through.store(true, Ordering::Release);
    }

    /// How many have.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::Acquire)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(
    mut stream: TcpStream,
    server: SocketAddr,
    lets_through: Arc<AtomicBool>,
    passed: Arc<AtomicUsize>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let is_upgrade = String::from_utf8_lossy(&head).to_ascii_lowercase().contains("upgrade: websocket");
    if is_upgrade && !lets_through.load(Ordering::Acquire) {
        return stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await;
    }
    passed.fetch_add(usize::from(is_upgrade), Ordering::AcqRel);
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(&head).await?;
    copy_bidirectional(&mut stream, &mut upstream).await.map(drop)
}
