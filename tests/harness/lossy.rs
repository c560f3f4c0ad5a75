//! An HTTP proxy as bad as they come: it loses requests and answers, cuts answers short, sends requests
//! twice, and sends old ones once more when nobody thinks of them any longer.
//!
//! Always true here: what it does is drawn from a seed, one request is a connection, and everything stays
//! on loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a connection to the server may take, a waiting poll included.
const WITHIN: Duration = Duration::from_secs(30);

/// How many old requests are kept to be sent again.
const PAST_MAX: usize = 32;

/// A running proxy; it ends when this is dropped.
#[derive(Debug)]
pub struct Lossy {
    address: SocketAddr,
    fates: Arc<Mutex<Fates>>,
    serving: JoinHandle<()>,
}

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It goes there and back.
    Passes,
    /// It never arrives.
    RequestLost,
    /// It arrives, and nobody hears what came of it.
    AnswerLost,
    /// Half of the answer arrives.
    AnswerCut,
    /// It arrives twice.
    Doubled,
    /// It passes, and an old one goes with it.
    StirsThePast,
}

#[derive(Debug)]
struct Fates {
    drawn: u64,
    past: Vec<Vec<u8>>,
    harmed: usize,
}

impl Lossy {
    /// A proxy before `server`.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn before(server: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let fates = Arc::new(Mutex::new(Fates { drawn: seed, past: Vec::new(), harmed: 0 }));
        let serving = tokio::spawn(serve(listener, server, fates.clone()));
        Ok(Self { address, fates, serving })
    }

    /// `http://ADDR:PORT` of the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests something was done to.
    #[must_use]
    pub fn harmed(&self) -> usize {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner).harmed
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Fates {
    fn draw(&mut self, below: u64) -> u64 {
        self.drawn =
            self.drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.drawn >> 33) % below
    }

    fn next(&mut self, request: &[u8]) -> Fate {
        if self.past.len() == PAST_MAX {
            let at = self.draw(PAST_MAX as u64) as usize;
            self.past.swap_remove(at);
        }
        self.past.push(request.to_vec());
        let fate = match self.draw(100) {
            0..10 => Fate::RequestLost,
            10..20 => Fate::AnswerLost,
            20..25 => Fate::AnswerCut,
            25..35 => Fate::Doubled,
            35..50 => Fate::StirsThePast,
            _ => Fate::Passes,
        };
        if fate != Fate::Passes {
            self.harmed += 1;
        }
        fate
    }

    fn an_old_one(&mut self) -> Vec<u8> {
        let at = self.draw(self.past.len() as u64) as usize;
        self.past[at].clone()
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, fates: Arc<Mutex<Fates>>) {
    while let Ok((client, _)) = listener.accept().await {
        let fates = fates.clone();
        // A connection that fails is one of the things that such a proxy does.
        tokio::spawn(async move { timeout(WITHIN, pass(client, server, fates)).await });
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, fates: Arc<Mutex<Fates>>) -> io::Result<()> {
    let request = read_request(&mut client).await?;
    let (fate, old) = {
        let mut fates = fates.lock().unwrap_or_else(PoisonError::into_inner);
        let fate = fates.next(&request);
        (fate, fates.an_old_one())
    };
    match fate {
        Fate::RequestLost => return Ok(()),
        Fate::AnswerLost => return exchange(server, &request).await.map(drop),
        Fate::Doubled => {
            let (first, second) = tokio::join!(exchange(server, &request), exchange(server, &request));
            drop(first);
            client.write_all(&second?).await?;
        }
        Fate::AnswerCut => {
            let answer = exchange(server, &request).await?;
            client.write_all(&answer[..answer.len() / 2]).await?;
        }
        Fate::StirsThePast => {
            tokio::spawn(async move { timeout(WITHIN, exchange(server, &old)).await });
            client.write_all(&exchange(server, &request).await?).await?;
        }
        Fate::Passes => client.write_all(&exchange(server, &request).await?).await?,
    }
    client.shutdown().await
}

async fn read_request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if request.len() >= head + 4 + length.unwrap_or(0usize) {
                // Nothing is kept open here: one request is one connection.
                let rest = request.split_off(head);
                return Ok([&request[..], b"\r\nconnection: close", &rest].concat());
            }
        }
        if client.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Sends a request, and reads until the server closes, as it was asked to.
async fn exchange(server: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}
