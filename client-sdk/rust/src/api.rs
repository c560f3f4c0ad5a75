//! The server, asked directly over HTTP.

use crate::driver::line::{Credentials, Dialing, authorized, in_words};
use dovetail_core::time::Timestamp;
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use std::time::Duration;

/// The server answers a page of a list in milliseconds; a slow network takes longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The most that a page may have.
const PAGE: usize = 500;

/// A document of the server's, as its list has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// Base58 of its bytes, with a checksum.
    pub id: String,
    /// `automerge:` and the id.
    pub url: String,
    /// What it says to be.
    pub kind: Option<String>,
    /// What it is called.
    pub title: Option<String>,
    /// How many changes it has.
    pub changes: u64,
    /// How many bytes it takes.
    pub bytes: u64,
    /// When it was first stored, by the server's clock.
    pub created: Timestamp,
    /// When it was last changed, likewise.
    pub changed: Timestamp,
}

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
    /// Nobody answers.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
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
    /// There is no token to ask with.
    #[error("there is no token to ask with: {0}")]
    NoToken(String),
}

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Api {
    dialing: Dialing,
}

#[derive(Debug, Deserialize)]
struct Page {
    documents: Vec<Listed>,
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

impl Api {
    pub(crate) fn new(dialing: Dialing) -> Self {
        Self { dialing }
    }

    pub(crate) async fn list(&self) -> Result<Vec<Listed>, ApiError> {
        let mut documents = Vec::new();
        let mut path = Some(format!("/api/docs?state=live&limit={PAGE}"));
        while let Some(next) = path.take() {
            let request = self.dialing.requests.get(self.dialing.server.at(&next));
            let page: Page = self.ask(request).await?;
            documents.extend(page.documents);
            path = page.next;
        }
        Ok(documents)
    }

    async fn ask<T: for<'de> Deserialize<'de>>(&self, request: RequestBuilder) -> Result<T, ApiError> {
        let token = self.dialing.token.ask().await.map_err(|error| ApiError::NoToken(error.to_string()))?;
        let credentials = Credentials { token, link: self.dialing.server.link.clone() };
        let url = || self.dialing.server.url.to_string();
        let answer = authorized(request, &credentials).timeout(ANSWER_WITHIN).send().await;
        let answer = answer.map_err(|error| ApiError::Unreachable { url: url(), why: in_words(&error) })?;
        let status = answer.status();
        let body = answer.bytes().await;
        let body = body.map_err(|error| ApiError::Unreachable { url: url(), why: in_words(&error) })?;
        if !status.is_success() {
            return Err(refused(status, &body, url()));
        }
        serde_json::from_slice(&body).map_err(|error| ApiError::Odd { url: url(), why: error.to_string() })
    }
}

fn refused(status: StatusCode, body: &[u8], url: String) -> ApiError {
    match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { code, detail }) if !code.is_empty() => {
            ApiError::Refused { status: status.as_u16(), code, detail }
        }
        _ => ApiError::Odd { url, why: format!("it answered {status}") },
    }
}
