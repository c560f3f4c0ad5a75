//! Stock samod clients, the other implementation of automerge-repo, against the real
//! server: what they make, edit and send reaches each other through it.
//!
//! Nothing of samod is changed or configured here but how it dials: over a WebSocket, as
//! its own `tungstenite` feature would, on the WebSocket crate that the server uses.

#![allow(clippy::unwrap_used, reason = "all of this is test code, also the functions that are no tests")]

use automerge::transaction::{Transactable, Transaction};
use automerge::{Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use dovetail_tests::Server;
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, Stream, StreamExt};
use samod::{
    BackoffConfig, DialError, Dialer, DialerHandle, DocHandle, DocumentId, Repo, SearchState, Transport, Url,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as Frame};

/// How long anything may take that is expected to happen: all of it takes milliseconds,
/// on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn in20_samod_finds_what_another_created() {
    let server = Server::start().await.unwrap();
    let (ada, ben) = (Person::online("ada", &server).await, Person::online("ben", &server).await);

    let hers = ada.create().await;
    put(&hers, "title", "Sales");
    ada.acknowledged(&hers).await;
    let his = ben.find(hers.document_id()).await.expect("the server has it");
    until(&his, "the title", |document| value(document, "title") == "Sales").await;

    put(&his, "title", "Revenue");
    until(&hers, "the new title", |document| value(document, "title") == "Revenue").await;
}

#[tokio::test]
async fn in23_samod_edits_of_three_at_once_converge() {
    let server = Server::start().await.unwrap();
    let ada = Person::online("ada", &server).await;
    let hers = ada.create().await;
    let (text, list) = edit(&hers, |tx| {
        tx.put(ROOT, "views", ScalarValue::counter(0))?;
        Ok((tx.put_object(ROOT, "notes", ObjType::Text)?, tx.put_object(ROOT, "cards", ObjType::List)?))
    });
    ada.acknowledged(&hers).await;
    let (ben, cleo) = (Person::online("ben", &server).await, Person::online("cleo", &server).await);
    let his = ben.find(hers.document_id()).await.unwrap();
    let cleos = cleo.find(hers.document_id()).await.unwrap();

    let everybody = [("ada", &hers), ("ben", &his), ("cleo", &cleos)];
    for round in 0..20 {
        for (name, document) in everybody {
            edit(document, |tx| {
                tx.increment(ROOT, "views", 1)?;
                tx.splice_text(&text, 0, 0, name)?;
                tx.insert(&list, 0, name)?;
                tx.put(ROOT, "last", format!("{name} in round {round}"))
            });
        }
        tokio::task::yield_now().await;
    }

    let all_is_there = |document: &Automerge| {
        document.text(&text).unwrap().len() == 20 * "adabencleo".len()
            && document.length(&list) == 60
            && document.get(ROOT, "views").unwrap().is_some_and(|(views, _)| views.as_i64() == Some(60))
    };
    for (_, document) in everybody {
        until(document, "everybody's edits", all_is_there).await;
    }
    assert_eq!(root(&hers), root(&his));
    assert_eq!(root(&hers), root(&cleos));
    assert_eq!(text_of(&hers, &text), text_of(&cleos, &text));
}

#[tokio::test]
async fn in24_samod_offline_edits_of_both_sides_meet() {
    let server = Server::start().await.unwrap();
    let (mut ada, mut ben) = (Person::online("ada", &server).await, Person::online("ben", &server).await);
    let hers = ada.create().await;
    put(&hers, "title", "Sales");
    ada.acknowledged(&hers).await;
    let his = ben.find(hers.document_id()).await.unwrap();
    until(&his, "the title", |document| value(document, "title") == "Sales").await;

    ada.hang_up();
    ben.hang_up();
    for number in 0..50 {
        put(&hers, &format!("ada {number}"), "offline");
        put(&his, &format!("ben {number}"), "offline");
    }
    ada.connect(&server).await;
    ada.acknowledged(&hers).await;
    ben.connect(&server).await;

    let both = |document: &Automerge| document.length(ROOT) == 101;
    until(&his, "ada's fifty", both).await;
    until(&hers, "ben's fifty", both).await;
    assert_eq!(root(&hers), root(&his));
}

#[tokio::test]
async fn in25_samod_brings_two_thousand_offline_changes() {
    let server = Server::start().await.unwrap();
    let mut ada = Person::online("ada", &server).await;
    let hers = ada.create().await;
    ada.acknowledged(&hers).await;
    ada.hang_up();
    hers.with_document(|document| {
        for number in 0..2_000 {
            let change = |tx: &mut Transaction<'_>| tx.put(ROOT, format!("key {}", number % 100), number);
            document.transact::<_, _, AutomergeError>(change).unwrap();
        }
    });
    ada.connect(&server).await;
    ada.acknowledged(&hers).await;

    let ben = Person::online("ben", &server).await;
    let his = ben.find(hers.document_id()).await.unwrap();
    assert_eq!(root(&hers), root(&his));
    assert!(his.with_document(|document| document.get_changes(&[]).len()) >= 2_000);
}

#[tokio::test]
async fn in32_samod_hears_that_nobody_has_a_document_and_gets_it_once_somebody_has() {
    let server = Server::start().await.unwrap();
    let mut ada = Person::offline("ada").await;
    let hers = ada.create().await;
    put(&hers, "title", "Sales");

    let ben = Person::online("ben", &server).await;
    assert!(ben.find(hers.document_id()).await.is_none(), "nobody has brought it yet");
    let (state, states) = ben.repo.search(hers.document_id().clone()).unwrap();
    assert!(!matches!(state, SearchState::Found(_)));

    ada.connect(&server).await;
    let mut found = pin!(states.filter_map(|state| match state {
        SearchState::Found(document) => ready(Some(document)),
        _ => ready(None),
    }));
    let his = in_time("ben's document", found.next()).await.unwrap();
    until(&his, "the title", |document| value(document, "title") == "Sales").await;
}

#[tokio::test]
async fn in30_samod_finds_its_documents_after_the_server_ended_in_order() {
    let mut server = Server::start().await.unwrap();
    let id = {
        let ada = Person::online("ada", &server).await;
        let hers = ada.create().await;
        put(&hers, "title", "Sales");
        ada.acknowledged(&hers).await;
        hers.document_id().clone()
    };
    let ended = server.terminate().await.unwrap();
    assert!(ended.status.success(), "{ended:?}");
    server.restart().await.unwrap();

    let ben = Person::online("ben", &server).await;
    let his = ben.find(&id).await.expect("it was acknowledged, so it is kept");
    assert_eq!(root(&his), BTreeMap::from([("title".to_owned(), "Sales".to_owned())]));
}

#[tokio::test]
async fn in31_samod_goes_on_by_itself_after_the_server_was_killed() {
    let mut server = Server::start().await.unwrap();
    let (ada, ben) = (Person::online("ada", &server).await, Person::online("ben", &server).await);
    let hers = ada.create().await;
    put(&hers, "before", "yes");
    ada.acknowledged(&hers).await;
    let his = ben.find(hers.document_id()).await.unwrap();

    server.kill().await.unwrap();
    put(&hers, "meanwhile", "ada");
    put(&his, "meanwhile too", "ben");
    server.restart().await.unwrap();

    let all_is_there = |document: &Automerge| document.length(ROOT) == 3;
    until(&his, "ada's edit", all_is_there).await;
    until(&hers, "ben's edit", all_is_there).await;
    let cleo = Person::online("cleo", &server).await;
    let cleos = cleo.find(hers.document_id()).await.expect("the server has it all");
    until(&cleos, "everything", all_is_there).await;
    assert_eq!(root(&hers), root(&cleos));
}

#[tokio::test]
async fn in33_samod_hears_what_others_broadcast_and_not_itself() {
    let server = Server::start().await.unwrap();
    let (ada, ben) = (Person::online("ada", &server).await, Person::online("ben", &server).await);
    let hers = ada.create().await;
    ada.acknowledged(&hers).await;
    let his = ben.find(hers.document_id()).await.unwrap();
    let (mut to_her, mut to_him) = (pin!(hers.ephemera()), pin!(his.ephemera()));

    // CBOR of a small number each: stock JavaScript readers take nothing but CBOR.
    for cursor in 1..=3 {
        hers.broadcast(vec![cursor]);
    }
    for cursor in 1..=3 {
        assert_eq!(in_time("ada's cursor", to_him.next()).await, Some(vec![cursor]));
    }
    his.broadcast(vec![9]);
    assert_eq!(in_time("ben's cursor", to_her.next()).await, Some(vec![9]), "and none of her own before it");
}

#[tokio::test]
async fn in28_samod_carries_a_document_of_megabytes() {
    let server = Server::start().await.unwrap();
    let ada = Person::online("ada", &server).await;
    let hers = ada.create().await;
    // Letters that do not compress, so that it is megabytes on the wire as well.
    let mut drawn = 1u32;
    let noise: String = std::iter::repeat_with(|| {
        drawn = drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + u8::try_from(drawn >> 25).unwrap() % 95)
    })
    .take(3 << 20)
    .collect();
    put(&hers, "noise", &noise);
    ada.acknowledged(&hers).await;

    let ben = Person::online("ben", &server).await;
    let his = ben.find(hers.document_id()).await.unwrap();
    until(&his, "all of it", |document| value(document, "noise") == noise).await;
}

/// IN42: samod is never sent one of Dovetail's own messages, though there is something to tell: what is durable, a role, a conflict.
#[tokio::test]
async fn in42_samod_is_never_sent_a_message_of_our_own() {
    let server = Server::start().await.unwrap();
    let (ada, ben) = (Person::online("ada", &server).await, Person::online("ben", &server).await);
    let widget = json!({"kind": "stat", "title": "", "order": "V", "options": {}, "layout": {"x": 0, "y": 0, "w": 6, "h": 6}});
    let board = json!({
        "kind": "dashboard", "schemaVersion": 1, "title": "", "description": "",
        "grid": {"columns": 24, "rowHeight": 30}, "widgets": {"a": widget, "b": widget},
    });
    let made = server.post("/api/docs", &board).await.unwrap();
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let his = ben.find(&id.parse().unwrap()).await.unwrap();
    put(&his, "title", "of Ben");
    ben.acknowledged(&his).await;
    let conflicts = server.get(&format!("/api/docs/{id}/conflicts")).await.unwrap().json();
    assert!(!conflicts["conflicts"].as_array().unwrap().is_empty(), "{conflicts}");
    let hers = ada.find(&id.parse().unwrap()).await.unwrap();
    put(&hers, "title", "of Ada");
    until(&his, "her edit", |document| value(document, "title") == "of Ada").await;
    for person in [&ada, &ben] {
        let types = person.types.lock().unwrap().clone();
        assert!(
            types.contains("sync") && types.iter().all(|kind| !kind.starts_with("dovetail")),
            "{types:?}"
        );
    }
}

/// The `type` of a message.
fn type_of(frame: &[u8]) -> Option<String> {
    let mut frame = minicbor::Decoder::new(frame);
    for _ in 0..frame.map().ok()?? {
        if frame.str().ok()? == "type" {
            return frame.str().ok().map(str::to_owned);
        }
        frame.skip().ok()?;
    }
    None
}

/// The types of all messages that somebody was sent.
type Types = Arc<Mutex<BTreeSet<String>>>;

/// Somebody with a samod repository in memory, connected or not.
struct Person {
    repo: Repo,
    types: Types,
    line: Option<DialerHandle<Infallible>>,
}

impl Person {
    async fn offline(name: &str) -> Self {
        let repo = Repo::build_tokio().with_peer_id(name.into()).load().await;
        Self { repo, types: Types::default(), line: None }
    }

    async fn online(name: &str, server: &Server) -> Self {
        let mut person = Self::offline(name).await;
        person.connect(server).await;
        person
    }

    /// Connects, and from now on again whenever the connection is lost.
    async fn connect(&mut self, server: &Server) {
        let again = BackoffConfig {
            initial_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(500),
            max_retries: None,
        };
        let url = Url::parse(&server.ws_url()).unwrap();
        let line =
            self.repo.dial(again, Arc::new(WebSocketDialer { url, types: self.types.clone() })).unwrap();
        in_time("a connection", line.established()).await.unwrap();
        self.line = Some(line);
    }

    fn hang_up(&mut self) {
        self.line.take().expect("connected").close();
    }

    async fn create(&self) -> DocHandle {
        in_time("a new document", self.repo.create(Automerge::new())).await.unwrap()
    }

    async fn find(&self, id: &DocumentId) -> Option<DocHandle> {
        in_time("an answer", self.repo.find(id.clone())).await.unwrap()
    }

    /// Waits until the server has said that it has what this person has.
    async fn acknowledged(&self, document: &DocHandle) {
        let line = self.line.as_ref().expect("connected");
        let connection = line.connection_id().expect("connected");
        in_time("an acknowledgement", document.they_have_our_changes(connection)).await;
    }
}

/// How samod gets its WebSocket.
struct WebSocketDialer {
    url: Url,
    types: Types,
}

impl Dialer for WebSocketDialer {
    type Error = Infallible;

    fn url(&self) -> Url {
        self.url.clone()
    }

    fn connect(&self) -> BoxFuture<'static, Result<Transport, DialError<Infallible>>> {
        Box::pin(dial(self.url.clone(), self.types.clone()))
    }
}

async fn dial(url: Url, types: Types) -> Result<Transport, DialError<Infallible>> {
    let whole_documents = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let connecting = tokio_tungstenite::connect_async_with_config(url.as_str(), Some(whole_documents), true);
    let (socket, _) = connecting.await.map_err(DialError::transient)?;
    let (sink, stream) = socket.split();
    let frames = stream.filter_map(move |frame| match frame {
        Ok(Frame::Binary(bytes)) => {
            types.lock().unwrap().insert(type_of(&bytes).unwrap_or_default());
            ready(Some(Ok(bytes.to_vec())))
        }
        Ok(_) => ready(None),
        Err(error) => ready(Some(Err(error))),
    });
    let sink = sink.with(|bytes: Vec<u8>| ready(Ok::<_, SocketError>(Frame::Binary(bytes.into()))));
    Ok(Transport::new(frames, sink))
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

/// Waits until `document` is as it should be, looking again at each change.
async fn until(document: &DocHandle, what: &str, is_so: impl Fn(&Automerge) -> bool) {
    let changes = document.changes();
    in_time(what, next_state(document, changes, is_so)).await;
}

async fn next_state<T>(
    document: &DocHandle,
    changes: impl Stream<Item = T>,
    is_so: impl Fn(&Automerge) -> bool,
) {
    let mut changes = pin!(changes);
    while !document.with_document(|document| is_so(document)) {
        changes.next().await.expect("the document is open");
    }
}

fn put(document: &DocHandle, key: &str, value: &str) {
    edit(document, |tx| tx.put(ROOT, key, value));
}

fn edit<T>(
    document: &DocHandle,
    change: impl FnOnce(&mut Transaction<'_>) -> Result<T, AutomergeError>,
) -> T {
    document.with_document(|document| document.transact(change).unwrap().result)
}

fn value(document: &Automerge, key: &str) -> String {
    let found = document.get(ROOT, key).unwrap();
    found
        .map(|(value, _)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .unwrap_or_default()
}

/// All scalars of the document, in words.
fn root(document: &DocHandle) -> BTreeMap<String, String> {
    document.with_document(|document| {
        let keys: Vec<_> = document.keys(ROOT).collect();
        keys.into_iter().map(|key| (key.clone(), value(document, &key))).collect()
    })
}

fn text_of(document: &DocHandle, text: &ObjId) -> String {
    document.with_document(|document| document.text(text).unwrap())
}
