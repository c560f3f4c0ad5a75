//! The session machine without a socket: what may be said when, and what ends a session.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::sync::{self, BloomFilter, ChunkList, Have, MessageVersion};
use automerge::transaction::Transactable;
use automerge::{Automerge, AutomergeError, ChangeHash, ROOT};
use dovetail_core::document::{Document, Effect as FromDocument, Input};
use dovetail_core::grant::Identity;
use dovetail_core::id::{DocumentId, PeerId, SessionId, StorageId};
use dovetail_core::limits::SessionLimits;
use dovetail_core::session::{CloseReason, Effect, Outgoing, ServerIdentity, Session, ToDocument};
use dovetail_core::time::Timestamp;
use dovetail_core::wire::{
    ConflictsFrame, Ephemeral, Join, Message, Own, OwnMessage, PeerMetadata, Sync, SyncKind, cbor_json,
    decode,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const ANA: &str = "peer-ana";

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn peer(name: &str) -> PeerId {
    name.parse().unwrap()
}

fn document(n: u8) -> DocumentId {
    DocumentId::from_bytes(&[n; 16]).unwrap()
}

fn session() -> Session {
    session_of(Identity::local())
}

fn session_of(who: Arc<Identity>) -> Session {
    let server = ServerIdentity { peer: peer("server"), storage: "store".parse().unwrap() };
    let limits = SessionLimits { documents_max: 3, ..SessionLimits::default() };
    Session::new(SessionId(1), at(0), limits, Arc::new(server), who)
}

fn join(name: &str, versions: &[&str], storage: Option<&str>) -> Vec<u8> {
    let metadata = PeerMetadata {
        storage_id: storage.map(|id| id.parse().unwrap()),
        is_ephemeral: storage.map(|_| false),
        dovetail: None,
    };
    let versions = versions.iter().map(|version| (*version).to_owned()).collect();
    Message::Join(Join { sender: peer(name), metadata, versions }).encode()
}

fn joined() -> Session {
    let mut session = session();
    session.receive(at(0), &join(ANA, &["1"], None), false);
    session
}

/// Of a client that knows Dovetail's own messages, when `dovetail` is a version.
fn joined_as(dovetail: Option<u32>) -> Session {
    let mut session = session();
    session.receive(at(0), &join_as(dovetail), false);
    session
}

fn join_as(dovetail: Option<u32>) -> Vec<u8> {
    let metadata = PeerMetadata { storage_id: None, is_ephemeral: None, dovetail };
    Message::Join(Join { sender: peer(ANA), metadata, versions: vec!["1".to_owned()] }).encode()
}

/// Our own messages among these effects.
fn own(effects: &[Effect]) -> Vec<Own> {
    let own = |effect: &Effect| match effect {
        Effect::Write(frame) => match decode(frame).unwrap() {
            Message::Own(message) => Some(message.own),
            _ => None,
        },
        _ => None,
    };
    effects.iter().filter_map(own).collect()
}

fn plain(heads: Vec<ChangeHash>) -> sync::Message {
    let have = vec![Have { last_sync: heads.clone(), bloom: BloomFilter::default() }];
    let changes = ChunkList::empty();
    sync::Message { heads, need: Vec::new(), have, changes, flags: None, version: MessageVersion::V1 }
}

fn sync(name: &str, n: u8, message: sync::Message) -> Vec<u8> {
    let data = message.encode();
    let said = Sync {
        kind: SyncKind::Sync,
        sender: peer(name),
        target: Some(peer("anybody")),
        document: document(n),
        data: data.as_slice().into(),
    };
    Message::Sync(said).encode()
}

fn ephemeral(name: &str) -> Vec<u8> {
    let said = Ephemeral {
        sender: peer(name),
        target: None,
        document: document(1),
        count: 1,
        session_id: "s".into(),
        data: vec![1].into(),
    };
    Message::Ephemeral(said).encode()
}

/// The words of the `error` message and the close code, if these effects end the session.
fn ending(effects: &[Effect]) -> Option<(String, u16)> {
    let words = effects.iter().find_map(|effect| match effect {
        Effect::Write(frame) => match dovetail_core::wire::decode(frame).unwrap() {
            Message::Error { message, .. } => Some(message.into_owned()),
            _ => None,
        },
        _ => None,
    });
    effects.iter().find_map(|effect| match effect {
        Effect::Close(reason) => Some((words.clone().unwrap_or_default(), reason.close_code())),
        _ => None,
    })
}

fn told(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Tell { .. })).count()
}

/// SE1: a join is answered with who the server is; its store is announced as one that lasts.
#[test]
fn se1_a_join_is_answered_with_a_peer() {
    let mut session = session();
    let effects = session.receive(at(0), &join(ANA, &["0", "1"], None), false);

    let [Effect::Joined(name), Effect::Write(frame)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*name, peer(ANA));
    let Message::Peer(answer) = dovetail_core::wire::decode(frame).unwrap() else { panic!() };
    assert_eq!((answer.target, answer.version.as_str()), (peer(ANA), "1"));
    assert_eq!(answer.metadata.storage_id, Some("store".parse::<StorageId>().unwrap()));
    assert_eq!(answer.metadata.is_ephemeral, Some(false));
}

/// SE2, SE3, SE4, SE5, WI10: what ends a session, in which words, and with which close code.
#[test]
fn se2_to_se5_what_ends_a_session() {
    let cases: [(&str, Session, Vec<u8>, &str, u16); 7] = [
        ("before the join", session(), sync(ANA, 1, plain(Vec::new())), "join_expected", 1002),
        ("another version", session(), join(ANA, &["2"], None), "unsupported protocol version", 1002),
        ("a second join", joined(), join(ANA, &["1"], None), "already_joined", 1002),
        ("in another name", joined(), sync("peer-bo", 1, plain(Vec::new())), "sender_mismatch", 1008),
        (
            "somebody else leaves",
            joined(),
            Message::Leave { sender: peer("peer-bo") }.encode(),
            "sender_mismatch",
            1008,
        ),
        ("it leaves", joined(), Message::Leave { sender: peer(ANA) }.encode(), "", 1000),
        ("no frame", joined(), vec![0xf6], "", 1007),
    ];
    for (case, mut session, frame, words, code) in cases {
        let effects = session.receive(at(1), &frame, false);
        let (said, close_code) = ending(&effects).unwrap_or_else(|| panic!("{case}: {effects:?}"));
        assert!(said.starts_with(words), "{case}: {said}");
        assert_eq!(close_code, code, "{case}");
        assert_eq!(told(&effects), 0, "{case}");
        assert!(
            session.receive(at(2), &join(ANA, &["1"], None), false).is_empty(),
            "{case}: closed is closed"
        );
    }
}

/// SE2: who does not join in time is told so.
#[test]
fn se2_a_join_has_a_deadline() {
    let mut session = session();
    let deadline = session.next_tick().unwrap();
    assert!(session.tick(at(deadline.as_millis() - 1)).is_empty());
    let (words, code) = ending(&session.tick(deadline)).unwrap();
    assert!(words.starts_with("join_deadline"), "{words}");
    assert_eq!(code, 1002);
}

/// SE8: a silent peer is pinged; anything it sends counts as life; after 40 s of nothing it is gone.
#[test]
fn se8_silence_is_pinged_and_then_ends() {
    let mut session = joined();
    let mut pings = 0;
    for second in 1..=39 {
        pings +=
            session.tick(at(second * 1_000)).iter().filter(|effect| matches!(effect, Effect::Ping)).count();
    }
    assert_eq!(pings, 1);
    session.heard(at(39_000));
    assert!(ending(&session.tick(at(78_000))).is_none());
    let (words, code) = ending(&session.tick(at(79_000))).unwrap();
    assert!(words.starts_with("silent"), "{words}");
    assert_eq!(code, 1008);
}

/// SE9: the first word on a document opens it, once; a connection reads so many and no more.
#[test]
fn se9_documents_are_opened_once_and_bounded() {
    let mut session = joined();
    assert_eq!(told(&session.receive(at(1), &sync(ANA, 1, plain(Vec::new())), false)), 2, "open and message");
    assert_eq!(told(&session.receive(at(1), &sync(ANA, 1, plain(Vec::new())), false)), 1);
    assert_eq!(told(&session.receive(at(1), &ephemeral(ANA), false)), 1);
    session.receive(at(1), &sync(ANA, 2, plain(Vec::new())), false);
    session.receive(at(1), &sync(ANA, 3, plain(Vec::new())), false);
    let (words, _) = ending(&session.receive(at(1), &sync(ANA, 4, plain(Vec::new())), false)).unwrap();
    assert!(words.starts_with("too_many_documents"), "{words}");
}

/// SE10: what a mesh relays in somebody else's name is dropped, and the session goes on.
#[test]
fn se10_relayed_ephemerals_are_dropped() {
    let mut session = joined();
    assert!(session.receive(at(1), &ephemeral("peer-bo"), false).is_empty());
    assert_eq!(session.peer(), Some(&peer(ANA)));
}

/// SE11: a plain acknowledgement of what was told does not wake the document, unless somebody
/// follows other stores and this peer has one.
#[test]
fn se11_plain_acknowledgements_stay_in_the_session() {
    for (storage, somebody_follows, reaches) in
        [(None, false, 0), (None, true, 0), (Some("s"), false, 0), (Some("s"), true, 1)]
    {
        let mut session = session();
        session.receive(at(0), &join(ANA, &["1"], storage), false);
        session.receive(at(1), &sync(ANA, 1, plain(Vec::new())), false);
        let (body, heads) = body_of_a_document();
        session.outgoing(Outgoing::Sync { document: document(1), body });

        let effects = session.receive(at(2), &sync(ANA, 1, plain(heads.clone())), somebody_follows);
        assert_eq!(told(&effects), reaches, "{storage:?} {somebody_follows}");
        let mut asks = plain(heads.clone());
        asks.need = heads;
        assert_eq!(
            told(&session.receive(at(3), &sync(ANA, 1, asks), false)),
            1,
            "a question is no acknowledgement"
        );
    }
}

/// A message as a document makes it for a reader that follows.
fn body_of_a_document() -> (Arc<dovetail_core::document::Body>, Vec<ChangeHash>) {
    let mut doc = Automerge::new();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "a", 1)).unwrap();
    let mut machine = Document::new(
        document(1),
        dovetail_core::limits::DocumentLimits::default(),
        Arc::default(),
        Arc::default(),
    );
    let mut effects = Vec::new();
    let session = SessionId(1);
    machine.handle(
        at(0),
        Input::Open {
            session,
            who: Identity::local(),
            storage: None,
            follows: Arc::new(BTreeSet::new()),
            room: Arc::default(),
        },
        &mut effects,
    );
    let mut message = plain(doc.get_heads());
    message.changes = vec![doc.save_after(&[])].into();
    machine.handle(at(0), Input::Message { session, is_request: false, message }, &mut effects);
    machine.advance(at(0), &mut effects);
    machine.handle(at(0), Input::Manifest(Ok(None)), &mut effects);
    machine.advance(at(0), &mut effects);
    machine.handle(at(0), Input::Stored(Ok(())), &mut effects);
    machine.advance(at(0), &mut effects);
    let body = effects.into_iter().find_map(|effect| match effect {
        FromDocument::Send { body, .. } => Some(body),
        _ => None,
    });
    (body.unwrap(), doc.get_heads())
}

/// SE12: who follows other stores tells every document that it reads, now and later.
#[test]
fn se12_following_reaches_every_open_document() {
    let mut session = joined();
    session.receive(at(1), &sync(ANA, 1, plain(Vec::new())), false);
    let storage: StorageId = "phone".parse().unwrap();
    let add = vec![storage.clone()];
    let subscribe =
        Message::RemoteSubscriptionChange { sender: peer(ANA), target: None, add, remove: Vec::new() };
    assert_eq!(told(&session.receive(at(1), &subscribe.encode(), false)), 1);
    assert!(session.follows_somebody());

    let effects = session.receive(at(1), &sync(ANA, 2, plain(Vec::new())), false);
    let Some(Effect::Tell { what: ToDocument::Open { follows, .. }, .. }) = effects.first() else { panic!() };
    assert!(follows.contains(&storage));
}

/// SE13: a refusal is told with its code; one that may succeed later says so by its close code.
#[test]
fn se13_refusals_are_told_with_code_and_words() {
    use dovetail_core::document::Refusal;
    let cases = [
        (Refusal::StoreUnavailable, "store_unavailable", 1013),
        (Refusal::InvalidChange { reason: "why".to_owned() }, "invalid_change", 1008),
    ];
    for (refusal, code, close_code) in cases {
        let (words, closed_with) = ending(&joined().outgoing(Outgoing::Refused(refusal))).unwrap();
        assert!(words.starts_with(code), "{words}");
        assert_eq!(closed_with, close_code);
    }
    assert_eq!(CloseReason::ServerStops.close_code(), 1012);
    assert!(Duration::from_secs(20) * 2 <= dovetail_core::limits::SILENCE_MAX);
}

/// SE30: over whose change Automerge panics, their session ends with `invalid_change`, and they are told nothing of what it said.
#[test]
fn se30_a_panic_ends_its_senders_session() {
    use dovetail_core::document::Refusal;
    let words = "index out of bounds at line 7".to_owned();
    let effects = joined().outgoing(Outgoing::Refused(Refusal::Panicked { words: words.clone() }));
    let (told, closed_with) = ending(&effects).unwrap();
    assert!(told.starts_with("invalid_change: ") && !told.contains(&words), "{told}");
    assert_eq!(closed_with, 1008);
    let keeps = |effect: &Effect| matches!(effect, Effect::Close(CloseReason::Panicked { cause, .. }) if *cause == words);
    assert!(effects.iter().any(keeps), "for the log");
}

/// CO10: what the rules say goes to a peer that announced that it understands it, and to no other; who announced
/// it is told that the server does so too.
#[test]
fn co10_only_who_announced_it_is_told_what_the_rules_say() {
    let frame = || {
        let body = serde_json::json!({"rules": {"kind": "board", "version": 3}, "conflicts": [{"id": "x"}]});
        let frame = ConflictsFrame::new(&peer("server"), &document(1), body.as_object().unwrap());
        Outgoing::Conflicts { document: document(1), frame: Arc::new(frame) }
    };
    for (announced, is_told) in [(None, false), (Some(0), false), (Some(1), true), (Some(2), true)] {
        let mut session = session();
        let metadata = PeerMetadata { dovetail: announced, ..PeerMetadata::default() };
        let join = Join { sender: peer(ANA), metadata, versions: vec!["1".to_owned()] };
        let effects = session.receive(at(0), &Message::Join(join).encode(), false);
        let write = |effect: &Effect| matches!(effect, Effect::Write(_));
        let Some(Effect::Write(answer)) = effects.iter().find(|effect| write(effect)) else {
            panic!("{effects:?}")
        };
        let Message::Peer(answer) = decode(answer).unwrap() else { panic!("a peer message") };
        assert_eq!(answer.metadata.dovetail, is_told.then_some(1), "{announced:?}");

        let effects = session.outgoing(frame());
        assert_eq!(effects.len(), usize::from(is_told), "{announced:?}");
        for effect in effects {
            let Effect::Write(frame) = effect else { panic!("{effect:?}") };
            let told = cbor_json::to_json(&frame).unwrap();
            let expected = serde_json::json!({
                "type": "dovetail-conflicts", "senderId": "server", "targetId": ANA,
                "documentId": document(1).to_string(),
                "rules": {"kind": "board", "version": 3}, "conflicts": [{"id": "x"}],
            });
            assert_eq!(told, expected);
        }
    }
}

/// SE21: a page that asks whether there is still somebody is answered, and only where it said that it knows such words.
#[test]
fn se21_a_ping_is_answered_with_a_pong() {
    let ping = || {
        let own = Own::Ping {};
        Message::Own(Box::new(OwnMessage { sender: peer(ANA), target: None, document: None, own })).encode()
    };
    let answered = |mut session: Session| own(&session.receive(at(5), &ping(), false));
    assert_eq!(answered(joined_as(Some(1))), [Own::Pong {}]);
    assert_eq!(answered(joined_as(None)), []);
}

/// SE19: whoever has a short token is asked for another one in time, also when they joined late; and not in the moment in which they
/// have shown one.
#[test]
fn se19_short_tokens_are_asked_for_in_time() {
    let ana = |until: u64| {
        let until = Some(at(until));
        Arc::new(Identity { until, ..Identity::person("ana".parse().unwrap()) })
    };
    let ends = |until: u64| Own::Token { token: None, until: Some(until) };
    let mut session = session_of(ana(8_000));
    // When it asks next, with every tick that is due until then.
    let asks_next = |session: &mut Session| loop {
        let now = session.next_tick().unwrap();
        let effects = session.tick(now);
        if !effects.is_empty() {
            return (now, own(&effects), ending(&effects));
        }
    };
    while session.next_tick().unwrap() < at(5_000) {
        let now = session.next_tick().unwrap();
        assert!(session.tick(now).is_empty(), "nobody has joined");
    }
    session.receive(at(5_000), &join_as(Some(1)), false);
    let (now, asked, _) = asks_next(&mut session);
    assert!((at(5_000)..at(8_000)).contains(&now), "{now:?}");
    assert_eq!(asked, [ends(8_000)]);

    let until = now.as_millis() + 10_000;
    assert_eq!(own(&session.identified(now, Ok(ana(until)))), [ends(until)]);
    assert!(session.tick(now).is_empty(), "it was told a moment ago");
    assert_eq!(
        asks_next(&mut session),
        (at(until - 5_000), vec![ends(until)], None),
        "when half of it has passed"
    );
    let (over, _, ended) = asks_next(&mut session);
    assert_eq!(over, at(until));
    let (words, code) = ended.unwrap();
    assert!(words.starts_with("token_expired: "), "{words}");
    assert_eq!(code, 4401);
}
