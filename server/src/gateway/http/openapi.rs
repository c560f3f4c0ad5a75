//! What is answered here, told to programs.
//!
//! Always true: it is `docs/openapi.json`, and every answer that a test of this crate gets is held to
//! it, in its route, method, status, code and body (see `openapi/held.rs`). So it cannot promise less or more
//! than what is done.

use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use warp::reply::Response;

/// The interface as OpenAPI 3.1 has it.
const OPENAPI: &str = include_str!("../../../../docs/openapi.json");

/// GET /openapi.json
pub(super) fn openapi() -> Response {
    let mut response = Response::new(OPENAPI.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
pub(in crate::gateway) mod held; // Answers, held to the document.
#[cfg(test)]
mod tests;
