//! An answer that is no success, and what all answers have in common.
//!
//! Edit path: ← [`of_view`](super::of_view) and its like say what is wrong, → what is sent.
//!
//! Always true: a problem is RFC 9457 `application/problem+json`; what is the same for every problem of a [`Code`] is not said twice.

use super::code::Code;
use dovetail_core::id::DocumentId;
use serde_json::{Map, Value};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::http::header::{self, HeaderName, HeaderValue};
use warp::reply::Response;

/// An answer that is no success.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What went wrong.
    pub code: Code,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// `detail` says whose fault it is and what to do, in a sentence without a full stop.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), members: Map::new(), headers: Vec::new() }
    }

    /// Adds a member to the body, for programs: `line`, `document`.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// Adds a header that the status calls for.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What went wrong, in words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What programs are told besides.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Which document it is about, if it is about one.
    #[must_use]
    pub fn document(&self) -> Option<DocumentId> {
        self.members.get("document")?.as_str()?.parse().ok()
    }

    /// What is sent.
    #[must_use]
    pub fn into_response(self) -> Response {
        let (word, status, title) = self.code.words();
        let mut body = Map::new();
        body.insert("type".to_owned(), format!("urn:dovetail:problem:{word}").into());
        body.insert("title".to_owned(), title.into());
        body.insert("status".to_owned(), status.as_u16().into());
        body.insert("detail".to_owned(), self.detail.into());
        body.insert("code".to_owned(), word.into());
        body.extend(self.members);

        let mut response = json(status, &Value::Object(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(self.headers);
        response
    }
}

/// A JSON answer, on one line.
#[must_use]
pub fn json(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(format!("{value}\n").into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer to what no route took.
#[must_use]
pub fn no_route() -> BoxedFilter<(Response,)> {
    let not_found = |path: warp::path::FullPath| {
        let detail = format!("nothing is served at {}; / lists what is", path.as_str());
        Problem::new(Code::NotFound, detail).into_response()
    };
    warp::path::full().map(not_found).boxed()
}

/// The answer to a method that a path does not know. Stands behind the path's routes.
pub fn only(allow: &'static str) -> impl Fn() -> Response + Clone {
    move || {
        Problem::new(Code::MethodNotAllowed, format!("this path takes {allow}"))
            .with_header(header::ALLOW, HeaderValue::from_static(allow))
            .into_response()
    }
}

/// What failed for a reason that passes may be tried again in a second.
pub(super) fn retry_later(problem: Problem) -> Problem {
    problem.with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}
