//! The files of the app: which one answers a request, and how it is sent.
//!
//! Always true:
//! - What is sent compressed was compressed when the app was built; nothing is compressed here, and nothing is copied.
//! - A file below `assets/` has its hash in its name and is kept for good. All others are asked for again each time, and answered
//!   304 when they are the same: the page, and the worker that keeps it for times without a network.
//! - Only a browser that wants a page is given the page for an address that is no file; everybody else is told that there is nothing.

use bytes::Bytes;
use std::borrow::Cow;
use std::fmt::Write as _;
use warp::http::StatusCode;
use warp::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use warp::reply::Response;

/// The app's page.
const INDEX: &str = "index.html";

/// What the app may do: load itself and speak to this server. WebAssembly wants to be named, and pictures that the app draws
/// of a dashboard are `data:` and `blob:`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
     font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'none'",
);

const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Addresses that are never the app's own: whoever asks for one of these wants no page.
const SERVERS_OWN: [&str; 6] = ["api", "sync", "health", "ready", "metrics", "openapi.json"];

/// Compressed forms, the smallest first: what a browser calls it, and what its file's name ends with.
const COMPRESSED: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// One file.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// What is in it.
    pub(super) bytes: Cow<'static, [u8]>,
    /// SHA-256 of that.
    pub(super) hash: [u8; 32],
}

/// An app, wherever its files come from.
pub(super) struct App {
    /// The file of this name, like `assets/index.js`.
    pub(super) files: fn(&str) -> Option<File>,
}

/// What somebody asks for.
pub(super) struct Asked<'r> {
    pub(super) path: &'r str,
    pub(super) headers: &'r HeaderMap,
}

impl App {
    /// The answer, if the app has one.
    pub(super) fn answer(&self, asked: &Asked<'_>) -> Option<Response> {
        let name = asked.path.strip_prefix('/')?;
        if name.is_empty() {
            return self.send(INDEX, asked.headers);
        }
        // What is hidden is for whoever builds the app; compressed forms are sent, and have no address of their own.
        let is_hidden = name.starts_with('.') || COMPRESSED.iter().any(|(_, ending)| name.ends_with(ending));
        let file = if is_hidden { None } else { self.send(name, asked.headers) };
        file.or_else(|| if is_page(asked) { self.send(INDEX, asked.headers) } else { None })
    }

    fn send(&self, name: &str, headers: &HeaderMap) -> Option<Response> {
        let (file, encoding) = self.smallest(name, headers)?;
        let etag = etag(&file, encoding);
        let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| names(known, &etag));
        let mut response = Response::new(if is_known { Bytes::new() } else { whole(file.bytes) }.into());
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let kept = if name.starts_with("assets/") { FOR_GOOD } else { ASK_AGAIN };
        let told = [(CACHE_CONTROL, kept), (VARY, HeaderValue::from_static("accept-encoding"))];
        response.headers_mut().extend(told);
        response.headers_mut().extend([(CONTENT_TYPE, content_type(name)), (ETAG, etag)]);
        if has_policy(name) {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
        }
        if let Some(encoding) = encoding {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Some(response)
    }

    /// The smallest form of a file that the browser understands.
    fn smallest(&self, name: &str, headers: &HeaderMap) -> Option<(File, Option<&'static str>)> {
        let compressed = COMPRESSED.iter().filter(|(encoding, _)| understands(headers, encoding));
        let mut forms = compressed.filter_map(|(encoding, ending)| {
            let file = (self.files)(&format!("{name}{ending}"))?;
            Some((file, Some(*encoding)))
        });
        // A compressed file without the one that it was made of is none of ours.
        let plain = (self.files)(name)?;
        Some(forms.next().unwrap_or((plain, None)))
    }
}

/// Whether a browser wants to go to this address, and it can be one of the app's own.
fn is_page(asked: &Asked<'_>) -> bool {
    let mut steps = asked.path.split('/').skip(1);
    let first = steps.next().unwrap_or_default();
    let last = asked.path.rsplit('/').next().unwrap_or_default();
    let wants_page = asked
        .headers
        .get_all(ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    wants_page && !last.contains('.') && !SERVERS_OWN.contains(&first)
}

/// Whether `Accept-Encoding` names it, and not with a weight of nothing.
fn understands(headers: &HeaderMap, encoding: &str) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        is_it && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// A name for what is in a file, in the form in which it is sent.
fn etag(file: &File, encoding: Option<&str>) -> HeaderValue {
    let mut text = String::from("\"");
    for byte in &file.hash[..16] {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    for part in encoding.iter().flat_map(|encoding| ["-", encoding]) {
        text.push_str(part);
    }
    text.push('"');
    HeaderValue::try_from(text).expect("digits, letters and a hyphen may stand in a header")
}

/// Whether `If-None-Match` has it.
fn names(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let Ok(known) = known.to_str() else { return false };
    known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == "*" || one == etag)
}

/// What is in the binary is sent from where it lies.
fn whole(bytes: Cow<'static, [u8]>) -> Bytes {
    match bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    }
}

/// Pages and workers obey the policy that they came with; to all else a policy says nothing, and would be sent thirty times.
fn has_policy(name: &str) -> bool {
    name.ends_with(".html") || !name.contains('/')
}

fn content_type(name: &str) -> HeaderValue {
    let ending = name.rsplit('.').next().unwrap_or_default();
    HeaderValue::from_static(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    })
}
