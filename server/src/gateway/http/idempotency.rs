//! Requests that may come twice: the same key and the same request make one change and have one answer.
//!
//! Edit path: ← the header `Idempotency-Key`, → an answer from before, or an actor that only this
//! request writes under, → the answer, stored before it is sent.
//!
//! Always true:
//! - The actor (and, for a new document, its id) is made from the key, the request and a secret of this server, so the
//!   change can exist only once, whatever becomes of the answer. So an answer may be forgotten: it is then
//!   made again from the change. Nobody else can tell beforehand what the change or the document will be called, and
//!   be there first.
//! - Who was told has a record in the store; the record outlives the process.
//! - Only successes are remembered. Who was refused may try again.

use super::heads::{Repeated, once};
use crate::clock::Clock;
use crate::gateway::reply::{self, Code, Problem};
use crate::store::{CommitError, LoadError, Space, Store};
use automerge::ActorId;
use bytes::Bytes;
use dovetail_core::grant::Identity;
use dovetail_core::id::{DocumentId, SubjectId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::OnceCell;
use warp::http::header::{ETAG, HeaderName, HeaderValue, LOCATION};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

/// The header with the key.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The name under which the server's secret lies in the store.
const SECRET: &str = "idempotency-secret";

/// The most bytes of a key. Clients send a UUID; others a sentence.
const KEY_BYTES_MAX: usize = 255;

/// How long an answer is remembered. Clients that try again do so within minutes; a queue on a device that
/// was switched off over night does in the morning.
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How many answers are remembered: at some 600 bytes each that is 60 MB on disk. Beyond it the oldest are
/// forgotten, which costs nothing but the very words of the answer.
pub(crate) const REMEMBERED_MAX: usize = 20_000;

/// How many of the oldest are forgotten at once when there are too many.
const FORGOTTEN_AT_ONCE: usize = REMEMBERED_MAX / 10;

/// How often answers that are too old are looked for. One that is a little older still serves.
const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);

/// How many records are read at a time while sweeping.
const SWEEP_PAGE: usize = 500;

/// A request that may come twice.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// What its record is called: a digest of the key.
    name: String,
    /// A digest of key and request.
    digest: [u8; 32],
    /// What only this server knows.
    secret: Bytes,
}

/// What a request consists of, as far as it decides what happens. Two with equal parts are the same.
#[derive(Debug, Default)]
pub(super) struct Parts<'r> {
    /// Method and route.
    pub(super) route: &'r str,
    /// Which document; nothing for a new one.
    pub(super) document: &'r str,
    /// What else decides: parameters, media type, base.
    pub(super) rest: &'r [&'r str],
    /// The body.
    pub(super) body: &'r [u8],
}

impl Request {
    /// The request, if it has a key. The keys of one person are none of another's.
    fn of(
        who: &Identity,
        headers: &HeaderMap,
        parts: &Parts<'_>,
        secret: Bytes,
    ) -> Result<Option<Self>, Problem> {
        let repeated = |Repeated| {
            let detail = "Idempotency-Key is there more than once; send it once";
            Problem::new(Code::BadIdempotencyKey, detail)
        };
        let Some(value) = once(headers, &KEY).map_err(repeated)? else { return Ok(None) };
        let key = value.as_bytes();
        let is_key = (1..=KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
        if !is_key {
            let detail = format!("an Idempotency-Key is 1 to {KEY_BYTES_MAX} letters, digits and signs");
            return Err(Problem::new(Code::BadIdempotencyKey, detail));
        }
        let who = who.author().map_or("", SubjectId::as_str).as_bytes();
        // As before there were people: what is remembered outlives the day on which a server learns to ask.
        let name = if who.is_empty() { digest([key]) } else { digest([who, key]) };
        let name = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let rest = parts.rest.iter().map(|part| part.as_bytes());
        let all = [key, parts.route.as_bytes(), parts.document.as_bytes(), parts.body];
        let whose = Some(who).filter(|who| !who.is_empty());
        Ok(Some(Self { name, digest: digest(all.into_iter().chain(rest).chain(whose)), secret }))
    }

    /// The actor that nobody else writes under.
    pub(super) fn actor(&self) -> ActorId {
        ActorId::from(self.sixteen("actor"))
    }

    /// The id of the document that the request makes.
    pub(super) fn document(&self) -> DocumentId {
        DocumentId::from_bytes(&self.sixteen("document")).expect("16 bytes are a document id")
    }

    fn sixteen(&self, what: &str) -> [u8; 16] {
        let digest = digest([what.as_bytes(), &self.digest, &self.secret]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }

    fn digest_text(&self) -> String {
        self.digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A digest of parts, so that no two lists of parts have the same.
fn digest<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// An answer as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<String>,
}

impl Answer {
    /// What is sent.
    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(self.body.into());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(warp::http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [(ETAG, self.etag), (LOCATION, self.location)] {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// When the answer was given, in milliseconds since 1970.
    at: u64,
    /// The digest of the request.
    request: String,
    answer: Answer,
}

/// The answers of this server. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Answers {
    store: Arc<dyn Store>,
    clock: Clock,
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Names of the records of requests that are being answered.
    under_way: Mutex<BTreeSet<String>>,
    /// How many records there are, as far as is known.
    remembered: AtomicUsize,
    /// Read from the store when it is first needed.
    secret: OnceCell<Bytes>,
}

impl Inner {
    fn under_way(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.under_way.lock().expect("nothing panics while it holds this lock")
    }
}

/// The right to answer a request; while it is held, nobody else answers one of the same key.
struct Turn<'a> {
    inner: &'a Inner,
    name: &'a str,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.inner.under_way().remove(self.name);
    }
}

impl Answers {
    pub(in crate::gateway) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock, inner: Arc::default() }
    }

    /// The request, if it has a key.
    pub(super) async fn request(
        &self,
        who: &Identity,
        headers: &HeaderMap,
        parts: &Parts<'_>,
    ) -> Result<Option<Request>, Problem> {
        if !headers.contains_key(&KEY) {
            return Ok(None);
        }
        let secret = self.inner.secret.get_or_try_init(|| secret(&*self.store)).await?;
        Request::of(who, headers, parts, secret.clone())
    }

    /// Answers a request as it was answered before, or as `answering` does it now.
    pub(super) async fn once(
        &self,
        request: Option<&Request>,
        answering: impl Future<Output = Result<Answer, Problem>>,
    ) -> Result<Response, Problem> {
        let Some(request) = request else { return answering.await.map(Answer::into_response) };
        let _turn = self.turn(request)?;
        if let Some(answer) = self.remembered(request).await? {
            return Ok(answer.into_response());
        }
        let answer = answering.await?;
        self.remember(request, &answer).await?;
        Ok(answer.into_response())
    }

    fn turn<'a>(&'a self, request: &'a Request) -> Result<Turn<'a>, Problem> {
        if self.inner.under_way().insert(request.name.clone()) {
            return Ok(Turn { inner: &self.inner, name: &request.name });
        }
        let detail = "a request with this Idempotency-Key is being answered at this moment";
        let problem = Problem::new(Code::IdempotencyInProgress, detail);
        Err(problem.with_header(warp::http::header::RETRY_AFTER, HeaderValue::from_static("1")))
    }

    async fn remembered(&self, request: &Request) -> Result<Option<Answer>, Problem> {
        let found = self.store.record(Space::Answers, &request.name).await;
        let found = found.map_err(|error| reply::of_load(&error))?;
        let record = found.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        match record.filter(|record| !self.is_over(record)) {
            None => Ok(None),
            Some(record) if record.request == request.digest_text() => Ok(Some(record.answer)),
            Some(_) => {
                let detail = "this Idempotency-Key was used for another request; take a new one";
                Err(Problem::new(Code::IdempotencyKeyReused, detail))
            }
        }
    }

    async fn remember(&self, request: &Request, answer: &Answer) -> Result<(), Problem> {
        let at = self.clock.now().as_millis();
        let record = Record { at, request: request.digest_text(), answer: answer.clone() };
        let bytes = serde_json::to_vec(&record).expect("texts and numbers become JSON");
        let write = (request.name.clone(), Some(Bytes::from(bytes)));
        match self.store.write_records(Space::Answers, vec![write]).await {
            Ok(()) => {}
            // Asked again, it is made from the change.
            Err(error @ CommitError::TooLarge { .. }) => {
                tracing::warn!(%error, "an answer is not remembered");
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be stored");
                let detail = "the change may be stored, its answer is not; ask again with the same key";
                return Err(Problem::new(Code::StoreUnavailable, detail));
            }
        }
        if self.inner.remembered.fetch_add(1, Ordering::Relaxed) >= REMEMBERED_MAX {
            self.sweep_logged().await;
        }
        Ok(())
    }

    fn is_over(&self, record: &Record) -> bool {
        let age_ms = self.clock.now().as_millis().saturating_sub(record.at);
        u128::from(age_ms) > REMEMBERED_FOR.as_millis()
    }

    /// Forgets what is too old, again and again.
    pub(in crate::gateway) async fn keep_swept(self) {
        let mut every = tokio::time::interval(SWEEP_EVERY);
        loop {
            every.tick().await;
            self.sweep_logged().await;
        }
    }

    async fn sweep_logged(&self) {
        match self.sweep(REMEMBERED_MAX, FORGOTTEN_AT_ONCE).await {
            Ok(left) => tracing::debug!(left, "answers were swept"),
            Err(error) => tracing::warn!(%error, "answers could not be swept"),
        }
    }

    /// Forgets what is too old or cannot be read, and, above `max`, the oldest `at_once` as well. How many are left.
    async fn sweep(&self, max: usize, at_once: usize) -> Result<usize, SweepError> {
        let mut after: Option<String> = None;
        let mut kept: Vec<(u64, String)> = Vec::new();
        loop {
            let page = self.store.records(Space::Answers, after.as_deref(), SWEEP_PAGE).await?;
            let is_last = page.len() < SWEEP_PAGE;
            after = page.last().map(|(name, _)| name.clone());
            let mut over = Vec::new();
            for (name, bytes) in page {
                let record = serde_json::from_slice::<Record>(&bytes).ok();
                match record.filter(|record| !self.is_over(record)) {
                    Some(record) => kept.push((record.at, name)),
                    None => over.push(name),
                }
            }
            self.forget(over).await?;
            if is_last {
                break;
            }
        }
        if kept.len() > max {
            kept.sort_unstable();
            let oldest: Vec<String> =
                kept.drain(..at_once.max(kept.len() - max)).map(|(_, name)| name).collect();
            self.forget(oldest).await?;
        }
        self.inner.remembered.store(kept.len(), Ordering::Relaxed);
        Ok(kept.len())
    }

    async fn forget(&self, names: Vec<String>) -> Result<(), CommitError> {
        if names.is_empty() {
            return Ok(());
        }
        let writes = names.into_iter().map(|name| (name, None)).collect();
        self.store.write_records(Space::Answers, writes).await
    }
}

/// What nobody outside of this server knows: drawn once, and the same for as long as the store lives.
async fn secret(store: &dyn Store) -> Result<Bytes, Problem> {
    let found = store.record(Space::Server, SECRET).await;
    if let Some(secret) = found.map_err(|error| reply::of_load(&error))? {
        return Ok(secret);
    }
    let drawn = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat();
    let secret = Bytes::from(drawn);
    let write = vec![(SECRET.to_owned(), Some(secret.clone()))];
    store.write_records(Space::Server, write).await.map_err(|error| reply::of_commit(&error))?;
    Ok(secret)
}

/// Why answers could not be swept.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;
    use dovetail_core::time::Timestamp;

    fn request(key: &str) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(KEY, HeaderValue::try_from(key).unwrap());
        let secret = Bytes::from_static(b"a secret");
        Request::of(&Identity::local(), &headers, &Parts::default(), secret).unwrap().unwrap()
    }

    /// JD37: what a request writes and makes is named by a secret as well, which outlives the process and is another one
    /// for another server.
    #[tokio::test]
    async fn jd37_nobody_else_can_tell_what_a_request_will_make() {
        let mut headers = HeaderMap::new();
        headers.insert(KEY, HeaderValue::from_static("order-1"));
        let asked = async |store: &Arc<dyn Store>| {
            let answers = Answers::new(Arc::clone(store), Clock::standing(Timestamp::from_millis(1)));
            let (local, parts) = (Identity::local(), Parts::default());
            let request = answers.request(&local, &headers, &parts).await.unwrap().unwrap();
            (request.document(), request.actor())
        };
        let [one, other]: [Arc<dyn Store>; 2] = [Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new())];
        let first = asked(&one).await;
        assert_eq!(asked(&one).await, first, "the same after a restart");
        let elsewhere = asked(&other).await;
        assert!(elsewhere.0 != first.0 && elsewhere.1 != first.1);
        let without = request("order-1");
        assert!(without.document() != first.0 && without.actor() != first.1);
    }

    fn answer(body: &str) -> Answer {
        Answer { status: 200, body: body.to_owned(), etag: None, location: None }
    }

    /// JD26: answers are forgotten after a day, and the oldest when there are too many; what is no answer goes too.
    #[tokio::test]
    async fn jd26_old_answers_are_forgotten() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Clock::standing(Timestamp::from_millis(1_000_000));
        let answers = Answers::new(Arc::clone(&store), clock.clone());
        let junk = vec![("junk".to_owned(), Some(Bytes::from_static(b"no answer")))];
        store.write_records(Space::Answers, junk).await.unwrap();
        for n in 0..6 {
            answers.remember(&request(&format!("key-{n}")), &answer("x")).await.unwrap();
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(answers.sweep(6, 2).await.unwrap(), 6);
        assert_eq!(answers.sweep(5, 2).await.unwrap(), 4);
        assert_eq!(answers.remembered(&request("key-1")).await.unwrap(), None);
        assert_eq!(answers.remembered(&request("key-2")).await.unwrap(), Some(answer("x")));
        clock.advance(REMEMBERED_FOR);
        assert_eq!(answers.remembered(&request("key-2")).await.unwrap(), None, "also before it is swept");
        assert_eq!(answers.sweep(6, 2).await.unwrap(), 0);
        assert_eq!(store.records(Space::Answers, None, 10).await.unwrap(), []);
    }

    /// JD26: of two with the same key at the same moment one is answered, the other told to wait.
    #[tokio::test]
    async fn jd26_one_is_answered_at_a_time() {
        let answers = Answers::new(Arc::new(MemoryStore::new()), Clock::standing(Timestamp::from_millis(1)));
        let request = request("key");
        let inner = async {
            let refused = answers.once(Some(&request), async { Ok(answer("second")) }).await.unwrap_err();
            assert_eq!(refused.code, Code::IdempotencyInProgress);
            Ok(answer("first"))
        };
        answers.once(Some(&request), inner).await.unwrap();
        // Whoever gives up lets the next one in.
        let other = self::request("other");
        let failed = answers.once(Some(&other), async { Err(Problem::new(Code::StoreUnavailable, "no")) });
        assert_eq!(failed.await.unwrap_err().code, Code::StoreUnavailable);
        answers.once(Some(&other), async { Ok(answer("then")) }).await.unwrap();
    }
}
