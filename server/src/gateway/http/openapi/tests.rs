//! The document and the routes, held to each other. What is answered is held to it by [`held`](super::held),
//! in every test of this crate that gets an answer.

use super::held::{DOCUMENT, schema};
use crate::gateway::http::tests::{UNKNOWN_ID, code, get, header, request, routes};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Every method that a path could know.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The order in which `Allow` names them.
const ALLOW_ORDER: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

fn paths() -> &'static Map<String, Value> {
    DOCUMENT["paths"].as_object().unwrap()
}

/// The operations of a path: what a path item has besides them is no method.
fn operations(item: &Value) -> BTreeMap<String, &Value> {
    let methods = item
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| METHODS.iter().any(|method| method.eq_ignore_ascii_case(name)));
    methods.map(|(name, operation)| (name.to_ascii_uppercase(), operation)).collect()
}

/// A path that can be asked: each `{name}` has become its example.
fn filled(path: &str, item: &Value) -> String {
    let mut filled = path.replace("{id}", UNKNOWN_ID);
    for parameter in parameters(item).filter(|parameter| parameter["in"] == "path") {
        let name = parameter["name"].as_str().unwrap();
        let example = parameter["example"].as_str().unwrap_or_else(|| panic!("{name} has no example"));
        filled = filled.replace(&format!("{{{name}}}"), example);
    }
    assert!(!filled.contains('{'), "{path} names a parameter that it does not have");
    filled
}

/// The parameters of a path item or an operation.
fn parameters(owner: &Value) -> impl Iterator<Item = &Value> {
    owner["parameters"].as_array().into_iter().flatten().map(resolved)
}

fn resolved(value: &Value) -> &Value {
    let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.map_or(value, |pointer| DOCUMENT.pointer(pointer).unwrap())
}

/// Whether GET answers HEAD as well. Where it does not, the operation says so.
fn answers_head(operations: &BTreeMap<String, &Value>) -> bool {
    operations.get("GET").is_some_and(|get| get["x-no-head"] != true)
}

/// OA1: every documented route answers, and takes the methods that are documented and no others.
#[tokio::test]
async fn oa1_documented_routes_answer() {
    let routes = routes().await;
    for (path, item) in paths() {
        let operations = operations(item);
        let head = answers_head(&operations);
        let knows = |method: &str| operations.contains_key(method) || (method == "HEAD" && head);
        let allow = ALLOW_ORDER.into_iter().filter(|method| knows(method)).collect::<Vec<_>>().join(", ");
        let asked = filled(path, item);
        for method in METHODS {
            let answer = request(method, &asked).reply(&routes).await;
            let place = format!("{method} {asked}");
            if knows(method) {
                assert_ne!(answer.status(), 405, "{place}");
                assert!(answer.status() != 404 || code(&answer) != "not_found", "{place}");
            } else if item["x-websocket"] == true {
                assert_eq!(answer.status(), 426, "{place}");
            } else {
                assert_eq!((answer.status().as_u16(), header(&answer, "allow")), (405, &*allow), "{place}");
            }
        }
    }
}

/// OA2: the routes in the source are the paths of the document.
#[test]
fn oa2_every_route_is_documented() {
    let sources = [include_str!("../mod.rs"), include_str!("../../mod.rs")];
    let mut routed: BTreeSet<String> = sources.into_iter().flat_map(routed).collect();
    routed.insert("/".to_owned()); // `path::end()`
    let documented: BTreeSet<String> = paths().keys().map(|path| anonymous(path)).collect();
    assert_eq!(routed, documented);
}

/// The paths in a source, with `{}` for whatever is read from them.
fn routed(source: &str) -> Vec<String> {
    let macros = source.split("warp::path!(").skip(1).map(|rest| rest.split(')').next().unwrap());
    let segment =
        |segment: &str| segment.strip_prefix('"').map_or("{}", |text| text.trim_matches('"')).to_owned();
    macros
        .map(|inside| inside.split(" / ").fold(String::new(), |path, one| path + "/" + &segment(one.trim())))
        .collect()
}

/// A documented path with `{}` for each parameter.
fn anonymous(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// OA3: every code that there is stands in the document with its status and title and a word of advice, in
/// `docs/HTTP.md` with its status, and no other code does.
#[test]
fn oa3_every_code_is_documented() {
    let page = include_str!("../../../../../docs/HTTP.md");
    let documented = DOCUMENT["components"]["schemas"]["Code"]["oneOf"].as_array().unwrap();
    let mut documented: BTreeMap<&str, &Value> =
        documented.iter().map(|one| (one["const"].as_str().unwrap(), one)).collect();
    for (code, status, title) in codes() {
        let told = documented.remove(code.as_str()).unwrap_or_else(|| panic!("Code lacks {code}"));
        assert_eq!((&told["x-status"], &told["title"]), (&status.into(), &title.into()), "{code}");
        assert!(told["description"].as_str().is_some_and(|text| text.len() > 10), "what to do about {code}?");
        assert!(page.contains(&format!("| `{code}` | {status} | ")), "docs/HTTP.md lacks {code}");
    }
    assert!(documented.is_empty(), "nobody answers {:?}", documented.keys());
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 2);
    for row in rows.filter(|row| row.split(" | ").nth(1).is_some_and(|cell| cell.parse::<u16>().is_ok())) {
        let code = row.trim_start_matches("| `").split('`').next().unwrap();
        assert!(
            self::codes().iter().any(|(known, ..)| known == code),
            "docs/HTTP.md knows {code}, nobody else does"
        );
    }
}

/// Word, status and title of every code, as `reply/code.rs` has them in `Code::words`.
fn codes() -> Vec<(String, u16, String)> {
    let source = include_str!("../../reply/code.rs");
    let words = source.split("fn words(self)").nth(1).unwrap().split("\n    }\n").next().unwrap();
    let arms = words.split("Self::").skip(1);
    arms.map(|arm| {
        let mut texts = arm.split('"').skip(1).step_by(2);
        let status = arm.split("StatusCode::").nth(1).unwrap();
        let name: String =
            status.chars().take_while(|letter| letter.is_ascii_uppercase() || *letter == '_').collect();
        (texts.next().unwrap().to_owned(), status_of(&name), texts.next().unwrap().to_owned())
    })
    .collect()
}

/// 404 for `NOT_FOUND`.
fn status_of(name: &str) -> u16 {
    let all = (100..600).filter_map(|code| warp::http::StatusCode::from_u16(code).ok());
    let reason = |status: &warp::http::StatusCode| {
        status
            .canonical_reason()
            .map(|text| text.to_ascii_uppercase().replace([' ', '-'], "_").replace('\'', ""))
    };
    all.into_iter()
        .find(|status| reason(status).as_deref() == Some(name))
        .unwrap_or_else(|| panic!("{name}"))
        .as_u16()
}

/// OA3: which code an operation answers under which status is one of that status.
#[test]
fn oa3_codes_stand_under_their_status() {
    let statuses: BTreeMap<String, u16> =
        codes().into_iter().map(|(code, status, _)| (code, status)).collect();
    let mut seen = BTreeSet::new();
    for (path, item) in paths() {
        for (method, operation) in operations(item) {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let place = format!("{method} {path} {status}");
                let Some(problem) = answer["content"].get("application/problem+json") else {
                    let is_success = status.parse::<u16>().unwrap() < 400;
                    assert!(is_success, "{place}: every refusal is a problem");
                    continue;
                };
                let codes = problem["schema"]["properties"]["code"]["enum"].as_array();
                for code in codes.unwrap_or_else(|| panic!("{place}: which codes?")) {
                    let code = code.as_str().unwrap();
                    assert_eq!(
                        statuses.get(code).map(ToString::to_string).as_ref(),
                        Some(status),
                        "{place}: {code}"
                    );
                    seen.insert(code.to_owned());
                }
            }
        }
    }
    // What no operation answers: paths and methods that there are not.
    seen.extend(["not_found".to_owned(), "method_not_allowed".to_owned()]);
    // What is refused before any route is reached.
    let before = [
        "origin_not_allowed",
        "host_not_allowed",
        "too_many_messages",
        "too_many_bytes",
        "too_many_changes",
        "too_many_requests",
        "too_many_connections",
        "too_many_failed_logins",
    ];
    seen.extend(before.map(str::to_owned));
    assert_eq!(seen, statuses.into_keys().collect(), "every code is answered by something");
}

/// OA4: every reference leads somewhere, every component is used, and every operation has a name of its own
/// and says what it does.
#[test]
fn oa4_the_document_is_whole() {
    let mut references = BTreeSet::new();
    collect_references(&DOCUMENT, &mut references);
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(DOCUMENT.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let components = DOCUMENT["components"].as_object().unwrap();
    // Ways to say who one is are referred to by their names.
    for (kind, components) in components.iter().filter(|(kind, _)| *kind != "securitySchemes") {
        for name in components.as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(references.contains(&reference), "nobody refers to {reference}");
        }
    }
    let tags: Vec<&Value> = DOCUMENT["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut names = BTreeSet::new();
    for (path, item) in paths() {
        assert!(!operations(item).is_empty(), "{path} knows no method");
        for (method, operation) in operations(item) {
            let place = format!("{method} {path}");
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{place} has another's name");
            for member in ["summary", "description"] {
                assert!(operation[member].as_str().is_some_and(|text| text.len() > 10), "{place}: {member}");
            }
            assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag)), "{place}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with(['1', '2'])), "{place}: a success");
            assert!(
                answers.values().all(|answer| answer["description"].is_string()),
                "{place}: descriptions"
            );
        }
    }
}

/// OA4: every example in the document is as the schema beside it says.
#[test]
fn oa4_examples_are_as_their_schemas_say() {
    let mut held = 0;
    hold_examples(&DOCUMENT, &mut held);
    assert!(held > 20, "only {held} examples were found");
}

fn hold_examples(value: &Value, held: &mut usize) {
    match value {
        Value::Object(members) => {
            if let (Some(schema), Some(example)) = (members.get("schema"), members.get("example")) {
                let faults = schema::faults(&DOCUMENT, schema, example);
                assert!(faults.is_empty(), "{example}: {faults:#?}");
                *held += 1;
            }
            members.values().for_each(|member| hold_examples(member, held));
        }
        Value::Array(items) => items.iter().for_each(|item| hold_examples(item, held)),
        _ => {}
    }
}

fn collect_references(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            into.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect_references(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, into)),
        _ => {}
    }
}

/// OA5: parameters that are documented are taken, and those that are taken are documented.
#[tokio::test]
async fn oa5_parameters_are_as_documented() {
    let routes = routes().await;
    let mut documented = BTreeSet::new();
    for (path, item) in paths() {
        for (method, operation) in operations(item) {
            for parameter in parameters(operation).filter(|parameter| parameter["in"] == "query") {
                let name = parameter["name"].as_str().unwrap();
                documented.insert(name.to_owned());
                let Some(example) = parameter.get("example") else { continue };
                let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
                let asked = format!("{}?{name}={example}", filled(path, item));
                let answer = request(&method, &asked).reply(&routes).await;
                let problem: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
                let is_refused = problem["code"] == "bad_parameter" && problem["parameter"] == name;
                assert!(!is_refused, "{method} {asked}: {answer:?}");
            }
        }
    }
    let taken: BTreeSet<String> = SOURCES.iter().flat_map(|source| taken(source)).collect();
    assert_eq!(taken, documented);
}

/// Where parameters are taken.
const SOURCES: [&str; 10] = [
    include_str!("../admin.rs"),
    include_str!("../conflicts.rs"),
    include_str!("../documents.rs"),
    include_str!("../events.rs"),
    include_str!("../history.rs"),
    include_str!("../points.rs"),
    include_str!("../rules.rs"),
    include_str!("../sync.rs"),
    include_str!("../write.rs"),
    include_str!("../../realtime/mod.rs"),
];

/// The names in `take("name")`, `take::<T>("name")`, `take_flag("name")` and `take_number("name", …)`.
fn taken(source: &str) -> Vec<String> {
    let calls = source.split(".take").skip(1).filter_map(|rest| {
        let (between, inside) = rest.split_once("(\"")?;
        let is_call = between.is_empty()
            || ["_flag", "_number"].contains(&between)
            || (between.starts_with("::<") && between.ends_with('>'));
        is_call.then(|| inside.split('"').next().unwrap().to_owned())
    });
    calls.collect()
}

/// OA6: the document is served as it is in the repository, and is of this version.
#[tokio::test]
async fn oa6_the_document_is_served() {
    let served = get(&routes().await, "/openapi.json").await;
    assert_eq!(served.status(), 200);
    assert_eq!(header(&served, "content-type"), "application/json");
    assert_eq!(served.body(), super::OPENAPI.as_bytes());
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    assert_eq!(DOCUMENT["info"]["version"], env!("CARGO_PKG_VERSION"));
}
