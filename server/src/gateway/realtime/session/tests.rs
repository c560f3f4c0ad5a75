//! Sessions without sockets, and the messages that they send, held to their schemas.

use super::*;
use crate::feed::{State, Update};
use crate::hub::ViewError;
use dovetail_core::dashboard::{Edit, Layout, Widget, apply, first_dashboard};
use dovetail_core::document::Verdict;
use dovetail_core::doors::{Lost, LostValue};
use dovetail_core::rules::{Conflict, ConflictEvent, Judge, RuleSet};
use std::collections::BTreeSet;
use std::time::Duration;

mod schema; // As much of JSON Schema as ours use.

const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn document() -> DocumentId {
    DocumentId::from_bytes(&[7; 16]).unwrap()
}

fn session_of(identity: Identity) -> Session {
    let who = Who {
        identity: Arc::new(identity),
        address: None,
        number: SessionId(5),
        name: "session-5".into(),
        user: Some("ana".into()),
    };
    Session::new(who, "dovetail".parse().unwrap(), SessionLimits::default(), NOON)
}

fn session() -> Session {
    session_of((*Identity::local()).clone())
}

/// What a session answers to a message.
fn replies(effects: &[Effect]) -> Vec<Value> {
    let texts = effects.iter().filter_map(|effect| match effect {
        Effect::Reply(text) => Some(serde_json::from_str(text).unwrap()),
        _ => None,
    });
    texts.collect()
}

fn hear(session: &mut Session, message: impl std::borrow::Borrow<Value>) -> Vec<Effect> {
    let message = message.borrow();
    session.hear(NOON, &message.to_string())
}

fn code(effects: &[Effect]) -> String {
    let replies = replies(effects);
    assert_eq!((effects.len(), replies.len()), (1, 1), "{effects:?}");
    replies[0]["code"].as_str().unwrap_or_default().to_owned()
}

fn subscribed(session: &mut Session) -> DocumentId {
    let id = document();
    let effects = hear(session, json!({"type": "subscribe", "documentId": id.to_string()}));
    assert!(matches!(&effects[..], [Effect::Follow { .. }]), "{effects:?}");
    id
}

/// RT1: hello says who one is and within what bounds.
#[test]
fn rt1_hello_says_who_one_is() {
    let hello: Value = serde_json::from_str(&session().hello(NOON)).unwrap();
    assert_eq!((&hello["type"], &hello["sessionId"]), (&json!("hello"), &json!("session-5")));
    assert_eq!((&hello["userId"], &hello["timestamp"]), (&json!("ana"), &json!(NOON.as_millis())));
    assert_eq!(hello["limits"]["messageBytesMax"], MESSAGE_BYTES_MAX);
}

/// RT6: a document is followed once and up to a bound; unsubscribing takes that back.
#[test]
fn rt6_subscriptions_are_counted() {
    let mut session = session();
    let id = subscribed(&mut session);
    let again = hear(&mut session, json!({"type": "subscribe", "documentId": id.to_string()}));
    assert_eq!(code(&again), "already_subscribed");
    for n in 1..SUBSCRIPTIONS_MAX {
        let other = DocumentId::from_bytes(&n.to_be_bytes()).unwrap();
        let effects = hear(&mut session, json!({"type": "subscribe", "documentId": other.to_string()}));
        assert!(matches!(&effects[..], [Effect::Follow { .. }]));
    }
    let one_more = DocumentId::from_bytes(&[8; 16]).unwrap().to_string();
    let too_many = hear(&mut session, json!({"type": "subscribe", "documentId": one_more}));
    assert_eq!(code(&too_many), "too_many_subscriptions");

    let left = hear(&mut session, json!({"type": "unsubscribe", "documentId": id.to_string()}));
    assert!(matches!(&left[..], [Effect::Unfollow { .. }, Effect::Reply(_)]), "{left:?}");
    let not_there = hear(&mut session, json!({"type": "unsubscribe", "documentId": id.to_string()}));
    assert_eq!(code(&not_there), "not_subscribed");
    let effects = hear(&mut session, json!({"type": "subscribe", "documentId": one_more}));
    assert!(matches!(&effects[..], [Effect::Follow { .. }]));
}

/// RT7: the first that is told of a document carries the correlation id of its subscription; after its last
/// word it is followed no longer.
#[test]
fn rt7_the_first_word_of_a_document_answers_the_subscription() {
    let (mut session, id) = (session(), document());
    let ask = json!({"type": "subscribe", "documentId": id.to_string(), "correlationId": "c1"});
    hear(&mut session, ask.clone());
    let state = Arc::new(State::first(Arc::from([ChangeHash([1; 32])]), json!({"a": 1})));
    let mut told = |event: &Event| -> Option<Value> {
        session.told(NOON, &id, event).map(|text| serde_json::from_str(&text).unwrap())
    };
    let first = told(&Event::Snapshot(state.clone())).unwrap();
    assert_eq!((&first["correlationId"], &first["document"]), (&json!("c1"), &json!({"a": 1})));
    assert_eq!(first["documentId"], id.to_string());
    let second = told(&Event::Patch(Arc::new(Update::nothing(&state.heads)))).unwrap();
    assert_eq!((second.get("correlationId"), &second["patch"]), (None, &json!([])));
    assert_eq!(told(&Event::Deleted).unwrap()["type"], "deleted");
    assert_eq!(told(&Event::Deleted), None, "nothing follows");

    let unknown = ViewError::Unknown { document: id.clone() };
    hear(&mut session, ask);
    let text = session.told(NOON, &id, &Event::Lost(unknown)).unwrap();
    let refused: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("document_not_found")));
    assert_eq!(refused["correlationId"], "c1");
}

/// RT8: presence is said in documents that one follows, within a bound, and ends with the session, with the
/// subscription, and with null.
#[test]
fn rt8_presence_ends_with_the_session() {
    let (mut session, id) = (session(), document().to_string());
    let here = |state: Value| json!({"type": "presence", "documentId": id, "state": state});
    assert_eq!(code(&hear(&mut session, here(json!(1)))), "not_subscribed");
    subscribed(&mut session);
    let long = "x".repeat(PRESENCE_BYTES_MAX);
    assert_eq!(code(&hear(&mut session, here(json!(long)))), "data_too_large");
    assert!(session.leave().is_empty(), "nobody saw it anywhere");

    let gone = |effects: Vec<Effect>| match &effects[..] {
        [Effect::Say { said, .. }, ..] => said.spoken.as_ref().unwrap().body.is_null(),
        _ => false,
    };
    hear(&mut session, here(json!({"x": 1})));
    assert!(gone(session.leave()));
    hear(&mut session, here(json!({"x": 1})));
    hear(&mut session, here(Value::Null));
    assert!(session.leave().is_empty(), "it left by itself");
    hear(&mut session, here(json!({"x": 1})));
    assert!(gone(hear(&mut session, json!({"type": "unsubscribe", "documentId": id}))));
    assert!(session.leave().is_empty());
}

/// RT9: what is said reaches sync clients as CBOR of the same, each under a count of its own.
#[test]
fn rt9_what_is_said_is_said_to_sync_clients_too() {
    let (mut session, id) = (session(), document().to_string());
    for count in 1..=2 {
        let say = json!({"type": "broadcast", "scope": "document", "documentId": id, "data": {"hi": count}});
        let effects = hear(&mut session, say);
        let [Effect::Say { said, .. }] = &effects[..] else { panic!("{effects:?}") };
        let shown = cbor_json::to_json(said.frame.data()).unwrap();
        let expected =
            json!({"type": "message", "sessionId": "session-5", "userId": "ana", "data": {"hi": count}});
        assert_eq!(shown, expected);
        let frame = said.frame.frame(&"peer-bo".parse().unwrap());
        let dovetail_core::wire::Message::Ephemeral(message) = dovetail_core::wire::decode(&frame).unwrap()
        else {
            panic!("an ephemeral message")
        };
        assert_eq!((message.count, &*message.session_id), (count, "session-5"));
        assert_eq!(message.sender.as_str(), "dovetail");
    }
    let long = json!({"type": "broadcast", "scope": "all", "data": "x".repeat(DATA_BYTES_MAX)});
    assert_eq!(code(&hear(&mut session, long)), "data_too_large");
}

fn person(name: &str) -> Identity {
    Identity::person(name.parse().unwrap())
}

/// RT10: only administrators of the server tell everybody; whoever holds a link tells nobody but its readers.
#[test]
fn rt10_only_administrators_tell_everybody() {
    let all = json!({"type": "broadcast", "scope": "all", "data": 1});
    let boss = Identity { is_server_admin: true, ..person("boss") };
    let limited = Identity { scope: Some(Arc::from([])), ..boss.clone() };
    for (who, may) in
        [((*Identity::local()).clone(), true), (boss, true), (limited, false), (person("ana"), false)]
    {
        let effects = hear(&mut session_of(who.clone()), all.clone());
        let did = matches!(&effects[..], [Effect::TellAll { .. }]);
        assert_eq!(did, may, "{who:?}");
        assert!(may || code(&effects) == "forbidden");
    }
    let user = json!({"type": "broadcast", "scope": "user", "userId": "bo", "data": 1});
    let effects = hear(&mut session_of(person("ana")), &user);
    assert!(matches!(&effects[..], [Effect::TellUser { user, .. }] if user == "bo"));
    let link = Identity::holder_of(dovetail_core::grant::LinkHash::of_secret("dvl_x"));
    assert_eq!(code(&hear(&mut session_of(link), user)), "forbidden");
}

/// RT17: a token that ends soon is asked for once; another of the same person renews it, and without one the session
/// ends.
#[test]
fn rt17_a_token_is_renewed_in_place() {
    let until = |seconds: u64| NOON + Duration::from_secs(seconds);
    let ana = |seconds| Identity { until: Some(until(seconds)), ..person("ana") };
    let mut session = session_of(ana(300));
    for seconds in (10..240).step_by(10) {
        session.heard(until(seconds));
    }
    assert_eq!(session.tick(until(239)), Due::Nothing);
    assert_eq!(session.next_tick(), until(240));
    assert_eq!(session.tick(until(240)), Due::Renew(until(300)));
    assert_eq!(session.tick(until(241)), Due::Nothing, "once");
    let asked = hear(&mut session, json!({"type": "token", "correlationId": "c", "token": "secret"}));
    assert!(matches!(&asked[..], [Effect::Verify { token, .. }] if token.reveal() == "secret"));
    assert!(!format!("{asked:?}").contains("secret"));
    assert_eq!(
        session.identified(until(242), None, Arc::new(Identity { until: Some(until(900)), ..person("bo") })),
        None
    );
    let told = session.identified(until(242), Some("c"), Arc::new(ana(500))).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["type"], &told["until"]), (&json!("token"), &json!(until(500).as_millis())));
    session.heard(until(439));
    assert_eq!(session.tick(until(440)), Due::Renew(until(500)));
    session.heard(until(499));
    assert_eq!(session.tick(until(500)), Due::TokenOver);
}

/// RT11: a silent client is pinged, and left when it stays silent; any word counts as life.
#[test]
fn rt11_a_silent_client_is_pinged_and_then_left() {
    let mut session = session();
    let after = |seconds| NOON + Duration::from_secs(seconds);
    assert_eq!(session.next_tick(), after(20));
    assert_eq!(session.tick(after(19)), Due::Nothing);
    assert_eq!(session.tick(after(20)), Due::Ping);
    assert_eq!(session.tick(after(21)), Due::Nothing);
    session.heard(after(30));
    assert_eq!(session.tick(after(49)), Due::Nothing);
    assert_eq!(session.tick(after(50)), Due::Ping);
    assert_eq!(session.tick(after(70)), Due::Silent);
}

/// Every message that a session can send, and every one that it can be sent.
fn all_messages() -> (Vec<Value>, Vec<Value>) {
    let (mut session, id) = (session(), document());
    let name = id.to_string();
    let head = "ab".repeat(32);
    let asked = vec![
        json!({"type": "subscribe", "documentId": name, "correlationId": "1"}),
        json!({"type": "subscribe", "documentId": name, "from": [head], "timestamp": 1}),
        json!({"type": "edit", "documentId": name, "base": [head], "patch": [{"op": "remove", "path": "/a"}]}),
        json!({"type": "broadcast", "scope": "document", "documentId": name, "data": 1, "correlationId": "2"}),
        json!({"type": "broadcast", "scope": "user", "userId": "bo", "data": {}}),
        json!({"type": "broadcast", "scope": "all", "data": null}),
        json!({"type": "presence", "documentId": name, "state": {"x": 1}, "correlationId": "3"}),
        json!({"type": "ping", "correlationId": "4"}),
        json!({"type": "unsubscribe", "documentId": name}),
    ];
    let mut said: Vec<Value> = vec![serde_json::from_str(&session.hello(NOON)).unwrap()];
    let mut texts = Vec::new();
    for message in &asked {
        for effect in hear(&mut session, message.clone()) {
            match effect {
                Effect::Reply(text) => texts.push(text),
                Effect::TellUser { message, .. } | Effect::TellAll { message, .. } => {
                    texts.push(message.to_string());
                }
                _ => {}
            }
        }
        if let Some(bad) = message["type"].as_str().map(|kind| json!({"type": kind, "odd": 1})) {
            texts.extend(replies(&hear(&mut session, bad)).iter().map(ToString::to_string));
        }
    }
    subscribed(&mut session);
    let heads: dovetail_core::document::Heads = Arc::from([ChangeHash([1; 32]), ChangeHash([2; 32])]);
    let state = State::first(heads.clone(), json!({"a": {"b": 1}}));
    let next =
        state.followed_by(&json!({"a": {"b": 1}}), Arc::from([ChangeHash([3; 32])]), json!({"a": [1]}));
    let crate::feed::Since::Update(update) = next.since(&heads) else { panic!("it is remembered") };
    let spoken = |session: &mut Session, kind, body| session.say(&document(), kind, body);
    let peer = Said {
        from: SessionId(9),
        frame: spoken(&mut session, SpokenKind::Message, json!(1)).frame.clone(),
        spoken: None,
    };
    let verdict = crowded();
    let conflict = |change: fn(Conflict) -> ConflictEvent| {
        Event::Conflict(Arc::new(change(verdict.report.conflicts[0].clone())))
    };
    let events = vec![
        Event::Snapshot(Arc::new(state)),
        Event::Patch(update),
        Event::Presence(spoken(&mut session, SpokenKind::Presence, json!({"x": 1}))),
        Event::Presence(spoken(&mut session, SpokenKind::Presence, Value::Null)),
        Event::Message(spoken(&mut session, SpokenKind::Message, json!("hi"))),
        Event::Message(Arc::new(peer)),
        Event::Conflicts(Some(Arc::new(verdict.clone()))),
        Event::Conflicts(None),
        conflict(ConflictEvent::Opened),
        conflict(ConflictEvent::Settled),
        conflict(ConflictEvent::Waived),
        conflict(ConflictEvent::Reopened),
        Event::Deleted,
    ];
    texts.extend(events.iter().filter_map(|event| session.told(NOON, &id, event)));
    subscribed(&mut session);
    let lost = Event::Lost(ViewError::Busy { document: id.clone() });
    texts.extend(session.told(NOON, &id, &lost));
    let value = |yours, theirs| LostValue { path: "/a".to_owned(), yours, theirs, shortened: true };
    let lost = Lost { values: vec![value(Some(json!(1)), Some(json!(2))), value(None, None)], count: 2 };
    let done = edit::Done { heads: heads.to_vec(), change: Some(ChangeHash([1; 32])), lost };
    texts.push(Session::edited(NOON, &id, Some("5".to_owned()), Ok(done)));
    let nothing = edit::Done { heads: heads.to_vec(), change: None, lost: Lost::default() };
    texts.push(Session::edited(NOON, &id, None, Ok(nothing)));
    let refusal = Refusal::new("unknown_heads", "…").with("heads", crate::feed::listed(&heads));
    texts.push(Session::edited(NOON, &id, Some("6".to_owned()), Err(refusal)));
    texts.extend(Session::reached(NOON, Some("7"), 3));
    said.extend(texts.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()));
    (asked, said)
}

/// What the rules say of two widgets on one place.
fn crowded() -> Verdict {
    let mut doc = first_dashboard();
    let create = |id: &str| Edit::CreateWidget {
        id: id.parse().unwrap(),
        widget: Box::new(Widget { layout: Layout { x: 0, y: 0, w: 6, h: 6 }, ..Widget::new("chart", id) }),
    };
    apply(&mut doc, &automerge::ActorId::from([1]), NOON, &[create("cpu"), create("ram")]).unwrap();
    let report = Judge::new(&document(), RuleSet::dashboard().clone(), &doc).report(&doc, NOON);
    let heads = doc.get_heads().as_slice().into();
    Verdict { heads, kind: "dashboard".to_owned(), version: 0, report: Arc::new(report) }
}

/// RT2: every message has a schema, each is as its schema says, and no schema is of nothing.
#[test]
fn rt2_messages_are_as_their_schemas_say() {
    let schemas: Value =
        serde_json::from_str(include_str!("../../../../../docs/schemas/realtime.json")).unwrap();
    let (asked, said) = all_messages();
    for (side, messages) in [("client", asked), ("server", said)] {
        let kinds = schemas["x-messages"][side].as_object().unwrap();
        let mut seen = BTreeSet::new();
        for message in messages {
            let kind = message["type"].as_str().unwrap();
            let name = kinds.get(kind).unwrap_or_else(|| panic!("{side} messages lack {kind}"));
            let name = name.as_str().unwrap();
            seen.insert(kind.to_owned());
            let errors = faults(&schemas, name, &message);
            assert!(errors.is_empty(), "{message} is not as {name} says: {errors:?}");
            let mut odd = message.clone();
            odd["odd"] = json!(1);
            let is_open = kind == "error";
            assert!(is_open || !faults(&schemas, name, &odd).is_empty(), "{name} takes anything");
        }
        let all: BTreeSet<String> = kinds.keys().cloned().collect();
        assert_eq!(seen, all, "every schema of the {side} is of something that is sent");
    }
    for name in schemas["$defs"].as_object().unwrap().keys() {
        let text = schemas.to_string();
        assert!(
            text.contains(&format!("#/$defs/{name}\"")) || text.contains(&format!(":\"{name}\"")),
            "{name} is of nothing"
        );
    }
}

fn faults(schemas: &Value, name: &str, message: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    schema::check(schemas, &schemas["$defs"][name], message, name, &mut faults);
    faults
}
