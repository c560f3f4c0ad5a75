//! Which rules are in force, how they are replaced, and what others would say.
//!
//! Edit path: ← a rule set as JSON or TOML, → the [`Shelf`](crate::rules::Shelf) stores it and puts it in force.
//!
//! Always true: a dry run changes nothing and reads every stored document of the kind, one after the other.

use super::body::{Body, Sending};
use super::documents::put;
use super::heads;
use super::parameters::{self, Parameters, WHOLE_MAX};
use super::segment::Segment;
use crate::audit::Action;
use crate::gateway::Gateway;
use crate::gateway::door::Door;
use crate::gateway::reply::{self, Code, Problem};
use crate::rules::{Format, Origin, Version, parse};
use dovetail_core::document::chunk::{Lifecycle, Manifest};
use dovetail_core::document::judge_stored;
use dovetail_core::id::DocumentId;
use dovetail_core::rules::{InForce, Report, RuleBook, RuleSet};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use warp::http::header::{ETAG, IF_MATCH};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

/// How many conflicts of each rule a dry run shows: enough to see what the rule is about.
const FIRST_MAX: usize = 10;

/// Documents listed at once.
const PAGE: usize = 64;

/// GET /api/rules
pub(super) async fn list(door: Door) -> Result<Response, Problem> {
    door.person()?;
    let rules: Vec<Value> = door.gateway.conflicts.rules.in_force().await.iter().map(described).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "rules": rules })))
}

/// GET /api/rules/{kind}, and an older one with `?version=`.
pub(super) async fn show(door: Door, kind: Segment, mut parameters: Parameters) -> Result<Response, Problem> {
    door.person()?;
    let kind = kind.parameter("kind")?;
    let version = parameters.take_number("version", 0..=WHOLE_MAX)?;
    parameters.finish()?;
    let found = door.gateway.conflicts.rules.version(kind, version).await;
    let found = found.map_err(|error| reply::of_load(&error))?.ok_or_else(|| not_found(kind, version))?;
    Ok(shown(&found))
}

/// GET /api/rules/{kind}/history: the newest first.
pub(super) async fn history(door: Door, kind: Segment) -> Result<Response, Problem> {
    door.person()?;
    let kind = kind.parameter("kind")?;
    let versions =
        door.gateway.conflicts.rules.history(kind).await.map_err(|error| reply::of_load(&error))?;
    if versions.is_empty() {
        return Err(not_found(kind, None));
    }
    let versions: Vec<Value> = versions.iter().map(described).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "versions": versions })))
}

/// PUT /api/rules/{kind}
pub(super) async fn replace(
    door: Door,
    kind: Segment,
    headers: HeaderMap,
    body: Sending,
) -> Result<Response, Problem> {
    door.serve()?;
    let gateway = &door.gateway;
    let kind = kind.parameter("kind")?;
    let expected = expected(&headers)?;
    let rules = read(kind, &door.whole(body).await?)?;
    let expected = match expected {
        None => None,
        Some(Match::One(version)) => Some(version),
        Some(Match::Any) => {
            // A kind that has rules keeps some, so nobody comes between this and the replacing.
            check_in_force(gateway, kind).await?;
            None
        }
    };
    let replaced = gateway.conflicts.rules.replace(rules, expected, Origin::Api).await;
    let version = replaced.map_err(|error| reply::of_replace(&error))?;
    door.record(Action::RulesChanged, None).await;
    Ok(shown(&version))
}

/// POST /api/rules/{kind}/dry-run: what these rules would say of all stored documents.
pub(super) async fn dry_run(door: Door, kind: Segment, body: Sending) -> Result<Response, Problem> {
    door.serve()?;
    let gateway = &door.gateway;
    let kind = kind.parameter("kind")?;
    let rules = Arc::new(read(kind, &door.whole(body).await?)?);
    // One at a time: it looks at every document there is.
    let _turn = gateway.conflicts.dry_runs.lock().await;
    let book = RuleBook::empty().with(InForce { version: 0, rules: rules.clone() });
    let mut found = Found::new(&rules);
    let book = Arc::new(book);
    let mut after: Option<DocumentId> = None;
    loop {
        let page = gateway.store.list(after.as_ref(), PAGE).await.map_err(|error| reply::of_load(&error))?;
        let is_last = page.len() < PAGE;
        for (document, manifest) in page {
            let is_judged = |manifest: Manifest| {
                manifest.kind.as_deref() == Some(kind) && manifest.lifecycle == Lifecycle::Live
            };
            if manifest.is_ok_and(is_judged) {
                found.add(&document, judged(gateway, &document, &book).await?.as_ref());
            }
            after = Some(document);
        }
        if is_last {
            return Ok(reply::json(StatusCode::OK, &found.into_answer()));
        }
    }
}

/// Nothing for a document that is damaged: it is counted and the others are judged.
async fn judged(
    gateway: &Gateway,
    document: &DocumentId,
    book: &Arc<RuleBook>,
) -> Result<Option<Arc<Report>>, Problem> {
    let Ok(Some(stored)) = gateway.store.load(document).await else { return Ok(None) };
    let (id, book, now) = (document.clone(), book.clone(), gateway.clock.now());
    let evaluator = gateway.hub.evaluator().clone();
    let judging = move || judge_stored(&id, &stored, &book, now, |question| evaluator.answer_here(question));
    // Without a turn to compute: it may wait for evaluations, and writers must not wait for it.
    let judged = tokio::task::spawn_blocking(judging).await.map_err(|error| reply::of_panic(&error))?;
    Ok(judged.ok().flatten().map(|verdict| verdict.report.clone()))
}

/// What a dry run has found so far.
struct Found {
    documents: u64,
    unread: u64,
    with_conflicts: u64,
    /// By rule, in the order of the set.
    rules: Vec<(String, OfRule)>,
}

#[derive(Default)]
struct OfRule {
    conflicts: usize,
    documents: u64,
    undecided: u64,
    first: Vec<Value>,
}

impl Found {
    fn new(rules: &RuleSet) -> Self {
        let rules = rules.rules().iter().map(|rule| (rule.id().to_owned(), OfRule::default())).collect();
        Self { documents: 0, unread: 0, with_conflicts: 0, rules }
    }

    fn add(&mut self, document: &DocumentId, report: Option<&Arc<Report>>) {
        let Some(report) = report else {
            self.unread += 1;
            return;
        };
        self.documents += 1;
        self.with_conflicts += u64::from(!report.conflicts.is_empty());
        let beyond: BTreeMap<&str, usize> =
            report.beyond.iter().map(|beyond| (beyond.rule.as_str(), beyond.conflicts)).collect();
        for (rule, found) in &mut self.rules {
            let listed: Vec<_> = report.conflicts.iter().filter(|conflict| conflict.rule == *rule).collect();
            found.conflicts += listed.len() + beyond.get(rule.as_str()).copied().unwrap_or(0);
            found.documents += u64::from(!listed.is_empty());
            found.undecided += u64::from(report.undecided.iter().any(|undecided| undecided.rule == *rule));
            let room = FIRST_MAX - found.first.len();
            found.first.extend(listed.iter().take(room).map(|conflict| {
                json!({"document": document.to_string(), "message": conflict.message, "subjects": conflict.subjects})
            }));
        }
    }

    fn into_answer(self) -> Value {
        let rules: Map<String, Value> = self
            .rules
            .into_iter()
            .map(|(rule, OfRule { conflicts, documents, undecided, first })| {
                let found = json!({
                    "conflicts": conflicts, "documents": documents, "undecided": undecided, "first": first,
                });
                (rule, found)
            })
            .collect();
        json!({
            "documents": self.documents,
            "documents_with_conflicts": self.with_conflicts,
            "unread": self.unread,
            "rules": rules,
        })
    }
}

/// A rule set for this kind, as TOML if it calls itself so, else as JSON.
fn read(kind: &str, body: &Body) -> Result<RuleSet, Problem> {
    let format = if body.is_toml() { Format::Toml } else { Format::Json };
    if format == Format::Json {
        body.check_json()?;
    }
    let text = std::str::from_utf8(&body.bytes)
        .map_err(|error| Problem::new(Code::BadRuleSet, format!("the body is not UTF-8: {error}")))?;
    parse(text, format, Some(kind)).map_err(|bad| reply::of_bad_rules(&bad))
}

/// What `If-Match` names.
enum Match {
    /// `*`: whichever is in force, as long as one is.
    Any,
    One(u64),
}

fn expected(headers: &HeaderMap) -> Result<Option<Match>, Problem> {
    let Some(tag) = heads::text(headers, &IF_MATCH, "If-Match")? else { return Ok(None) };
    let tag = tag.trim();
    if tag == "*" {
        return Ok(Some(Match::Any));
    }
    let digits = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
    match parameters::whole_number(digits) {
        Some(version) => Ok(Some(Match::One(version))),
        None => {
            let detail = format!(
                "If-Match takes the ETag of a version as it is, like \"3\", or *: {tag:?} is neither"
            );
            Err(Problem::new(Code::BadHeads, detail).with("in", "If-Match"))
        }
    }
}

/// Whether any rules of a kind are in force.
async fn check_in_force(gateway: &Gateway, kind: &str) -> Result<(), Problem> {
    let found = gateway.conflicts.rules.version(kind, None).await.map_err(|error| reply::of_load(&error))?;
    found.map(drop).ok_or_else(|| {
        let detail = format!(
            "documents of the kind {kind:?} have no rules yet, and If-Match: * replaces some; leave it out to set the first"
        );
        Problem::new(Code::RulesOutdated, detail)
    })
}

/// With the set as it was written, which may be put again.
fn shown(version: &Version) -> Response {
    let Version { version: number, from, at, rules } = version;
    let set = serde_json::to_value(rules).expect("a rule set has text keys and finite numbers only");
    let answer = json!({"kind": rules.kind, "version": number, "from": from, "at": at, "set": set});
    let mut response = reply::json(StatusCode::OK, &answer);
    put(&mut response, ETAG, &format!("\"{}\"", version.version));
    response
}

fn described(version: &Version) -> Value {
    let Version { version, from, at, rules } = version;
    json!({"kind": rules.kind, "version": version, "from": from, "at": at, "rules": rules.rules.len()})
}

fn not_found(kind: &str, version: Option<u64>) -> Problem {
    let which = version.map(|version| format!("version {version} of ")).unwrap_or_default();
    Problem::new(Code::RulesNotFound, format!("there are no {which}rules for documents of the kind {kind:?}"))
}
