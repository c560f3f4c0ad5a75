//! The automerge-repo protocol over plain HTTP, as `docs/PROTOCOL-HTTP.md` has it.
//!
//! Always true here: a post is sent again until it is answered, with the same number; a frame is handed
//! out once and in order, whatever was lost or came twice. Whoever stops waiting in the middle loses
//! nothing: what was not answered is asked for again.

use crate::cbor::Value;
use crate::http::{self, Response};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::sleep;

/// How often a request is tried on a way that loses some: one that loses half of them loses all of these
/// once in a hundred million.
const TRIES: usize = 27;

/// The pause between tries: a server that is being restarted is given a moment.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a poll waits. Shorter than it may: a test that is lost in one does not wait long for the next.
const WAIT: &str = "2s";

/// One session over HTTP.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    path: String,
    /// Posts without an answer, with their numbers.
    unanswered: VecDeque<(u64, Bytes)>,
    next_seq: u64,
    /// The number of the newest frame that has come.
    cursor: u64,
    arrived: VecDeque<Bytes>,
}

/// Why a line is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The session is over.
    #[error("the session is over: {code}")]
    Ended {
        /// The server's word for why; its problem's code when it knows no such session.
        code: String,
        /// What a WebSocket would have been closed with.
        close_code: Option<u16>,
    },
    /// Nothing gets through any more.
    #[error("no answer in {TRIES} tries")]
    Unreachable(#[source] io::Error),
    /// The server answered something that no client expects.
    #[error("the server answered {status}: {body}")]
    Odd {
        /// Its status.
        status: u16,
        /// Its body, as text.
        body: String,
    },
}

impl Line {
    /// Opens a session at `address`, which is a host and a port.
    ///
    /// # Errors
    /// When the server does not answer, or opens none.
    pub async fn open(address: &str) -> Result<Self, LineError> {
        let address =
            address.parse().map_err(|_| LineError::Unreachable(io::ErrorKind::InvalidInput.into()))?;
        let answer = tried(|| http::request(address, "POST", "/api/realtime/sync", &[], &[])).await?;
        if answer.status != 201 {
            return Err(odd(&answer));
        }
        let path = answer.header("location").ok_or_else(|| odd(&answer))?.to_owned();
        Ok(Self {
            address,
            path,
            unanswered: VecDeque::new(),
            next_seq: 1,
            cursor: 0,
            arrived: VecDeque::new(),
        })
    }

    /// Sends a frame, and waits until the server has acted on it.
    ///
    /// # Errors
    /// When the session is over or cannot be reached.
    pub async fn send(&mut self, frame: Bytes) -> Result<(), LineError> {
        self.unanswered.push_back((self.next_seq, frame));
        self.next_seq += 1;
        self.deliver().await
    }

    /// The next frame.
    ///
    /// # Errors
    /// When the session is over or cannot be reached.
    pub async fn receive(&mut self) -> Result<Bytes, LineError> {
        loop {
            if let Some(frame) = self.arrived.pop_front() {
                return Ok(frame);
            }
            self.deliver().await?;
            let path = format!("{}?after={}&wait={WAIT}", self.path, self.cursor);
            let cursor = self.cursor;
            let address = self.address;
            let frames = tried(|| async {
                let answer = http::request(address, "GET", &path, &[], &[]).await?;
                page(&answer, cursor)
            });
            for frame in frames.await?? {
                self.cursor += 1;
                self.arrived.push_back(frame);
            }
        }
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn close(self) -> Result<(), LineError> {
        tried(|| http::request(self.address, "DELETE", &self.path, &[], &[])).await.map(drop)
    }

    /// The path of the session, for requests made by hand.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    async fn deliver(&mut self) -> Result<(), LineError> {
        while let Some((seq, frame)) = self.unanswered.front() {
            let seq = seq.to_string();
            let headers = [("dovetail-seq", seq.as_str()), ("content-type", "application/cbor-seq")];
            let answer = tried(|| http::request(self.address, "POST", &self.path, &headers, frame)).await?;
            match answer.status {
                200 | 204 => drop(self.unanswered.pop_front()),
                _ => return Err(ended(&answer)),
            }
        }
        Ok(())
    }
}

/// The frames of an answer that are new to one who has all up to `cursor`. An answer that was cut off
/// is as good as none: the outer error, after which it is tried again.
fn page(answer: &Response, cursor: u64) -> io::Result<Result<Vec<Bytes>, LineError>> {
    if !matches!(answer.status, 200 | 204) {
        return Ok(Err(ended(answer)));
    }
    let number = |name: &str| answer.header(name).and_then(|value| value.parse::<u64>().ok());
    let (Some(after), Some(last)) = (number("dovetail-after"), number("dovetail-cursor")) else {
        return Ok(Err(odd(answer)));
    };
    let body = Bytes::copy_from_slice(&answer.body);
    let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let frames = Value::split(&body).map_err(|_| cut_off())?;
    if frames.len() as u64 != last - after {
        return Err(cut_off());
    }
    assert!(after <= cursor, "frames {cursor} to {after} are missing");
    let known = usize::try_from(cursor - after).unwrap_or(usize::MAX);
    Ok(Ok(frames.into_iter().skip(known).collect()))
}

async fn tried<T, F: Future<Output = io::Result<T>>>(request: impl Fn() -> F) -> Result<T, LineError> {
    let mut tries = 0;
    loop {
        match request().await {
            Ok(answer) => return Ok(answer),
            Err(error) if tries == TRIES => return Err(LineError::Unreachable(error)),
            Err(_) => {}
        }
        tries += 1;
        sleep(PAUSE).await;
    }
}

fn ended(answer: &Response) -> LineError {
    let Ok(problem) = serde_json::from_slice::<serde_json::Value>(&answer.body) else { return odd(answer) };
    match answer.status {
        404 => LineError::Ended {
            code: problem["code"].as_str().unwrap_or_default().to_owned(),
            close_code: None,
        },
        410 => {
            let reason = &problem["reason"];
            let close_code = reason["close_code"].as_u64().and_then(|code| u16::try_from(code).ok());
            LineError::Ended { code: reason["code"].as_str().unwrap_or_default().to_owned(), close_code }
        }
        _ => odd(answer),
    }
}

fn odd(answer: &Response) -> LineError {
    LineError::Odd { status: answer.status, body: String::from_utf8_lossy(&answer.body).into_owned() }
}
