//! Frames that claim what they are not: ids longer than any, nesting without end, millions of items in a header.

use crate::alive::{self, figure};
use crate::raw::{BINARY, Raw, frame, head};
use crate::{LATE_MAX, MIB};
use dovetail_tests::cbor::Value;
use dovetail_tests::live::Setup;
use dovetail_tests::{Server, new_document_id};
use futures_util::future::join_all;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How often each bad frame is sent, each on a connection of its own: what one leaves behind would be seen.
const TIMES: usize = 20;

/// What bad frames may cost together. The largest has 100 KB and is gone when its connection is.
const MEMORY_MAX: u64 = 24 * MIB;

/// How many characters an id has that is longer than any.
const LONG: usize = 100_000;

/// What the head of a list claims: 16 million items.
const CLAIMED: u32 = 16 << 20;

/// What is said of a field that nobody knows and that goes too deep.
const UNKNOWN_TOO_DEEP: &str = "bad_frame: an unknown field nests deeper than 16 levels";

/// What is said of a head that claims more than follows it.
const MISSING: &str = "bad_frame: the frame ends in the middle of ";

/// A frame, whether its sender has joined (as what it is), and what they are told.
struct Case {
    what: &'static str,
    is_joined: bool,
    frame: Vec<u8>,
    word: &'static str,
}

impl Case {
    fn new(what: &'static str, fields: &[(&str, Bytes)], word: &'static str) -> Self {
        let is_joined = !matches!(fields.first(), Some((_, Bytes::Text(kind))) if kind == "join");
        Self { what, is_joined, frame: map(fields), word }
    }
}

/// The value of a field.
enum Bytes {
    Text(String),
    Raw(Vec<u8>),
}

fn text(text: &str) -> Bytes {
    Bytes::Text(text.to_owned())
}

/// A map with these fields, which need not be CBOR.
fn map(fields: &[(&str, Bytes)]) -> Vec<u8> {
    let mut map = vec![0xa0 | u8::try_from(fields.len()).unwrap()];
    for (name, value) in fields {
        map.extend(Value::from(*name).encode());
        match value {
            Bytes::Text(text) => map.extend(Value::from(text.as_str()).encode()),
            Bytes::Raw(bytes) => map.extend(bytes),
        }
    }
    map
}

/// Sends each of these bad frames many times, and sees each connection end with what it says.
async fn all_are_refused(name: &str, cases: Vec<Case>) {
    let server = Server::start().await.unwrap();
    let address = server.address();
    let heard = figure(&server, "dovetail_frames_received_total").await;
    let sent = (cases.len() * TIMES) as f64;
    let attack = async {
        for _ in 0..TIMES {
            join_all(cases.iter().map(|case| refused(address, case))).await;
        }
    };
    alive::during(name, &server, MEMORY_MAX, attack).await;
    let heard = figure(&server, "dovetail_frames_received_total").await - heard;
    assert!(heard >= sent, "{heard} frames of {sent} were counted");
}

async fn refused(address: SocketAddr, case: &Case) {
    let mut socket = match case.is_joined {
        true => Raw::joined(address, case.what).await,
        false => Raw::open(address, "/sync").await,
    };
    // It may be closed before all of it was taken.
    let _closed = socket.send(&frame(BINARY, true, &case.frame)).await;
    let ending = socket.told().await;
    assert!(ending.is(case.word, 1007), "{}: {ending:?}", case.what);
}

/// WI65: an id of 100,000 characters is refused wherever it stands, with what is wrong with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi65_ids_longer_than_any_are_refused() {
    let long = || text(&"1".repeat(LONG));
    let document = new_document_id().to_string();
    let sync = |sender: Bytes, target: Bytes, document: Bytes| {
        vec![
            ("type", text("sync")),
            ("senderId", sender),
            ("targetId", target),
            ("documentId", document),
            ("data", Bytes::Raw(vec![0x41, 0x42])),
        ]
    };
    let ephemeral = |session: Bytes| {
        vec![
            ("type", text("ephemeral")),
            ("senderId", text("mallory")),
            ("documentId", text(&document)),
            ("count", Bytes::Raw(vec![1])),
            ("sessionId", session),
            ("data", Bytes::Raw(vec![0x41, 0])),
        ]
    };
    let subscription = |add: Bytes| {
        let Bytes::Text(add) = add else { unreachable!("an id is a text") };
        let add = Bytes::Raw(Value::List(vec![add.as_str().into()]).encode());
        vec![("type", text("remote-subscription-change")), ("senderId", text("mallory")), ("add", add)]
    };
    let storage = Value::map([("storageId", "1".repeat(LONG).as_str().into())]).encode();
    let joins = |sender: Bytes, metadata: Vec<u8>| {
        vec![("type", text("join")), ("senderId", sender), ("peerMetadata", Bytes::Raw(metadata))]
    };
    let nothing = || Value::map([]).encode();
    let mallory = || text("mallory");
    all_are_refused(
        "long ids",
        vec![
            Case::new("the name of a join", &joins(long(), nothing()), "bad_peer_id"),
            Case::new("the store of a join", &joins(mallory(), storage), "bad_storage_id"),
            Case::new("a sender", &sync(long(), text("server"), text(&document)), "bad_peer_id"),
            Case::new("a target", &sync(mallory(), long(), text(&document)), "bad_peer_id"),
            Case::new("a document", &sync(mallory(), text("server"), long()), "bad_document_id"),
            Case::new("a session", &ephemeral(long()), "too_long"),
            Case::new("a store to follow", &subscription(long()), "bad_storage_id"),
        ],
    )
    .await;
}

/// WI66: what nests 100,000 deep is refused, wherever it stands and whatever it is made of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi66_what_nests_deeper_than_messages_do_is_refused() {
    let deep = |level: &[u8]| Bytes::Raw([level.repeat(LONG), vec![0]].concat());
    let field = |name: &'static str, value: Bytes| {
        vec![("type", text("dovetail-next")), ("senderId", text("mallory")), (name, value)]
    };
    let endless = Bytes::Raw([vec![0x9f; LONG], vec![0xff; LONG]].concat());
    let join =
        |value: Bytes| vec![("type", text("join")), ("senderId", text("mallory")), ("peerMetadata", value)];
    all_are_refused(
        "deep nesting",
        vec![
            Case::new("lists", &field("later", deep(&[0x81])), UNKNOWN_TOO_DEEP),
            Case::new("maps", &field("later", deep(&[0xa1, 0x61, b'k'])), UNKNOWN_TOO_DEEP),
            Case::new("tags", &field("later", deep(&[0xc1])), UNKNOWN_TOO_DEEP),
            Case::new("lists without a length", &field("later", endless), UNKNOWN_TOO_DEEP),
            Case::new("the metadata of a join", &join(deep(&[0xa1, 0x61, b'k'])), "bad_frame: peerMetadata"),
            Case { what: "all of it", is_joined: true, frame: vec![0x81; LONG], word: "bad_frame" },
        ],
    )
    .await;
}

/// WI67: heads that claim 16 million items, or gigabytes, are not believed: they take no memory, and what
/// does not follow them is missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi67_what_a_head_claims_takes_no_memory() {
    let claim = |major: u8, count: u32| [&[major | 26], &count.to_be_bytes()[..]].concat();
    let subscription = |add: Vec<u8>| {
        vec![
            ("type", text("remote-subscription-change")),
            ("senderId", text("mallory")),
            ("add", Bytes::Raw(add)),
        ]
    };
    let join = |versions: Vec<u8>| {
        let versions = Bytes::Raw(versions);
        vec![("type", text("join")), ("senderId", text("mallory")), ("supportedProtocolVersions", versions)]
    };
    let unknown = |value: Vec<u8>| vec![("type", text("dovetail-next")), ("later", Bytes::Raw(value))];
    let document = new_document_id().to_string();
    const IN_SYNC: &str = "heads in a sync message";
    // It begins with its kind, then how many heads there are, in LEB128: 16 million.
    let heads = Value::Bytes(vec![0x42, 0x80, 0x80, 0x80, 0x08]).encode();
    let sync = [
        ("type", text("sync")),
        ("senderId", text(IN_SYNC)),
        ("documentId", text(&document)),
        ("data", Bytes::Raw(heads)),
    ];
    all_are_refused(
        "claims",
        vec![
            Case::new("versions", &join(claim(0x80, CLAIMED)), MISSING),
            Case::new("stores", &subscription(claim(0x80, CLAIMED)), MISSING),
            Case::new("an unknown list", &unknown(claim(0x80, CLAIMED)), MISSING),
            Case::new("an unknown map", &unknown(claim(0xa0, CLAIMED)), MISSING),
            Case::new("an unknown text", &unknown(claim(0x60, u32::MAX)), MISSING),
            Case::new("unknown bytes", &unknown(claim(0x40, u32::MAX)), MISSING),
            Case { what: "fields", is_joined: true, frame: claim(0xa0, CLAIMED), word: MISSING },
            Case::new(IN_SYNC, &sync, "bad_sync_message"),
        ],
    )
    .await;
}

/// WI68: a frame that claims to be as large as a message may be takes memory as it comes, and is no join; one that claims
/// more is told so at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi68_a_frame_takes_the_memory_of_what_has_come_of_it() {
    const CROWD: usize = 100;
    const LARGEST: u64 = 64 * MIB;
    const GIVEN: Duration = Duration::from_secs(1);
    /// What a system with large pages gives for the first byte of a buffer.
    const LARGE_PAGE: u64 = 2 * MIB;
    let memory_max = MEMORY_MAX + CROWD as u64 * LARGE_PAGE;
    let server = Setup::default().arg("--join-timeout").arg("1s").start().await.unwrap();
    let address = server.address();
    let attack = join_all((0..CROWD).map(|n| async move {
        let mut socket = Raw::open(address, "/sync").await;
        let began = Instant::now();
        let claims = if n % 5 > 0 { LARGEST } else { u64::MAX >> 1 };
        socket.send(&head(BINARY, true, claims)).await.unwrap();
        let _closed = socket.send(b"the first words of it").await;
        (claims, socket.told().await, began.elapsed())
    }));
    for (claims, ending, lasted) in alive::during("claimed frames", &server, memory_max, attack).await {
        match claims {
            LARGEST => assert!(ending.is("join_deadline", 1002), "{ending:?}"),
            _ => assert!(ending.is("message_too_large", 1009), "{ending:?}"),
        }
        assert!(lasted < GIVEN + LATE_MAX, "{lasted:?}");
    }
}
