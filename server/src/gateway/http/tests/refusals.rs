//! What no door takes: said twice, not known, not decoded.

use super::doors::{Headers, etag, send};
use super::{Routes, code, get, made, read, request, routes};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use warp::http::{Request, Response as Answer};

/// Sends JSON with every header that is named, also one that is named twice: [`request`] keeps the last.
pub(super) async fn send_all(
    routes: &Routes,
    method: &str,
    path: &str,
    headers: Headers<'_>,
    body: &Value,
) -> Answer<Bytes> {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
    let answer = TowerToHyperService::new(warp::service(routes.clone())).call(request).await.unwrap();
    let (head, body) = answer.into_parts();
    Answer::from_parts(head, body.collect().await.unwrap().to_bytes())
}

/// HT14: what is said twice is refused, whichever of the two was meant, and nothing is stored.
#[tokio::test]
async fn ht14_what_is_said_twice_is_refused() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"a": 1})).await);
    let base = etag(&routes, &path).await;
    let base = base.as_str();
    let cases = [
        ("?dry_run=1&dry_run=0", vec![("dovetail-base", base)], "bad_parameter"),
        ("?dry_run=1&dry_run=1", vec![("dovetail-base", base)], "bad_parameter"),
        ("", vec![("dovetail-base", base), ("dovetail-base", base)], "bad_heads"),
        ("", vec![("if-match", base), ("if-match", "*")], "bad_heads"),
        (
            "",
            vec![("dovetail-base", base), ("idempotency-key", "a"), ("idempotency-key", "b")],
            "bad_idempotency_key",
        ),
    ];
    for (query, headers, expected) in cases {
        let answer = send_all(&routes, "PUT", &format!("{path}{query}"), &headers, &json!({"a": 2})).await;
        assert_eq!(
            (answer.status().as_u16(), code(&answer).as_str()),
            (400, expected),
            "{query} {headers:?}"
        );
        let detail = read(&answer)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("more than once"), "{detail}");
    }
    assert_eq!(etag(&routes, &path).await, base);
    assert_eq!(code(&get(&routes, "/api/docs?limit=1&limit=2").await), "bad_parameter");
}

/// HT15: what a path brings is decoded once and alike in every door; what cannot be decoded is refused there.
#[tokio::test]
async fn ht15_paths_are_decoded_once() {
    let routes = routes().await;
    let id = made(&routes, &json!({"kind": "a b", "n": 1})).await;
    for id in [format!("automerge%3a{id}"), format!("automerge%3A{id}"), id.replace('2', "%32")] {
        for path in ["", "/automerge", "/history", "/versions", "/conflicts"] {
            let answer = request("HEAD", &format!("/api/docs/{id}{path}")).reply(&routes).await;
            assert_eq!(answer.status(), 200, "{id}{path}");
        }
    }
    let path = format!("/api/docs/{id}");
    let named = send(&routes, "PUT", &format!("{path}/versions/a%20%2541%C3%BC"), &[], &json!({})).await;
    assert_eq!(read(&named)["name"], "a %41ü");
    assert_eq!(get(&routes, &format!("{path}/versions/a%20%2541ü")).await.status(), 200);
    let rules = json!({"kind": "a b", "rule": []});
    let put = send(&routes, "PUT", "/api/rules/a%20b", &[], &rules).await;
    assert_eq!((put.status().as_u16(), code(&put).as_str()), (422, "bad_rule_set"), "no kind has a space");
    assert!(read(&put)["detail"].as_str().unwrap().contains("letters"), "{put:?}");
    let rules = json!({"kind": "a.b", "rule": []});
    assert_eq!(send(&routes, "PUT", "/api/rules/a%2eb", &[], &rules).await.status(), 200);
    assert_eq!(get(&routes, "/api/rules/%61.b").await.status(), 200);

    let cases = [
        ("GET", "/api/docs/%ff".to_owned(), "bad_document_id"),
        ("GET", "/api/docs/%".to_owned(), "bad_document_id"),
        ("GET", "/api/docs/%zz/events".to_owned(), "bad_document_id"),
        ("PUT", "/api/docs/%ff".to_owned(), "bad_document_id"),
        ("PUT", format!("{path}/versions/%ff"), "bad_version_name"),
        ("GET", format!("{path}/versions/%ff"), "bad_version_name"),
        ("DELETE", format!("{path}/versions/100%"), "bad_version_name"),
        ("GET", format!("{path}/conflicts/%ff"), "bad_parameter"),
        ("POST", format!("{path}/conflicts/%ff/waive"), "bad_parameter"),
        ("GET", "/api/rules/%ff".to_owned(), "bad_parameter"),
        ("PUT", "/api/rules/%ff".to_owned(), "bad_parameter"),
        ("GET", "/api/rules/%ff/history".to_owned(), "bad_parameter"),
        ("POST", "/api/rules/%ff/dry-run".to_owned(), "bad_parameter"),
    ];
    for (method, path, expected) in cases {
        let answer = send(&routes, method, &path, &[], &json!({})).await;
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (400, expected), "{method} {path}");
    }
    let versions = read(&get(&routes, &format!("{path}/versions")).await)["versions"].clone();
    assert_eq!(versions.as_array().unwrap().len(), 1, "{versions}");
}

/// HT14: a path without parameters refuses all of them, before it does anything.
#[tokio::test]
async fn ht14_paths_without_parameters_refuse_them() {
    let routes = routes().await;
    let id = made(&routes, &json!({"a": 1})).await;
    let path = format!("/api/docs/{id}");
    let tag = etag(&routes, &path).await;
    let doors = [
        ("DELETE", path.clone()),
        ("GET", format!("{path}/automerge")),
        ("GET", format!("{path}/grafana")),
        ("POST", format!("{path}/undelete")),
        ("POST", format!("{path}/points")),
        ("GET", format!("{path}/conflicts/c")),
        ("POST", format!("{path}/conflicts/c/settle")),
        ("POST", format!("{path}/conflicts/c/waive")),
        ("POST", format!("{path}/conflicts/c/unwaive")),
        ("GET", format!("{path}/versions")),
        ("GET", format!("{path}/versions/v")),
        ("PUT", format!("{path}/versions/v")),
        ("DELETE", format!("{path}/versions/v")),
        ("GET", "/api/rules".to_owned()),
        ("PUT", "/api/rules/board".to_owned()),
        ("GET", "/api/rules/board/history".to_owned()),
        ("POST", "/api/rules/board/dry-run".to_owned()),
    ];
    for (method, door) in doors {
        let answer = send(&routes, method, &format!("{door}?dry_run=1"), &[], &json!({})).await;
        assert_eq!(
            (answer.status().as_u16(), code(&answer).as_str()),
            (400, "bad_parameter"),
            "{method} {door}"
        );
    }
    assert_eq!(etag(&routes, &path).await, tag);
}

/// HT6: a number that is none is refused with the numbers that are taken, in every door.
#[tokio::test]
async fn ht6_numbers_are_refused_with_their_range() {
    let routes = routes().await;
    let id = made(&routes, &json!({"n": 1})).await;
    let doors = [
        ("/api/docs".to_owned(), "limit", "limit is a whole number from 1 to 500"),
        (format!("/api/docs/{id}/history"), "limit", "limit is a whole number from 1 to 200"),
        ("/api/conflicts".to_owned(), "limit", "limit is a whole number from 1 to 500"),
        (
            "/api/conflicts".to_owned(),
            "older_than",
            "older_than is a whole number from 0 to 9007199254740991",
        ),
        (
            "/api/rules/dashboard".to_owned(),
            "version",
            "version is a whole number from 0 to 9007199254740991",
        ),
    ];
    for (path, name, words) in doors {
        for given in ["=-1", "", "=", "=+1", "=1.5", "=ten", "=9007199254740992", "=99999999999999999999"] {
            let refused = get(&routes, &format!("{path}?{name}{given}")).await;
            assert_eq!(code(&refused), "bad_parameter", "{path}?{name}{given}");
            assert_eq!(read(&refused)["detail"], words, "{path}?{name}{given}");
        }
        assert_ne!(get(&routes, &format!("{path}?{name}=1")).await.status(), 400);
    }
}

/// CO4: the states that a door knows are named to whoever asks for another; the inbox has no settled conflicts.
#[tokio::test]
async fn co4_states_that_there_are_not_are_refused() {
    let routes = routes().await;
    let id = made(&routes, &json!({"n": 1})).await;
    let of_document = read(&get(&routes, &format!("/api/docs/{id}/conflicts?state=foo")).await);
    assert_eq!(of_document["detail"], "state is open, waived, settled or all");
    for state in ["settled", "foo"] {
        let refused = get(&routes, &format!("/api/conflicts?state={state}")).await;
        assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (400, "bad_parameter"), "{state}");
        let detail = read(&refused)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("open or waived") && detail.contains("/api/docs/{id}/conflicts"), "{detail}");
    }
    for state in ["open", "waived"] {
        assert_eq!(get(&routes, &format!("/api/conflicts?state={state}")).await.status(), 200);
    }
}
