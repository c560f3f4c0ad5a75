//! What clients may say over the JSON WebSocket, and the form of what they are told.
//!
//! Edit path: ← the text of a message, → a [`Request`] whose ids and heads parsed; ← the members of an
//! answer, → the text of a typed message.
//!
//! Always true: a member that a message does not have is refused, so that one that was mistyped does not do
//! something else in silence. `docs/REALTIME.md` describes every message, `docs/schemas/realtime.json` has a
//! schema of each.

use crate::gateway::reply::Problem;
use automerge::ChangeHash;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use dovetail_core::wire::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The most bytes of a correlation id. UUIDs have 36.
pub(super) const CORRELATION_BYTES_MAX: usize = 256;

/// A message that could be read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    /// What its answer is to carry.
    pub(super) correlation: Option<String>,
    /// What it asks for.
    pub(super) request: Request,
}

/// What a client may ask for. Closed on purpose.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    /// To be told of a document, from a snapshot on or from these heads on.
    Subscribe { document: DocumentId, from: Option<Vec<ChangeHash>> },
    /// To be told no longer.
    Unsubscribe { document: DocumentId },
    /// To change a document as it was at `base`.
    Edit(Edit),
    /// To tell others something.
    Broadcast { to: Audience, data: Value },
    /// To say where one is in a document; `null` is nowhere.
    Presence { document: DocumentId, state: Value },
    /// To go on with a newer token.
    Token(Secret),
    /// To hear that the server lives.
    Ping,
}

/// A JSON Patch on a document as its writer saw it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edit {
    pub(super) document: DocumentId,
    pub(super) base: Vec<ChangeHash>,
    pub(super) patch: Value,
}

/// Who is to hear a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Audience {
    /// Who reads this document.
    Document(DocumentId),
    /// All sessions of a user.
    User(String),
    /// Everybody.
    All,
}

/// Why a message is not acted on. The session goes on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) correlation: Option<String>,
    pub(super) document: Option<DocumentId>,
    /// What programs look at; it does not change.
    pub(super) code: &'static str,
    /// What people read.
    pub(super) detail: String,
    /// What else programs may want to know.
    pub(super) members: Map<String, Value>,
}

impl Refusal {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { correlation: None, document: None, code, detail: detail.into(), members: Map::new() }
    }

    pub(super) fn about(mut self, document: &DocumentId) -> Self {
        self.document = Some(document.clone());
        self
    }

    pub(super) fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// The `error` message.
    pub(super) fn text(self, now: Timestamp) -> String {
        let mut members = self.members;
        members.insert("code".to_owned(), self.code.into());
        members.insert("detail".to_owned(), self.detail.into());
        let envelope = Envelope {
            kind: "error",
            document: self.document.as_ref(),
            correlation: self.correlation.as_deref(),
        };
        envelope.text(now, &inner(&Value::Object(members)))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let (code, detail) = (problem.code.as_str(), problem.detail().to_owned());
        let mut members = problem.members().clone();
        members.remove("document"); // it stands in the envelope
        Self { members, ..Self::new(code, detail) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Subscribe {
    document_id: String,
    from: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Unsubscribe {
    document_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct EditMessage {
    document_id: String,
    base: Vec<String>,
    patch: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Presence {
    document_id: String,
    state: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "scope", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Broadcast {
    Document { document_id: String, data: Value },
    User { user_id: String, data: Value },
    All { data: Value },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    token: Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ping {}

/// Reads a message.
pub(super) fn read(text: &str) -> Result<Asked, Refusal> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let refusal = Refusal::new("bad_json", format!("the message is not JSON: {error}"));
        refusal.with("line", error.line()).with("column", error.column())
    })?;
    let Value::Object(mut members) = value else {
        return Err(Refusal::new("bad_message", "a message is a JSON object"));
    };
    // The client's own clock is nothing that we would act on.
    members.remove("timestamp");
    let correlation = correlation(&mut members)?;
    let request =
        request(members).map_err(|refusal| Refusal { correlation: correlation.clone(), ..refusal })?;
    Ok(Asked { correlation, request })
}

fn correlation(members: &mut Map<String, Value>) -> Result<Option<String>, Refusal> {
    match members.remove("correlationId") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= CORRELATION_BYTES_MAX => Ok(Some(text)),
        Some(_) => {
            let detail = format!("correlationId is a text of at most {CORRELATION_BYTES_MAX} bytes");
            Err(Refusal::new("bad_message", detail))
        }
    }
}

/// Routing only.
fn request(mut members: Map<String, Value>) -> Result<Request, Refusal> {
    let kind = match members.remove("type") {
        Some(Value::String(kind)) => kind,
        _ => return Err(Refusal::new("bad_message", "a message has a type, which is a text")),
    };
    match kind.as_str() {
        "subscribe" => subscribe(parsed(&kind, members)?),
        "unsubscribe" => {
            let Unsubscribe { document_id } = parsed(&kind, members)?;
            Ok(Request::Unsubscribe { document: document(&document_id)? })
        }
        "edit" => edit(parsed(&kind, members)?),
        "broadcast" => broadcast(parsed(&kind, members)?),
        "presence" => {
            let Presence { document_id, state } = parsed(&kind, members)?;
            Ok(Request::Presence { document: document(&document_id)?, state })
        }
        "token" => parsed(&kind, members).map(|Token { token }| Request::Token(token)),
        "ping" => parsed(&kind, members).map(|Ping {}| Request::Ping),
        _ => Err(Refusal::new("unknown_type", "there is no message of this type")),
    }
}

fn parsed<T: DeserializeOwned>(kind: &str, members: Map<String, Value>) -> Result<T, Refusal> {
    let bad = |error: serde_json::Error| Refusal::new("bad_message", format!("in {kind}: {error}"));
    serde_json::from_value(Value::Object(members)).map_err(bad)
}

fn subscribe(Subscribe { document_id, from }: Subscribe) -> Result<Request, Refusal> {
    let document = document(&document_id)?;
    let from = from.map(|from| heads("from", &from)).transpose()?;
    Ok(Request::Subscribe { document, from })
}

fn edit(EditMessage { document_id, base, patch }: EditMessage) -> Result<Request, Refusal> {
    let (document, base) = (document(&document_id)?, heads("base", &base)?);
    Ok(Request::Edit(Edit { document, base, patch }))
}

fn broadcast(broadcast: Broadcast) -> Result<Request, Refusal> {
    let (to, data) = match broadcast {
        Broadcast::Document { document_id, data } => (Audience::Document(document(&document_id)?), data),
        Broadcast::User { user_id, data } => (Audience::User(user_id), data),
        Broadcast::All { data } => (Audience::All, data),
    };
    Ok(Request::Broadcast { to, data })
}

fn document(id: &str) -> Result<DocumentId, Refusal> {
    id.parse()
        .map_err(|error: dovetail_core::id::BadDocumentId| Refusal::new("bad_document_id", error.to_string()))
}

fn heads(member: &str, texts: &[String]) -> Result<Vec<ChangeHash>, Refusal> {
    let head = |(at, text): (usize, &String)| {
        text.parse().map_err(|_| {
            Refusal::new(
                "bad_message",
                format!("{member}[{at}] is no head: a head has 64 hexadecimal digits"),
            )
        })
    };
    texts.iter().enumerate().map(head).collect()
}

/// What stands around the members of every message to a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) kind: &'a str,
    pub(super) document: Option<&'a DocumentId>,
    pub(super) correlation: Option<&'a str>,
}

impl Envelope<'_> {
    /// The message. `members` are JSON without the outer braces.
    pub(super) fn text(self, now: Timestamp, members: &str) -> String {
        let mut text = format!(r#"{{"type":"{}","timestamp":{}"#, self.kind, now.as_millis());
        if let Some(correlation) = self.correlation {
            text.push_str(r#","correlationId":"#);
            text.push_str(&json!(correlation).to_string());
        }
        if let Some(document) = self.document {
            text.push_str(&format!(r#","documentId":"{document}""#));
        }
        if !members.is_empty() {
            text.push(',');
            text.push_str(members);
        }
        text.push('}');
        text
    }
}

/// An object's members, without its braces.
pub(super) fn inner(object: &Value) -> String {
    let text = object.to_string();
    text[1..text.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4NMNnkMhL8jXrdJ9jamS58PAVdXu";

    fn refused(text: &str) -> (&'static str, String) {
        let refusal = read(text).unwrap_err();
        (refusal.code, refusal.detail)
    }

    /// RT5: what cannot be read is refused with a code, and with the place where there is one.
    #[test]
    fn rt5_what_cannot_be_read_is_refused() {
        let cases = [
            ("{", "bad_json"),
            ("[1]", "bad_message"),
            ("{}", "bad_message"),
            (r#"{"type":1}"#, "bad_message"),
            (r#"{"type":"dance"}"#, "unknown_type"),
            (r#"{"type":"ping","correlationId":7}"#, "bad_message"),
            (r#"{"type":"ping","pong":1}"#, "bad_message"),
            (r#"{"type":"subscribe"}"#, "bad_message"),
            (r#"{"type":"subscribe","documentId":"x"}"#, "bad_document_id"),
            (
                r#"{"type":"subscribe","documentId":"4NMNnkMhL8jXrdJ9jamS58PAVdXu","from":["ab"]}"#,
                "bad_message",
            ),
            (r#"{"type":"edit","documentId":"4NMNnkMhL8jXrdJ9jamS58PAVdXu","patch":[]}"#, "bad_message"),
            (r#"{"type":"broadcast","scope":"moon","data":1}"#, "bad_message"),
            (r#"{"type":"broadcast","scope":"user","data":1}"#, "bad_message"),
            (r#"{"type":"broadcast","scope":"all","userId":"ana","data":1}"#, "bad_message"),
        ];
        for (text, code) in cases {
            assert_eq!(refused(text).0, code, "{text}");
        }
        assert!(refused(r#"{"type":"ping","pong":1}"#).1.contains("pong"), "it says what is wrong");
        let refusal = read("{\n \"type\": }").unwrap_err();
        assert_eq!((&refusal.members["line"], &refusal.members["column"]), (&json!(2), &json!(10)));
    }

    /// RT5: a refusal carries the correlation id, whatever else is wrong with the message.
    #[test]
    fn rt5_a_refusal_carries_the_correlation_id() {
        let refusal = read(r#"{"correlationId":"c\"1","type":"dance"}"#).unwrap_err();
        let text = refusal.text(Timestamp::from_millis(7));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["correlationId"], "c\"1");
        assert_eq!((&value["type"], &value["timestamp"]), (&json!("error"), &json!(7)));
    }

    /// RT4: every message that clients may send is read.
    #[test]
    fn rt4_every_message_is_read() {
        let head = "ab".repeat(32);
        let document: DocumentId = ID.parse().unwrap();
        let cases = [
            (
                json!({"type": "subscribe", "documentId": ID}),
                Request::Subscribe { document: document.clone(), from: None },
            ),
            (
                json!({"type": "subscribe", "documentId": document.to_url(), "from": [head], "timestamp": 1}),
                Request::Subscribe { document: document.clone(), from: Some(vec![ChangeHash([0xab; 32])]) },
            ),
            (
                json!({"type": "unsubscribe", "documentId": ID}),
                Request::Unsubscribe { document: document.clone() },
            ),
            (
                json!({"type": "edit", "documentId": ID, "base": [], "patch": []}),
                Request::Edit(Edit { document: document.clone(), base: vec![], patch: json!([]) }),
            ),
            (
                json!({"type": "broadcast", "scope": "document", "documentId": ID, "data": null}),
                Request::Broadcast { to: Audience::Document(document.clone()), data: Value::Null },
            ),
            (
                json!({"type": "broadcast", "scope": "user", "userId": "ana", "data": 1}),
                Request::Broadcast { to: Audience::User("ana".to_owned()), data: json!(1) },
            ),
            (
                json!({"type": "broadcast", "scope": "all", "data": 1}),
                Request::Broadcast { to: Audience::All, data: json!(1) },
            ),
            (
                json!({"type": "presence", "documentId": ID, "state": {"x": 1}}),
                Request::Presence { document, state: json!({"x": 1}) },
            ),
            (json!({"type": "ping"}), Request::Ping),
        ];
        for (message, request) in cases {
            let asked = read(&message.to_string()).unwrap();
            assert_eq!(asked, Asked { correlation: None, request }, "{message}");
        }
    }
}
