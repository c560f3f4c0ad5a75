//! A client of the JSON WebSocket: typed messages out and in, and the documents that it follows.

use crate::json_document::JsonDocument;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long an answer may take.
const WITHIN: Duration = Duration::from_secs(30);

/// One connection.
#[derive(Debug)]
pub struct Talk {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The documents it was told of, by id.
    pub documents: BTreeMap<String, JsonDocument>,
}

/// Why a client heard nothing.
#[derive(Debug, thiserror::Error)]
pub enum TalkError {
    /// The socket failed, or never opened.
    #[error("the connection failed")]
    Socket(#[from] Box<tokio_tungstenite::tungstenite::Error>),
    /// The server closed it.
    #[error("the server closed the connection: {0:?}")]
    Closed(Option<CloseFrame>),
    /// Nothing came.
    #[error("nothing came within {WITHIN:?}")]
    TooSlow,
    /// What came makes no sense.
    #[error("the server sent something odd: {0}")]
    Odd(String),
}

impl Talk {
    /// Connects as this user and says nothing.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn open(address: SocketAddr, user: &str) -> Result<Self, TalkError> {
        let url = format!("ws://{address}/api/realtime?userId={user}");
        let connected = timeout(WITHIN, connect_async(url)).await.map_err(|_| TalkError::TooSlow)?;
        Ok(Self { socket: connected.map_err(Box::new)?.0, documents: BTreeMap::new() })
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn say(&mut self, message: &Value) -> Result<(), TalkError> {
        self.say_text(message.to_string()).await
    }

    /// Sends any text.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn say_text(&mut self, text: String) -> Result<(), TalkError> {
        Ok(self.socket.send(Message::text(text)).await.map_err(Box::new)?)
    }

    /// The next message, applied to the document that it is of.
    ///
    /// # Errors
    /// When the connection ends, or what comes makes no sense.
    pub async fn hear(&mut self) -> Result<Value, TalkError> {
        loop {
            let came = timeout(WITHIN, self.socket.next()).await.map_err(|_| TalkError::TooSlow)?;
            match came {
                None => return Err(TalkError::Closed(None)),
                Some(Ok(Message::Text(text))) => return self.take(&text),
                Some(Ok(Message::Close(frame))) => return Err(TalkError::Closed(frame)),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Box::new(error).into()),
            }
        }
    }

    /// Reads until a message of this type comes, and gives it.
    ///
    /// # Errors
    /// As [`hear`](Self::hear); an `error` message ends the wait too, unless it is what is waited for.
    pub async fn hear_of(&mut self, kind: &str) -> Result<Value, TalkError> {
        loop {
            let message = self.hear().await?;
            match message["type"].as_str() {
                Some(found) if found == kind => return Ok(message),
                Some("error") => return Err(TalkError::Odd(message.to_string())),
                _ => {}
            }
        }
    }

    /// Follows a document and waits for the first that is told of it. Resumes when something is known.
    ///
    /// # Errors
    /// As [`hear_of`](Self::hear_of).
    pub async fn follow(&mut self, id: &str) -> Result<(), TalkError> {
        let heads = self.documents.get(id).map(|document| document.heads.clone()).unwrap_or_default();
        let mut message = json!({ "type": "subscribe", "documentId": id });
        if !heads.is_empty() {
            message["from"] = heads.into();
        }
        self.say(&message).await?;
        loop {
            let heard = self.hear().await?;
            match heard["type"].as_str() {
                Some("snapshot" | "patch") if heard["documentId"] == id => return Ok(()),
                Some("error") => return Err(TalkError::Odd(heard.to_string())),
                _ => {}
            }
        }
    }

    fn take(&mut self, text: &str) -> Result<Value, TalkError> {
        let message: Value = serde_json::from_str(text).map_err(|error| TalkError::Odd(error.to_string()))?;
        let kind = message["type"].as_str().ok_or_else(|| TalkError::Odd(text.to_owned()))?;
        if let Some(id) = message["documentId"].as_str() {
            let document = self.documents.entry(id.to_owned()).or_default();
            document.apply(kind, &message).map_err(TalkError::Odd)?;
        }
        Ok(message)
    }
}
