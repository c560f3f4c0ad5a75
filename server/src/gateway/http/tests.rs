//! The doors as a caller sees them, on a store in memory and without a socket.

use crate::clock::Clock;
use crate::config::{Config, Given, Source};
use crate::server::Server;
use crate::shutdown::Shutdown;
use crate::store::MemoryStore;
use bytes::Bytes;
use dovetail_core::time::Timestamp;
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::http::Response as Answer;
use warp::reply::Response;
use warp::test::RequestBuilder;

mod access; // Who may do what.
mod conflicts; // Rules, and what people decide.
mod doors; // PUT, PATCH and what belongs to them.
mod past; // History, versions, going back.
mod refusals; // What no door takes.

pub(super) type Routes = BoxedFilter<(Response,)>;

const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A server with these settings and no documents.
async fn server_with(settings: &[(&'static str, &str)]) -> Server {
    let source = Source::Flag { flag: "--test".to_owned() };
    let given =
        settings.iter().map(|(name, text)| Given { name, text: (*text).to_owned(), source: source.clone() });
    let config = Config::assemble(given).unwrap();
    Server::on(config, Arc::new(MemoryStore::new()), Clock::standing(NOON)).await.unwrap()
}

pub(super) async fn routes() -> Routes {
    server_with(&[]).await.gateway().routes()
}

pub(super) fn request(method: &str, path: &str) -> RequestBuilder {
    warp::test::request().method(method).path(path)
}

pub(super) async fn get(routes: &Routes, path: &str) -> Answer<Bytes> {
    request("GET", path).reply(routes).await
}

async fn post(routes: &Routes, path: &str, body: &Value) -> Answer<Bytes> {
    request("POST", path).json(body).reply(routes).await
}

/// Makes a document and gives its id.
async fn made(routes: &Routes, body: &Value) -> String {
    let answer = post(routes, "/api/docs", body).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    read(&answer)["id"].as_str().unwrap().to_owned()
}

fn read(answer: &Answer<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

pub(super) fn header<'a>(answer: &'a Answer<Bytes>, name: &str) -> &'a str {
    answer.headers()[name].to_str().unwrap()
}

/// Checks that an answer is a problem as RFC 9457 has it, and gives its code.
pub(super) fn code(answer: &Answer<Bytes>) -> String {
    assert_eq!(header(answer, "content-type"), "application/problem+json", "{answer:?}");
    let problem = read(answer);
    assert_eq!(problem["status"], answer.status().as_u16());
    for member in ["type", "title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {problem}");
    }
    problem["code"].as_str().unwrap().to_owned()
}

pub(super) const UNKNOWN_ID: &str = "4NMNnkMhL8jXrdJ9jamS58PAVdXu";

/// HT1: a JSON object becomes the content of a new document, and comes back as it was.
#[tokio::test]
async fn ht1_posted_json_is_the_content() {
    let routes = routes().await;
    let content = json!({"name": "Ada", "list": [1, 2.5, true, null], "deep": {"a": {"b": "ü"}}});
    let answer = post(&routes, "/api/docs", &content).await;
    assert_eq!(answer.status(), 201);
    let made = read(&answer);
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["url"], format!("automerge:{id}"));
    assert_eq!(made["heads"].as_array().unwrap().len(), 1);
    assert_eq!(header(&answer, "location"), format!("/api/docs/{id}"));

    let shown = get(&routes, header(&answer, "location")).await;
    assert_eq!(shown.status(), 200);
    assert_eq!(header(&shown, "content-type"), "application/json");
    assert_eq!(read(&shown), content);
    assert_eq!(header(&shown, "etag"), header(&answer, "etag"));
}

/// HT1: no body, or an empty object, makes an empty document: it exists and has one change.
#[tokio::test]
async fn ht1_an_empty_body_makes_an_empty_document() {
    let routes = routes().await;
    for body in ["", "  \n", "{}"] {
        let builder = request("POST", "/api/docs").header("content-type", "application/json").body(body);
        let answer = builder.reply(&routes).await;
        assert_eq!(answer.status(), 201, "{body:?}");
        let shown = get(&routes, header(&answer, "location")).await;
        assert_eq!(read(&shown), json!({}), "{body:?}");
    }
    assert_eq!(request("POST", "/api/docs").reply(&routes).await.status(), 201, "no body at all");
}

/// HT1: JSON of the kind dashboard starts from the first change that all dashboards have.
#[tokio::test]
async fn ht1_a_posted_dashboard_starts_like_every_dashboard() {
    let routes = routes().await;
    let id = made(&routes, &json!({"kind": "dashboard", "title": "Sales"})).await;
    let saved = get(&routes, &format!("/api/docs/{id}/automerge")).await;
    let document = automerge::Automerge::load(saved.body()).unwrap();
    let first = dovetail_core::dashboard::first_dashboard().get_heads()[0];
    assert!(automerge::ReadDoc::get_change_by_hash(&document, &first).is_some());
    assert_eq!(read(&get(&routes, &format!("/api/docs/{id}")).await)["title"], "Sales");
}

/// HT1: so does JSON of the kind widget-data: what two made while apart is one list of points, and the text is one that
/// people type in.
#[tokio::test]
async fn ht1_posted_widget_data_starts_like_all_widget_data() {
    let routes = routes().await;
    let points = json!([{"t": 1, "v": 2}]);
    let id = made(&routes, &json!({"kind": "widget-data", "points": points, "text": "so far"})).await;
    let saved = get(&routes, &format!("/api/docs/{id}/automerge")).await;
    let document = automerge::Automerge::load(saved.body()).unwrap();
    let first = dovetail_core::dashboard::first_widget_data();
    assert!(automerge::ReadDoc::get_change_by_hash(&document, &first.get_heads()[0]).is_some());
    for member in ["points", "text"] {
        let object = |doc| automerge::ReadDoc::get(doc, automerge::ROOT, member).unwrap().unwrap().1;
        assert_eq!(object(&document), object(&first), "{member}");
    }
    let shown = read(&get(&routes, &format!("/api/docs/{id}")).await);
    assert_eq!(
        shown,
        json!({
            "kind": "widget-data", "schemaVersion": 1, "shape": "points", "points": points,
            "columns": [], "rows": [], "text": "so far",
        })
    );
}

/// HT2: a document in Automerge's own format opens with all that is in it.
#[tokio::test]
async fn ht2_the_automerge_form_is_the_document() {
    let routes = routes().await;
    let id = made(&routes, &json!({"n": 1})).await;
    let saved = get(&routes, &format!("/api/docs/{id}/automerge")).await;
    assert_eq!(header(&saved, "content-type"), "application/octet-stream");
    let document = automerge::Automerge::load(saved.body()).unwrap();
    assert_eq!(dovetail_core::json::read(&document, None), json!({"n": 1}));
}

/// HT3: whoever has the newest state is told so, and nothing more.
#[tokio::test]
async fn ht3_a_known_etag_is_not_modified() {
    let routes = routes().await;
    let id = made(&routes, &json!({"n": 1})).await;
    for path in [format!("/api/docs/{id}"), format!("/api/docs/{id}/automerge")] {
        let etag = header(&get(&routes, &path).await, "etag").to_owned();
        for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            let answer = request("GET", &path).header("if-none-match", &known).reply(&routes).await;
            assert_eq!(answer.status(), 304, "{path} with {known}");
            assert!(answer.body().is_empty());
            assert_eq!(header(&answer, "etag"), etag);
        }
        let other = request("GET", &path).header("if-none-match", "\"other\"").reply(&routes).await;
        assert_eq!(other.status(), 200);
    }
}

/// HT4: a list comes in pages that meet, in the order of ids, and each says where the next begins.
#[tokio::test]
async fn ht4_pages_of_the_list_meet() {
    let routes = routes().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(made(&routes, &json!({ "n": n })).await);
    }
    let (mut seen, mut path, mut pages) = (Vec::new(), "/api/docs?limit=3".to_owned(), 0);
    loop {
        let answer = get(&routes, &path).await;
        let page = read(&answer);
        pages += 1;
        seen.extend(
            page["documents"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(header(&answer, "link"), format!("<{next}>; rel=\"next\""));
        path = next.to_owned();
    }
    assert_eq!(pages, 3);
    seen.sort();
    ids.sort();
    assert_eq!(seen, ids);
}

/// HT4: the list says what a document is without opening it.
#[tokio::test]
async fn ht4_the_list_describes_each_document() {
    let routes = routes().await;
    let id = made(&routes, &json!({"kind": "dashboard", "title": "Sales"})).await;
    let listed = read(&get(&routes, "/api/docs").await)["documents"][0].clone();
    assert_eq!(listed["id"], id);
    assert_eq!(listed["url"], format!("automerge:{id}"));
    assert_eq!((&listed["kind"], &listed["title"]), (&json!("dashboard"), &json!("Sales")));
    assert_eq!(
        (&listed["created"], &listed["changed"]),
        (&json!(NOON.as_millis()), &json!(NOON.as_millis()))
    );
    assert_eq!(listed["state"], "live");
    assert!(listed["changes"].as_u64().unwrap() >= 2);
    assert!(listed["bytes"].as_u64().unwrap() > 0);
}

/// HT5: a deleted document is gone until somebody takes the deletion back.
#[tokio::test]
async fn ht5_deleting_can_be_taken_back() {
    let routes = routes().await;
    let id = made(&routes, &json!({"n": 1})).await;
    let path = format!("/api/docs/{id}");
    assert_eq!(request("DELETE", &path).reply(&routes).await.status(), 204);

    let gone = get(&routes, &path).await;
    assert_eq!((gone.status().as_u16(), code(&gone).as_str()), (410, "document_deleted"));
    assert_eq!(read(&get(&routes, "/api/docs").await)["documents"][0]["state"], "deleted");

    let back = request("POST", &format!("{path}/undelete")).reply(&routes).await;
    assert_eq!(back.status(), 200);
    assert_eq!(read(&get(&routes, &path).await), json!({"n": 1}));
}

/// HT6: every refusal is a problem with a code that programs can rely on.
#[tokio::test]
async fn ht6_refusals_have_stable_codes() {
    let routes = routes().await;
    let unknown = format!("/api/docs/{UNKNOWN_ID}");
    let cases = [
        ("GET", "/nothing/here", 404, "not_found"),
        ("POST", "/nothing/here", 404, "not_found"),
        ("GET", "/api/docs/a/b/c", 404, "not_found"),
        ("PUT", "/api/docs", 405, "method_not_allowed"),
        ("POST", "/", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("GET", "/api/docs/not-an-id", 400, "bad_document_id"),
        ("GET", "/api/docs/not-an-id/automerge", 400, "bad_document_id"),
        ("DELETE", "/api/docs/automerge:", 400, "bad_document_id"),
        ("GET", &unknown, 404, "document_not_found"),
        ("DELETE", &unknown, 404, "document_not_found"),
        ("GET", "/api/docs?limit=0", 400, "bad_parameter"),
        ("GET", "/api/docs?limit=501", 400, "bad_parameter"),
        ("GET", "/api/docs?limit=many", 400, "bad_parameter"),
        ("GET", "/api/docs?after=x", 400, "bad_parameter"),
        ("GET", "/api/docs?lmit=5", 400, "bad_parameter"),
        ("POST", "/api/docs?import=word", 400, "bad_parameter"),
        ("GET", "/sync", 426, "upgrade_required"),
        ("POST", "/sync", 426, "upgrade_required"),
    ];
    for (method, path, status, expected) in cases {
        let answer = request(method, path).reply(&routes).await;
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (status, expected), "{method} {path}");
    }
}

/// HT6: a path that does not know a method says which it knows.
#[tokio::test]
async fn ht6_allowed_methods_are_named() {
    let routes = routes().await;
    let id = UNKNOWN_ID;
    let cases = [
        ("/".to_owned(), "GET, HEAD"),
        ("/api/docs".to_owned(), "GET, HEAD, POST"),
        (format!("/api/docs/{id}"), "GET, HEAD, PUT, PATCH, DELETE"),
        (format!("/api/docs/{id}/automerge"), "GET, HEAD"),
        (format!("/api/docs/{id}/undelete"), "POST"),
        (format!("/api/docs/{id}/restore"), "POST"),
        (format!("/api/docs/{id}/history"), "GET, HEAD"),
        (format!("/api/docs/{id}/diff"), "GET, HEAD"),
        (format!("/api/docs/{id}/versions"), "GET, HEAD"),
        (format!("/api/docs/{id}/versions/v"), "GET, HEAD, PUT, DELETE"),
    ];
    for (path, allow) in cases {
        let answer = request("TRACE", &path).reply(&routes).await;
        assert_eq!(code(&answer), "method_not_allowed", "{path}");
        assert_eq!(header(&answer, "allow"), allow, "{path}");
    }
}

/// HT7: what is no JSON object is refused with the place of the mistake, and nothing is stored.
#[tokio::test]
async fn ht7_bad_json_is_refused_with_its_place() {
    let routes = routes().await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep_object = format!("{{\"a\":{}{}}}", "[".repeat(110), "]".repeat(110));
    let cases = [
        ("{\"a\":\n 1,}", 400, "bad_json", json!(2)),
        ("{\"a\": 1", 400, "bad_json", json!(1)),
        (deep.as_str(), 400, "bad_json", json!(1)),
        ("[1, 2]", 422, "bad_content", Value::Null),
        ("\"text\"", 422, "bad_content", Value::Null),
        (deep_object.as_str(), 422, "bad_content", Value::Null),
    ];
    for (body, status, expected, line) in cases {
        let builder = request("POST", "/api/docs").header("content-type", "application/json").body(body);
        let answer = builder.reply(&routes).await;
        let shown = &body[..body.len().min(30)];
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (status, expected), "{shown}");
        assert_eq!(read(&answer)["line"], line, "{shown}");
    }
    assert_eq!(read(&get(&routes, "/api/docs").await)["documents"], json!([]));
}

/// HT7: what does not call itself JSON is refused: a form on any web page could send it.
#[tokio::test]
async fn ht7_other_media_types_are_refused() {
    let routes = routes().await;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"] {
        let builder = request("POST", "/api/docs").header("content-type", media_type).body("{}");
        let answer = builder.reply(&routes).await;
        assert_eq!(
            (answer.status().as_u16(), code(&answer).as_str()),
            (415, "unsupported_media_type"),
            "{media_type}"
        );
    }
    assert_eq!(code(&request("POST", "/api/docs").body("{}").reply(&routes).await), "unsupported_media_type");
    for media_type in ["application/json; charset=utf-8", "application/vnd.grafana+json", "Application/JSON"]
    {
        let builder = request("POST", "/api/docs").header("content-type", media_type).body("{}");
        assert_eq!(builder.reply(&routes).await.status(), 201, "{media_type}");
    }
}

/// HT8: a body larger than the bound is refused, also when it does not announce its size.
#[tokio::test]
async fn ht8_large_bodies_are_refused() {
    let routes = server_with(&[("body_bytes_max", "1KiB")]).await.gateway().routes();
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(2000));
    let small = format!("{{\"a\":\"{}\"}}", "x".repeat(900));
    for (body, announced, status) in [(&large, true, 413), (&large, false, 413), (&small, true, 201)] {
        let mut builder = request("POST", "/api/docs").body(body).header("content-type", "application/json");
        if !announced {
            builder = builder.header("content-length", "not a number");
        }
        let answer = builder.reply(&routes).await;
        assert_eq!(answer.status(), status);
        if status == 413 {
            assert_eq!(code(&answer), "body_too_large");
        }
    }
}

/// HT9: a Grafana dashboard becomes a dashboard, and what is none is refused.
#[tokio::test]
async fn ht9_grafana_dashboards_come_in_and_go_out() {
    let routes = routes().await;
    let grafana = json!({"title": "T", "schemaVersion": 38, "panels": [
        {"id": 1, "type": "timeseries", "title": "CPU", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}, "targets": []}
    ]});
    let answer = post(&routes, "/api/docs?import=grafana", &grafana).await;
    assert_eq!(answer.status(), 201);
    let path = header(&answer, "location").to_owned();
    let dashboard = read(&get(&routes, &path).await);
    assert_eq!((&dashboard["kind"], &dashboard["title"]), (&json!("dashboard"), &json!("T")));
    let back = read(&get(&routes, &format!("{path}/grafana")).await);
    assert_eq!(back["panels"], grafana["panels"]);

    let refused = post(&routes, "/api/docs?import=grafana", &json!({"kind": "nonsense"})).await;
    assert_eq!(code(&refused), "bad_grafana_dashboard");
    let plain = made(&routes, &json!({"n": 1})).await;
    let none = get(&routes, &format!("/api/docs/{plain}/grafana")).await;
    assert_eq!((none.status().as_u16(), code(&none).as_str()), (409, "not_a_dashboard"));
}

/// HT10: the page, the figures and the state are there for whoever asks.
#[tokio::test]
async fn ht10_the_server_tells_how_it_is() {
    let routes = routes().await;
    let page = get(&routes, "/").await;
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert!(header(&page, "content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(read(&get(&routes, "/health").await)["status"], "ok");
    assert_eq!(read(&get(&routes, "/ready").await)["status"], "ready");
    let realtime = read(&get(&routes, "/api/realtime").await);
    assert_eq!((&realtime["status"], &realtime["timestamp"]), (&json!("serving"), &json!(NOON.as_millis())));
    assert_eq!(realtime["statistics"]["documents_stored"], 0);
    let metrics = get(&routes, "/metrics").await;
    assert!(header(&metrics, "content-type").starts_with("text/plain; version=0.0.4"));
    let text = std::str::from_utf8(metrics.body()).unwrap();
    assert!(text.contains("dovetail_store_read_only 0"), "{text}");
    assert!(
        text.contains("dovetail_http_requests_total{route=\"/health\",method=\"GET\",status=\"200\"}"),
        "{text}"
    );
    let head = request("HEAD", "/api/docs").reply(&routes).await;
    assert_eq!(head.status(), 200);
}

/// OP37: the figures show how much of a bound is used for each of which the table of bounds says so, and for no other.
#[tokio::test]
async fn op37_figures_show_how_much_of_each_bound_is_used() {
    let server = server_with(&[("documents_per_subject_max", "off")]).await;
    let metrics = get(&server.gateway().routes(), "/metrics").await;
    let text = std::str::from_utf8(metrics.body()).unwrap();
    let shown = text.lines().filter_map(|line| line.strip_prefix("dovetail_bound_used_ratio{bound=\""));
    let shown: BTreeMap<&str, f64> = shown
        .map(|line| line.split_once("\"} ").unwrap())
        .map(|(bound, share)| (bound, share.parse().unwrap()))
        .collect();
    let told = crate::bounds::table().into_iter().flat_map(|(_, bounds)| bounds);
    let told: BTreeSet<&str> = told.filter_map(|bound| bound.watched).collect();
    assert_eq!(shown.keys().copied().collect::<BTreeSet<_>>(), told);
    assert!(shown.values().all(|share| *share >= 0.0), "{shown:?}");
}

/// OP37: what is shown is what there is now, as a share of what there may be.
#[tokio::test]
async fn op37_a_share_is_of_what_there_may_be() {
    let server = server_with(&[("document_changes_max", "4"), ("document_bytes_max", "off")]).await;
    let routes = server.gateway().routes();
    let made = request("POST", "/api/docs").json(&serde_json::json!({"a": 1})).reply(&routes).await;
    assert_eq!(made.status(), 201);
    let used = server.gateway().used();
    let of = |bound: &str| used.iter().find(|used| used.bound == bound).unwrap();
    let changes = of("document_changes_max");
    assert!(changes.now >= 1 && changes.most == 4, "{changes:?}");
    assert!((changes.share() - changes.now as f64 / 4.0).abs() < 1e-9);
    assert_eq!(of("document_bytes_max").share(), 0.0, "it has no bound");
    assert!(of("document_ops").now >= 1);
}

/// HT11: a server that stops says so to whoever sends requests its way, and lives.
#[tokio::test]
async fn ht11_a_stopping_server_is_not_ready() {
    let server = server_with(&[]).await;
    let shutdown = Shutdown::new();
    let mut gateway = server.gateway().clone();
    gateway.drain = shutdown.watch();
    let routes = gateway.routes();
    assert_eq!(get(&routes, "/ready").await.status(), 200);
    shutdown.begin();
    let answer = get(&routes, "/ready").await;
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (503, "draining"));
    assert_eq!(read(&answer)["reasons"], json!(["the server is stopping"]));
    assert_eq!(get(&routes, "/health").await.status(), 200);
}

/// HT35: what was begun is done to its end, whoever has gone meanwhile; a panic in it is an answer.
#[tokio::test]
async fn ht35_what_was_begun_is_done_to_its_end() {
    let (done, told) = tokio::sync::oneshot::channel();
    let answering = super::to_its_end(async move {
        tokio::task::yield_now().await;
        let _nobody = done.send("done");
        Ok(warp::reply::Response::default())
    });
    assert!(answering.now_or_never().is_none(), "it has begun, and its caller goes");
    assert_eq!(told.await, Ok("done"));
    let panicked = super::to_its_end(async { panic!("on purpose") }).await;
    assert_eq!(panicked.unwrap_err().code, super::Code::Internal);
}
