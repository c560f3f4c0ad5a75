//! Answers, held to `docs/openapi.json`. In tests only: a test that gets an answer which is not in the
//! document fails, whatever else it looks at.

#[path = "../../../../../tests/harness/schema.rs"]
#[allow(unreachable_pub)] // it is public in the harness
pub(super) mod schema; // Shared with the tests of the binary, which this crate cannot depend on.

use http_body_util::BodyExt;
use hyper::body::Body;
use serde_json::Value;
use std::sync::LazyLock;
use warp::http::header::CONTENT_TYPE;
use warp::reply::Response;

pub(in crate::gateway::http) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(super::OPENAPI).expect("docs/openapi.json is JSON"));

/// The answer, when it is one that the document has; else the test fails.
pub(in crate::gateway) async fn checked(route: &str, method: &str, response: Response) -> Response {
    let (head, body) = response.into_parts();
    let status = head.status.as_u16();
    let place = format!("{method} {route} → {status}");
    let operation = &DOCUMENT["paths"][route][method.to_ascii_lowercase()];
    assert!(operation.is_object(), "docs/openapi.json has no {method} {route}");
    let documented = &operation["responses"][status.to_string()];
    assert!(documented.is_object(), "docs/openapi.json does not have {place}");

    let media_type = head.headers.get(CONTENT_TYPE).map(|value| value.to_str().expect("plain text"));
    let essence = media_type.map(|text| text.split(';').next().unwrap_or_default());
    let content = essence.map(|essence| documented["content"].get(essence));
    if body.size_hint().exact().is_none() {
        // A stream: what it tells is not over yet.
        assert!(content.flatten().is_some(), "{place}: {essence:?} is not documented");
        return Response::from_parts(head, body);
    }
    let bytes = body.collect().await.expect("a body in memory cannot break off").to_bytes();
    match content.flatten() {
        Some(content) => check_body(&place, content, essence, &bytes),
        None => assert!(bytes.is_empty(), "{place}: a body of {essence:?} is not documented"),
    }
    Response::from_parts(head, bytes.into())
}

fn check_body(place: &str, content: &Value, essence: Option<&str>, bytes: &[u8]) {
    let Some(schema) = content.get("schema") else { return };
    if !essence.is_some_and(|essence| essence.ends_with("/json") || essence.ends_with("+json")) {
        return;
    }
    let value: Value = serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{place}: {error}"));
    let faults = schema::faults(&DOCUMENT, schema, &value);
    assert!(faults.is_empty(), "docs/openapi.json does not have this {place}: {faults:#?}");
}
