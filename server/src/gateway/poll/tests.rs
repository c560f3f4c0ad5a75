//! Sessions over HTTP without HTTP: what is promised to a peer, on a store in memory.

use super::*;
use crate::clock::Clock;
use crate::config::{Config, Given, Source};
use crate::gateway::Gateway;
use crate::gateway::door::{Caller, Door};
use crate::permits;
use crate::server::Server;
use crate::store::MemoryStore;
use automerge::sync::{State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{Automerge, ROOT};
use dovetail_core::grant::Identity;
use dovetail_core::id::DocumentId;
use dovetail_core::wire::{self, Join, Message, PeerMetadata, SyncKind};
use std::borrow::Cow;
use tokio::time::timeout;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long something that must not happen is given to happen.
const NOT_YET: Duration = Duration::from_millis(100);

async fn server_with(settings: &[(&'static str, &str)]) -> Server {
    let source = Source::Flag { flag: "--test".to_owned() };
    let given =
        settings.iter().map(|(name, text)| Given { name, text: (*text).to_owned(), source: source.clone() });
    let config = Config::assemble(given).unwrap();
    Server::on(config, Arc::new(MemoryStore::new()), Clock::System).await.unwrap()
}

/// A peer of these sessions, by hand.
struct Peer {
    polls: Polls,
    token: Token,
    name: String,
    seq: u64,
    cursor: u64,
}

impl Peer {
    async fn joined(server: &Server, name: &str) -> Self {
        let gateway = server.gateway();
        let token = gateway.polls.open(door(gateway)).unwrap();
        let mut peer = Self { polls: gateway.polls.clone(), token, name: name.to_owned(), seq: 0, cursor: 0 };
        peer.post(&[peer.join()]).await.unwrap();
        assert_eq!(peer.next_kind().await, "peer");
        peer
    }

    fn join(&self) -> Bytes {
        let message = Message::Join(Join {
            sender: self.name.parse().unwrap(),
            metadata: PeerMetadata { storage_id: None, is_ephemeral: Some(true), dovetail: None },
            versions: vec!["1".to_owned()],
        });
        message.encode().into()
    }

    async fn post(&mut self, frames: &[Bytes]) -> Result<(), Refused> {
        self.seq += 1;
        self.polls.post(&self.token, self.seq, frames.to_vec()).await
    }

    async fn poll(&self, wait: Duration) -> Result<Page, Refused> {
        timeout(PATIENCE, self.polls.poll(&self.token, self.cursor, wait)).await.unwrap()
    }

    /// Polls until something is there, and takes it.
    async fn next(&mut self) -> Result<Vec<Bytes>, Refused> {
        let page = self.poll(PATIENCE).await?;
        self.cursor = page.cursor;
        Ok(wire::split(&page.body, 10_000).unwrap())
    }

    async fn next_kind(&mut self) -> String {
        let frames = self.next().await.unwrap();
        wire::decode(&frames[0]).unwrap().kind().to_string()
    }

    fn sync(&self, id: &DocumentId, doc: &Automerge, state: &mut State) -> Option<Bytes> {
        let data = doc.generate_sync_message(state)?.encode();
        let message = Message::Sync(wire::Sync {
            kind: SyncKind::Sync,
            sender: self.name.parse().unwrap(),
            target: Some("server".parse().unwrap()),
            document: id.clone(),
            data: Cow::Owned(data),
        });
        Some(message.encode().into())
    }

    /// Takes what has come into the document; how many sync messages that were.
    fn take(frames: &[Bytes], doc: &mut Automerge, state: &mut State) -> usize {
        let mut count = 0;
        for frame in frames {
            if let Message::Sync(said) = wire::decode(frame).unwrap() {
                count += 1;
                let message = automerge::sync::Message::decode(&said.data).unwrap();
                doc.receive_sync_message(state, message).unwrap();
            }
        }
        count
    }
}

fn document(byte: u8) -> DocumentId {
    DocumentId::from_bytes(&[byte; 16]).unwrap()
}

/// SH2: a session is its token's; others are unknown, and no token is shown in a log line.
#[tokio::test]
async fn sh2_a_session_is_its_tokens() {
    let server = server_with(&[]).await;
    let gateway = server.gateway();
    let tokens: std::collections::HashSet<Token> =
        (0..100).map(|_| gateway.polls.open(door(gateway)).unwrap()).collect();
    assert_eq!(tokens.len(), 100);
    for token in &tokens {
        assert_eq!(token.to_path().parse(), Ok(token.clone()));
        assert!(!format!("{token:?}").contains(&token.to_path()));
    }
    let unknown = [0x5a; 16];
    assert_eq!(gateway.polls.poll(&Token(unknown), 0, NOT_YET).await, Err(Refused::Unknown));
    for odd in ["", "5a", &"g".repeat(32), &"+".repeat(32), &"5".repeat(33)] {
        assert_eq!(odd.parse::<Token>(), Err(Refused::Unknown), "{odd}");
    }
}

/// SH4: a post that comes again is answered again and not acted on again; one that would leave a gap is
/// refused with the number of the next.
#[tokio::test]
async fn sh4_a_repeated_post_is_not_acted_on_twice() {
    let server = server_with(&[]).await;
    let mut peer = Peer::joined(&server, "ana").await;
    // A second join would end the session.
    assert_eq!(peer.polls.post(&peer.token, 1, vec![peer.join()]).await, Ok(()));
    let gap = peer.polls.post(&peer.token, 3, vec![]).await;
    assert_eq!(gap, Err(Refused::Gap { expected: 2 }));
    assert_eq!(peer.poll(NOT_YET).await.unwrap().body, Bytes::new(), "it goes on");
    peer.post(&[peer.join()]).await.unwrap();
    assert_eq!(peer.next_kind().await, "error");
    let ended = peer.poll(NOT_YET).await;
    assert!(matches!(ended, Err(Refused::Ended(CloseReason::AlreadyJoined { .. }))), "{ended:?}");
}

/// SH5: a frame comes again until it was acknowledged; what there never was cannot be.
#[tokio::test]
async fn sh5_a_frame_is_kept_until_it_was_acknowledged() {
    let server = server_with(&[]).await;
    let gateway = server.gateway();
    let token = gateway.polls.open(door(gateway)).unwrap();
    let mut peer = Peer { polls: gateway.polls.clone(), token, name: "ana".into(), seq: 0, cursor: 0 };
    peer.post(&[peer.join()]).await.unwrap();
    let first = peer.poll(PATIENCE).await.unwrap();
    assert_eq!((first.after, first.cursor), (0, 1));
    assert_eq!(peer.poll(PATIENCE).await.unwrap(), first, "the answer was lost");
    assert_eq!(peer.polls.poll(&peer.token, 2, NOT_YET).await, Err(Refused::Ahead { newest: 1 }));
    peer.cursor = 1;
    let empty = Page { after: 1, cursor: 1, body: Bytes::new() };
    assert_eq!(peer.poll(NOT_YET).await.unwrap(), empty);
    peer.cursor = 0;
    assert_eq!(peer.poll(NOT_YET).await.unwrap(), empty, "an old poll, repeated, hears where it begins");
}

/// SH6: one poll waits at a time: a second takes the place of the first, which ends without frames.
#[tokio::test]
async fn sh6_a_second_poll_takes_the_place_of_the_first() {
    let server = server_with(&[]).await;
    let peer = Peer::joined(&server, "ana").await;
    let (polls, token, cursor) = (peer.polls.clone(), peer.token.clone(), peer.cursor);
    let first = tokio::spawn(async move { polls.poll(&token, cursor, PATIENCE).await });
    tokio::time::sleep(NOT_YET).await;
    assert!(!first.is_finished(), "it waits");
    let second = peer.poll(Duration::from_millis(1)).await.unwrap();
    assert!(second.body.is_empty());
    assert!(timeout(PATIENCE, first).await.unwrap().unwrap().unwrap().body.is_empty());
}

/// SH6: a peer that does not fetch costs its documents one message each, however much is edited, and gets
/// one message with all of it when it comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sh6_a_slow_peer_costs_flags_and_no_queue() {
    const EDITS: i64 = 200;
    let server = server_with(&[("silence_max", "60s")]).await;
    let id = document(7);
    let mut writer = Automerge::new();
    let submit = async |doc: &mut Automerge, n: i64| {
        let heads = doc.get_heads();
        doc.transact::<_, _, automerge::AutomergeError>(|tx| tx.put(ROOT, "n", n)).unwrap();
        let changes = doc.get_changes(&heads);
        let changes = changes.iter().map(|change| Bytes::copy_from_slice(change.raw_bytes())).collect();
        server.gateway().hub.submit(permits::edit(&id), changes).await.unwrap();
    };
    submit(&mut writer, 0).await;

    let mut slow = Peer::joined(&server, "slow").await;
    let (mut doc, mut state) = (Automerge::new(), State::new());
    while doc.get_heads() != writer.get_heads() {
        let frames: Vec<Bytes> = slow.sync(&id, &doc, &mut state).into_iter().collect();
        slow.post(&frames).await.unwrap();
        Peer::take(&slow.next().await.unwrap(), &mut doc, &mut state);
    }
    let frames: Vec<Bytes> = slow.sync(&id, &doc, &mut state).into_iter().collect();
    slow.post(&frames).await.unwrap();

    for n in 1..=EDITS {
        submit(&mut writer, n).await;
    }
    let mut messages = 0;
    while doc.get_heads() != writer.get_heads() {
        messages += Peer::take(&slow.next().await.unwrap(), &mut doc, &mut state);
        let frames: Vec<Bytes> = slow.sync(&id, &doc, &mut state).into_iter().collect();
        slow.post(&frames).await.unwrap();
    }
    assert!(messages <= 5, "{messages} messages for {EDITS} edits");
}

/// SH7: what ends a WebSocket ends a session: first the error message is fetched, then the reason is told
/// to whoever asks.
#[tokio::test]
async fn sh7_a_session_ends_as_a_websocket_does() {
    let server = server_with(&[]).await;
    let mut peer = Peer::joined(&server, "ana").await;
    peer.post(&[Bytes::from_static(b"\xa1\x61a\x01")]).await.unwrap();
    assert_eq!(peer.next_kind().await, "error");
    let ended = peer.poll(NOT_YET).await;
    assert!(matches!(ended, Err(Refused::Ended(CloseReason::BadFrame(_)))), "{ended:?}");
    let post = peer.post(&[]).await;
    assert!(matches!(post, Err(Refused::Ended(CloseReason::BadFrame(_)))), "{post:?}");

    let older = Peer::joined(&server, "bo").await;
    let _younger = Peer::joined(&server, "bo").await;
    let mut older = Peer { ..older };
    assert_eq!(older.next_kind().await, "error");
    assert!(matches!(older.poll(NOT_YET).await, Err(Refused::Ended(CloseReason::Replaced { .. }))));
}

/// SH7: DELETE ends it, again and again.
#[tokio::test]
async fn sh7_a_session_is_ended_by_its_peer() {
    let server = server_with(&[]).await;
    let peer = Peer::joined(&server, "ana").await;
    assert_eq!(server.gateway().hub.statistics().sessions, 1);
    peer.polls.end(&peer.token).await.unwrap();
    peer.polls.end(&peer.token).await.unwrap();
    assert_eq!(peer.poll(NOT_YET).await, Err(Refused::Ended(CloseReason::Left)));
    assert_eq!(server.gateway().hub.statistics().sessions, 0);
}

/// SH8: a session in which nobody joins ends; one that is polled lives, and a poll is answered where a socket
/// would be pinged; one that nobody asks for is silent and ends.
#[tokio::test]
async fn sh8_silence_ends_a_session_and_polls_keep_it() {
    let settings = [("join_timeout", "200ms"), ("ping_interval", "300ms"), ("silence_max", "600ms")];
    let server = server_with(&settings).await;
    let gateway = server.gateway();
    let token = gateway.polls.open(door(gateway)).unwrap();
    let stranger = Peer { polls: gateway.polls.clone(), token, name: String::new(), seq: 0, cursor: 0 };
    let late = stranger.poll(PATIENCE).await.unwrap();
    assert!(matches!(wire::decode(&late.body), Ok(Message::Error { .. })), "{late:?}");

    let mut peer = Peer::joined(&server, "ana").await;
    for _ in 0..4 {
        let page = peer.poll(PATIENCE).await.unwrap();
        assert!(page.body.is_empty(), "answered so that it comes again");
    }
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(peer.next_kind().await, "error");
    let ended = peer.poll(NOT_YET).await;
    assert!(matches!(ended, Err(Refused::Ended(CloseReason::Silent { .. }))), "{ended:?}");
}

/// SH9: there are no more sessions than connections may be.
#[tokio::test]
async fn sh9_sessions_are_counted() {
    let server = server_with(&[("connections_max", "2")]).await;
    let gateway = server.gateway();
    let _two = [gateway.polls.open(door(gateway)).unwrap(), gateway.polls.open(door(gateway)).unwrap()];
    assert_eq!(gateway.polls.open(door(gateway)), Err(TooManySessions { sessions_max: 2 }));
}

/// SH10: a server that stops tells whoever polls, joined or not, and forgets the sessions.
#[tokio::test]
async fn sh10_a_server_that_stops_tells_all() {
    let server = server_with(&[]).await;
    let gateway = server.gateway().clone();
    let peer = Peer::joined(&server, "ana").await;
    let token = gateway.polls.open(door(&gateway)).unwrap();
    let stranger = Peer { polls: gateway.polls.clone(), token, name: String::new(), seq: 0, cursor: 0 };
    let stop = async {
        tokio::time::sleep(NOT_YET).await;
        drop(server); // nobody who holds the end of the draining serves any more
    };
    let (one, other, ()) = tokio::join!(peer.poll(PATIENCE), stranger.poll(PATIENCE), stop);
    assert_eq!(one, Err(Refused::Ended(CloseReason::ServerStops)));
    assert_eq!(other, Err(Refused::Ended(CloseReason::ServerStops)));
    let empty = async {
        while !gateway.polls.table.sessions().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, empty).await.unwrap();
}

fn door(gateway: &Gateway) -> Door {
    let caller = Caller { who: Identity::local(), address: None };
    Door { gateway: gateway.clone(), caller }
}
