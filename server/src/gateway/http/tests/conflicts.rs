//! Rules and conflicts as a caller sees them.

use super::refusals::send_all;
use super::*;
use crate::store::faulty::{Commits, FaultyStore};
use crate::sweep::Sweep;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A server with a clock that a test moves, and its sweep at work.
struct World {
    server: Server,
    routes: Routes,
    store: Arc<MemoryStore>,
    clock: Clock,
    sweep: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.sweep.abort();
    }
}

impl World {
    async fn new() -> Self {
        Self::on(MemoryStore::new(), &[]).await
    }

    async fn on(store: MemoryStore, settings: &[(&'static str, &str)]) -> Self {
        let source = Source::Flag { flag: "--test".to_owned() };
        let given = settings.iter().map(|(name, text)| Given {
            name,
            text: (*text).to_owned(),
            source: source.clone(),
        });
        let (store, clock) = (Arc::new(store), Clock::standing(NOON));
        let server =
            Server::on(Config::assemble(given).unwrap(), store.clone(), clock.clone()).await.unwrap();
        let gateway = server.gateway();
        let (sweep, swept) = Sweep::new(gateway.hub.clone(), store.clone(), clock.clone());
        let mut gateway = gateway.clone();
        gateway.conflicts.swept = swept;
        let routes = gateway.routes();
        Self { server, routes, store, clock, sweep: tokio::spawn(sweep.run()) }
    }

    /// The server is left and another one begins on the same store.
    async fn restarted(self) -> Self {
        let store = self.store.reopened();
        self.server.gateway().hub.close().await;
        Self::on(store, &[]).await
    }

    /// A dashboard with two widgets on one place.
    async fn crowded(&self) -> String {
        made(&self.routes, &crowded_board()).await
    }

    async fn conflicts(&self, id: &str, query: &str) -> Vec<Value> {
        let answer = get(&self.routes, &format!("/api/docs/{id}/conflicts{query}")).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        read(&answer)["conflicts"].as_array().unwrap().clone()
    }

    async fn decide(&self, id: &str, conflict: &Value, what: &str, body: &Value) -> Answer<Bytes> {
        let conflict = conflict["id"].as_str().unwrap();
        post(&self.routes, &format!("/api/docs/{id}/conflicts/{conflict}/{what}"), body).await
    }

    async fn put_rules(&self, kind: &str, body: &Value) -> Answer<Bytes> {
        request("PUT", &format!("/api/rules/{kind}")).json(body).reply(&self.routes).await
    }

    /// The sweep runs beside the test: what it does is there soon.
    async fn eventually(&self, what: &str, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let began = std::time::Instant::now();
        loop {
            let seen = read(&get(&self.routes, path).await);
            if holds(&seen) {
                return seen;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{what}: {seen}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Widgets of 6 × 6 cells at these columns.
fn dashboard(widgets: &[(&str, i64)]) -> Value {
    let widget = |(id, x): &(&str, i64)| {
        let widget = json!({
            "kind": "chart", "title": id.to_uppercase(), "layout": {"x": x, "y": 0, "w": 6, "h": 6},
            "order": "V", "options": {},
        });
        ((*id).to_owned(), widget)
    };
    let widgets: serde_json::Map<String, Value> = widgets.iter().map(widget).collect();
    json!({
        "kind": "dashboard", "schemaVersion": 1, "title": "Hosts", "description": "",
        "grid": {"columns": 24, "rowHeight": 30}, "widgets": widgets,
    })
}

fn rules(version: u64) -> Value {
    json!({"kind": "board", "rule": [{
        "id": "few", "predicate": "range", "over": "count", "max": version, "message": "{found} are too many",
        "proposals": ["clamp"],
    }]})
}

/// CO1: what the rules say of a document is shown with all that it takes to decide, the version of the rules,
/// and the heads that it is about.
#[tokio::test]
async fn co1_conflicts_are_shown() {
    let world = World::new().await;
    let id = world.crowded().await;
    let answer = read(&get(&world.routes, &format!("/api/docs/{id}/conflicts")).await);
    assert_eq!(answer["rules"], json!({"kind": "dashboard", "version": 0}));
    assert_eq!(answer["undecided"], json!([]));
    assert_eq!(answer["heads"].as_array().unwrap().len(), 1);
    let conflicts = answer["conflicts"].as_array().unwrap();
    assert_eq!(conflicts.len(), 1, "{answer}");
    let conflict = &conflicts[0];
    assert_eq!(conflict["rule"], "widgets-apart");
    assert_eq!(conflict["state"], "open");
    assert_eq!(conflict["severity"], "warning");
    assert_eq!(conflict["subjects"], json!(["cpu", "ram"]));
    assert_eq!(conflict["open_since"], NOON.as_millis());
    assert!(conflict["message"].as_str().unwrap().contains("CPU"), "{conflict}");
    assert_eq!(conflict["causes"].as_array().unwrap().len(), 1, "{conflict}");
    let names: Vec<_> = conflict["proposals"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["push_down", "first_free"]);

    let path = format!("/api/docs/{id}/conflicts/{}", conflict["id"].as_str().unwrap());
    assert_eq!(&read(&get(&world.routes, &path).await), conflict);
    let none = get(&world.routes, &format!("/api/docs/{id}/conflicts/none")).await;
    assert_eq!((none.status().as_u16(), code(&none).as_str()), (404, "conflict_not_found"));
    let none = get(&world.routes, &format!("/api/docs/{UNKNOWN_ID}/conflicts")).await;
    assert_eq!(code(&none), "document_not_found");
}

/// CO1: a document of a kind without rules has no conflicts, and says that it has no rules.
#[tokio::test]
async fn co1_without_rules_there_are_no_conflicts() {
    let world = World::new().await;
    let id = made(&world.routes, &json!({"n": 1})).await;
    let answer = read(&get(&world.routes, &format!("/api/docs/{id}/conflicts")).await);
    assert_eq!((&answer["conflicts"], &answer["rules"]), (&json!([]), &Value::Null));
}

/// CO2: a proposal is made with one call; afterwards the rule holds, and the entry tells who chose what.
#[tokio::test]
async fn co2_a_conflict_is_settled() {
    let world = World::new().await;
    let id = world.crowded().await;
    let conflict = world.conflicts(&id, "").await.remove(0);
    let body = json!({"proposal": "push_down", "by": "ana"});
    let settled = world.decide(&id, &conflict, "settle", &body).await;
    assert_eq!(settled.status(), 200, "{settled:?}");
    assert_eq!(read(&settled)["conflict"]["id"], conflict["id"]);
    assert_eq!(world.conflicts(&id, "").await, Vec::<Value>::new());
    let shown = get(&world.routes, &format!("/api/docs/{id}")).await;
    assert_eq!(header(&shown, "etag"), header(&settled, "etag"));
    assert_eq!(read(&shown)["widgets"]["ram"]["layout"]["y"], 6, "{shown:?}");

    let listed = world.conflicts(&id, "?state=settled").await;
    assert_eq!(
        (listed.len(), &listed[0]["id"], &listed[0]["state"]),
        (1, &conflict["id"], &json!("settled"))
    );
    assert_eq!(listed[0]["settlement"], json!({"proposal": "push_down", "by": "ana"}));

    let again = world.decide(&id, &conflict, "settle", &body).await;
    assert_eq!((again.status().as_u16(), code(&again).as_str()), (404, "conflict_not_found"));
}

/// CO2: what cannot be chosen is refused with what can.
#[tokio::test]
async fn co2_a_proposal_that_is_not_offered_is_refused() {
    let world = World::new().await;
    let id = world.crowded().await;
    let conflict = world.conflicts(&id, "").await.remove(0);
    let refused = world.decide(&id, &conflict, "settle", &json!({"proposal": "clamp"})).await;
    assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (409, "proposal_not_offered"));
    assert_eq!(read(&refused)["offered"], json!(["push_down", "first_free"]));
    for body in [json!({}), json!({"proposal": "magic"}), json!({"proposal": 3}), json!({"propsal": "clamp"})]
    {
        let refused = world.decide(&id, &conflict, "settle", &body).await;
        assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (422, "bad_body"), "{body}");
    }
    assert_eq!(world.conflicts(&id, "").await.len(), 1, "nothing was written");
}

/// CO3: a conflict that may stay is waived, for a time; it opens again by itself, or when that is taken back.
#[tokio::test]
async fn co3_a_conflict_is_waived_until_the_waiver_ends() {
    let world = World::new().await;
    let id = world.crowded().await;
    let conflict = world.conflicts(&id, "").await.remove(0);
    let until = NOON.as_millis() + 60_000;
    let body = json!({"reason": "wanted until the talk", "until": until, "by": "bo"});
    let waived = world.decide(&id, &conflict, "waive", &body).await;
    assert_eq!(waived.status(), 200, "{waived:?}");
    let shown = world.conflicts(&id, "").await.remove(0);
    assert_eq!(shown["state"], "waived");
    assert_eq!(shown["waiver"], json!({"reason": "wanted until the talk", "by": "bo", "until": until}));
    assert_eq!(world.conflicts(&id, "?state=open").await.len(), 0);

    world.clock.advance(Duration::from_secs(61));
    let path = format!("/api/docs/{id}/conflicts");
    world.eventually("it opens by itself", &path, |seen| seen["conflicts"][0]["state"] == "open").await;

    let waived = world.decide(&id, &conflict, "waive", &json!({"reason": "for good"})).await;
    assert_eq!(waived.status(), 200);
    world.clock.advance(DAY * 365);
    assert_eq!(world.conflicts(&id, "").await[0]["state"], "waived");
    let back = world.decide(&id, &conflict, "unwaive", &json!({})).await;
    assert_eq!(back.status(), 200, "{back:?}");
    assert_eq!(world.conflicts(&id, "").await[0]["state"], "open");

    for body in [json!({"reason": ""}), json!({"reason": "x", "until": 1})] {
        let refused = world.decide(&id, &conflict, "waive", &body).await;
        assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (422, "bad_waiver"), "{body}");
    }
    for until in [json!(-1), json!(1.5), json!("tomorrow"), json!(u64::MAX), json!([])] {
        let body = json!({"reason": "x", "until": until});
        let refused = world.decide(&id, &conflict, "waive", &body).await;
        assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (422, "bad_body"), "{body}");
        assert!(
            read(&refused)["detail"].as_str().unwrap().contains("milliseconds since 1970"),
            "{refused:?}"
        );
    }
}

/// CO4: the inbox has the conflicts of all documents, filtered and in pages that meet; after a restart it is
/// the same, once all documents were judged.
#[tokio::test]
async fn co4_the_inbox_has_the_conflicts_of_all_documents() {
    let world = World::new().await;
    let complete = |seen: &Value| seen["complete"] == true;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.crowded().await);
    }
    let peaceful = made(&world.routes, &dashboard(&[("cpu", 0), ("ram", 6)])).await;
    let twice = made(&world.routes, &dashboard(&[("a", 0), ("b", 0), ("c", 0)])).await;
    ids.push(twice);
    let all = world.eventually("swept", "/api/conflicts", complete).await;
    let found = all["conflicts"].as_array().unwrap().clone();
    assert_eq!(found.len(), 6, "{all}");
    assert!(found.iter().all(|conflict| conflict["document"] != peaceful));
    assert_eq!(all["counts"]["open"], 6);

    let mut paged = Vec::new();
    let mut next = Some("/api/conflicts?limit=1&rule=widgets-apart&kind=dashboard".to_owned());
    while let Some(path) = next {
        let page = read(&get(&world.routes, &path).await);
        paged.extend(page["conflicts"].as_array().unwrap().clone());
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(paged, found);
    for (query, count) in
        [("?rule=titles-differ", 0), ("?kind=board", 0), ("?state=waived", 0), ("?state=open", 6)]
    {
        let page = read(&get(&world.routes, &format!("/api/conflicts{query}")).await);
        assert_eq!(page["conflicts"].as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(read(&get(&world.routes, "/api/conflicts?older_than=60").await)["conflicts"], json!([]));
    world.clock.advance(Duration::from_secs(60));
    let old = read(&get(&world.routes, "/api/conflicts?older_than=60").await);
    assert_eq!(old["conflicts"].as_array().unwrap().len(), 6);

    let without_age = |conflicts: &Value| {
        let mut conflicts = conflicts.as_array().unwrap().clone();
        conflicts.iter_mut().for_each(|conflict| conflict["open_since"] = Value::Null);
        conflicts
    };
    let world = world.restarted().await;
    let again = world.eventually("swept again", "/api/conflicts", complete).await;
    assert_eq!(without_age(&again["conflicts"]), without_age(&all["conflicts"]));

    let removed = request("DELETE", &format!("/api/docs/{}", ids[0])).reply(&world.routes).await;
    assert_eq!(removed.status(), 204);
    let rest = read(&get(&world.routes, "/api/conflicts").await);
    assert!(rest["conflicts"].as_array().unwrap().iter().all(|c| c["document"] != ids[0].as_str()));
}

/// CO5: rules are replaced as a whole, in versions that are kept, and what is open or stored is judged again.
#[tokio::test]
async fn co5_rules_are_replaced_in_versions() {
    let world = World::new().await;
    let id = made(&world.routes, &json!({"kind": "board", "count": 7})).await;
    let none = get(&world.routes, "/api/rules/board").await;
    assert_eq!((none.status().as_u16(), code(&none).as_str()), (404, "rules_not_found"));

    let first = world.put_rules("board", &rules(9)).await;
    assert_eq!((first.status().as_u16(), header(&first, "etag")), (200, "\"1\""), "{first:?}");
    assert!(world.conflicts(&id, "").await.is_empty());
    let second = world.put_rules("board", &rules(5)).await;
    assert_eq!(header(&second, "etag"), "\"2\"");
    let path = format!("/api/docs/{id}/conflicts");
    let seen = world.eventually("judged again", &path, |seen| !seen["conflicts"][0].is_null()).await;
    assert_eq!(seen["rules"]["version"], 2);
    assert_eq!(seen["conflicts"][0]["message"], "7 are too many");

    // Who has not seen the last version does not replace it.
    let outdated = request("PUT", "/api/rules/board").header("if-match", "\"1\"").json(&rules(3));
    let outdated = outdated.reply(&world.routes).await;
    assert_eq!((outdated.status().as_u16(), code(&outdated).as_str()), (412, "rules_outdated"));
    assert_eq!(read(&outdated)["version"], 2);
    let third = request("PUT", "/api/rules/board").header("if-match", "\"2\"").json(&rules(3));
    assert_eq!(third.reply(&world.routes).await.status(), 200);

    let world = world.restarted().await;
    let history = read(&get(&world.routes, "/api/rules/board/history").await);
    let versions: Vec<_> = history["versions"].as_array().unwrap().iter().map(|v| &v["version"]).collect();
    assert_eq!(versions, [3, 2, 1]);
    let old = read(&get(&world.routes, "/api/rules/board?version=1").await);
    assert_eq!((&old["set"]["rule"][0]["max"], &old["from"]), (&json!(9.0), &json!("api")), "{old}");
    assert_eq!(header(&get(&world.routes, "/api/rules/board").await, "etag"), "\"3\"");
    assert_eq!(world.put_rules("board", &old["set"]).await.status(), 200, "what is shown may be put again");

    // The built-in set of dashboards is version 0 of its history.
    let listed = read(&get(&world.routes, "/api/rules").await);
    let kinds: Vec<_> = listed["rules"].as_array().unwrap().iter().map(|set| &set["kind"]).collect();
    assert_eq!(kinds, ["board", "dashboard"]);
    let built_in = read(&get(&world.routes, "/api/rules/dashboard").await);
    assert_eq!((&built_in["version"], &built_in["from"]), (&json!(0), &json!("built_in")));
    let empty = world.put_rules("dashboard", &json!({"kind": "dashboard", "rule": []})).await;
    assert_eq!(header(&empty, "etag"), "\"1\"");
    let crowded = world.crowded().await;
    assert!(world.conflicts(&crowded, "").await.is_empty(), "no rules, no conflicts");
}

/// CO5: `If-Match: *` replaces whichever rules there are; what is no tag of a version is refused as such.
#[tokio::test]
async fn co5_what_is_no_version_is_refused() {
    let world = World::new().await;
    let put = async |tags: &[(&str, &str)]| {
        send_all(&world.routes, "PUT", "/api/rules/board", tags, &rules(5)).await
    };
    let none = put(&[("if-match", "*")]).await;
    assert_eq!((none.status().as_u16(), code(&none).as_str()), (412, "rules_outdated"));
    assert!(read(&none)["detail"].as_str().unwrap().contains("no rules yet"), "{none:?}");
    assert_eq!(put(&[]).await.status(), 200);
    assert_eq!(header(&put(&[("if-match", "*")]).await, "etag"), "\"2\"");

    for tag in ["W/\"2\"", "\"x\"", "", "\"\"", "-1", "+2", "\"2\", \"3\""] {
        let refused = put(&[("if-match", tag)]).await;
        assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (400, "bad_heads"), "{tag}");
        assert_eq!(read(&refused)["in"], "If-Match");
    }
    let twice = put(&[("if-match", "\"2\""), ("if-match", "\"2\"")]).await;
    assert_eq!((twice.status().as_u16(), code(&twice).as_str()), (400, "bad_heads"));
    assert_eq!(header(&put(&[("if-match", "2")]).await, "etag"), "\"3\"");
}

/// CO5: rules come as TOML as well.
#[tokio::test]
async fn co5_rules_come_as_toml() {
    let world = World::new().await;
    let text = "kind = \"board\"\n[[rule]]\nid = \"few\"\npredicate = \"range\"\nover = \"count\"\nmax = 5\nmessage = \"{found} are too many\"\n";
    let put = request("PUT", "/api/rules/board").header("content-type", "application/toml").body(text);
    let put = put.reply(&world.routes).await;
    assert_eq!(put.status(), 200, "{put:?}");
    assert_eq!(read(&put)["set"]["rule"][0]["id"], "few");
}

/// CO6: what other rules would say of all stored documents is told without putting them in force.
#[tokio::test]
async fn co6_a_dry_run_changes_nothing() {
    let world = World::new().await;
    for count in [1, 6, 8] {
        made(&world.routes, &json!({"kind": "board", "count": count})).await;
    }
    made(&world.routes, &json!({"kind": "other", "count": 100})).await;
    let tried = post(&world.routes, "/api/rules/board/dry-run", &rules(5)).await;
    assert_eq!(tried.status(), 200, "{tried:?}");
    let tried = read(&tried);
    assert_eq!(
        (&tried["documents"], &tried["documents_with_conflicts"], &tried["unread"]),
        (&json!(3), &json!(2), &json!(0))
    );
    let few = &tried["rules"]["few"];
    assert_eq!((&few["conflicts"], &few["documents"], &few["undecided"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!(few["first"].as_array().unwrap().len(), 2);
    assert_eq!(code(&get(&world.routes, "/api/rules/board").await), "rules_not_found");
}

/// CO7: rules that cannot be used are refused with everything that is wrong with them and where, and what was
/// in force still is.
#[tokio::test]
async fn co7_bad_rules_are_refused_with_the_place() {
    let world = World::new().await;
    let mut bad = rules(5);
    bad["rule"][0]["over"] = "count..x".into();
    let mut twice = bad["rule"][0].clone();
    twice["predicate"] = "magic".into();
    bad["rule"].as_array_mut().unwrap().push(twice);
    let refused = world.put_rules("board", &bad).await;
    assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (422, "bad_rule_set"));
    let faults = read(&refused)["faults"].clone();
    let places: Vec<_> = faults.as_array().unwrap().iter().map(|fault| fault["place"].clone()).collect();
    assert!(places.len() >= 3, "{faults}");
    assert!(places.contains(&json!("rule[0].over")), "{faults}");
    assert!(places.contains(&json!("rule[1].predicate")), "{faults}");

    let put =
        |media: &str, text: &str| request("PUT", "/api/rules/board").header("content-type", media).body(text);
    let text = "{\"kind\": \"board\",\n \"kind\": \"board\"}";
    let refused = put("application/json", text).reply(&world.routes).await;
    assert_eq!(
        (code(&refused).as_str(), &read(&refused)["line"]),
        ("bad_rule_set", &json!(2)),
        "{refused:?}"
    );
    let refused = put("application/toml", "kind = \"board\"\nrule = [\n").reply(&world.routes).await;
    assert_eq!(
        (code(&refused).as_str(), &read(&refused)["line"]),
        ("bad_rule_set", &json!(2)),
        "{refused:?}"
    );
    assert_eq!(read(&refused)["faults"], Value::Null, "nothing can be said of what stands there");
    let other_kind = world.put_rules("boards", &rules(5)).await;
    assert_eq!(
        (code(&other_kind).as_str(), &read(&other_kind)["faults"][0]["place"]),
        ("bad_rule_set", &json!("kind"))
    );
    let no_name = json!({"kind": "a/b", "rule": []});
    assert_eq!(code(&world.put_rules("a%2Fb", &no_name).await), "bad_rule_set");
    assert_eq!(code(&put("text/plain", text).reply(&world.routes).await), "unsupported_media_type");
    assert_eq!(code(&get(&world.routes, "/api/rules/board").await), "rules_not_found");
}

/// CO7: what is unknown, missing or of another kind is named with the rest, in words that speak of rules. A list is no
/// set, and replaces none.
#[tokio::test]
async fn co7_form_and_content_are_judged_together() {
    let world = World::new().await;
    assert_eq!(world.put_rules("board", &rules(5)).await.status(), 200);
    let bad = json!({"kind": "board", "rules": [], "rule": [
        {"predicate": "range", "over": "a", "max": {"path": "b"}, "message": "m", "colour": 1},
        {"id": "b", "predicate": "range", "over": "a", "min": 2, "max": 1, "message": "{"},
    ]});
    let faults = json!([
        {"place": "rules", "wrong": "there is no such member", "right": "perhaps `rule` is meant"},
        {"place": "rule[0].id", "wrong": "it is missing", "right": "a text that is this rule's own"},
        {"place": "rule[0].max.default", "wrong": "it is missing", "right": "a number; where none is to count, the path alone"},
        {"place": "rule[0].colour", "wrong": "there is no such member", "right": "one of id, predicate, over, message, severity, mode, proposals, auto_settle_after, within, ignore_empty, columns, in, limit, min, max, values, fields, expr, bounds"},
        {"place": "rule[1].min", "wrong": "2 is more than `max`", "right": "at most 1"},
        {"place": "rule[1].message", "character": 1, "wrong": "the placeholder does not end", "right": "`}` behind it"},
    ]);
    for refused in
        [world.put_rules("board", &bad).await, post(&world.routes, "/api/rules/board/dry-run", &bad).await]
    {
        assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (422, "bad_rule_set"));
        assert_eq!(read(&refused)["faults"], faults);
    }

    let refused = world.put_rules("board", &json!(["board", null, []])).await;
    assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (422, "bad_rule_set"), "{refused:?}");
    assert_eq!(read(&refused)["faults"][0]["place"], "$");
    assert_eq!(header(&get(&world.routes, "/api/rules/board").await, "etag"), "\"1\"");
}

/// CO8: rules of a folder are in force from the start. A file that says what it said before leaves alone what
/// was put since; one that has changed is the next version.
#[tokio::test]
async fn co8_rules_of_a_folder_are_in_force_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    let write = |max: u64| {
        std::fs::write(folder.path().join("board.json"), rules(max).to_string()).unwrap();
    };
    write(5);
    std::fs::write(folder.path().join("README.md"), "not rules").unwrap();
    let settings: [(&str, &str); 1] = [("rules_dir", &path)];
    let store = MemoryStore::new();
    let again = store.reopened();
    let (third, on_a_low_disk) = (store.reopened(), FaultyStore::over(Arc::new(store.reopened())));
    let config = || {
        let source = Source::Flag { flag: "--test".to_owned() };
        Config::assemble([Given { name: "rules_dir", text: path.clone(), source }]).unwrap()
    };
    let world = World::on(store, &settings).await;
    let shown = read(&get(&world.routes, "/api/rules/board").await);
    assert_eq!((&shown["version"], &shown["from"]), (&json!(1), &json!("file")));
    assert_eq!(world.put_rules("board", &rules(7)).await.status(), 200);

    let world = World::on(again, &settings).await;
    let shown = read(&get(&world.routes, "/api/rules/board").await);
    assert_eq!(
        (&shown["version"], &shown["set"]["rule"][0]["max"]),
        (&json!(2), &json!(7.0)),
        "what was put stays"
    );

    write(6);
    on_a_low_disk.commits(Commits::DiskLow);
    let server = Server::on(config(), on_a_low_disk, Clock::standing(NOON)).await.unwrap();
    let shown = read(&get(&server.gateway().clone().routes(), "/api/rules/board").await);
    assert_eq!(shown["version"], 2, "on a disk that is low it starts with what there is");

    let world = World::on(third, &settings).await;
    let shown = read(&get(&world.routes, "/api/rules/board").await);
    assert_eq!(
        (&shown["version"], &shown["set"]["rule"][0]["max"]),
        (&json!(3), &json!(6.0)),
        "the file has changed"
    );

    // A folder that is wrong stops the start, with the file and the place.
    std::fs::write(folder.path().join("bad.toml"), "kind = \"x\"\n[[rule]]\nid = 3\n").unwrap();
    let refused = Server::on(config(), Arc::new(MemoryStore::new()), Clock::standing(NOON)).await;
    let words = refused.map(|_| ()).unwrap_err().to_string();
    assert!(words.contains("bad.toml") && words.contains("rule[0].id: it is the number 3"), "{words}");
    assert!(words.contains("rule[0].message: it is missing"), "{words}");
}

/// CO9: what has stood open for as long as its rule allows is settled by itself, in the name of the server.
#[tokio::test]
async fn co9_a_conflict_settles_by_itself() {
    let world = World::new().await;
    let mut set = rules(5);
    set["rule"][0]["auto_settle_after"] = 60.into();
    assert_eq!(world.put_rules("board", &set).await.status(), 200);
    let id = made(&world.routes, &json!({"kind": "board", "count": 7})).await;
    let path = format!("/api/docs/{id}/conflicts");
    world.eventually("it is seen", &path, |seen| seen["conflicts"][0]["state"] == "open").await;
    world.clock.advance(Duration::from_secs(61));
    world.eventually("it is settled", &path, |seen| seen["conflicts"] == json!([])).await;
    assert_eq!(read(&get(&world.routes, &format!("/api/docs/{id}")).await)["count"], 5);
    let settled = world.conflicts(&id, "?state=settled").await;
    assert_eq!(settled[0]["settlement"]["by"], "dovetail");
}

/// CO4: a document that was undeleted has its conflicts in the inbox again, without anybody looking at it.
#[tokio::test]
async fn co4_an_undeleted_document_is_in_the_inbox_again() {
    let world = World::new().await;
    assert_eq!(world.put_rules("board", &rules(5)).await.status(), 200);
    let id = made(&world.routes, &json!({"kind": "board", "count": 7})).await;
    let open = |count: u64| move |seen: &Value| seen["counts"]["open"] == json!(count);
    world.eventually("it is seen", "/api/conflicts", open(1)).await;
    let deleted = request("DELETE", &format!("/api/docs/{id}")).reply(&world.routes).await;
    assert_eq!(deleted.status(), 204, "{deleted:?}");
    world.eventually("it is gone", "/api/conflicts", open(0)).await;
    let back = request("POST", &format!("/api/docs/{id}/undelete")).reply(&world.routes).await;
    assert_eq!(back.status(), 200, "{back:?}");
    world.eventually("it is back", "/api/conflicts", open(1)).await;
}

/// CO11: what only operators are told is shown to whoever asks for it.
#[tokio::test]
async fn co11_audit_conflicts_are_for_operators() {
    let world = World::new().await;
    let mut set = rules(5);
    set["rule"][0]["mode"] = "audit".into();
    assert_eq!(world.put_rules("board", &set).await.status(), 200);
    let id = made(&world.routes, &json!({"kind": "board", "count": 7})).await;
    assert!(world.conflicts(&id, "").await.is_empty());
    for mode in ["audit", "all"] {
        assert_eq!(world.conflicts(&id, &format!("?mode={mode}")).await.len(), 1);
        let inbox = read(&get(&world.routes, &format!("/api/conflicts?mode={mode}")).await);
        assert_eq!(inbox["conflicts"].as_array().unwrap().len(), 1, "{mode}");
    }
    assert_eq!(read(&get(&world.routes, "/api/conflicts").await)["conflicts"], json!([]));
    for (path, parameter) in [
        (format!("/api/docs/{id}/conflicts?mode=loud"), "mode"),
        (format!("/api/docs/{id}/conflicts?state=odd"), "state"),
        ("/api/conflicts?limit=0".to_owned(), "limit"),
        ("/api/conflicts?after=x".to_owned(), "after"),
        ("/api/rules/board?version=x".to_owned(), "version"),
    ] {
        let refused = get(&world.routes, &path).await;
        assert_eq!(
            (code(&refused).as_str(), &read(&refused)["parameter"]),
            ("bad_parameter", &json!(parameter))
        );
    }
}

/// Boards whose count has to fit their limit, which no predicate but `cel` can say.
fn expression(expr: &str) -> Value {
    json!({"kind": "board", "rule": [
        {"id": "fits", "predicate": "cel", "expr": expr, "message": "{count} of {most}"},
    ]})
}

/// CO12: a program that was built without expressions says so when a set has one.
#[tokio::test]
#[cfg(not(feature = "cel"))]
async fn co12_without_expressions_they_are_refused() {
    let world = World::new().await;
    let refused = world.put_rules("board", &expression("self.count <= self.most")).await;
    assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (422, "bad_rule_set"));
    let fault = &read(&refused)["faults"][0];
    assert_eq!(fault["place"], "rule[0].expr");
    assert_eq!(fault["wrong"], "this program was built without expressions");
    assert!(fault["right"].as_str().unwrap().contains("the feature `cel`"));
}

/// CO12: expressions are rules like others: dry runs, conflicts, waivers and the inbox know them. A write does not wait for
/// them, and says so.
#[tokio::test]
#[cfg(feature = "cel")]
async fn co12_expressions_are_rules_like_others() {
    let world = World::new().await;
    let id = made(&world.routes, &json!({"kind": "board", "count": 3, "most": 5})).await;
    let rules = expression("self.count <= self.most");
    let tried =
        read(&post(&world.routes, "/api/rules/board/dry-run", &expression("self.count > self.most")).await);
    let fits = &tried["rules"]["fits"];
    assert_eq!((&fits["conflicts"], &fits["undecided"]), (&json!(1), &json!(0)), "{tried}");
    assert_eq!(world.put_rules("board", &rules).await.status(), 200);

    let path = format!("/api/docs/{id}");
    let heads = header(&get(&world.routes, &path).await, "etag").to_owned();
    let patch = request("PATCH", &path)
        .header("dovetail-base", heads)
        .header("content-type", "application/merge-patch+json")
        .body(r#"{"count": 8}"#);
    let written = read(&patch.reply(&world.routes).await);
    assert_eq!(written["conflicts"]["undecided"], json!([{"rule": "fits", "reason": "pending"}]));
    let path = format!("{path}/conflicts");
    let decided = |seen: &Value| seen["undecided"] == json!([]) && seen["conflicts"] != json!([]);
    let seen = world.eventually("it is evaluated", &path, decided).await;
    let conflict = &seen["conflicts"][0];
    assert_eq!((&conflict["message"], &conflict["subjects"]), (&json!("8 of 5"), &json!([""])));
    let inbox = |seen: &Value| seen["counts"]["open"] == json!(1);
    world.eventually("the inbox has it", "/api/conflicts", inbox).await;

    let waived = world.decide(&id, conflict, "waive", &json!({"reason": "on purpose"})).await;
    assert_eq!(
        (waived.status().as_u16(), &read(&waived)["conflict"]["state"]),
        (200, &json!("waived")),
        "{waived:?}"
    );
    world.eventually("it is waived", &path, |seen| seen["conflicts"][0]["state"] == "waived").await;
    let refused = world.decide(&id, conflict, "settle", &json!({"proposal": "clamp"})).await;
    assert_eq!(code(&refused), "proposal_not_offered", "{refused:?}");

    // An expression that fails is undecided, and everybody sees why.
    assert_eq!(world.put_rules("board", &expression("self.nothing == 1")).await.status(), 200);
    let fails = |seen: &Value| seen["undecided"][0]["reason"]["expression_fails"].is_string();
    world.eventually("it fails", &path, fails).await;
}

/// A dashboard with two widgets on one place.
pub(super) fn crowded_board() -> Value {
    dashboard(&[("cpu", 0), ("ram", 3)])
}
