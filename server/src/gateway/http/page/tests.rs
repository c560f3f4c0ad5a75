//! The app's files as a browser asks for them, from a folder that stands in these lines.

use super::app::{App, Asked, File};
use std::borrow::Cow;
use warp::http::HeaderMap;
use warp::reply::Response;

fn few(name: &str) -> Option<File> {
    let text: &'static str = match name {
        "index.html" => "<!doctype html>",
        "index.html.br" => "page in brotli",
        "assets/app-1a2b.js" => "a long script",
        "assets/app-1a2b.js.br" => "brotli",
        "assets/app-1a2b.js.gz" => "gzip",
        "assets/automerge-9f.wasm" => "wasm",
        "sw.js" => "worker",
        ".made-of" => "a hash",
        _ => return None,
    };
    let mut hash = [0; 32];
    hash[..text.len().min(32)].copy_from_slice(&text.as_bytes()[..text.len().min(32)]);
    Some(File { bytes: Cow::Borrowed(text.as_bytes()), hash })
}

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    all.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn ask(path: &str, all: &[(&'static str, &str)]) -> Option<Response> {
    App { files: few }.answer(&Asked { path, headers: &headers(all) })
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// HT37: a browser is given the smallest form that it understands.
#[test]
fn ht37_the_smallest_form_is_sent() {
    for (accepted, encoding) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("identity", ""),
        ("", ""),
    ] {
        let sent = ask("/assets/app-1a2b.js", &[("accept-encoding", accepted)]).unwrap();
        assert_eq!(header(&sent, "content-encoding"), encoding, "{accepted}");
        assert_eq!(header(&sent, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header(&sent, "vary"), "accept-encoding");
    }
    let wasm = ask("/assets/automerge-9f.wasm", &[("accept-encoding", "br")]).unwrap();
    assert_eq!(
        (header(&wasm, "content-type").as_str(), header(&wasm, "content-encoding").as_str()),
        ("application/wasm", "")
    );
}

/// HT38: what has its hash in its name is kept for good, the rest is asked for again and not sent again.
#[test]
fn ht38_what_is_known_is_not_sent_again() {
    let asset = ask("/assets/app-1a2b.js", &[]).unwrap();
    assert_eq!(header(&asset, "cache-control"), "public, max-age=31536000, immutable");
    for path in ["/", "/sw.js"] {
        let first = ask(path, &[("accept-encoding", "br")]).unwrap();
        assert_eq!(header(&first, "cache-control"), "no-cache", "{path}");
        let etag = header(&first, "etag");
        let again =
            ask(path, &[("accept-encoding", "br"), ("if-none-match", &format!("\"x\", W/{etag}"))]).unwrap();
        assert_eq!(again.status(), 304, "{path}");
        assert_eq!(header(&again, "etag"), etag);
    }
    let in_brotli = header(&ask("/", &[("accept-encoding", "br")]).unwrap(), "etag");
    assert_eq!(
        ask("/", &[("if-none-match", &in_brotli)]).unwrap().status(),
        200,
        "another form is not known"
    );
}

/// HT39: an address of the app can be opened and reloaded; what is no page for a browser stays unknown.
#[test]
fn ht39_addresses_of_the_app_are_its_page() {
    for path in ["/d/4NMNnkMhL8jXrdJ9jamS58PAVdXu", "/stories", "/d/a/"] {
        let page = ask(path, &[BROWSER]).unwrap();
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8", "{path}");
        assert!(header(&page, "content-security-policy").contains("script-src 'self' 'wasm-unsafe-eval';"));
    }
    for (path, accept) in [
        ("/d/4NMNnkMhL8jXrdJ9jamS58PAVdXu", "application/json"),
        ("/d/4NMNnkMhL8jXrdJ9jamS58PAVdXu", "*/*"),
        ("/api/nothing", BROWSER.1),
        ("/sync/x", BROWSER.1),
        ("/metrics/x", BROWSER.1),
        ("/assets/gone-0.js", BROWSER.1),
        ("/index.html.br", BROWSER.1),
        ("/.made-of", BROWSER.1),
        ("/../Cargo.toml", BROWSER.1),
    ] {
        assert!(ask(path, &[("accept", accept)]).is_none(), "{path} {accept}");
    }
}

/// HT39: without the app there is nothing at all.
#[test]
fn ht39_a_binary_without_the_app_has_no_files() {
    let app = App { files: |_| None };
    let headers = headers(&[BROWSER]);
    for path in ["/", "/d/x", "/assets/app-1a2b.js"] {
        assert!(app.answer(&Asked { path, headers: &headers }).is_none(), "{path}");
    }
}
