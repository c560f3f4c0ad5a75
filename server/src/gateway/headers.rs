//! What browsers are told with every answer, and which pages may call at all.
//!
//! Edit path: ← a request before any route has looked at it, → the routes, or a refusal; → their answer, with headers
//! that keep browsers from doing more with it than it is meant for.
//!
//! Always true: whoever sends no `Origin` is no page, and passes: what they may do is decided elsewhere. A page that was not named
//! changes nothing and opens no WebSocket, and it can read no answer; the log says so.
//! **Invariant:** a request that is refused here has reached no route.

use super::foreign::Foreign;
use super::reply::{Code, Problem};
use crate::auth::Origins;
use crate::clock::Clock;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// Headers that every answer has, unless its route knows better.
const EVERY_ANSWER: [(HeaderName, HeaderValue); 5] = [
    // Nothing here is anything else than what it says it is.
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Paths hold the ids of documents, and those are nobody's business.
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // Answers are data. The page at `/` has a policy of its own, for its styles.
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ),
    // No page of others embeds one; pages that were named fetch them, and that goes by the headers below.
    (CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
];

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What pages that were named may send.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// Every header that any route reads, and that a browser asks about before it sends it.
const SENT_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, Prefer, \
     Dovetail-After, Dovetail-Base, Dovetail-Cursor, Dovetail-Link, Dovetail-Seq",
);

/// Every header of an answer that a page could want and would not be shown by itself.
const SHOWN_HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept-Patch, Allow, ETag, Link, Location, Preference-Applied, Retry-After, WWW-Authenticate, \
     Dovetail-After, Dovetail-Base, Dovetail-Cursor, Dovetail-Seq",
);

/// For how long a browser need not ask again: two hours, the most that any of them remembers.
const ASK_AGAIN_SECONDS: HeaderValue = HeaderValue::from_static("7200");

/// Which pages may call, and by which names the server may be called. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shield {
    origins: Arc<Origins>,
    /// The hosts of the listed origins, when names matter.
    hosts: Option<Arc<[String]>>,
    foreign: Arc<Foreign>,
}

impl Shield {
    /// For a server at this address. Names matter where nobody `asks` who is calling and only this machine reaches the server:
    /// there a page of somebody else, whose name leads to the loopback address, would be the server's own page and may
    /// do everything. Where people are asked it has no token to show, and a proxy may call the server by any name.
    #[must_use]
    pub fn new(origins: Origins, listen: SocketAddr, asks: bool, clock: Clock) -> Self {
        let names_matter = listen.ip().is_loopback() && !asks;
        let hosts = names_matter.then(|| origins.named().filter_map(|origin| host_of(&origin)).collect());
        Self { origins: Arc::new(origins), hosts, foreign: Arc::new(Foreign::new(clock)) }
    }

    /// What is done about a request before any route sees it.
    fn judge(&self, method: &Method, headers: &HeaderMap) -> Judgement {
        if headers.get_all(header::HOST).iter().nth(1).is_some() {
            return Judgement::Refuse(Box::new(two_hosts()));
        }
        if !self.may_be_called(headers) {
            return Judgement::Refuse(Box::new(host_not_allowed()));
        }
        let host = headers.get(header::HOST);
        let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
        if origins.peek().is_none() {
            return Judgement::Pass;
        }
        let foreign = origins.find(|origin| !self.origins.allows(origin, host));
        if let Some(origin) = foreign {
            self.foreign.note(origin);
        }
        match (is_preflight(method, headers), foreign.is_some()) {
            (true, false) => Judgement::Allow,
            (false, true) if method.is_safe() && !headers.contains_key(header::UPGRADE) => Judgement::Pass,
            (_, true) => Judgement::Refuse(Box::new(origin_not_allowed())),
            (false, false) => Judgement::Pass,
        }
    }

    /// Whether the server may be called by the name in `Host`. Browsers always send one.
    fn may_be_called(&self, headers: &HeaderMap) -> bool {
        let Some(listed) = &self.hosts else { return true };
        headers.get_all(header::HOST).iter().all(|host| {
            let host = host.to_str().map(str::to_ascii_lowercase).unwrap_or_default();
            is_of_this_machine(&host) || listed.contains(&host)
        })
    }

    /// The one origin that a request comes from, if it is on the list: its page may read the answer.
    fn listed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = origins.next().filter(|origin| self.origins.allows(origin, None));
        origin.filter(|_| origins.next().is_none())
    }

    /// Adds what every answer has, and lets pages that were named read it.
    fn dress(&self, asked: &HeaderMap, mut answer: Response) -> Response {
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            // No page shows that, and nobody caches it.
            return answer;
        }
        let headers = answer.headers_mut();
        for (name, value) in EVERY_ANSWER {
            headers.entry(name).or_insert(value);
        }
        let cached = if headers.contains_key(header::ETAG) { "private, no-cache" } else { "no-store" };
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(cached));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.listed(asked) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN_HEADERS);
        }
        answer
    }
}

/// These routes, for those who may call them.
#[must_use]
pub fn guarded(routes: BoxedFilter<(Response,)>, shield: Shield) -> BoxedFilter<(Response,)> {
    let judge = shield.clone();
    let gate = warp::method().and(warp::header::headers_cloned()).and_then(
        move |method: Method, headers: HeaderMap| {
            // A rejection is how a filter hands on to the next one.
            let answer = judge.judge(&method, &headers).answer().ok_or_else(warp::reject::not_found);
            std::future::ready(answer)
        },
    );
    let answer = gate.or(routes).unify();
    warp::header::headers_cloned()
        .and(answer)
        .map(move |headers: HeaderMap, answer| shield.dress(&headers, answer))
        .boxed()
}

/// What is done about a request.
#[derive(Debug)]
enum Judgement {
    /// The routes answer it.
    Pass,
    /// A browser asks for a page whether it may call, and it may.
    Allow,
    /// It reaches no route.
    Refuse(Box<Problem>),
}

impl Judgement {
    fn answer(self) -> Option<Response> {
        match self {
            Self::Pass => None,
            Self::Allow => Some(preflight_answer()),
            Self::Refuse(problem) => Some(problem.into_response()),
        }
    }
}

fn preflight_answer() -> Response {
    let mut answer = Response::new(String::new().into());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, ASK_AGAIN_SECONDS);
    answer
}

fn origin_not_allowed() -> Problem {
    let detail = "pages of this origin may not call this server; whoever runs it can add the origin to allowed_origins";
    Problem::new(Code::OriginNotAllowed, detail)
}

/// A proxy may have looked at the other one.
fn two_hosts() -> Problem {
    Problem::new(Code::HostNotAllowed, "this request names two hosts; send one Host")
}

fn host_not_allowed() -> Problem {
    let detail = "this server is for this machine only and does not go by this name; call it localhost, or add the \
                  origin of the name to allowed_origins";
    Problem::new(Code::HostNotAllowed, detail)
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// `app.example.com` for `https://app.example.com`.
fn host_of(origin: &str) -> Option<String> {
    origin.split_once("://").map(|(_, host)| host.to_owned())
}

/// Whether a host, with or without a port, can be nobody but this machine. `localhost` and what ends in it are never looked up
/// elsewhere.
fn is_of_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        // The colons of an IPv6 address stand before its bracket.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost"
        || name.ends_with(".localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests;
