//! What a browser is shown: the dashboard app where this binary was built with it, and else what is served and how to get it.
//!
//! Edit path: ← a request that no other route took; → a file of the app, or the app's page for an address of its own (`/d/…`),
//! so that such an address can be opened and reloaded.
//!
//! Always true: nothing of a document is in here, so anybody is shown it. Nothing is loaded from anywhere else.

mod app; // The files of the app: which one, and how it is sent.
mod files; // Where they come from.

use crate::gateway::Gateway;
use app::{App, Asked};
use warp::http::HeaderMap;
use warp::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use warp::path::FullPath;
use warp::reply::Response;

const WITHOUT_APP: &str = include_str!("without.html");

/// Nothing but the page's own styles is loaded, and nobody frames it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
);

/// `GET /`
pub(super) fn page(gateway: &Gateway, headers: &HeaderMap) -> Response {
    let app = App { files: files::embedded };
    app.answer(&Asked { path: "/", headers }).unwrap_or_else(|| without_app(gateway))
}

/// `GET` of what no other route serves; nothing when the app has nothing there.
pub(super) fn file(path: &FullPath, headers: &HeaderMap) -> Option<Response> {
    App { files: files::embedded }.answer(&Asked { path: path.as_str(), headers })
}

fn without_app(gateway: &Gateway) -> Response {
    let documents = gateway.store.health().documents.to_string();
    let text = WITHOUT_APP.replace("{version}", env!("CARGO_PKG_VERSION")).replace("{documents}", &documents);
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests;
