//! Who may do what over HTTP: every operation that is documented, in every role.

use super::{NOON, Routes, UNKNOWN_ID, code, header, read, request, server_with};
use crate::auth::{NewToken, issue};
use crate::config::AuthSettings;
use crate::gateway::Gateway;
use crate::gateway::http::openapi::held::DOCUMENT;
use crate::quarantine::Refused;
use automerge::transaction::Transactable;
use automerge::{Automerge, AutomergeError, ROOT, ReadDoc, ScalarValue};
use bytes::Bytes;
use dovetail_core::document::chunk::{Batch, Manifest};
use dovetail_core::grant::Access;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use warp::http::Response as Answer;

pub(super) const SECRET: &str = "a secret for tests that nobody else has";

const SETTINGS: [(&str, &str); 4] = [
    ("jwt_secret", SECRET),
    ("jwt_audience", "dovetail"),
    ("jwt_issuer", "tests"),
    ("admin_groups", "bosses"),
];

/// A server that asks who is calling.
pub(super) struct Asking {
    pub(super) routes: Routes,
    /// Without its server, which has stopped with that: streams end at once.
    gateway: Gateway,
    auth: AuthSettings,
}

impl Asking {
    pub(super) async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(more: &[(&'static str, &str)]) -> Self {
        let server = server_with(&[&SETTINGS, more].concat()).await;
        let gateway = server.gateway().clone();
        Self { routes: gateway.routes(), gateway, auth: server.config().auth.clone() }
    }

    pub(super) fn token(&self, subject: &str, groups: &[&str]) -> String {
        self.scoped(subject, groups, None)
    }

    fn scoped(&self, subject: &str, groups: &[&str], scope: Option<Value>) -> String {
        let new = NewToken {
            subject: subject.to_owned(),
            name: None,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            holds_for: Duration::from_secs(3600),
            scope,
        };
        issue(&self.auth, &new, NOON).unwrap()
    }

    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Answer<Bytes> {
        let mut asked = request(method, path).header("if-match", "*").header("dovetail-seq", "1");
        if !token.is_empty() {
            asked = asked.header("authorization", format!("Bearer {token}"));
        }
        if method == "PATCH" {
            asked = asked.header("content-type", "application/json-patch+json");
            return asked.body(body.map_or("[]".to_owned(), Value::to_string)).reply(&self.routes).await;
        }
        match body {
            Some(body) => asked.json(body).reply(&self.routes).await,
            None => asked.reply(&self.routes).await,
        }
    }

    /// Ana's dashboard, which Bo may write and Cleo read.
    pub(super) async fn shared(&self) -> String {
        let ana = self.token("ana", &[]);
        let made =
            self.ask("POST", "/api/docs", &ana, Some(&json!({"kind": "dashboard", "title": "t"}))).await;
        assert_eq!(made.status(), 201, "{made:?}");
        let id = read(&made)["id"].as_str().unwrap().to_owned();
        let put = self.ask("PUT", &format!("/api/docs/{id}/access"), &ana, Some(&grants())).await;
        assert_eq!(put.status(), 200, "{put:?}");
        id
    }
}

fn grants() -> Value {
    json!({"owner": "ana", "grants": [{"user": "bo", "role": "write"}, {"user": "cleo", "role": "read"}]})
}

/// What an answer says that could tell one document from another: all but its id.
fn said(answer: &Answer<Bytes>, id: &str) -> String {
    let headers = answer.headers().iter().map(|(name, value)| format!("{name}: {value:?}\n"));
    let body = String::from_utf8_lossy(answer.body()).replace(id, "ID");
    format!("{}\n{}\n{body}", answer.status(), headers.collect::<String>())
}

/// Every operation with a path and a body that make it go as far as rights.
fn operations() -> Vec<(String, String, String, Option<Value>)> {
    let mut all = Vec::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for method in ["get", "put", "post", "patch", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            let needs = operation["x-needs"].as_str().unwrap_or_else(|| panic!("{method} {path}: who may?"));
            let example = operation.pointer("/requestBody/content/application~1json/example").cloned();
            let mut body = operation.get("requestBody").map(|_| example.unwrap_or_else(|| json!({})));
            if path == "/api/docs/{id}/access" && method == "put" {
                body = Some(grants()); // or nobody has the role any more that comes next
            }
            all.push((method.to_uppercase(), path.clone(), needs.to_owned(), body));
        }
    }
    all
}

fn filled(path: &str, id: &str) -> String {
    let path = path.replace("{id}", id).replace("{name}", "v").replace("{conflict}", "c");
    let path = path.replace("{kind}", "dashboard").replace("{session}", &"0".repeat(32));
    // It never ends for who may follow.
    if path.ends_with("/diff") { format!("{path}?from={}", "0a".repeat(32)) } else { path }
}

/// AU1: without a token nobody gets anything but what is open to all, on any path and by any method.
#[tokio::test]
async fn au1_nobody_gets_in_without_a_token() {
    let asking = Asking::new().await;
    let id = asking.shared().await;
    for (method, path, needs, body) in operations() {
        let answer = asking.ask(&method, &filled(&path, &id), "", body.as_ref()).await;
        let place = format!("{method} {path}");
        match needs.as_str() {
            "nobody" | "session" => assert_ne!(answer.status(), 401, "{place}"),
            _ if path == "/sync" => assert_eq!(answer.status(), 426, "{place}"),
            _ => {
                assert_eq!(
                    (answer.status().as_u16(), code(&answer).as_str()),
                    (401, "token_missing"),
                    "{place}"
                );
                assert_eq!(answer.headers()["www-authenticate"], "Bearer", "{place}");
            }
        }
    }
}

/// AU6: every operation in every role: who may is not refused, who may see and not do this is told what it takes, and
/// to who may not see it the document does not exist, down to the last letter of the answer.
#[tokio::test]
async fn au6_every_operation_in_every_role() {
    let asking = Asking::new().await;
    let id = asking.shared().await;
    let order = ["anybody", "read", "write", "admin", "server"];
    let rank = |needs: &str| order.iter().position(|one| *one == needs);
    let people =
        [("dee", "anybody"), ("cleo", "read"), ("bo", "write"), ("ana", "admin"), ("boss", "server")];
    let mut operations = operations();
    // What ends the document comes last.
    operations.sort_by_key(|(method, path, ..)| {
        (method == "DELETE" && path == "/api/docs/{id}", path.ends_with("/access"))
    });
    let mut held = 0;
    for (method, path, needs, body) in operations {
        let Some(needed) = rank(&needs).filter(|_| path != "/sync") else { continue };
        for (name, role) in people {
            let token = asking.token(name, if role == "server" { &["bosses"] } else { &[] });
            let place = format!("{name}: {method} {path}");
            let answer = asking.ask(&method, &filled(&path, &id), &token, body.as_ref()).await;
            let status = answer.status().as_u16();
            held += 1;
            assert_ne!(status, 401, "{place}");
            if rank(role).unwrap() >= needed {
                assert_ne!(status, 403, "{place}: {answer:?}");
                assert!(status != 404 || code(&answer) != "document_not_found", "{place}: {answer:?}");
            } else if role == "anybody" && path.contains("{id}") {
                let unknown = asking.ask(&method, &filled(&path, UNKNOWN_ID), &token, body.as_ref()).await;
                assert_eq!(code(&answer), "document_not_found", "{place}");
                assert_eq!(said(&answer, &id), said(&unknown, UNKNOWN_ID), "{place}");
            } else {
                assert_eq!((status, code(&answer).as_str()), (403, "forbidden"), "{place}");
            }
            if method == "DELETE" && path == "/api/docs/{id}" && status < 300 {
                let boss = asking.token("boss", &["bosses"]);
                let back = asking.ask("POST", &format!("/api/docs/{id}/undelete"), &boss, None).await;
                assert_eq!(back.status(), 200);
            }
        }
    }
    assert!(held > 100, "{held}");
}

/// AU19: lists and the inbox have only what somebody may see, in pages that meet.
#[tokio::test]
async fn au19_lists_have_what_one_may_see() {
    let asking = Asking::new().await;
    let mut anas = Vec::new();
    for n in 0..7 {
        let who = if n % 3 == 0 { "ana" } else { "bo" };
        let crowded = super::conflicts::crowded_board();
        let made = asking.ask("POST", "/api/docs", &asking.token(who, &[]), Some(&crowded)).await;
        if who == "ana" {
            anas.push(read(&made)["id"].as_str().unwrap().to_owned());
        }
    }
    anas.sort();
    let listed = |path: &'static str, member: &'static str, id: &'static str, who: &'static str| {
        let asking = &asking;
        async move {
            let groups: &[&str] = if who == "boss" { &["bosses"] } else { &[] };
            let (mut found, mut next) = (Vec::new(), Some(path.to_owned()));
            while let Some(page) = next {
                let answer = read(&asking.ask("GET", &page, &asking.token(who, groups), None).await);
                let ids = answer[member].as_array().unwrap().iter();
                found.extend(ids.map(|item| item[id].as_str().unwrap().to_owned()));
                next = answer["next"].as_str().map(str::to_owned);
            }
            found.sort();
            found
        }
    };
    assert_eq!(listed("/api/docs?limit=2", "documents", "id", "ana").await, anas);
    assert_eq!(listed("/api/docs?limit=2", "documents", "id", "boss").await.len(), 7);
    assert_eq!(listed("/api/docs?limit=2", "documents", "id", "dee").await, Vec::<String>::new());
    assert_eq!(listed("/api/conflicts?limit=1", "conflicts", "document", "ana").await, anas);
    assert_eq!(listed("/api/conflicts?limit=3", "conflicts", "document", "boss").await.len(), 7);
    let counts =
        read(&asking.ask("GET", "/api/conflicts", &asking.token("ana", &[]), None).await)["counts"].clone();
    assert_eq!(counts, Value::Null, "how many others have is theirs to know");
}

/// AU8: a link opens its document, to whoever holds it, until it is taken back.
#[tokio::test]
async fn au8_a_link_opens_its_document() {
    let asking = Asking::new().await;
    let (id, ana) = (asking.shared().await, asking.token("ana", &[]));
    let (path, access) = (format!("/api/docs/{id}"), format!("/api/docs/{id}/access"));
    let grants = json!({"owner": "ana", "grants": [{"link": "new", "role": "read"}]});
    let answer = read(&asking.ask("PUT", &access, &ana, Some(&grants)).await);
    let name = answer["grants"][0]["link"].as_str().unwrap();
    let secret = answer["links"][name].as_str().unwrap().to_owned();
    assert_eq!(asking.ask("GET", &path, &secret, None).await.status(), 200);
    assert_eq!(asking.ask("GET", &format!("{path}?token={secret}"), "", None).await.status(), 200);
    assert_eq!(
        asking.ask("GET", &format!("{path}?link={secret}"), &asking.token("dee", &[]), None).await.status(),
        200
    );
    assert_eq!(asking.ask("GET", &path, &asking.token("dee", &[]), None).await.status(), 404);
    let written = asking.ask("PATCH", &path, &secret, None).await;
    assert_eq!(code(&written), "forbidden");
    let made = asking.ask("POST", "/api/docs", &secret, Some(&json!({"a": 1}))).await;
    assert_eq!(code(&made), "forbidden", "a link makes nothing");
    let shown = read(&asking.ask("GET", &access, &ana, None).await);
    assert_eq!(shown["grants"][0]["link"], name);
    assert!(!shown.to_string().contains(&secret), "the secret is told once");
    let kept = json!({"owner": "ana", "grants": [{"link": name, "role": "write"}]});
    assert_eq!(asking.ask("PUT", &access, &ana, Some(&kept)).await.status(), 200);
    assert_eq!(asking.ask("PATCH", &path, &secret, None).await.status(), 200);
    let none = json!({"owner": "ana", "grants": []});
    assert_eq!(asking.ask("PUT", &access, &ana, Some(&none)).await.status(), 200);
    assert_eq!(code(&asking.ask("GET", &path, &secret, None).await), "document_not_found");
}

/// AU84: a document follows one that whoever says so may see. Then lists, requests and links know its people too, until it follows
/// nothing; whoever leaves `follows` out changes nothing about it, and only administrators are shown it.
#[tokio::test]
async fn au84_a_document_follows_another_one() {
    let asking = Asking::new().await;
    let (ana, bo, dee) = (asking.token("ana", &[]), asking.token("bo", &[]), asking.token("dee", &[]));
    let make = async |token: &str| {
        let made = asking.ask("POST", "/api/docs", token, Some(&json!({"a": 1}))).await;
        read(&made)["id"].as_str().unwrap().to_owned()
    };
    let (board, table, hidden) = (make(&ana).await, make(&bo).await, make(&dee).await);
    let access = |id: &str| format!("/api/docs/{id}/access");
    let shared =
        json!({"owner": "ana", "grants": [{"user": "bo", "role": "write"}, {"link": "new", "role": "read"}]});
    let answer = read(&asking.ask("PUT", &access(&board), &ana, Some(&shared)).await);
    let secret = answer["links"].as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
    let follow = async |token: &str, id: &str, follows: Value| {
        let wanted = json!({"owner": "bo", "grants": [], "follows": follows});
        asking.ask("PUT", &access(id), token, Some(&wanted)).await
    };
    for (follows, code_of_it) in [
        (json!(hidden), "bad_access"),
        (json!(table), "bad_access"),
        (json!("nonsense"), "bad_access"),
        (json!(7), "bad_access"),
    ] {
        let refused = follow(&bo, &table, follows.clone()).await;
        assert_eq!(
            (code(&refused).as_str(), &read(&refused)["pointer"]),
            (code_of_it, &json!("/follows")),
            "{follows}"
        );
    }
    let path = format!("/api/docs/{table}");
    assert_eq!(code(&asking.ask("GET", &path, &ana, None).await), "document_not_found");
    assert_eq!(read(&follow(&bo, &table, json!(board)).await)["follows"], json!(board));

    assert_eq!(asking.ask("GET", &path, &secret, None).await.status(), 200, "the link of the dashboard");
    assert_eq!(code(&asking.ask("PATCH", &path, &secret, None).await), "forbidden");
    assert_eq!(asking.ask("GET", &path, &dee, None).await.status(), 404);
    let listed = read(&asking.ask("GET", "/api/docs", &ana, None).await);
    assert!(listed["documents"].as_array().unwrap().iter().any(|one| one["id"] == json!(table)));
    assert_eq!(read(&asking.ask("GET", &access(&table), &secret, None).await)["follows"], Value::Null);
    let kept = json!({"owner": "bo", "grants": []});
    let by_ana = asking.ask("PUT", &access(&table), &ana, Some(&kept)).await;
    assert_eq!(
        (by_ana.status().as_u16(), read(&by_ana)["follows"].clone()),
        (200, json!(board)),
        "its owner administers"
    );

    let taken_back = json!({"owner": "ana", "grants": []});
    assert_eq!(asking.ask("PUT", &access(&board), &ana, Some(&taken_back)).await.status(), 200);
    assert_eq!(code(&asking.ask("GET", &path, &secret, None).await), "document_not_found");
    assert_eq!(follow(&bo, &table, Value::Null).await.status(), 200);
    assert_eq!(code(&asking.ask("GET", &path, &ana, None).await), "document_not_found");
}

/// AU16: a feeder's token adds points to one document, through the door that is for it, and does nothing else.
#[tokio::test]
async fn au16_a_feeder_feeds_and_does_nothing_else() {
    let asking = Asking::new().await;
    let ana = asking.token("ana", &[]);
    let data = json!({"kind": "widget-data", "schemaVersion": 1, "shape": "points", "points": [], "columns": [], "rows": []});
    let id =
        read(&asking.ask("POST", "/api/docs", &ana, Some(&data)).await)["id"].as_str().unwrap().to_owned();
    let other =
        read(&asking.ask("POST", "/api/docs", &ana, Some(&data)).await)["id"].as_str().unwrap().to_owned();
    let scope = json!([{"doc": id, "role": "write", "paths": [{"path": "/points", "may": "append"}]}]);
    let feeder = asking.scoped("ana", &[], Some(scope));
    let point = json!({"t": 1_700_000_000_000_u64, "v": 5});
    let fed = asking.ask("POST", &format!("/api/docs/{id}/points"), &feeder, Some(&point)).await;
    assert_eq!(fed.status(), 200, "{fed:?}");
    assert_eq!(
        code(&asking.ask("POST", &format!("/api/docs/{other}/points"), &feeder, Some(&point)).await),
        "document_not_found"
    );
    let patch = json!([{"op": "add", "path": "/title", "value": "x"}]);
    // JD38: also when nothing is to be stored.
    for query in ["", "?dry_run=1"] {
        let refused = asking.ask("PATCH", &format!("/api/docs/{id}{query}"), &feeder, Some(&patch)).await;
        assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (403, "path_forbidden"), "{query}");
        assert!(read(&refused)["detail"].as_str().unwrap().contains("/title"));
    }
    // PT11: nor does it change what is there.
    let other_value = json!({"t": 1_700_000_000_000_u64, "v": 6});
    let refused = asking.ask("POST", &format!("/api/docs/{id}/points"), &feeder, Some(&other_value)).await;
    assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (403, "path_forbidden"));
    assert!(read(&refused)["detail"].as_str().unwrap().contains("t=1700000000000"), "{refused:?}");
    assert_eq!(
        asking.ask("POST", &format!("/api/docs/{id}/points"), &ana, Some(&other_value)).await.status(),
        200
    );
    let deleted = asking.ask("DELETE", &format!("/api/docs/{id}"), &feeder, None).await;
    assert_eq!(code(&deleted), "forbidden");
}

/// AU73: whoever looks beforehand is told what accepting would do, and nothing is done; then it is done, once.
#[tokio::test]
async fn au73_accepting_is_shown_and_done() {
    let asking = Asking::new().await;
    let boss = asking.token("boss", &["bosses"]);
    let id = asking.shared().await;
    let document: DocumentId = id.parse().unwrap();
    let hub = &asking.gateway.hub;
    let mut copy = hub.view(&crate::permits::read(&document), Automerge::fork).await.unwrap();
    let base = copy.get_heads();
    copy.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "when", ScalarValue::Timestamp(5))).unwrap();
    let changes = copy.get_changes(&base).into_iter();
    let changes = changes.map(|change| (change.hash(), Bytes::copy_from_slice(change.raw_bytes()))).collect();
    let subject = Some("cleo".parse().unwrap());
    let refused = Refused { document: document.clone(), subject, code: "read_only".into(), changes };
    asking.gateway.records.quarantine.keep(refused);
    let listed = read(&asking.ask("GET", "/api/admin/quarantine", &boss, None).await);
    let path = format!("/api/admin/quarantine/{}/accept", listed["items"][0]["id"].as_str().unwrap());

    let shown = read(&asking.ask("POST", &format!("{path}?dry_run=1"), &boss, None).await);
    assert_eq!((&shown["dry_run"], &shown["lost_count"]), (&json!(true), &json!(0)), "{shown}");
    let when = async || {
        let when = |doc: &Automerge| doc.get(ROOT, "when").unwrap().map(|(value, _)| value.into_owned());
        hub.view(&crate::permits::read(&document), when).await.unwrap()
    };
    assert_eq!(when().await, None);
    let done = read(&asking.ask("POST", &path, &boss, None).await);
    assert_eq!((&done["change"], &done["heads"]), (&shown["change"], &shown["heads"]), "{done}");
    assert_eq!(when().await, Some(ScalarValue::Timestamp(5).into()));
    let again = asking.ask("POST", &path, &boss, None).await;
    assert_eq!(code(&again), "quarantine_item_not_found");
}

/// JD37: whoever may no longer see what they made is told nothing of it by the same request, whether its answer is
/// remembered or not.
#[tokio::test]
async fn jd37_a_request_is_not_answered_with_what_is_hidden() {
    let asking = Asking::new().await;
    let (ana, boss) = (asking.token("ana", &[]), asking.token("boss", &["bosses"]));
    let make = async || {
        let asked = request("POST", "/api/docs").header("idempotency-key", "order-1");
        let asked = asked.header("authorization", format!("Bearer {ana}"));
        asked.json(&json!({"title": "t"})).reply(&asking.routes).await
    };
    let first = make().await;
    assert_eq!(first.status(), 201, "{first:?}");
    assert_eq!(read(&make().await), read(&first));
    let id = read(&first)["id"].as_str().unwrap().to_owned();
    let others = json!({"owner": "bo", "grants": []});
    let path = format!("/api/docs/{id}/access");
    assert_eq!(asking.ask("PUT", &path, &boss, Some(&others)).await.status(), 200);
    for _remembered_and_not in 0..2 {
        let again = make().await;
        assert_eq!((again.status().as_u16(), code(&again).as_str()), (422, "idempotency_key_reused"));
        assert!(!String::from_utf8_lossy(again.body()).contains("heads"));
        let store = &asking.gateway.store;
        let records = store.records(crate::store::Space::Answers, None, 10).await.unwrap();
        let forget = records.into_iter().map(|(name, _)| (name, None)).collect();
        store.write_records(crate::store::Space::Answers, forget).await.unwrap();
    }
}

/// AU13: who made a change stands in the history as the server knows it, and so does who settles and names.
#[tokio::test]
async fn au13_authors_are_as_the_server_knows_them() {
    let asking = Asking::new().await;
    let (id, bo) = (asking.shared().await, asking.token("bo", &[]));
    let patch = json!([{"op": "replace", "path": "/title", "value": "Bo's"}]);
    assert_eq!(asking.ask("PATCH", &format!("/api/docs/{id}"), &bo, Some(&patch)).await.status(), 200);
    let named = json!({"by": "ana"});
    let named = asking.ask("PUT", &format!("/api/docs/{id}/versions/v"), &bo, Some(&named)).await;
    assert_eq!(read(&named)["by"], "bo", "whatever is claimed");
    let history = read(&asking.ask("GET", &format!("/api/docs/{id}/history"), &bo, None).await);
    let authors: Vec<&str> =
        history["groups"].as_array().unwrap().iter().filter_map(|g| g["author"].as_str()).collect();
    assert_eq!(authors, ["bo", "ana"], "{history}");
}

/// LI7, LI8: who has as many documents as one may makes no other until one is deleted; a document of an owner without
/// room takes no more.
#[tokio::test]
async fn li7_quotas_hold_at_the_doors() {
    let asking = Asking::with(&[("documents_per_subject_max", "2"), ("bytes_per_subject_max", "2KiB")]).await;
    let ana = asking.token("ana", &[]);
    let make = |body: Value| {
        let (asking, ana) = (&asking, &ana);
        async move { asking.ask("POST", "/api/docs", ana, Some(&body)).await }
    };
    let first = read(&make(json!({"a": 1})).await)["id"].as_str().unwrap().to_owned();
    let second = read(&make(json!({"a": 2})).await)["id"].as_str().unwrap().to_owned();
    assert_eq!(code(&make(json!({"a": 3})).await), "too_many_documents_owned");
    let bo = asking.ask("POST", "/api/docs", &asking.token("bo", &[]), Some(&json!({"a": 1}))).await;
    assert_eq!(bo.status(), 201, "others have their own");
    let large = json!([{"op": "add", "path": "/text", "value": "x".repeat(3000)}]);
    let patch = |id: String, body: Value| {
        let (asking, ana) = (&asking, &ana);
        async move { asking.ask("PATCH", &format!("/api/docs/{id}"), ana, Some(&body)).await }
    };
    assert_eq!(patch(first, large).await.status(), 200, "there was room when it came");
    let small = json!([{"op": "add", "path": "/b", "value": 1}]);
    assert_eq!(code(&patch(second, small).await), "quota_exceeded");
}

/// LI15: a document that was deleted counts on: it lies in the store as before.
#[tokio::test]
async fn li15_deleting_makes_no_room() {
    let asking = Asking::with(&[("documents_per_subject_max", "1")]).await;
    let ana = asking.token("ana", &[]);
    let id = asking.shared().await;
    assert_eq!(asking.ask("DELETE", &format!("/api/docs/{id}"), &ana, None).await.status(), 204);
    let other = asking.ask("POST", "/api/docs", &ana, Some(&json!({"a": 1}))).await;
    assert_eq!(code(&other), "too_many_documents_owned");
    let boss = asking.token("boss", &["bosses"]);
    assert_eq!(asking.ask("POST", &format!("/api/docs/{id}/undelete"), &boss, None).await.status(), 200);
    let given = asking.ask("PUT", &format!("/api/docs/{id}/access"), &boss, Some(&owner("cleo"))).await;
    assert_eq!(given.status(), 200, "{given:?}");
    let other = asking.ask("POST", "/api/docs", &ana, Some(&json!({"a": 1}))).await;
    assert_eq!(other.status(), 201, "it counts for somebody else now");
}

/// Bo may do what an administrator of the document does.
fn owner(subject: &str) -> Value {
    json!({"owner": subject, "grants": [{"user": "bo", "role": "admin"}]})
}

/// LI14: a document counts for who made it or took it over: it is given to nobody who does not want it, and to nobody who is not
/// there; administrators of the server may do either.
#[tokio::test]
async fn li14_a_document_is_taken_over_and_not_given() {
    let asking = Asking::with(&[("documents_per_subject_max", "1")]).await;
    let (ana, bo, boss) =
        (asking.token("ana", &[]), asking.token("bo", &[]), asking.token("boss", &["bosses"]));
    let path = format!("/api/docs/{}/access", asking.shared().await);
    let put = |token: String, body: Value| {
        let (asking, path) = (&asking, &path);
        async move { asking.ask("PUT", path, &token, Some(&body)).await }
    };
    let nobody = json!({"owner": null, "grants": [{"user": "ana", "role": "admin"}]});
    for given in [nobody.clone(), owner("nobody-of-this-name"), owner("cleo"), owner("bo")] {
        let refused = put(ana.clone(), given.clone()).await;
        assert_eq!(
            (code(&refused).as_str(), &read(&refused)["pointer"]),
            ("forbidden", &json!("/owner")),
            "{given}"
        );
    }
    let with_link = json!({"owner": "ana", "grants": [{"user": "bo", "role": "admin"}, {"link": "new", "role": "admin"}]});
    let answer = read(&put(ana.clone(), with_link).await);
    let (name, secret) = answer["links"].as_object().unwrap().iter().next().unwrap();
    let to_link = json!({"owner": format!("link:{name}"), "grants": []});
    assert_eq!(
        code(&put(secret.as_str().unwrap().to_owned(), to_link).await),
        "forbidden",
        "a link owns nothing"
    );

    let made = asking.ask("POST", "/api/docs", &bo, Some(&json!({"a": 1}))).await;
    let bos = read(&made)["id"].as_str().unwrap().to_owned();
    assert_eq!(code(&put(bo.clone(), owner("bo")).await), "too_many_documents_owned", "Bo has no room");
    let freed = asking.ask("PUT", &format!("/api/docs/{bos}/access"), &boss, Some(&nobody)).await;
    assert_eq!(freed.status(), 200, "{freed:?}");
    assert_eq!(put(bo.clone(), owner("bo")).await.status(), 200, "who was let in takes over");
    let other = asking.ask("POST", "/api/docs", &ana, Some(&json!({"a": 1}))).await;
    assert_eq!(other.status(), 201, "and Ana has room again");
    assert_eq!(put(boss, owner("somebody")).await.status(), 200);
}

/// AU48: who owns a document is said and never left out, or it would be nobody's by mistake.
#[tokio::test]
async fn au48_the_owner_is_not_left_out() {
    let asking = Asking::new().await;
    let (path, ana) = (format!("/api/docs/{}/access", asking.shared().await), asking.token("ana", &[]));
    for body in [json!({}), json!({"grants": []})] {
        let refused = asking.ask("PUT", &path, &ana, Some(&body)).await;
        assert_eq!(
            (code(&refused).as_str(), &read(&refused)["pointer"]),
            ("bad_access", &json!("/owner")),
            "{body}"
        );
    }
    let shown = read(&asking.ask("GET", &path, &ana, None).await);
    assert_eq!((&shown["owner"], shown["grants"].as_array().unwrap().len()), (&json!("ana"), 2));
}

/// AU49: whoever replaces who may do what can say what they have read, and is refused when it is another by now. Who may not
/// read all of it gets no tag.
#[tokio::test]
async fn au49_two_administrators_do_not_overwrite_each_other() {
    let asking = Asking::new().await;
    let (path, ana) = (format!("/api/docs/{}/access", asking.shared().await), asking.token("ana", &[]));
    let put = |tag: Option<String>, body: Value| {
        let asked = request("PUT", &path).header("authorization", format!("Bearer {ana}")).json(&body);
        let asked = match tag {
            Some(tag) => asked.header("if-match", tag),
            None => asked,
        };
        let routes = &asking.routes;
        async move { asked.reply(routes).await }
    };
    let shown = asking.ask("GET", &path, &ana, None).await;
    let tag = header(&shown, "etag").to_owned();
    let none = json!({"owner": "ana", "grants": []});
    let replaced = put(Some(tag.clone()), none.clone()).await;
    assert_eq!(replaced.status(), 200, "{replaced:?}");
    let newer = header(&replaced, "etag").to_owned();
    assert_ne!(newer, tag);
    let late = put(Some(tag.clone()), grants()).await;
    assert_eq!((late.status().as_u16(), code(&late).as_str()), (412, "precondition_failed"));
    assert_eq!(header(&late, "etag"), newer);
    assert_eq!(header(&asking.ask("GET", &path, &ana, None).await, "etag"), newer, "nothing was replaced");
    for known in [format!("W/{newer}"), format!("{tag}, {newer}"), "*".to_owned()] {
        assert_eq!(put(Some(known.clone()), none.clone()).await.status(), 200, "{known}");
    }
    let back = put(None, grants()).await;
    assert_eq!(header(&back, "etag"), tag, "what is the same has the same tag");
    let cleo = asking.ask("GET", &path, &asking.token("cleo", &[]), None).await;
    assert_eq!((cleo.status().as_u16(), cleo.headers().get("etag")), (200, None));
}

/// What the audit log has, the newest first.
async fn audited(asking: &Asking) -> Vec<Value> {
    asking.gateway.records.audit.flush().await;
    let log = asking.ask("GET", "/api/admin/audit", &asking.token("boss", &["bosses"]), None).await;
    read(&log)["entries"].as_array().unwrap().clone()
}

/// AU46: a link is good for its document. Of the server it has nothing, be it one that opens something or one that was made up.
#[tokio::test]
async fn au46_a_link_has_nothing_of_the_server() {
    let asking = Asking::new().await;
    let id = asking.shared().await;
    let (access, ana) = (format!("/api/docs/{id}/access"), asking.token("ana", &[]));
    let grants = json!({"owner": "ana", "grants": [{"link": "new", "role": "write"}]});
    let answer = read(&asking.ask("PUT", &access, &ana, Some(&grants)).await);
    let secret = answer["links"].as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
    let paths = [
        "/api/docs",
        "/api/conflicts",
        "/api/rules",
        "/api/rules/dashboard",
        "/api/rules/dashboard/history",
        "/api/realtime",
    ];
    for link in [secret.as_str(), "dvl_made_up"] {
        for path in paths {
            assert_eq!(code(&asking.ask("GET", path, link, None).await), "forbidden", "{path}");
        }
    }
    assert_eq!(asking.ask("GET", &format!("/api/docs/{id}"), &secret, None).await.status(), 200);
    let status = |who: &'static str, groups: &'static [&'static str]| {
        let asking = &asking;
        async move { read(&asking.ask("GET", "/api/realtime", &asking.token(who, groups), None).await) }
    };
    assert_eq!(status("ana", &[]).await["statistics"], Value::Null);
    assert_eq!(status("boss", &["bosses"]).await["statistics"]["documents_stored"], 1);
}

/// AU44: whoever makes up links and ids fills one line of the audit log, which names nobody.
#[tokio::test]
async fn au44_made_up_links_fill_one_line() {
    let asking = Asking::new().await;
    let id = asking.shared().await;
    let before = audited(&asking).await.len();
    for n in 0..30 {
        let id = if n % 2 == 0 { id.as_str() } else { UNKNOWN_ID };
        let answer = asking.ask("GET", &format!("/api/docs/{id}"), &format!("dvl_{n}"), None).await;
        assert_eq!(code(&answer), "document_not_found");
    }
    let log = audited(&asking).await;
    assert_eq!(log.len(), before + 1);
    let line = &log[0];
    assert_eq!((&line["count"], &line["code"]), (&json!(30), &json!("document_not_found")));
    assert_eq!((&line["subject"], &line["document"]), (&Value::Null, &Value::Null));
}

/// AU47: a refusal over HTTP is on record with the document, who it was and from where.
#[tokio::test]
async fn au47_refusals_name_their_document() {
    let asking = Asking::new().await;
    let id = asking.shared().await;
    let path = format!("/api/docs/{id}");
    for (who, method, code) in [("dee", "GET", "document_not_found"), ("cleo", "DELETE", "forbidden")] {
        let answer = request(method, &path)
            .header("authorization", format!("Bearer {}", asking.token(who, &[])))
            .extension(crate::gateway::accept::Visitor::of_test())
            .reply(&asking.routes)
            .await;
        assert_eq!(super::code(&answer), code);
        let line = audited(&asking).await.remove(0);
        assert_eq!((&line["action"], &line["subject"]), (&json!("refused"), &json!(who)));
        assert_eq!((&line["document"], &line["code"]), (&json!(id), &json!(code)));
        assert_eq!(line["address"], "10.1.2.3");
    }
}

/// LI11: a stranger uses up nothing of what a document takes, and a busy one that is hidden answers like one that is not there.
#[tokio::test]
async fn li11_strangers_do_not_use_up_a_document() {
    let asking = Asking::with(&[("document_changes_per_second_max", "1")]).await;
    let path = format!("/api/docs/{}", asking.shared().await);
    let (dee, bo) = (asking.token("dee", &[]), asking.token("bo", &[]));
    for _ in 0..20 {
        assert_eq!(code(&asking.ask("PATCH", &path, &dee, None).await), "document_not_found");
    }
    let patch = json!([{"op": "add", "path": "/b", "value": 1}]);
    assert_eq!(asking.ask("PATCH", &path, &bo, Some(&patch)).await.status(), 200);
}

/// A request from this client through the proxy at 10.1.2.3.
async fn through_the_proxy(asking: &Asking, client: &str, token: &str) -> String {
    let mut asked = request("GET", "/api/docs")
        .header("x-forwarded-for", client)
        .extension(crate::gateway::accept::Visitor::of_test());
    if !token.is_empty() {
        asked = asked.header("authorization", format!("Bearer {token}"));
    }
    code(&asked.reply(&asking.routes).await)
}

/// LI12: behind a proxy that is trusted each client has what an address has, and one who guesses stops nobody else.
#[tokio::test]
async fn li12_clients_of_a_proxy_count_each_for_themselves() {
    let asking =
        Asking::with(&[("failed_logins_per_minute_max", "3"), ("trusted_proxies", "10.0.0.0/8")]).await;
    let mut last = String::new();
    for _ in 0..10 {
        last = through_the_proxy(&asking, "198.51.100.1, 203.0.113.9", "nonsense").await;
    }
    assert_eq!(last, "too_many_failed_logins");
    assert_eq!(through_the_proxy(&asking, "198.51.100.1", "nonsense").await, "token_malformed");
    let log = audited(&asking).await;
    assert!(log.iter().any(|line| line["address"] == "203.0.113.9" && line["count"] == 10), "{log:?}");
}

/// LI13: only guesses count as failed logins. Who shows no token, or one that has ended, is told so as often as they come.
#[tokio::test]
async fn li13_only_guesses_are_failed_logins() {
    let asking = Asking::with(&[("failed_logins_per_minute_max", "1")]).await;
    let ended = NewToken {
        subject: "ana".to_owned(),
        name: None,
        groups: Vec::new(),
        holds_for: Duration::from_secs(60),
        scope: None,
    };
    let long_ago = Timestamp::from_millis(NOON.as_millis() - 86_400_000);
    let ended = issue(&asking.auth, &ended, long_ago).unwrap();
    for _ in 0..10 {
        assert_eq!(through_the_proxy(&asking, "", &ended).await, "token_expired");
        assert_eq!(through_the_proxy(&asking, "", "").await, "token_missing");
    }
    let forged = format!("{}A", asking.token("ana", &[]));
    let codes: Vec<String> = [
        through_the_proxy(&asking, "", &forged).await,
        through_the_proxy(&asking, "", &forged).await,
        through_the_proxy(&asking, "", &forged).await,
        through_the_proxy(&asking, "", &ended).await,
    ]
    .into();
    assert_eq!(codes[2..], ["too_many_failed_logins", "token_expired"], "{codes:?}");
}

/// LI16: a page of the list looks through a bounded number of documents of others, tells none of their ids, and leads on.
#[tokio::test]
async fn li16_a_page_looks_through_so_many() {
    let asking = Asking::new().await;
    let (ana, boss) = (asking.token("ana", &[]), asking.token("boss", &["bosses"]));
    let id = read(&asking.ask("POST", "/api/docs", &ana, Some(&json!({"a": 1}))).await)["id"].clone();
    let store = asking.gateway.store.clone();
    let anas = store.manifest(&id.as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    let others = Access { owner: Some("bo".parse().unwrap()), entries: Vec::new(), follows: None };
    let others = Manifest { access: Arc::new(others), ..anas.clone() };
    for n in 0..4_500_u32 {
        let manifest = if n % 1_500 == 7 { anas.clone() } else { others.clone() };
        let document = DocumentId::from_bytes(&[&n.to_be_bytes()[..], &[7; 12]].concat()).unwrap();
        store.commit(Batch { document, put: Vec::new(), delete: Vec::new(), manifest }).await.unwrap();
    }
    let (mut found, mut pages, mut next) = (Vec::new(), 0, Some("/api/docs?limit=50".to_owned()));
    while let Some(path) = next {
        let page = read(&asking.ask("GET", &path, &ana, None).await);
        found.extend(page["documents"].as_array().unwrap().iter().map(|one| one["id"].clone()));
        next = page["next"].as_str().map(str::to_owned);
        if let Some(next) = &next {
            let after = next.strip_prefix("/api/docs?after=").unwrap().split('&').next().unwrap();
            let after: DocumentId = after.parse().unwrap();
            let is_others = asking.ask("GET", &format!("/api/docs/{after}"), &boss, None).await;
            assert_eq!(code(&is_others), "document_not_found", "the cursor is no id of others");
        }
        pages += 1;
    }
    assert!(pages > 2, "{pages}");
    assert_eq!(found.len(), 4);
    assert_eq!(found.iter().filter(|one| **one == id).count(), 1);
    let all = read(&asking.ask("GET", "/api/docs?limit=500", &boss, None).await);
    assert_eq!(all["documents"].as_array().unwrap().len(), 500, "who sees all has full pages");
}

/// LI1: who sends more requests than one may waits, and then hears when to come again; who tries many tokens too.
#[tokio::test]
async fn li1_who_does_too_much_is_told_when_to_come_again() {
    let asking = Asking::with(&[("failed_logins_per_minute_max", "3")]).await;
    let mut codes = Vec::new();
    for _ in 0..30 {
        let answer = request("GET", "/api/docs")
            .header("authorization", "Bearer nonsense")
            .extension(crate::gateway::accept::Visitor::of_test())
            .reply(&asking.routes)
            .await;
        if code(&answer) == "too_many_failed_logins" {
            assert_eq!(answer.status(), 429);
            assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
        }
        codes.push(code(&answer));
    }
    assert_eq!(codes[0], "token_malformed");
    assert!(codes.contains(&"too_many_failed_logins".to_owned()), "{codes:?}");
    assert_eq!(asking.ask("GET", "/api/docs", &asking.token("ana", &[]), None).await.status(), 200);
}
