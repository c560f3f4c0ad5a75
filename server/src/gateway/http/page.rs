//! What a browser shows at `/`: what this is and where to go on. No script, no font, no
//! picture from anywhere.

use crate::gateway::Gateway;
use warp::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use warp::reply::Response;

const PAGE: &str = include_str!("page.html");

/// Nothing but the page's own styles is loaded, and nobody frames it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
);

/// GET /
pub(super) fn page(gateway: &Gateway) -> Response {
    let documents = gateway.store.health().documents.to_string();
    let text = PAGE.replace("{version}", env!("CARGO_PKG_VERSION")).replace("{documents}", &documents);
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
