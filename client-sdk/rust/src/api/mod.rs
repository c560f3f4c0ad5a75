//! The server, asked directly: one request, one answer, and no document on this device. For scripts, and for what no document tells.
//!
//! Edit path: ← a script that writes JSON, → the server, which merges it as the change of a peer.
//!
//! Always true: what was written is on the server's disk when its answer is here. An error that is no refusal ([`ApiError::NoAnswer`])
//! leaves open whether it is: nothing is sent twice here.

mod ask; // Requests, and what becomes of them.
mod said; // What the server says.

pub use ask::{ApiError, Download};
pub use said::{BadHeads, Conflicts, Heads, KnownConflict, Listed, Offer, Page, Shown, Stored, Unjudged};

use crate::client;
use crate::driver::line::Dialing;
use crate::place::{BadUrl, Server};
use crate::token::{BadToken, Token};
use bytes::Bytes;
use dovetail_core::id::DocumentId;
use reqwest::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use std::sync::Arc;

/// The most that a page of a list may have.
const PAGE: usize = 500;

/// The server, asked directly. Clones ask over the same connections.
#[derive(Debug, Clone)]
pub struct Api {
    dialing: Dialing,
}

/// Why there is nobody to ask.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The address is none.
    #[error(transparent)]
    BadUrl(#[from] BadUrl),
    /// The token is none.
    #[error(transparent)]
    BadToken(#[from] BadToken),
    /// What secures connections is not there.
    #[error("no requests can be made: {0}")]
    System(String),
}

/// Which state a write is made on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// On the one that its writer has read; what others wrote since stays.
    Base(Heads),
    /// On that one, or not at all when others wrote since.
    Unchanged(Heads),
    /// On whatever is there.
    Present,
}

/// Some of a document, changed.
#[derive(Debug, Clone)]
pub enum Patch {
    /// RFC 6902: operations, all or none.
    Json(Bytes),
    /// RFC 7396: members as they are to be.
    Merge(Bytes),
}

/// Which conflicts of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that stand: open and waived ones.
    Standing,
    /// Those that nobody has decided about.
    Open,
    /// Those that may stay.
    Waived,
    /// Those that were settled.
    Settled,
    /// All of them.
    All,
}

impl Api {
    /// A server, as [`Client::builder`](crate::Client::builder) takes its address, and who asks, if somebody does.
    ///
    /// # Errors
    /// See [`BeginError`].
    pub fn at(url: &str, token: Option<&str>) -> Result<Self, BeginError> {
        let server = Arc::new(Server::parse(url, None)?);
        let token = token.map(Token::fixed).transpose()?.unwrap_or_default();
        let requests = client::requests().map_err(BeginError::System)?;
        Ok(Self::new(Dialing { server, token, requests, requests_only: true }))
    }

    pub(crate) fn new(dialing: Dialing) -> Self {
        Self { dialing }
    }

    /// Where the server is.
    #[must_use]
    pub fn url(&self) -> &str {
        self.dialing.server.url.as_str().trim_end_matches('/')
    }

    // Documents.

    /// Documents that we may see, deleted ones not among them.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn list(&self) -> Result<Vec<Listed>, ApiError> {
        let mut documents = Vec::new();
        let mut next = None;
        loop {
            let page = self.page(next.as_deref()).await?;
            documents.extend(page.documents);
            next = page.next;
            if next.is_none() {
                return Ok(documents);
            }
        }
    }

    /// The first page of that list, or the one that another page names as its next.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn page(&self, next: Option<&str>) -> Result<Page, ApiError> {
        let first = || format!("/api/docs?state=live&limit={PAGE}");
        let path = next.map_or_else(first, str::to_owned);
        if !path.starts_with('/') {
            return Err(self.odd("the next page has no path"));
        }
        self.ask(self.dialing.requests.get(self.dialing.server.at(&path))).await
    }

    /// A document as JSON, and the state that it is in.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn get(&self, id: &DocumentId) -> Result<Shown, ApiError> {
        let answer = self.send(self.request(Method::GET, &["docs", &id.to_string()])).await?;
        let heads = self.state_of(&answer)?;
        Ok(Shown { heads, json: answer.whole().await? })
    }

    /// The state that a document is in. What is in it is not fetched.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn heads(&self, id: &DocumentId) -> Result<Heads, ApiError> {
        // Not HEAD, whose refusals have no words.
        let answer = self.send(self.request(Method::GET, &["docs", &id.to_string()])).await?;
        self.state_of(&answer)
    }

    /// A document in Automerge's own format, with its whole history.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn automerge(&self, id: &DocumentId) -> Result<Bytes, ApiError> {
        self.send(self.request(Method::GET, &["docs", &id.to_string(), "automerge"])).await?.whole().await
    }

    /// A dashboard as Grafana imports it.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn grafana(&self, id: &DocumentId) -> Result<Bytes, ApiError> {
        self.send(self.request(Method::GET, &["docs", &id.to_string(), "grafana"])).await?.whole().await
    }

    /// Makes a document of a JSON object.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn create(&self, content: Bytes) -> Result<Stored, ApiError> {
        self.ask(with_json(self.request(Method::POST, &["docs"]), content)).await
    }

    /// Makes a dashboard of the JSON that Grafana exports. [`Stored::notes`] tells what was unusual about it.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn import_grafana(&self, json: Bytes) -> Result<Stored, ApiError> {
        let request = self.request(Method::POST, &["docs"]).query(&[("import", "grafana")]);
        self.ask(with_json(request, json)).await
    }

    /// Says what all of a document is to be: what differs from the state that it is made on is changed, and what is absent deleted.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn put(&self, id: &DocumentId, on: &On, content: Bytes) -> Result<Stored, ApiError> {
        let request = self.request(Method::PUT, &["docs", &id.to_string()]);
        self.ask(with_json(made_on(request, on), content)).await
    }

    /// Changes some of a document.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn patch(&self, id: &DocumentId, on: &On, patch: Patch) -> Result<Stored, ApiError> {
        let (kind, body) = match patch {
            Patch::Json(body) => ("application/json-patch+json", body),
            Patch::Merge(body) => ("application/merge-patch+json", body),
        };
        let request = self.request(Method::PATCH, &["docs", &id.to_string()]);
        self.ask(made_on(request, on).header(CONTENT_TYPE, kind).body(body)).await
    }

    // Conflicts.

    /// What the rules say of a document, as the server judges it.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn conflicts(&self, id: &DocumentId, which: Which) -> Result<Conflicts, ApiError> {
        let state = match which {
            Which::Standing => None,
            Which::Open => Some("open"),
            Which::Waived => Some("waived"),
            Which::Settled => Some("settled"),
            Which::All => Some("all"),
        };
        let request = self.request(Method::GET, &["docs", &id.to_string(), "conflicts"]);
        self.ask(request.query(&state.map(|state| ("state", state)).as_slice())).await
    }

    /// One conflict, and what may be done about it.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn conflict(&self, id: &DocumentId, conflict: &str) -> Result<KnownConflict, ApiError> {
        self.ask(self.request(Method::GET, &["docs", &id.to_string(), "conflicts", conflict])).await
    }

    /// Settles a conflict by one of its proposals.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn settle(&self, id: &DocumentId, conflict: &str, proposal: &str) -> Result<Stored, ApiError> {
        let request = self.request(Method::POST, &["docs", &id.to_string(), "conflicts", conflict, "settle"]);
        self.ask(request.json(&json!({ "proposal": proposal }))).await
    }

    // The server.

    /// All that the server stores, as one tar file, for its administrators.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn backup(&self) -> Result<Download, ApiError> {
        self.send(self.request(Method::GET, &["admin", "backup"])).await
    }

    // Within.

    /// To a path below `/api`, whatever letters its parts have.
    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.dialing.server.url.clone();
        url.path_segments_mut().expect("http has paths").pop_if_empty().push("api").extend(path);
        self.dialing.requests.request(method, url)
    }

    fn state_of(&self, answer: &Download) -> Result<Heads, ApiError> {
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        tag.and_then(|tag| tag.parse().ok()).ok_or_else(|| self.odd("the document comes without its heads"))
    }
}

fn with_json(request: RequestBuilder, body: Bytes) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/json").body(body)
}

fn made_on(request: RequestBuilder, on: &On) -> RequestBuilder {
    match on {
        On::Base(heads) => request.header("dovetail-base", heads.to_string()),
        On::Unchanged(heads) => request.header(IF_MATCH, format!("\"{heads}\"")),
        On::Present => request.header(IF_MATCH, "*"),
    }
}
