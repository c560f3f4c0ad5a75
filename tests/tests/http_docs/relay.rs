//! Between curl and the server: passes everything on, and keeps what was asked and answered.
//!
//! Always true: a connection is kept as one exchange. curl opens one for each time it is called, and the page
//! calls it with one URL.

use dovetail_tests::http::{self, Response};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a connection may last after its caller has ended.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// A request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// The request's `content-type`, and its body.
    pub(crate) sent: Option<(String, Vec<u8>)>,
    /// The answer; without a body where that was still under way.
    pub(crate) response: Response,
}

impl Exchange {
    pub(crate) fn status(&self) -> u16 {
        self.response.status
    }

    /// The path without what stands behind the `?`.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

pub(crate) struct Relay {
    address: SocketAddr,
    kept: Arc<Kept>,
}

struct Kept {
    exchanges: Mutex<Vec<Exchange>>,
    /// How many connections are open.
    open: watch::Sender<usize>,
}

impl Relay {
    /// A relay on a port of its own.
    pub(crate) async fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let kept = Arc::new(Kept { exchanges: Mutex::default(), open: watch::Sender::new(0) });
        let relay = Self { address, kept: Arc::clone(&kept) };
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                kept.open.send_modify(|open| *open += 1);
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let exchange = pass(caller, server).await.unwrap();
                    kept.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
                    kept.open.send_modify(|open| *open -= 1);
                });
            }
        });
        Ok(relay)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked and answered since the last call, when no connection is open any more.
    pub(crate) async fn taken(&self) -> Vec<Exchange> {
        let mut open = self.kept.open.subscribe();
        let quiet = timeout(ENDS_WITHIN, open.wait_for(|open| *open == 0)).await;
        quiet.expect("a connection does not end, or what passed over it was no HTTP").unwrap();
        std::mem::take(&mut *self.kept.exchanges.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Passes on until the caller has gone: it has then read what it wants.
async fn pass(mut caller: TcpStream, server: SocketAddr) -> io::Result<Exchange> {
    let mut server = TcpStream::connect(server).await?;
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let (mut from_caller, mut from_server) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut server_is_open = true;
    loop {
        tokio::select! {
            read = caller.read(&mut from_caller) => match read {
                Ok(0) | Err(_) => break,
                Ok(count) => {
                    asked.extend_from_slice(&from_caller[..count]);
                    server.write_all(&from_caller[..count]).await?;
                }
            },
            read = server.read(&mut from_server), if server_is_open => match read? {
                0 => {
                    server_is_open = false;
                    caller.shutdown().await?;
                }
                count => {
                    answered.extend_from_slice(&from_server[..count]);
                    caller.write_all(&from_server[..count]).await?;
                }
            },
        }
    }
    exchange(&asked, &answered)
}

fn exchange(asked: &[u8], answered: &[u8]) -> io::Result<Exchange> {
    // A request's head has the form of an answer's: a line, then headers.
    let line = asked.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let head_bytes = asked.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(asked.len());
    let head = String::from_utf8_lossy(&asked[..head_bytes]).into_owned();
    let media_type = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let media_type = media_type
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.trim().to_owned())
        .next();
    let body = asked.get(head_bytes + 4..).unwrap_or_default().to_vec();
    let response = match http::read(answered) {
        Ok(whole) => whole,
        Err(_) => http::read_head(answered)?.0,
    };
    Ok(Exchange { method, target, sent: media_type.map(|media_type| (media_type, body)), response })
}
