//! Connections over real sockets on loopback: what bounds them and how they end.

use super::*;
use crate::config::{Config, Given, Source};
use crate::gateway::upgrade;
use crate::shutdown::Shutdown;
use futures_util::StreamExt;
use std::future::pending;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use warp::Filter;

const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";

/// Longer than anything here takes, shorter than anybody waits for a test that hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long something that must not happen is given to happen.
const NOT_YET: Duration = Duration::from_millis(50);

/// A served listener, and the way to stop it.
struct Served {
    address: SocketAddr,
    shutdown: Shutdown,
    ended: JoinHandle<()>,
}

impl Served {
    /// Serves `/hello`, `/slow` (which answers when the draining has begun) and `/echo`, a WebSocket.
    async fn with(settings: &[(&'static str, &str)]) -> Self {
        Self::with_crowd(settings, Arc::default()).await
    }

    async fn with_crowd(settings: &[(&'static str, &str)], crowd: Arc<Crowd>) -> Self {
        let source = Source::Flag { flag: "--test".to_owned() };
        let given = settings.iter().map(|(name, text)| Given {
            name,
            text: (*text).to_owned(),
            source: source.clone(),
        });
        let limits = Config::assemble(given).unwrap().limits;
        let shutdown = Shutdown::new();
        let routes = routes(&limits, &shutdown.watch());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let drain = shutdown.watch();
        let ended = tokio::spawn(async move { serve(listener, routes, &limits, &crowd, drain).await });
        Self { address, shutdown, ended }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn ended(self) {
        tokio::time::timeout(PATIENCE, self.ended).await.expect("serving has ended").unwrap();
    }
}

fn routes(limits: &Limits, drain: &Drain) -> BoxedFilter<(Response,)> {
    let hello = warp::path!("hello").map(|| Response::new("hello".into()));
    let slow = warp::path!("slow").then({
        let drain = drain.clone();
        move || {
            let mut drain = drain.clone();
            async move {
                drain.begun().await;
                Response::new("late".into())
            }
        }
    });
    let (limits, drain) = (limits.clone(), drain.clone());
    let echo = warp::path!("echo").and(upgrade::request()).map(move |request: upgrade::Request| {
        let opened = request.open(limits.message_bytes_max, &[], &drain, |mut socket, _| async move {
            while let Some(Ok(message)) = socket.next().await {
                let _ = futures_util::SinkExt::send(&mut socket, message).await;
            }
            pending::<()>().await; // a handler that does not hear of the draining
        });
        opened.unwrap_or_else(|problem| problem.into_response())
    });
    hello.or(slow).unify().or(echo).unify().boxed()
}

/// All that comes until the other end closes.
async fn rest_of(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read =
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the other end closes");
    // Closed with a reset, too, is closed.
    let _ = read;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// OP7: a connection that does not get its request's head out is closed.
#[tokio::test]
async fn op7_half_a_request_is_not_waited_for() {
    let served = Served::with(&[("header_timeout", "100ms")]).await;
    for half in ["", "GET /hello HT", "GET /hello HTTP/1.1\r\nhost: "] {
        let mut stream = served.connect().await;
        stream.write_all(half.as_bytes()).await.unwrap();
        let answer = rest_of(stream).await;
        assert!(!answer.contains("200 OK"), "{half:?} was answered {answer:?}");
    }
}

/// OP7: a head that is too large is refused, not gathered.
#[tokio::test]
async fn op7_large_heads_are_refused() {
    let served = Served::with(&[("header_bytes_max", "8KiB")]).await;
    let mut stream = served.connect().await;
    let large = format!("GET /hello HTTP/1.1\r\nhost: here\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    // It may be closed before all of it was taken.
    let _ = stream.write_all(large.as_bytes()).await;
    assert!(!rest_of(stream).await.contains("200 OK"));
}

/// HT16: what is no HTTP request is answered by its status and ends the connection; no route sees it.
#[tokio::test]
async fn ht16_what_is_no_request_is_answered_by_its_status() {
    let served = Served::with(&[("header_bytes_max", "8KiB")]).await;
    let cases: [(&[u8], &str); 5] = [
        (&large_head(), "431 Request Header Fields Too Large"),
        (
            b"POST /hello HTTP/1.1\r\nhost: here\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na",
            "400 Bad Request",
        ),
        (b"GET /hello\xff HTTP/1.1\r\nhost: here\r\n\r\n", "400 Bad Request"),
        (b"GET /hello HTTP/9\r\nhost: here\r\n\r\n", "400 Bad Request"),
        (b"GET /hello HTTP/1.1\r\nno header\r\n\r\n", "400 Bad Request"),
    ];
    for (sent, status) in cases {
        let mut stream = served.connect().await;
        // It may be closed before all of it was taken.
        let _ = stream.write_all(sent).await;
        let answer = rest_of(stream).await;
        let shown = String::from_utf8_lossy(&sent[..sent.len().min(60)]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{shown}: {answer}");
        assert!(answer.contains("\r\ncontent-length: 0\r\n"), "{shown}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{shown}: {answer}");
    }
}

fn large_head() -> Vec<u8> {
    format!("GET /hello HTTP/1.1\r\nhost: here\r\nx: {}\r\n\r\n", "x".repeat(9_000)).into_bytes()
}

/// OP8: beyond `connections_max` a connection waits until another one ends.
#[tokio::test]
async fn op8_one_more_connection_waits_for_its_turn() {
    let served = Served::with(&[("connections_max", "1")]).await;
    let (mut echo, _) =
        client_async(format!("ws://{}/echo", served.address), served.connect().await).await.unwrap();
    let mut second = served.connect().await;
    second.write_all(REQUEST).await.unwrap();
    let mut byte = [0];
    let waited = tokio::time::timeout(NOT_YET, second.read(&mut byte)).await;
    assert!(waited.is_err(), "the WebSocket holds the only slot");

    // Whoever is in is served while the other waits.
    futures_util::SinkExt::send(&mut echo, Message::binary(vec![1])).await.unwrap();
    assert_eq!(echo.next().await.unwrap().unwrap(), Message::binary(vec![1]));
}

/// OP8: a slot comes back when its connection ends.
#[tokio::test]
async fn op8_slots_come_back() {
    let served = Served::with(&[("connections_max", "2")]).await;
    for _ in 0..20 {
        let mut stream = served.connect().await;
        stream.write_all(REQUEST).await.unwrap();
        assert!(rest_of(stream).await.ends_with("hello"));
    }
}

/// OP13: when the draining begins a request under way is answered, an idle connection closed
/// and nobody accepted any more.
#[tokio::test]
async fn op13_requests_under_way_are_answered() {
    let served = Served::with(&[]).await;
    let mut slow = served.connect().await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    let mut idle = served.connect().await;
    idle.write_all(b"GET /hello HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    let mut answered = [0; 12];
    idle.read_exact(&mut answered).await.unwrap();
    assert_eq!(&answered, b"HTTP/1.1 200");

    served.shutdown.begin();
    assert!(rest_of(slow).await.ends_with("late"));
    rest_of(idle).await;
    let address = served.address;
    served.ended().await;
    assert!(TcpStream::connect(address).await.is_err());
}

/// OP13: who does not leave within `drain_timeout` is not waited for.
#[tokio::test]
async fn op13_draining_ends_in_time() {
    let served = Served::with(&[("drain_timeout", "100ms")]).await;
    let (mut echo, _) =
        client_async(format!("ws://{}/echo", served.address), served.connect().await).await.unwrap();
    futures_util::SinkExt::send(&mut echo, Message::binary(vec![1])).await.unwrap();
    echo.next().await.unwrap().unwrap();
    served.shutdown.begin();
    served.ended().await;
}

/// HT12: a WebSocket takes messages up to its bound; one that is larger ends it.
#[tokio::test]
async fn ht12_messages_have_a_bound() {
    let served = Served::with(&[("message_bytes_max", "64KiB")]).await;
    let (mut echo, _) =
        client_async(format!("ws://{}/echo", served.address), served.connect().await).await.unwrap();
    let largest = Message::binary(vec![7; 64 * 1024]);
    futures_util::SinkExt::send(&mut echo, largest.clone()).await.unwrap();
    assert_eq!(echo.next().await.unwrap().unwrap(), largest);
}

/// HT12: what a client sends right behind its handshake is not lost.
#[tokio::test]
async fn ht12_an_early_message_is_kept() {
    let served = Served::with(&[]).await;
    let mut stream = served.connect().await;
    let mut bytes =
        b"GET /echo HTTP/1.1\r\nhost: here\r\nupgrade: websocket\r\nconnection: keep-alive, Upgrade\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .to_vec();
    bytes.extend([0x82, 0x81, 0, 0, 0, 0, 42]); // one binary frame of one byte, masked with zeros
    stream.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(&[0x82, 0x01, 42]) {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut answer)).await.expect("an echo comes");
        assert_ne!(read.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
    let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
}

/// HT12: a handshake that is none is refused with what is wrong with it.
#[tokio::test]
async fn ht12_bad_handshakes_are_refused() {
    let good = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let cases = [
        ("upgrade", "h2c", 426, "upgrade_required"),
        ("sec-websocket-version", "8", 426, "upgrade_required"),
        ("connection", "close", 400, "bad_handshake"),
        ("sec-websocket-key", "short", 400, "bad_handshake"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ!!", 400, "bad_handshake"),
    ];
    let routes = routes(&Limits::default(), &Shutdown::new().watch());
    for (name, value, status, code) in cases {
        let mut request = warp::test::request().path("/echo");
        for (good_name, good_value) in good {
            request = request.header(good_name, if good_name == name { value } else { good_value });
        }
        let answer = request.reply(&routes).await;
        assert_eq!(answer.status(), status, "{name}: {value}");
        let problem: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(problem["code"], code, "{name}: {value}");
        if status == 426 {
            assert_eq!(answer.headers()["sec-websocket-version"], "13");
        }
    }
}

/// HT13: what a connection keeps of itself is small: ten thousand of them fit into 100 MiB, and
/// most of each is the socket's read buffer.
#[test]
fn ht13_a_connection_is_small() {
    fn bytes_of<A, B, C, F: Future>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }
    let bytes = bytes_of(crate::gateway::socket::serve);
    assert!(bytes <= 3584, "{bytes} bytes");
}

/// OP35: from one address come so many connections and no more, until one of them ends. Others are not concerned.
#[test]
fn op35_an_address_has_so_many_connections() {
    let crowd = Crowd::new(Some(2), "10.0.0.0/8".parse().unwrap());
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let first = crowd.join(ip("203.0.113.7")).unwrap();
    let second = crowd.join(ip("::ffff:203.0.113.7")).unwrap();
    assert!(crowd.join(ip("203.0.113.7")).is_none());
    let other = crowd.join(ip("203.0.113.8")).unwrap();
    drop(second);
    assert!(crowd.join(ip("203.0.113.7")).is_some(), "one has ended");

    let household =
        [crowd.join(ip("2001:db8:1:2::1")).unwrap(), crowd.join(ip("2001:db8:1:2:3::9")).unwrap()];
    assert!(crowd.join(ip("2001:db8:1:2:ffff::")).is_none(), "one household");
    let proxied: Vec<_> = (0..9).map(|_| crowd.join(ip("10.9.9.9")).unwrap()).collect();
    let here: Vec<_> = (0..9).map(|_| crowd.join(ip("127.0.0.1")).unwrap()).collect();
    assert_eq!(crowd.all(), 2 + 2 + 9 + 9);
    drop((first, other, proxied, here, household));
    assert_eq!((crowd.all(), crowd.by_address().len()), (0, 0), "who has nobody there is forgotten");
}

/// OP35: who is one too many is told so, and the connection is closed; those that are there go on.
#[tokio::test]
async fn op35_who_is_one_too_many_is_told() {
    // Loopback has no bound, and this test has no other address: it is full for everybody.
    let crowd = Arc::new(Crowd { of_one_max: Some(0), bounds_loopback: true, ..Crowd::default() });
    let served = Served::with_crowd(&[], Arc::clone(&crowd)).await;
    let mut stream = served.connect().await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("it is closed").unwrap();
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&body["code"], &body["status"]), (&"too_many_connections".into(), &429.into()));
    assert_eq!(crowd.all(), 0);
}
