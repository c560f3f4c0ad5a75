//! Past states, as a caller sees them.

use super::doors::send;
use super::{UNKNOWN_ID, code, get, header, made, post, read, request, routes};
use serde_json::{Value, json};

async fn etag(routes: &super::Routes, path: &str) -> String {
    header(&get(routes, path).await, "etag").to_owned()
}

async fn put(routes: &super::Routes, path: &str, body: &Value) -> String {
    let base = etag(routes, path).await;
    let answer = send(routes, "PUT", path, &[("dovetail-base", &base)], body).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    header(&answer, "etag").to_owned()
}

/// JD28: a document is read as it was, by heads in any form and by the name of a version.
#[tokio::test]
async fn jd28_past_states_are_read() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"n": 1})).await);
    let then = etag(&routes, &path).await;
    let plain = then.trim_matches('"').to_owned();
    let version = send(
        &routes,
        "PUT",
        &format!("{path}/versions/first%20one"),
        &[],
        &json!({"by": "ana", "note": "so far"}),
    )
    .await;
    assert_eq!(version.status(), 200, "{version:?}");
    assert_eq!(read(&version)["heads"], json!([plain]));
    put(&routes, &path, &json!({"n": 2})).await;

    for query in [format!("heads={plain}"), format!("heads=%22{plain}%22"), "version=first%20one".to_owned()]
    {
        let answer = get(&routes, &format!("{path}?{query}")).await;
        assert_eq!((answer.status().as_u16(), read(&answer)), (200, json!({"n": 1})), "{query}");
        assert_eq!(header(&answer, "etag"), then);
        let known =
            request("GET", &format!("{path}?{query}")).header("if-none-match", &then).reply(&routes).await;
        assert_eq!((known.status().as_u16(), known.body().len()), (304, 0));
    }
    for (query, status, expected) in [
        (format!("heads={}", "cd".repeat(32)), 409, "unknown_heads"),
        ("heads=5".to_owned(), 400, "bad_heads"),
        ("version=none".to_owned(), 404, "version_not_found"),
        (format!("version=none&heads={plain}"), 400, "bad_parameter"),
        ("head=5".to_owned(), 400, "bad_parameter"),
    ] {
        let answer = get(&routes, &format!("{path}?{query}")).await;
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (status, expected), "{query}");
    }
}

/// JD29: the history comes in pages that meet while others write.
#[tokio::test]
async fn jd29_the_history_comes_in_pages() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"n": 0})).await);
    let mut states = vec![etag(&routes, &path).await];
    for n in 1..6 {
        states.push(put(&routes, &path, &json!({ "n": n })).await);
    }
    states.reverse();
    let (mut seen, mut next) = (Vec::new(), format!("{path}/history?limit=4"));
    loop {
        let answer = get(&routes, &next).await;
        let page = read(&answer);
        for group in page["groups"].as_array().unwrap() {
            assert_eq!(group["changes"], 1);
            seen.push(format!("\"{}\"", group["heads"][0].as_str().unwrap()));
        }
        put(&routes, &path, &json!({"meanwhile": seen.len()})).await;
        let Some(link) = page["next"].as_str() else { break };
        assert_eq!(header(&answer, "link"), format!("<{link}>; rel=\"next\""));
        next = link.to_owned();
    }
    assert_eq!(seen, states);
    for query in ["limit=0", "limit=201", "cursor=x", "page=2"] {
        assert_eq!(code(&get(&routes, &format!("{path}/history?{query}")).await), "bad_parameter");
    }
    let foreign = format!("{path}/history?cursor=1.{}", "ef".repeat(32));
    assert_eq!(code(&get(&routes, &foreign).await), "unknown_heads");
    assert_eq!(code(&get(&routes, &format!("/api/docs/{UNKNOWN_ID}/history")).await), "document_not_found");
}

/// JD30: the difference of two states is a JSON Patch that PATCH takes.
#[tokio::test]
async fn jd30_differences_are_patches() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"n": 1, "list": [{"id": 1}, {"id": 2}]})).await);
    let then = etag(&routes, &path).await.trim_matches('"').to_owned();
    let now = put(&routes, &path, &json!({"n": 2, "list": [{"id": 2}]})).await;
    let diff = read(&get(&routes, &format!("{path}/diff?from={then}")).await);
    assert_eq!(
        diff["patch"],
        json!([{"op": "remove", "path": "/list/0"}, {"op": "replace", "path": "/n", "value": 2}])
    );
    assert_eq!(
        (&diff["from"], format!("\"{}\"", diff["to"][0].as_str().unwrap())),
        (&json!([then]), now.clone())
    );

    let back = read(&get(&routes, &format!("{path}/diff?from={}&to={then}", now.trim_matches('"'))).await);
    let patched = request("PATCH", &path)
        .header("content-type", "application/json-patch+json")
        .header("dovetail-base", &now)
        .body(back["patch"].to_string())
        .reply(&routes)
        .await;
    assert_eq!(patched.status(), 200);
    assert_eq!(read(&get(&routes, &path).await), json!({"n": 1, "list": [{"id": 1}, {"id": 2}]}));
    for (query, expected) in [
        (String::new(), "bad_parameter"),
        ("from=x".to_owned(), "bad_heads"),
        (format!("from={then}&to=x"), "bad_heads"),
        (format!("from={}", "ab".repeat(32)), "unknown_heads"),
    ] {
        assert_eq!(code(&get(&routes, &format!("{path}/diff?{query}")).await), expected, "{query}");
    }
}

/// JD31: states are named, listed, renamed and forgotten, and what is no name is refused.
#[tokio::test]
async fn jd31_states_are_named() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"n": 1})).await);
    let one = format!("{path}/versions/one");
    assert_eq!(read(&get(&routes, &format!("{path}/versions")).await), json!({"versions": []}));
    assert_eq!(request("PUT", &one).reply(&routes).await.status(), 200, "no body names the present state");
    let tag = etag(&routes, &path).await;
    assert_eq!(
        request("PUT", &one)
            .header("content-type", "application/json")
            .body("{}")
            .reply(&routes)
            .await
            .status(),
        200
    );
    let listed = read(&get(&routes, &format!("{path}/versions")).await);
    assert_eq!(listed["versions"][0]["name"], "one");
    assert_eq!(listed["versions"][0], read(&get(&routes, &one).await));
    // The second PUT named a later state: the first wrote the name itself into the document.
    assert_eq!(format!("\"{}\"", listed["versions"][0]["heads"][0].as_str().unwrap()), tag);
    assert_eq!(read(&get(&routes, &path).await)["_dovetail"]["versions"].as_object().unwrap().len(), 1);

    let unknown = json!({"heads": ["ab".repeat(32)]});
    for (path, body, expected) in [
        (one.clone(), unknown, "unknown_heads"),
        (one.clone(), json!({"heads": ["x"]}), "bad_heads"),
        (one.clone(), json!({"head": []}), "bad_body"),
        (format!("{path}/versions/{}", "x".repeat(200)), json!({}), "bad_version_name"),
        (format!("{path}/versions/a%2Fb"), json!({}), "bad_version_name"),
    ] {
        assert_eq!(code(&send(&routes, "PUT", &path, &[], &body).await), expected, "{body}");
    }
    let long = send(&routes, "PUT", &one, &[], &json!({"note": "x".repeat(5000)})).await;
    assert_eq!((long.status().as_u16(), code(&long).as_str()), (422, "bad_body"));
    assert_eq!(read(&long)["detail"], "the note of a version has at most 4096 bytes, and this one has 5000");
    assert_eq!(request("DELETE", &one).reply(&routes).await.status(), 204);
    assert_eq!(code(&request("DELETE", &one).reply(&routes).await), "version_not_found");
    assert_eq!(code(&get(&routes, &one).await), "version_not_found");
}

/// JD32: going back is one change on top of what is there, by heads or by name, once for one key, and dry.
#[tokio::test]
async fn jd32_going_back_is_one_change() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"n": 1})).await);
    let then = etag(&routes, &path).await.trim_matches('"').to_owned();
    request("PUT", &format!("{path}/versions/v")).reply(&routes).await;
    put(&routes, &path, &json!({"n": 2})).await;
    let restore = format!("{path}/restore");
    let now = etag(&routes, &path).await;

    let dry = read(&post(&routes, &format!("{restore}?dry_run=1"), &json!({"version": "v"})).await);
    assert_eq!((&dry["dry_run"], etag(&routes, &path).await), (&json!(true), now));
    let headers = [("idempotency-key", "back")];
    let first = send(&routes, "POST", &restore, &headers, &json!({"heads": [then]})).await;
    assert_eq!(first.status(), 200, "{first:?}");
    assert_eq!(read(&get(&routes, &path).await)["n"], 1);
    put(&routes, &path, &json!({"n": 3})).await;
    let again = send(&routes, "POST", &restore, &headers, &json!({"heads": [then]})).await;
    assert_eq!(again.body(), first.body());
    assert_eq!(read(&get(&routes, &path).await)["n"], 3);
    assert_eq!(post(&routes, &restore, &json!({"version": "v"})).await.status(), 200);
    assert_eq!(read(&get(&routes, &path).await)["n"], 1);
    let newest = read(&get(&routes, &format!("{path}/history?limit=1")).await)["groups"][0].clone();
    assert_eq!(newest["messages"], json!(["restored the version v"]));

    let tag = etag(&routes, &path).await;
    for (body, expected) in [
        (json!({}), "bad_body"),
        (json!({"version": "v", "heads": [then]}), "bad_body"),
        (json!({"version": "none"}), "version_not_found"),
        (json!({"heads": ["ab".repeat(32)]}), "unknown_heads"),
        (json!({"heads": [5]}), "bad_body"),
    ] {
        assert_eq!(code(&post(&routes, &restore, &body).await), expected, "{body}");
    }
    let nothing = read(&post(&routes, &restore, &json!({})).await);
    assert_eq!(nothing["detail"], "say which state to go back to: heads, or a version");
    let strict =
        send(&routes, "POST", &restore, &[("if-match", &format!("\"{then}\""))], &json!({"version": "v"}))
            .await;
    assert_eq!(code(&strict), "precondition_failed");
    assert_eq!(etag(&routes, &path).await, tag);
}

/// JD34: what is no JSON object is refused where an object says what to do: a list is not read by its places.
#[tokio::test]
async fn jd34_lists_are_no_objects() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"n": 1})).await);
    let tag = etag(&routes, &path).await;
    let version = format!("{path}/versions/v");
    let doors = [
        ("PUT", version.clone(), json!([null, "ana", null])),
        ("POST", format!("{path}/restore"), json!([[tag.trim_matches('"')], null])),
        ("POST", format!("{path}/conflicts/c/settle"), json!(["push_down", null])),
        ("POST", format!("{path}/conflicts/c/waive"), json!(["x", null, null])),
        ("POST", format!("{path}/conflicts/c/unwaive"), json!([])),
    ];
    for (method, path, list) in &doors {
        for body in [list.clone(), json!(null), json!("x"), json!(3)] {
            let answer = send(&routes, method, path, &[], &body).await;
            assert_eq!(
                (answer.status().as_u16(), code(&answer).as_str()),
                (422, "bad_body"),
                "{method} {path} {body}"
            );
            assert!(
                read(&answer)["detail"].as_str().unwrap().contains("a JSON object is taken"),
                "{answer:?}"
            );
        }
        for text in ["[1", "{"] {
            let sent = request(method, path).header("content-type", "application/json").body(text);
            assert_eq!(code(&sent.reply(&routes).await), "bad_json", "{method} {path} {text}");
        }
    }
    let twice = request("PUT", &version).header("content-type", "application/json");
    let twice = twice.body("{\"by\": \"ana\", \"by\": \"bo\"}").reply(&routes).await;
    assert_eq!(code(&twice), "bad_body", "a member that is there twice");
    assert_eq!(etag(&routes, &path).await, tag);
}
