use super::*;
use bytes::Bytes;
use dovetail_core::time::Timestamp;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use warp::http::Response as Answer;

const LISTED: &str = "https://app.example,http://dev.example:5173";

fn shield(listen: &str, asks: bool) -> Shield {
    Shield::new(LISTED.parse().unwrap(), listen.parse().unwrap(), asks, Clock::System)
}

fn everywhere() -> Shield {
    shield("0.0.0.0:3000", true)
}

/// Routes that answer everything, one of which knows its own headers, and how often they were reached.
fn routes(shield: Shield) -> (BoxedFilter<(Response,)>, Arc<AtomicUsize>) {
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    let all = warp::path::full().map(move |path: warp::path::FullPath| {
        count.fetch_add(1, Ordering::Relaxed);
        let mut answer = Response::new("{}".into());
        let headers = answer.headers_mut();
        match path.as_str() {
            "/page" => {
                headers
                    .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
                headers.insert(header::VARY, HeaderValue::from_static("Accept"));
            }
            "/state" => _ = headers.insert(header::ETAG, HeaderValue::from_static("\"a\"")),
            "/socket" => *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS,
            _ => {}
        }
        answer
    });
    (guarded(all.boxed(), shield), reached)
}

async fn ask(
    routes: &BoxedFilter<(Response,)>,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer<Bytes> {
    let request = warp::test::request().method(method).path(path);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).reply(routes).await
}

fn shown<'a>(answer: &'a Answer<Bytes>, name: &str) -> Vec<&'a str> {
    answer.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

/// HT30: every answer has them, and what a route says itself stands.
#[tokio::test]
async fn ht30_every_answer_is_dressed() {
    let (routes, _) = routes(everywhere());
    let foreign = [("host", "d.example"), ("origin", "https://evil.example")];
    for (method, path, headers) in [("GET", "/", &[][..]), ("DELETE", "/x", &[]), ("POST", "/x", &foreign)] {
        let answer = ask(&routes, method, path, headers).await;
        assert_eq!(shown(&answer, "x-content-type-options"), ["nosniff"]);
        assert_eq!(shown(&answer, "referrer-policy"), ["no-referrer"]);
        assert_eq!(shown(&answer, "x-frame-options"), ["DENY"]);
        assert_eq!(shown(&answer, "cross-origin-resource-policy"), ["same-origin"]);
        assert_eq!(shown(&answer, "cache-control"), ["no-store"]);
        assert_eq!(shown(&answer, "vary"), ["Origin"]);
        assert!(shown(&answer, "content-security-policy")[0].contains("frame-ancestors 'none'"));
    }
    let page = ask(&routes, "GET", "/page", &[]).await;
    assert_eq!(shown(&page, "content-security-policy"), ["default-src 'self'"]);
    assert_eq!(shown(&page, "cache-control"), ["no-cache"]);
    assert_eq!(shown(&page, "vary"), ["Accept", "Origin"]);
    let state = ask(&routes, "GET", "/state", &[]).await;
    assert_eq!(shown(&state, "cache-control"), ["private, no-cache"]);
    let socket = ask(&routes, "GET", "/socket", &[]).await;
    assert!(socket.headers().is_empty(), "{socket:?}");
}

/// HT31: which requests reach a route, by the page that they come from.
#[tokio::test]
async fn ht31_foreign_pages_change_nothing() {
    let socket = ("upgrade", "websocket");
    let origin = |origin| ("origin", origin);
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);
    let cases: &[Case<'_>] = &[
        // Nobody's page.
        ("POST", &[], true),
        ("GET", &[socket], true),
        // The server's own, whatever the scheme: a proxy may speak TLS for it.
        ("POST", &[origin("https://d.example")], true),
        ("POST", &[origin("http://d.example")], true),
        ("POST", &[origin("https://d.example:443")], true),
        ("GET", &[origin("https://d.example"), socket], true),
        // Listed ones.
        ("DELETE", &[origin("https://app.example")], true),
        ("PUT", &[origin("http://dev.example:5173")], true),
        ("GET", &[origin("https://app.example"), socket], true),
        // Others.
        ("GET", &[origin("https://evil.example")], true),
        ("HEAD", &[origin("null")], true),
        ("OPTIONS", &[origin("https://evil.example")], true),
        ("GET", &[origin("https://evil.example"), socket], false),
        ("POST", &[origin("https://evil.example")], false),
        ("PUT", &[origin("null")], false),
        ("PATCH", &[origin("")], false),
        ("DELETE", &[origin("http://app.example")], false),
        ("POST", &[origin("https://app.example:8443")], false),
        ("POST", &[origin("https://app.example.evil.example")], false),
        ("POST", &[origin("https://d.example:8443")], false),
    ];
    for (method, headers, passes) in cases {
        let (routes, reached) = routes(everywhere());
        let headers = [&[("host", "d.example")], *headers].concat();
        let answer = ask(&routes, method, "/api/docs", &headers).await;
        let place = format!("{method} {headers:?}");
        assert_eq!(reached.load(Ordering::Relaxed), usize::from(*passes), "{place}");
        if !passes {
            let problem: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(
                (answer.status().as_u16(), &problem["code"]),
                (403, &"origin_not_allowed".into()),
                "{place}"
            );
        }
    }
}

/// HT31: several origins are none that a browser sends: one foreign one is enough, and nobody reads.
#[test]
fn ht31_several_origins_are_foreign() {
    let shield = everywhere();
    let mut headers = HeaderMap::new();
    headers.append(header::ORIGIN, HeaderValue::from_static("https://app.example"));
    assert!(matches!(shield.judge(&Method::POST, &headers), Judgement::Pass));
    assert!(shield.listed(&headers).is_some());
    headers.append(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
    assert!(matches!(shield.judge(&Method::POST, &headers), Judgement::Refuse(_)));
    assert!(shield.listed(&headers).is_none());
}

/// HT32: a server for this machine that asks nobody goes by the names of this machine.
#[tokio::test]
async fn ht32_a_loopback_server_knows_its_names() {
    let cases = [
        ("localhost:3000", true),
        ("LOCALHOST", true),
        ("a.localhost:3000", true),
        ("127.0.0.1:3000", true),
        ("127.9.9.9", true),
        ("[::1]:3000", true),
        ("[::1]", true),
        ("app.example", true),
        ("APP.example", true),
        ("dev.example:5173", true),
        ("app.example:3000", false),
        ("evil.example:3000", false),
        ("localhost.evil.example", false),
        ("127.0.0.1.evil.example", false),
        ("192.168.1.1:3000", false),
        ("0.0.0.0:3000", false),
        ("", false),
        ("localhost:x", false),
    ];
    for (host, passes) in cases {
        let (guarded, reached) = routes(shield("127.0.0.1:3000", false));
        let answer = ask(&guarded, "GET", "/", &[("host", host)]).await;
        assert_eq!(
            (reached.load(Ordering::Relaxed) == 1, answer.status() == 421),
            (passes, !passes),
            "{host}"
        );
        for anybody in [shield("127.0.0.1:3000", true), shield("0.0.0.0:3000", false)] {
            let (guarded, reached) = routes(anybody);
            ask(&guarded, "GET", "/", &[("host", host)]).await;
            assert_eq!(reached.load(Ordering::Relaxed), 1, "{host}");
        }
    }
    let (guarded, reached) = routes(shield("[::1]:3000", false));
    ask(&guarded, "GET", "/", &[]).await;
    assert_eq!(reached.load(Ordering::Relaxed), 1, "who names no host is no page");
    // A page whose name leads here is its own origin, and gets no further for it.
    let rebound = [("host", "evil.example:3000"), ("origin", "http://evil.example:3000")];
    assert_eq!(ask(&guarded, "POST", "/", &rebound).await.status(), 421);
}

/// HT33: a listed page is told what it may send, and may read; others are told nothing.
#[tokio::test]
async fn ht33_listed_pages_may_read() {
    let (routes, reached) = routes(everywhere());
    let asks = |origin| [("origin", origin), ("access-control-request-method", "PATCH")];
    let told = ask(&routes, "OPTIONS", "/api/docs", &asks("https://app.example")).await;
    assert_eq!(told.status(), 204);
    assert_eq!(shown(&told, "access-control-allow-origin"), ["https://app.example"]);
    assert!(shown(&told, "access-control-allow-methods")[0].contains("PATCH"));
    for name in ["Authorization", "Idempotency-Key", "Dovetail-Base", "Dovetail-Link", "If-None-Match"] {
        assert!(shown(&told, "access-control-allow-headers")[0].contains(name), "{name}");
    }
    let refused = ask(&routes, "OPTIONS", "/api/docs", &asks("https://evil.example")).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(reached.load(Ordering::Relaxed), 0);

    for (origin, reads) in [("https://app.example", true), ("https://evil.example", false), ("null", false)] {
        let answer = ask(&routes, "GET", "/state", &[("origin", origin)]).await;
        let allowed = if reads { vec![origin] } else { vec![] };
        assert_eq!(shown(&answer, "access-control-allow-origin"), allowed, "{origin}");
        assert_eq!(shown(&answer, "access-control-expose-headers").len(), usize::from(reads));
    }
}

/// What is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn read(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// HT40: an origin that is not let in is named in the log, once a minute, with the setting that would let it in.
#[tokio::test]
async fn ht40_refused_origins_are_named_in_the_log() {
    let (log, clock) = (Log::default(), Clock::standing(Timestamp::from_millis(1_000_000)));
    let writer = log.clone();
    let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    let _logging = tracing::subscriber::set_default(lines.finish());
    let (routes, _) =
        routes(Shield::new(LISTED.parse().unwrap(), "0.0.0.0:3000".parse().unwrap(), true, clock.clone()));
    let host = ("host", "d.example");
    let app = [host, ("origin", "https://new-app.example:443")];

    ask(&routes, "POST", "/api/docs", &app).await;
    let told = log.read();
    assert!(told.contains("INFO"), "{told}");
    assert!(told.contains(r#"origin="https://new-app.example" setting="allowed_origins""#), "{told}");
    let socket = [app[0], app[1], ("upgrade", "websocket")];
    let asks = [app[0], app[1], ("access-control-request-method", "PATCH")];
    for (method, headers) in [("GET", &socket[..]), ("OPTIONS", &asks), ("GET", &app), ("POST", &app)] {
        ask(&routes, method, "/sync", headers).await;
    }
    assert_eq!(log.read(), "", "it was said a moment ago");

    clock.advance(Duration::from_secs(60));
    ask(&routes, "GET", "/sync", &socket).await;
    assert!(log.read().contains("https://new-app.example"));
    // It reaches the route and its page cannot read the answer.
    ask(&routes, "GET", "/api/docs", &[host, ("origin", "https://reader.example")]).await;
    assert!(log.read().contains("https://reader.example"));
    ask(&routes, "POST", "/api/docs", &[host, ("origin", "null")]).await;
    let told = log.read();
    assert!(told.contains(r#"origin="null""#) && !told.contains("allowed_origins"), "{told}");

    for origin in ["https://app.example", "http://dev.example:5173", "https://d.example"] {
        ask(&routes, "POST", "/api/docs", &[host, ("origin", origin)]).await;
    }
    ask(&routes, "POST", "/api/docs", &[host]).await;
    assert_eq!(log.read(), "", "who is let in is nobody's concern");
}

/// HT33: a page may send every header of ours that a route reads.
#[test]
fn ht33_headers_of_ours_may_be_sent_and_read() {
    let sources = [include_str!("../http/heads.rs"), include_str!("../http/sync.rs")];
    let names = sources.iter().flat_map(|source| source.split("from_static(\"dovetail-").skip(1));
    let names: Vec<String> =
        names.map(|rest| format!("dovetail-{}", rest.split('"').next().unwrap())).collect();
    assert!(names.len() >= 4, "{names:?}");
    for list in [SENT_HEADERS, SHOWN_HEADERS] {
        let list = list.to_str().unwrap().to_ascii_lowercase();
        for name in &names {
            assert!(list.split(", ").any(|listed| listed == name), "{name} in {list}");
        }
    }
}
