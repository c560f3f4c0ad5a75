//! A line over plain requests, for networks that let no WebSocket through; `docs/PROTOCOL-HTTP.md` tells how the server takes it.
//!
//! ```text
//!  to send ──POST Dovetail-Seq: n──▶ server     one post at a time, again until it is answered
//!  frames ◀────── GET ?after=n ◀──── server     one poll at a time, which acknowledges the last
//! ```
//!
//! Always true: a post keeps its number until it is answered, and a frame counts by its number: whatever requests and answers get lost,
//! nothing is lost and nothing comes twice.

use super::{CONNECT_WITHIN, Credentials, Dialing, Ends, Event, FRAME_BYTES_MAX, Way};
use crate::machine::course::Ending;
use crate::place::Server;
use bytes::{Bytes, BytesMut};
use dovetail_core::limits::SILENCE_MAX;
use dovetail_core::wire;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// RFC 8742.
const SEQUENCE: &str = "application/cbor-seq";

/// The first pause before a request is made again, and the largest.
const AGAIN_FIRST: Duration = Duration::from_millis(100);
const AGAIN_MOST: Duration = Duration::from_secs(1);

/// A request whose answer takes longer is made again. Polls may take longer: as long as the server said.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Why a request was refused is some hundred bytes; a proxy's page of words is more.
const WORDS_BYTES_MAX: usize = 1 << 20;

/// What the server says of a session that it opened.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Offered {
    poll_ms: u64,
    body_bytes_max: usize,
    frames_max: usize,
}

/// One session.
#[derive(Debug, Clone)]
struct Session {
    requests: Client,
    url: String,
    offered: Offered,
}

pub(super) async fn run(dialing: &Dialing, credentials: &Credentials, ends: Ends) -> Ending {
    let session = match open(dialing, credentials).await {
        Ok(session) => session,
        Err(ending) => return ending,
    };
    if !ends.tell(Event::Opened(Way::Requests)).await {
        return Ending::default();
    }
    let Ends { to_send, tell } = ends;
    let farewell = Farewell(Some(session.clone()));
    let ending = tokio::select! {
        ending = post(&session, to_send) => ending,
        ending = poll(&session, &tell) => ending,
    };
    drop(farewell);
    ending
}

/// Ends the session at the server when it is not wanted any more.
struct Farewell(Option<Session>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let Some(session) = self.0.take() else { return };
        // While a runtime shuts down nobody is told, and the server notices the silence.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let request = session.requests.delete(&session.url).timeout(ANSWER_WITHIN);
            runtime.spawn(async move { _ = request.send().await });
        }
    }
}

async fn open(dialing: &Dialing, credentials: &Credentials) -> Result<Session, Ending> {
    let Dialing { server, requests, .. } = dialing;
    let request = requests.post(server.at("/api/realtime/sync")).timeout(CONNECT_WITHIN);
    let answer = authorized(request, credentials).send().await;
    let answer = answer.map_err(|error| unreachable(server, &error))?;
    if answer.status() != StatusCode::CREATED {
        return Err(refused(answer).await);
    }
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let offered = answer.json::<Offered>().await.ok();
    match (location, offered) {
        (Some(path), Some(offered)) => {
            Ok(Session { requests: requests.clone(), url: server.at(&path), offered })
        }
        _ => Err(odd("what answers is no Dovetail server")),
    }
}

/// The same as every other request has.
pub(crate) fn authorized(
    request: RequestBuilder,
    Credentials { token, link }: &Credentials,
) -> RequestBuilder {
    let request = match token {
        Some(token) => request.bearer_auth(token.reveal()),
        None => request,
    };
    match link {
        Some(link) => request.header("dovetail-link", link.reveal()),
        None => request,
    }
}

// Sending.

async fn post(session: &Session, mut to_send: mpsc::Receiver<Bytes>) -> Ending {
    let mut seq = 0u64;
    let mut left_over: Option<Bytes> = None;
    loop {
        let first = match left_over.take() {
            Some(frame) => frame,
            None => match to_send.recv().await {
                Some(frame) => frame,
                None => return Ending::default(),
            },
        };
        let mut body = BytesMut::from(first);
        let mut frames = 1;
        while frames < session.offered.frames_max {
            let Ok(frame) = to_send.try_recv() else { break };
            if body.len() + frame.len() > session.offered.body_bytes_max {
                left_over = Some(frame);
                break;
            }
            body.extend_from_slice(&frame);
            frames += 1;
        }
        seq += 1;
        if let Err(ending) = deliver(session, seq, body.freeze()).await {
            return ending;
        }
    }
}

async fn deliver(session: &Session, seq: u64, body: Bytes) -> Result<(), Ending> {
    let mut again = Again::new();
    loop {
        let request = session
            .requests
            .request(Method::POST, &session.url)
            .header("dovetail-seq", seq)
            .header(CONTENT_TYPE, SEQUENCE)
            .body(body.clone())
            .timeout(ANSWER_WITHIN);
        let words = match request.send().await {
            Ok(answer) => match answer.status() {
                StatusCode::OK | StatusCode::NO_CONTENT => return Ok(()),
                status if may_pass(status) => status.to_string(),
                _ => return Err(refused(answer).await),
            },
            Err(error) => in_words(&error),
        };
        again.wait(&words).await?;
    }
}

// Fetching.

async fn poll(session: &Session, tell: &mpsc::Sender<Event>) -> Ending {
    let mut cursor = 0u64;
    let mut again = Again::new();
    let wait_ms = session.offered.poll_ms;
    let within = Duration::from_millis(wait_ms) + ANSWER_WITHIN;
    loop {
        let url = format!("{}?after={cursor}&wait={wait_ms}ms", session.url);
        let asked_at = Instant::now();
        let words = match session.requests.get(url).timeout(within).send().await {
            Ok(answer) if may_pass(answer.status()) => answer.status().to_string(),
            Ok(answer) if !answer.status().is_success() => return refused(answer).await,
            Ok(answer) => match page(answer, cursor, session.offered.frames_max).await {
                Page::Frames(frames) => {
                    again = Again::new();
                    // A server waits before it says that there is nothing; a proxy that has kept such an answer does not.
                    if frames.is_empty() && asked_at.elapsed() < AGAIN_FIRST {
                        sleep(AGAIN_FIRST).await;
                    }
                    for frame in frames {
                        cursor += 1;
                        if tell.send(Event::Frame(frame)).await.is_err() {
                            return Ending::default();
                        }
                    }
                    continue;
                }
                Page::CutOff(words) => words,
                Page::Odd(words) => return odd(words),
            },
            Err(error) => in_words(&error),
        };
        if let Err(ending) = again.wait(&words).await {
            return ending;
        }
    }
}

/// What an answer brings to one who has all frames up to a number.
enum Page {
    Frames(Vec<Bytes>),
    /// As good as no answer.
    CutOff(String),
    /// No server says this.
    Odd(&'static str),
}

async fn page(answer: Response, cursor: u64, frames_max: usize) -> Page {
    let number = |name: &str| answer.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
    let (Some(after), Some(last)) = (number("dovetail-after"), number("dovetail-cursor")) else {
        return Page::Odd(
            "an answer without the numbers of its frames has come: does a proxy take headers away?",
        );
    };
    let body = match whole(answer, FRAME_BYTES_MAX).await {
        Ok(Some(body)) => body,
        Ok(None) => return Page::Odd("an answer is larger than any document"),
        Err(error) => return Page::CutOff(in_words(&error)),
    };
    let Ok(frames) = wire::split(&body, frames_max.max(1 << 16)) else {
        return Page::CutOff("an answer was cut off".to_owned());
    };
    if after > cursor || last < after || frames.len() as u64 != last - after {
        return Page::CutOff("an answer does not have the frames that it says".to_owned());
    }
    let known = usize::try_from(cursor - after).unwrap_or(usize::MAX);
    Page::Frames(frames.into_iter().skip(known).collect())
}

// What goes wrong.

/// Tries of one request.
struct Again {
    since: Instant,
    pause: Duration,
}

impl Again {
    fn new() -> Self {
        Self { since: Instant::now(), pause: AGAIN_FIRST }
    }

    /// Waits for the next try, or gives up: who is silent for so long is gone for the server.
    async fn wait(&mut self, words: &str) -> Result<(), Ending> {
        if self.since.elapsed() >= SILENCE_MAX {
            return Err(Ending { close_code: None, words: format!("requests fail: {words}") });
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(AGAIN_MOST);
        Ok(())
    }
}

/// A proxy says so when the server is away for a moment.
fn may_pass(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
    )
}

/// What a server's problem says. One without a code is nobody's.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) detail: String,
    reason: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    #[serde(default)]
    detail: String,
    close_code: Option<u16>,
}

async fn refused(answer: Response) -> Ending {
    let (status, odd) = (answer.status(), answered(&answer));
    let text = timeout(ANSWER_WITHIN, whole(answer, WORDS_BYTES_MAX)).await;
    let text = text.ok().and_then(Result::ok).flatten().unwrap_or_default();
    ended(status, &text, &odd)
}

/// All of an answer, or nothing where that is more than so many bytes.
pub(crate) async fn whole(mut answer: Response, bytes_max: usize) -> Result<Option<Bytes>, reqwest::Error> {
    let mut whole = BytesMut::new();
    while let Some(piece) = answer.chunk().await? {
        if whole.len() + piece.len() > bytes_max {
            return Ok(None);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(Some(whole.freeze()))
}

/// What was answered that no Dovetail server answers.
pub(crate) fn answered(answer: &Response) -> String {
    let status = answer.status();
    let to = answer.headers().get(LOCATION).and_then(|to| answer.url().join(to.to_str().ok()?).ok());
    match to.and_then(|to| Some(format!("{}://{}", to.scheme(), to.host_str()?))) {
        // What stands before and behind the host may be a secret.
        Some(to) if status.is_redirection() => format!("it answered {status}, and sends us on to {to}"),
        _ => format!("it answered {status}"),
    }
}

/// As if a WebSocket had been closed.
fn ended(status: StatusCode, body: &[u8], odd: &str) -> Ending {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    // Another version may mean something else by it.
    if let Some(Ok(reason)) = problem.reason.map(serde_json::from_value::<Reason>) {
        return Ending { close_code: reason.close_code, words: reason.detail };
    }
    let words = match problem.code.as_str() {
        // A proxy's own words, while the server is away.
        "" if status.is_server_error() => format!("the server is not there: {odd}"),
        "" => format!("what answers is no Dovetail server: {odd}"),
        code => format!("{code}: {}", problem.detail),
    };
    // Of what is no Dovetail server nothing follows for us: it may be a hotel's, which is gone when one has signed in there.
    let close_code = match status {
        _ if problem.code.is_empty() => None,
        StatusCode::UNAUTHORIZED => Some(4401),
        StatusCode::FORBIDDEN => Some(4403),
        StatusCode::PAYLOAD_TOO_LARGE => Some(1009),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Some(1013),
        _ => None,
    };
    Ending { close_code, words }
}

fn odd(words: &str) -> Ending {
    Ending { close_code: None, words: words.to_owned() }
}

fn unreachable(server: &Server, error: &reqwest::Error) -> Ending {
    Ending { close_code: None, words: format!("{} cannot be reached: {}", server.url, in_words(error)) }
}

/// The innermost cause says most.
pub(crate) fn in_words(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    let is_tls = error.url().is_some_and(|url| url.scheme() == "https");
    let mut is_insecure = false;
    while let Some(next) = cause.source() {
        is_insecure |= next.downcast_ref::<io::Error>().is_some_and(super::is_insecure);
        cause = next;
    }
    if is_tls && is_insecure { super::insecure(cause) } else { cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RC54: what ends a session over requests is what would have closed a WebSocket.
    #[test]
    fn rc54_a_problem_is_a_close_code() {
        let over = br#"{"code":"session_ended","reason":{"code":"restart","detail":"restart: going down","close_code":1012}}"#;
        let expected = Ending { close_code: Some(1012), words: "restart: going down".to_owned() };
        assert_eq!(ended(StatusCode::GONE, over, ""), expected);
        let token =
            ended(StatusCode::UNAUTHORIZED, br#"{"code":"token_expired","detail":"it has ended"}"#, "");
        assert_eq!((token.close_code, token.words.as_str()), (Some(4401), "token_expired: it has ended"));
        let later = ended(StatusCode::GONE, br#"{"code":"gone","detail":"long ago","reason":"age"}"#, "");
        assert_eq!(later.words, "gone: long ago");
        let html = ended(StatusCode::NOT_FOUND, b"<html>", "it answered 404 Not Found");
        assert_eq!(
            (html.close_code, html.words.as_str()),
            (None, "what answers is no Dovetail server: it answered 404 Not Found")
        );
        let hotel = ended(StatusCode::FORBIDDEN, b"<html>", "it answered 403 Forbidden");
        assert_eq!(hotel.close_code, None, "it is tried again");
    }
}
