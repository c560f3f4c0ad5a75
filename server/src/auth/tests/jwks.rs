//! Keys of an address that answers whatever it likes.

use super::*;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the address does.
#[derive(Debug, Clone)]
enum Answer {
    /// 200 with this body.
    Keys(String),
    /// These bytes.
    Raw(Vec<u8>),
    /// Nothing, for ever.
    Nothing,
    /// 200 with this body, once the gate is open.
    Late(String, watch::Receiver<bool>),
}

/// An address on this machine.
struct Address {
    url: String,
    answer: Arc<Mutex<Answer>>,
    asked: watch::Receiver<usize>,
}

impl Address {
    async fn open(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(answer));
        let (count, asked) = watch::channel(0);
        let answers = Arc::clone(&answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answers.lock().unwrap().clone();
                count.send_modify(|count| *count += 1);
                tokio::spawn(serve(stream, answer));
            }
        });
        Self { url, answer, asked }
    }

    fn now_answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Waits until it was.
    async fn asked_times(&self, times: usize) {
        self.asked.clone().wait_for(|asked| *asked >= times).await.unwrap();
    }

    fn times_asked(&self) -> usize {
        *self.asked.borrow()
    }

    /// An authenticator with keys from here, that waits for `within`.
    fn authenticator(&self, clock: &Clock, within: Duration) -> Authenticator {
        let settings = AuthSettings { jwks_url: Some(self.url.parse().unwrap()), ..with_secret() };
        let opened = Authenticator::open(&settings, clock.clone()).unwrap();
        let checks = Arc::into_inner(opened.0.unwrap()).unwrap();
        let fetcher = Fetcher::new(self.url.parse().unwrap()).unwrap().within(within);
        Authenticator(Some(Arc::new(Checks { jwks: Some(Jwks::new(fetcher, clock.clone())), ..checks })))
    }
}

async fn serve(mut stream: TcpStream, answer: Answer) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let body = match answer {
        Answer::Keys(body) => body,
        Answer::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await; // the other side may have seen enough
            return;
        }
        Answer::Nothing => return std::future::pending().await,
        Answer::Late(body, mut gate) => {
            gate.wait_for(|open| *open).await.unwrap();
            body
        }
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await;
}

/// Longer than anything takes here; a test that has to wait for it is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A public RSA key as an address gives it out.
fn jwk(pem: &str, kid: Option<&str>) -> Value {
    let key = jsonwebtoken::DecodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let utils = &jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.key_utils;
    let (n, e) = (utils.rsa_pub_components_from_public_key)(key.try_get_as_bytes().unwrap()).unwrap();
    let mut jwk = json!({"kty": "RSA", "use": "sig", "alg": "RS256",
        "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e)});
    if let Some(kid) = kid {
        jwk["kid"] = json!(kid);
    }
    jwk
}

fn ec_jwk() -> Value {
    let key = jsonwebtoken::DecodingKey::from_ec_pem(EC_PUBLIC.as_bytes()).unwrap();
    let point = key.try_get_as_bytes().unwrap();
    json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
        "y": URL_SAFE_NO_PAD.encode(&point[33..])})
}

fn ed_jwk() -> Value {
    let key = jsonwebtoken::DecodingKey::from_ed_pem(ED_PUBLIC.as_bytes()).unwrap();
    json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key.try_get_as_bytes().unwrap())})
}

fn set(keys: &[Value]) -> String {
    json!({"keys": keys}).to_string()
}

/// Good for as long as these tests move the clock.
fn lasting() -> Value {
    good_but(&json!({"exp": NOW + 100_000}))
}

fn one() -> String {
    rs(RSA, Some("one"), &lasting())
}

fn two() -> String {
    rs(RSA_OTHER, Some("two"), &lasting())
}

/// AU33: keys are fetched with the first token and not again while they are fresh; every kind is taken.
#[tokio::test]
async fn au33_keys_are_fetched_when_they_are_needed() {
    let keys = [jwk(RSA_PUBLIC, Some("one")), jwk(RSA_OTHER_PUBLIC, None), ec_jwk(), ed_jwk()];
    let address = Address::open(Answer::Keys(set(&keys))).await;
    let clock = clock();
    let authenticator = address.authenticator(&clock, PATIENCE);
    assert_eq!(refusal(&authenticator, &hs(&lasting())).await, "taken");
    assert_eq!(refusal(&authenticator, &one().replace('.', "")).await, "token_malformed");
    assert_eq!(address.times_asked(), 0, "the secret is at hand, and garbage needs no key");
    for token in [one(), rs(RSA, None, &lasting()), two(), es(&lasting()), ed(&lasting())] {
        assert_eq!(refusal(&authenticator, &token).await, "taken");
    }
    clock.advance(Duration::from_secs(299));
    assert_eq!(refusal(&authenticator, &one()).await, "taken");
    assert_eq!(address.times_asked(), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&authenticator, &one()).await, "taken");
    address.asked_times(2).await;
}

/// AU22: a key that a token names decides alone.
#[tokio::test]
async fn au22_the_key_that_is_named_decides() {
    let address = Address::open(Answer::Keys(set(&[jwk(RSA_PUBLIC, Some("one")), ec_jwk()]))).await;
    let authenticator = address.authenticator(&clock(), PATIENCE);
    assert_eq!(refusal(&authenticator, &one()).await, "taken");
    for token in [
        rs(RSA, Some("ec"), &lasting()),
        rs(RSA_OTHER, Some("one"), &lasting()),
        rs(RSA_OTHER, None, &lasting()),
        es(&good_but(&json!({"exp": 0}))).replace('.', "x."),
    ] {
        assert_ne!(refusal(&authenticator, &token).await, "taken");
    }
}

/// AU33: when the address fails, keys go on for as long again, and then nothing is said about tokens.
#[tokio::test]
async fn au33_old_keys_hold_a_while_when_the_address_fails() {
    let address = Address::open(Answer::Keys(set(&[jwk(RSA_PUBLIC, Some("one"))]))).await;
    let clock = clock();
    let authenticator = address.authenticator(&clock, PATIENCE);
    assert_eq!(refusal(&authenticator, &one()).await, "taken");
    address.now_answers(Answer::Raw(b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n".to_vec()));
    clock.advance(Duration::from_secs(300));
    assert_eq!(refusal(&authenticator, &one()).await, "taken", "stale");
    address.asked_times(2).await;
    clock.advance(Duration::from_secs(299));
    assert_eq!(refusal(&authenticator, &one()).await, "taken", "still stale");
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&authenticator, &one()).await, "keys_unavailable", "over");
    assert_eq!(refusal(&authenticator, &hs(&lasting())).await, "taken", "other keys do not need it");
    assert_eq!(AuthError::KeysUnavailable.status().as_u16(), 503);
    address.now_answers(Answer::Keys(set(&[jwk(RSA_PUBLIC, Some("one"))])));
    clock.advance(Duration::from_secs(10));
    assert_eq!(refusal(&authenticator, &one()).await, "taken", "and back");
}

/// AU34: a name that is not known is asked for once in ten seconds, however many tokens have one.
#[tokio::test]
async fn au34_unknown_names_ask_once_in_ten_seconds() {
    let address = Address::open(Answer::Keys(set(&[jwk(RSA_PUBLIC, Some("one"))]))).await;
    let clock = clock();
    let authenticator = address.authenticator(&clock, PATIENCE);
    assert_eq!(refusal(&authenticator, &one()).await, "taken");
    address
        .now_answers(Answer::Keys(set(&[jwk(RSA_PUBLIC, Some("one")), jwk(RSA_OTHER_PUBLIC, Some("two"))])));
    for n in 0..5 {
        let made_up = rs(RSA_OTHER, Some(&format!("made up {n}")), &lasting());
        assert_eq!(refusal(&authenticator, &made_up).await, "token_bad_signature");
    }
    assert_eq!(refusal(&authenticator, &two()).await, "token_bad_signature");
    assert_eq!(address.times_asked(), 1, "it was just fetched");
    clock.advance(Duration::from_secs(10));
    assert_eq!(refusal(&authenticator, &two()).await, "taken", "the key is new");
    assert_eq!(refusal(&authenticator, &rs(RSA, Some("made up"), &lasting())).await, "token_bad_signature");
    assert_eq!(address.times_asked(), 2);
}

/// AU34: many who come at once wait for one fetch.
#[tokio::test]
async fn au34_many_wait_for_one_fetch() {
    let (gate, opened) = watch::channel(false);
    let address = Address::open(Answer::Late(set(&[jwk(RSA_PUBLIC, Some("one"))]), opened)).await;
    let authenticator = address.authenticator(&clock(), PATIENCE);
    let all: Vec<_> = (0..20)
        .map(|_| {
            let authenticator = authenticator.clone();
            tokio::spawn(async move { refusal(&authenticator, &one()).await })
        })
        .collect();
    address.asked.clone().wait_for(|asked| *asked > 0).await.unwrap();
    gate.send_replace(true);
    for one in all {
        assert_eq!(one.await.unwrap(), "taken");
    }
    assert_eq!(address.times_asked(), 1);
}

/// AU34: a fetch goes on when whoever began it has gone.
#[tokio::test]
async fn au34_a_fetch_outlives_who_began_it() {
    let (gate, opened) = watch::channel(false);
    let address = Address::open(Answer::Late(set(&[jwk(RSA_PUBLIC, Some("one"))]), opened)).await;
    let authenticator = address.authenticator(&clock(), PATIENCE);
    let first = tokio::spawn({
        let authenticator = authenticator.clone();
        async move { refusal(&authenticator, &one()).await }
    });
    address.asked.clone().wait_for(|asked| *asked > 0).await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.send_replace(true);
    assert_eq!(refusal(&authenticator, &one()).await, "taken");
    assert_eq!(address.times_asked(), 1);
}

/// AU34: whoever has a key that is still good does not wait for newer ones, not even who has them fetched; whoever has none of
/// those does.
#[tokio::test]
async fn au34_old_keys_serve_while_new_ones_are_fetched() {
    let address = Address::open(Answer::Keys(set(&[jwk(RSA_PUBLIC, Some("one"))]))).await;
    let clock = clock();
    let authenticator = address.authenticator(&clock, PATIENCE);
    assert_eq!(refusal(&authenticator, &one()).await, "taken");
    let (gate, opened) = watch::channel(false);
    let both = set(&[jwk(RSA_PUBLIC, Some("one")), jwk(RSA_OTHER_PUBLIC, Some("two"))]);
    address.now_answers(Answer::Late(both, opened));
    clock.advance(Duration::from_secs(300));
    for _ in 0..3 {
        assert_eq!(refusal(&authenticator, &one()).await, "taken", "with the gate closed");
    }
    address.asked_times(2).await;
    let unknown = tokio::spawn({
        let authenticator = authenticator.clone();
        async move { refusal(&authenticator, &two()).await }
    });
    assert_eq!(refusal(&authenticator, &one()).await, "taken");
    gate.send_replace(true);
    assert_eq!(unknown.await.unwrap(), "taken", "who came with a new key waited for it");
    assert_eq!(address.times_asked(), 2);
}

/// AU35: a set that has no key for us is none: those before hold on, and are over in their time.
#[tokio::test]
async fn au35_an_empty_set_replaces_nothing() {
    for empty in [set(&[]), set(&[json!({"kty": "oct", "k": "AA"}), jwk_of_1024_bits()])] {
        let address = Address::open(Answer::Keys(set(&[jwk(RSA_PUBLIC, Some("one"))]))).await;
        let clock = clock();
        let authenticator = address.authenticator(&clock, PATIENCE);
        assert_eq!(refusal(&authenticator, &one()).await, "taken");
        address.now_answers(Answer::Keys(empty.clone()));
        clock.advance(Duration::from_secs(10));
        assert_eq!(refusal(&authenticator, &two()).await, "token_bad_signature", "{empty}");
        assert_eq!(address.times_asked(), 2);
        assert_eq!(refusal(&authenticator, &one()).await, "taken", "{empty}");
        clock.advance(Duration::from_secs(590));
        assert_eq!(refusal(&authenticator, &one()).await, "keys_unavailable", "{empty}");
    }
}

/// AU35: whatever an address answers, it harms nobody: there are no keys, and the server goes on.
#[tokio::test]
async fn au35_whatever_an_address_answers_is_harmless() {
    let ok = |body: &str| Answer::Keys(body.to_owned());
    let raw = |text: &str| Answer::Raw(text.as_bytes().to_vec());
    let elsewhere = Address::open(ok(&set(&[jwk(RSA_PUBLIC, Some("one"))]))).await;
    let many: Vec<Value> = (0..1000).map(|n| jwk(RSA_PUBLIC, Some(&n.to_string()))).collect();
    let huge = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; 10 << 20]].concat();
    let endless_head = [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'y'; 1 << 20]].concat();
    let cases = [
        ok("junk"),
        ok("[]"),
        ok(r#"{"keys": 7}"#),
        ok(&set(&many[..65])),
        ok(&set(&many)),
        ok(&"[".repeat(100_000)),
        raw("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        raw("HTTP/1.1 204 No Content\r\n\r\n"),
        raw(&format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url)),
        raw("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"),
        raw("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{"),
        raw("SSH-2.0-x\r\n"),
        raw(""),
        Answer::Raw(huge),
        Answer::Raw(endless_head),
    ];
    for answer in cases {
        let address = Address::open(answer.clone()).await;
        let authenticator = address.authenticator(&clock(), PATIENCE);
        assert_eq!(
            refusal(&authenticator, &one()).await,
            "keys_unavailable",
            "{:.80}",
            format!("{answer:?}")
        );
        assert_eq!(refusal(&authenticator, &hs(&lasting())).await, "taken");
    }
    assert_eq!(elsewhere.times_asked(), 0, "a redirect is not followed");

    let silent = Address::open(Answer::Nothing).await;
    let authenticator = silent.authenticator(&clock(), Duration::from_millis(20));
    assert_eq!(refusal(&authenticator, &one()).await, "keys_unavailable");
    assert_eq!(
        refusal(&authenticator, &one()).await,
        "keys_unavailable",
        "and it is not asked again at once"
    );
    assert_eq!(silent.times_asked(), 1);

    let nobody = Address { url: "http://127.0.0.1:1/keys".to_owned(), ..silent };
    assert_eq!(refusal(&nobody.authenticator(&clock(), PATIENCE), &one()).await, "keys_unavailable");
}

/// AU35: keys of other kinds are passed over, and those that anybody can read are no secrets.
#[tokio::test]
async fn au35_unusable_keys_are_passed_over() {
    let other = "another secret of the tests, as long";
    let oct = json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(other)});
    let changed = |name: &str, value: Value| {
        let mut key = jwk(RSA_OTHER_PUBLIC, Some("two"));
        key[name] = value;
        key
    };
    let keys = [
        oct,
        json!(7),
        json!({}),
        json!({"kty": "RSA"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": URL_SAFE_NO_PAD.encode([7; 32])}),
        jwk_of_1024_bits(),
        changed("use", json!("enc")),
        changed("alg", json!("RS512")),
        changed("e", json!("AQ")),
        changed("e", json!("AAAAAAAB")),
        changed("n", json!("%")),
        jwk(RSA_PUBLIC, Some("one")),
    ];
    let address = Address::open(Answer::Keys(set(&keys))).await;
    let authenticator = address.authenticator(&clock(), PATIENCE);
    assert_eq!(refusal(&authenticator, &one()).await, "taken", "the good one is among them");
    assert_eq!(refusal(&authenticator, &two()).await, "token_bad_signature");
    for kid in [None, Some("oct".to_owned())] {
        let header = Header { kid, ..Header::new(Algorithm::HS256) };
        let token = signed(&header, &lasting(), &EncodingKey::from_secret(other.as_bytes()));
        assert_eq!(refusal(&authenticator, &token).await, "token_bad_signature");
    }
    assert_eq!(refusal(&authenticator, &ed(&lasting())).await, "token_bad_signature");
}

fn jwk_of_1024_bits() -> Value {
    jwk(RSA_1024_PUBLIC, Some("small"))
}
