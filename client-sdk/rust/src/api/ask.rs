//! Requests, and what becomes of them.
//!
//! Always true: a server is waited for as long as a large import takes it and no longer, and what it refuses is told in its own words.

use super::Api;
use crate::driver::line::{Credentials, Problem, answered, authorized, in_words};
use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// The server gives a body 30 s; making a document of it and storing that takes seconds. An answer that has begun may take as long as it
/// likes: only its pauses are no longer than this.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);

/// A document of 64 MiB, eight times over: nothing larger is taken into memory.
const ANSWER_BYTES_MAX: usize = 512 << 20;

/// Why the server gave no answer that helps.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server's answer: we may not, or not now.
    #[error("the server refused: {detail} ({code})")]
    Refused {
        /// HTTP's.
        status: u16,
        /// For programs, as `docs/HTTP.md` lists them.
        code: String,
        /// For people.
        detail: String,
    },
    /// Nobody is there: nothing was asked.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// Somebody is there and does not answer, or not to the end: what was to be written may be written all the same.
    #[error("no answer from {url}: {why}")]
    NoAnswer {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// Something answers, and it is no Dovetail server.
    #[error("what answers at {url} is no Dovetail server: {why}")]
    Odd {
        /// Where.
        url: String,
        /// What is odd.
        why: String,
    },
    /// The client by which was asked was closed.
    #[error("the client was closed")]
    Closed,
    /// There is no token to ask with.
    #[error("there is no token to ask with: {0}")]
    NoToken(String),
}

/// An answer that comes in pieces, for what is larger than memory should have to be.
#[derive(Debug)]
pub struct Download {
    response: Response,
    url: String,
}

impl Api {
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ApiError> {
        let answer = self.send(request).await?;
        let answered = answered(&answer.response);
        let body = answer.whole().await?;
        serde_json::from_slice(&body).map_err(|error| self.odd(&format!("{answered}: {error}")))
    }

    /// Gives what was answered, unless that is a refusal.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Download, ApiError> {
        let token = self.dialing.token.ask().await.map_err(|error| ApiError::NoToken(error.to_string()))?;
        let credentials = Credentials { token, link: self.dialing.server.link.clone() };
        let url = self.url().to_owned();
        let response = match timeout(ANSWER_WITHIN, authorized(request, &credentials).send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => {
                return Err(ApiError::Unreachable { url, why: in_words(&error) });
            }
            Ok(Err(error)) => return Err(ApiError::NoAnswer { url, why: in_words(&error) }),
            Err(_) => return Err(ApiError::NoAnswer { url, why: "it takes too long".to_owned() }),
        };
        let status = response.status();
        let answer = Download { response, url };
        match status.is_success() {
            true => Ok(answer),
            false => Err(answer.refusal(status).await),
        }
    }

    pub(super) fn odd(&self, why: &str) -> ApiError {
        ApiError::Odd { url: self.url().to_owned(), why: why.to_owned() }
    }
}

impl Download {
    /// The next piece, or nothing when that was all of it.
    ///
    /// # Errors
    /// It does not come to its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        match timeout(ANSWER_WITHIN, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(self.broken(in_words(&error))),
            Err(_) => Err(self.broken("it has fallen silent".to_owned())),
        }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(super) async fn whole(mut self) -> Result<Bytes, ApiError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.next().await? {
            if whole.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(self.broken("it is larger than any document".to_owned()));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    async fn refusal(self, status: StatusCode) -> ApiError {
        let (url, odd) = (self.url.clone(), answered(&self.response));
        let body = match self.whole().await {
            Ok(body) => body,
            Err(error) => return error,
        };
        match serde_json::from_slice::<Problem>(&body) {
            Ok(Problem { code, detail, .. }) if !code.is_empty() => {
                ApiError::Refused { status: status.as_u16(), code, detail }
            }
            _ => ApiError::Odd { url, why: odd },
        }
    }

    fn broken(&self, why: String) -> ApiError {
        ApiError::NoAnswer { url: self.url.clone(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers one request, and gives its head.
    async fn answered_once(answer: &'static [u8]) -> (String, tokio::task::JoinHandle<String>) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let answering = tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer).await.unwrap();
            String::from_utf8(head).unwrap()
        });
        (url, answering)
    }

    /// AU43: a token that is given goes along with the request, and is not shown.
    #[tokio::test]
    async fn au43_a_token_goes_along() {
        let page = b"HTTP/1.1 200 OK\r\ncontent-length: 28\r\n\r\n{\"documents\":[],\"next\":null}";
        let (url, answering) = answered_once(page).await;
        let api = Api::at(&url, Some(" a.b.c\n")).unwrap();
        assert!(!format!("{api:?}").contains("a.b.c"));
        assert!(api.list().await.unwrap().is_empty());
        let head = answering.await.unwrap();
        assert!(head.starts_with("GET /api/docs?state=live&limit=500 "), "{head}");
        assert!(head.contains("authorization: Bearer a.b.c\r\n"), "{head}");
        let bad = Api::at(&url, Some("hunter2\nb")).unwrap_err().to_string();
        assert!(bad.contains("this is no token") && !bad.contains("hunter2"), "{bad}");
    }

    /// RC56: who is not there, who does not answer and who is no Dovetail are told apart.
    #[tokio::test]
    async fn rc56_what_goes_wrong_is_told_apart() {
        let ask = async |url: &str| Api::at(url, None).unwrap().list().await.unwrap_err();
        let (cut, _answering) = answered_once(b"HTTP/1.1 200 OK\r\ncontent-length: 28\r\n\r\n{").await;
        assert!(matches!(ask(&cut).await, ApiError::NoAnswer { .. }));
        let (html, _answering) =
            answered_once(b"HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\n\r\n<html>").await;
        assert!(matches!(ask(&html).await, ApiError::Odd { .. }));
        let (away, _answering) = answered_once(
            b"HTTP/1.1 200 OK\r\ncontent-length: 37\r\n\r\n{\"documents\":[],\"next\":\"@example.org\"}",
        )
        .await;
        assert!(matches!(ask(&away).await, ApiError::Odd { .. }), "a page is of this server");
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert!(matches!(ask(&format!("http://{free}")).await, ApiError::Unreachable { .. }));
    }
}
