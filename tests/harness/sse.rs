//! A reader of server-sent events, as a browser's `EventSource` is one: it keeps the last id, and what a
//! document looks like once all events are applied.
//!
//! Always true here: nothing is read unless the test asks for it, so a test decides how slow a reader is.

use crate::json_document::JsonDocument;
use serde_json::Value;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the next event may take where one is due.
const WITHIN: Duration = Duration::from_secs(30);

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What follows `event:`.
    pub name: String,
    /// What follows `id:`.
    pub id: String,
    /// What follows `data:`, as JSON.
    pub data: Value,
}

/// A connection that receives events of one document.
#[derive(Debug)]
pub struct EventReader {
    stream: TcpStream,
    /// What has come and is no whole line yet, and whether it is still in HTTP's chunks.
    raw: Vec<u8>,
    text: Vec<u8>,
    /// The document as it is after the events that were read.
    pub document: JsonDocument,
    /// The id of the last event that had one.
    pub last_id: String,
    /// Comments that were passed over.
    pub comments: usize,
}

impl EventReader {
    /// Connects; `document` is what the reader has, which it resumes from when that is something.
    ///
    /// # Errors
    /// When the server cannot be reached or answers anything but 200 with events.
    pub async fn open(address: SocketAddr, id: &str, document: JsonDocument) -> Result<Self, Error> {
        let mut stream = TcpStream::connect(address).await?;
        let last = document.dotted();
        let resume = if last.is_empty() { String::new() } else { format!("last-event-id: {last}\r\n") };
        let head = format!("GET /api/docs/{id}/events HTTP/1.1\r\nhost: {address}\r\n{resume}\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut reader =
            Self { stream, raw: Vec::new(), text: Vec::new(), document, last_id: last, comments: 0 };
        let head = reader.head().await?;
        if !head.starts_with("HTTP/1.1 200") || !head.contains("text/event-stream") {
            return Err(Error::new(ErrorKind::InvalidData, head));
        }
        Ok(reader)
    }

    /// The next event, applied to the document; nothing when the stream has ended.
    ///
    /// # Errors
    /// When the connection breaks, what comes makes no sense, or nothing comes in time.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        timeout(WITHIN, self.read()).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }

    async fn read(&mut self) -> Result<Option<Event>, Error> {
        loop {
            let Some(block) = self.block().await? else { return Ok(None) };
            let Some(event) = self.event(&block)? else { continue };
            self.last_id.clone_from(&event.id);
            self.document.apply(&event.name, &event.data).map_err(odd)?;
            return Ok(Some(event));
        }
    }

    fn event(&mut self, block: &str) -> Result<Option<Event>, Error> {
        let mut event = Event { name: String::new(), id: String::new(), data: Value::Null };
        for line in block.lines().filter(|line| !line.is_empty()) {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("event", name) => event.name = name.to_owned(),
                ("id", id) => event.id = id.to_owned(),
                ("data", data) => event.data = serde_json::from_str(data).map_err(Error::other)?,
                ("retry", _) => {}
                (comment, _) if comment.starts_with(':') => self.comments += 1,
                _ => return Err(odd(format!("not a line of an event: {line}"))),
            }
        }
        Ok(Some(event).filter(|event| !event.name.is_empty()))
    }

    /// What stands before the next empty line.
    async fn block(&mut self) -> Result<Option<String>, Error> {
        loop {
            if let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                return String::from_utf8(block).map(Some).map_err(Error::other);
            }
            if !self.chunk().await? {
                return Ok(None);
            }
        }
    }

    /// Takes one of HTTP's chunks; false at the last one, or when the connection has ended.
    async fn chunk(&mut self) -> Result<bool, Error> {
        loop {
            if let Some(end) = self.raw.windows(2).position(|two| two == b"\r\n") {
                let size = std::str::from_utf8(&self.raw[..end]).map_err(Error::other)?;
                let size = usize::from_str_radix(size.trim(), 16).map_err(Error::other)?;
                if self.raw.len() >= end + 2 + size + 2 {
                    self.text.extend_from_slice(&self.raw[end + 2..end + 2 + size]);
                    self.raw.drain(..end + 2 + size + 2);
                    return Ok(size > 0);
                }
            }
            if !self.more().await? {
                return Ok(false);
            }
        }
    }

    async fn head(&mut self) -> Result<String, Error> {
        loop {
            if let Some(end) = self.raw.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.raw.drain(..end + 4).collect();
                return String::from_utf8(head).map_err(Error::other);
            }
            if !timeout(WITHIN, self.more()).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn more(&mut self) -> Result<bool, Error> {
        let mut piece = vec![0; 64 * 1024];
        let read = self.stream.read(&mut piece).await?;
        self.raw.extend_from_slice(&piece[..read]);
        Ok(read > 0)
    }
}

fn odd(words: String) -> Error {
    Error::new(ErrorKind::InvalidData, words)
}
