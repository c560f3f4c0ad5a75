//! One connection of the JSON WebSocket: what is done about each message, and what it is told.
//!
//! Edit path: ← the socket brings a text, [`Session::hear`] answers with the [`Effect`]s that the socket
//! carries out; ← a feed has an [`Event`], [`Session::told`] makes a message of it.
//!
//! Always true: the first message is `hello`, and it waits for nothing. A document is followed once. Whoever
//! was present at a document is gone from it when the session is.

use super::message::{self, Asked, Audience, Edit, Envelope, Refusal, Request, inner};
use super::{MESSAGE_BYTES_MAX, edit};
use crate::feed::Event;
use crate::hub::{Said, Spoken, SpokenKind};
use automerge::ChangeHash;
use dovetail_core::grant::{Identity, Kind};
use dovetail_core::id::{DocumentId, PeerId, SessionId};
use dovetail_core::limits::SessionLimits;
use dovetail_core::session::Renewal;
use dovetail_core::time::Timestamp;
use dovetail_core::wire::{Ephemeral, EphemeralFrame, Secret, cbor_json};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// How many documents one connection follows. A page of dashboards has ten; each costs some hundred bytes
/// and, when nobody else follows it, its document as JSON.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 256;

/// The most bytes of a presence, as JSON. It is remembered for those who come, and sent at every move.
pub(crate) const PRESENCE_BYTES_MAX: usize = 4 * 1024;

/// The most bytes of what is said to others, as JSON. What is larger belongs into a document.
pub(crate) const DATA_BYTES_MAX: usize = 64 * 1024;

/// The version of these messages.
const PROTOCOL: u32 = 1;

/// Who is connected.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// Who it is, as far as they were asked.
    pub(super) identity: Arc<Identity>,
    /// Where they come from, for the audit log and the limits.
    pub(super) address: Option<IpAddr>,
    /// As the hub numbers connections.
    pub(super) number: SessionId,
    /// As others see it.
    pub(super) name: Arc<str>,
    /// As others see whose it is: as it is known, or as it claims where nobody is asked.
    pub(super) user: Option<Arc<str>>,
}

/// What has to be done in the world.
#[derive(Debug)]
pub(super) enum Effect {
    /// Send this message.
    Reply(String),
    /// Follow a document.
    Follow { document: DocumentId, from: Option<Vec<ChangeHash>> },
    /// Follow it no longer.
    Unfollow { document: DocumentId },
    /// Make an edit, and say what became of it.
    Edit { correlation: Option<String>, edit: Edit },
    /// Say something to those who read a document, then that it was done.
    Say { document: DocumentId, said: Arc<Said>, correlation: Option<String>, done: Option<String> },
    /// Tell the other sessions of a user, then how many there were.
    TellUser { correlation: Option<String>, user: String, message: Arc<str> },
    /// Tell everybody else, then how many there were.
    TellAll { correlation: Option<String>, message: Arc<str> },
    /// Check a newer token.
    Verify { correlation: Option<String>, token: Secret },
}

/// What time asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// A ping: nothing came for a while.
    Ping,
    /// The end: nothing came for too long.
    Silent,
    /// The token ends soon: a newer one is asked for.
    Renew(Timestamp),
    /// The end: the token is over.
    TokenOver,
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Session {
    who: Who,
    /// In whose name sync clients hear what is said here.
    server: PeerId,
    limits: SessionLimits,
    heard_at: Timestamp,
    pinged_at: Timestamp,
    /// The documents it follows; with the correlation id for the first that is told of each.
    follows: BTreeMap<DocumentId, Option<String>>,
    present: BTreeSet<DocumentId>,
    /// How often it said something: sync clients take each count once.
    said: u64,
    /// When it is asked for a newer token, as on the sync socket.
    renewal: Renewal,
}

impl Session {
    pub(super) fn new(who: Who, server: PeerId, limits: SessionLimits, now: Timestamp) -> Self {
        Self {
            renewal: Renewal::of(who.identity.until, now),
            who,
            server,
            limits,
            heard_at: now,
            pinged_at: now,
            follows: BTreeMap::new(),
            present: BTreeSet::new(),
            said: 0,
        }
    }

    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    /// The first message.
    pub(super) fn hello(&self, now: Timestamp) -> String {
        let members = json!({
            "sessionId": &*self.who.name,
            "userId": self.who.user.as_deref(),
            "protocol": PROTOCOL,
            "version": env!("CARGO_PKG_VERSION"),
            "limits": {
                "messageBytesMax": MESSAGE_BYTES_MAX,
                "subscriptionsMax": SUBSCRIPTIONS_MAX,
                "presenceBytesMax": PRESENCE_BYTES_MAX,
                "dataBytesMax": DATA_BYTES_MAX,
                "pingIntervalMs": millis(self.limits.ping_every),
                "silenceMaxMs": millis(self.limits.silence_max),
            },
        });
        Envelope { kind: "hello", document: None, correlation: None }.text(now, &inner(&members))
    }

    /// A text has come.
    pub(super) fn hear(&mut self, now: Timestamp, text: &str) -> Vec<Effect> {
        self.heard(now);
        let asked = message::read(text).and_then(|Asked { correlation, request }| {
            let acted = self.act(now, correlation.clone(), request);
            acted.map_err(|refusal| Refusal { correlation, ..refusal })
        });
        asked.unwrap_or_else(|refusal| vec![Effect::Reply(refusal.text(now))])
    }

    /// A binary message has come: this protocol has none.
    pub(super) fn hear_binary(&mut self, now: Timestamp) -> Vec<Effect> {
        self.heard(now);
        let refusal = Refusal::new("bad_message", "messages are JSON texts, this one is binary");
        vec![Effect::Reply(refusal.text(now))]
    }

    /// Something has come, be it only a pong: the client lives.
    pub(super) fn heard(&mut self, now: Timestamp) {
        self.heard_at = now;
    }

    /// Routing only.
    fn act(
        &mut self,
        now: Timestamp,
        correlation: Option<String>,
        request: Request,
    ) -> Result<Vec<Effect>, Refusal> {
        match request {
            Request::Subscribe { document, from } => self.subscribe(correlation, document, from),
            Request::Unsubscribe { document } => self.unsubscribe(now, correlation.as_deref(), document),
            Request::Edit(edit) => Ok(vec![Effect::Edit { correlation, edit }]),
            Request::Broadcast { to, data } => self.broadcast(now, correlation, to, data),
            Request::Presence { document, state } => self.presence(now, correlation, document, state),
            Request::Token(token) => Ok(vec![Effect::Verify { correlation, token }]),
            Request::Ping => Ok(vec![Effect::Reply(answer("pong", None, correlation.as_deref(), now, ""))]),
        }
    }

    fn subscribe(
        &mut self,
        correlation: Option<String>,
        document: DocumentId,
        from: Option<Vec<ChangeHash>>,
    ) -> Result<Vec<Effect>, Refusal> {
        if self.follows.contains_key(&document) {
            let detail = "this session follows the document already";
            return Err(Refusal::new("already_subscribed", detail).about(&document));
        }
        if self.follows.len() >= SUBSCRIPTIONS_MAX {
            let detail = format!("a session follows at most {SUBSCRIPTIONS_MAX} documents");
            return Err(Refusal::new("too_many_subscriptions", detail).about(&document));
        }
        self.follows.insert(document.clone(), correlation);
        Ok(vec![Effect::Follow { document, from }])
    }

    fn unsubscribe(
        &mut self,
        now: Timestamp,
        correlation: Option<&str>,
        document: DocumentId,
    ) -> Result<Vec<Effect>, Refusal> {
        self.check_follows(&document)?;
        let mut effects: Vec<Effect> = self.gone_from(&document).into_iter().collect();
        self.follows.remove(&document);
        let done = answer("ok", Some(&document), correlation, now, "");
        effects.push(Effect::Unfollow { document });
        effects.push(Effect::Reply(done));
        Ok(effects)
    }

    fn presence(
        &mut self,
        now: Timestamp,
        correlation: Option<String>,
        document: DocumentId,
        state: Value,
    ) -> Result<Vec<Effect>, Refusal> {
        self.check_follows(&document)?;
        check_size("a presence", &state, PRESENCE_BYTES_MAX)?;
        if state.is_null() {
            self.present.remove(&document);
        } else {
            self.present.insert(document.clone());
        }
        let said = self.say(&document, SpokenKind::Presence, state);
        Ok(self.said_and_done(now, document, said, correlation))
    }

    fn broadcast(
        &mut self,
        now: Timestamp,
        correlation: Option<String>,
        to: Audience,
        data: Value,
    ) -> Result<Vec<Effect>, Refusal> {
        check_size("what is said", &data, DATA_BYTES_MAX)?;
        match to {
            Audience::Document(document) => {
                let said = self.say(&document, SpokenKind::Message, data);
                Ok(self.said_and_done(now, document, said, correlation))
            }
            Audience::User(_) if self.who.identity.kind == Kind::Link => {
                Err(Refusal::new("forbidden", "whoever holds a link speaks to those who read its document"))
            }
            Audience::User(user) => {
                let message = self.message(now, "user", &data);
                Ok(vec![Effect::TellUser { correlation, user, message }])
            }
            Audience::All if self.who.identity.permit_server().is_some() => {
                let message = self.message(now, "all", &data);
                Ok(vec![Effect::TellAll { correlation, message }])
            }
            Audience::All => Err(Refusal::new("forbidden", "only administrators tell everybody")),
        }
    }

    fn said_and_done(
        &self,
        now: Timestamp,
        document: DocumentId,
        said: Arc<Said>,
        correlation: Option<String>,
    ) -> Vec<Effect> {
        let done = |correlation: &str| answer("ok", Some(&document), Some(correlation), now, "");
        let done = correlation.as_deref().map(done);
        vec![Effect::Say { document, said, correlation, done }]
    }

    fn check_follows(&self, document: &DocumentId) -> Result<(), Refusal> {
        if self.follows.contains_key(document) {
            return Ok(());
        }
        let detail = "this session does not follow the document: subscribe first";
        Err(Refusal::new("not_subscribed", detail).about(document))
    }

    /// The same for sync clients, as CBOR, and for those who speak JSON.
    fn say(&mut self, document: &DocumentId, kind: SpokenKind, body: Value) -> Arc<Said> {
        self.said += 1;
        let (word, member) = match kind {
            SpokenKind::Presence => ("presence", "state"),
            SpokenKind::Message => ("message", "data"),
        };
        let (session, user) = (self.who.name.clone(), self.who.user.clone());
        let plain = json!({ "type": word, "sessionId": &*session, "userId": user.as_deref(), member: body });
        let frame = EphemeralFrame::new(&Ephemeral {
            sender: self.server.clone(),
            target: None,
            document: document.clone(),
            count: self.said,
            session_id: (&*session).into(),
            data: cbor_json::from_json(&plain).into(),
        });
        let spoken = Some(Spoken { kind, session, user, body });
        Arc::new(Said { from: self.who.number, frame: Arc::new(frame), spoken })
    }

    fn message(&self, now: Timestamp, scope: &str, data: &Value) -> Arc<str> {
        let from = json!({ "sessionId": &*self.who.name, "userId": self.who.user.as_deref() });
        let members = inner(&json!({ "scope": scope, "from": from, "data": data }));
        answer("message", None, None, now, &members).into()
    }

    /// A followed document has something to tell; nothing when it is not to be shown. After its last word
    /// the document is followed no longer, and whoever was present there is [gone from](Self::gone_from) it.
    pub(super) fn told(&mut self, now: Timestamp, document: &DocumentId, event: &Event) -> Option<String> {
        let correlation = self.follows.get_mut(document)?.take();
        if matches!(event, Event::Deleted | Event::Lost(_)) {
            self.follows.remove(document);
        }
        let members = event.members()?;
        Some(answer(event.kind(), Some(document), correlation.as_deref(), now, &members))
    }

    /// What became of an edit.
    pub(super) fn edited(
        now: Timestamp,
        document: &DocumentId,
        correlation: Option<String>,
        outcome: Result<edit::Done, Refusal>,
    ) -> String {
        match outcome {
            Ok(done) => answer("ack", Some(document), correlation.as_deref(), now, &done.members()),
            Err(refusal) => Refusal { correlation, ..refusal.about(document) }.text(now),
        }
    }

    /// How many heard what was told to a user or to all.
    pub(super) fn reached(now: Timestamp, correlation: Option<&str>, sessions: usize) -> Option<String> {
        let members = format!(r#""sessions":{sessions}"#);
        correlation.map(|correlation| answer("ok", None, Some(correlation), now, &members))
    }

    /// What became of a newer token: who it is now, and what they are told. Somebody else's is none.
    pub(super) fn identified(
        &mut self,
        now: Timestamp,
        correlation: Option<&str>,
        identity: Arc<Identity>,
    ) -> Option<String> {
        if identity.subject != self.who.identity.subject {
            return None;
        }
        self.renewal = Renewal::of(identity.until, now);
        self.who.identity = identity;
        Some(Self::token(now, correlation, self.who.identity.until))
    }

    /// When the token ends.
    pub(super) fn token(now: Timestamp, correlation: Option<&str>, until: Option<Timestamp>) -> String {
        let members = inner(&json!({ "until": until.map(Timestamp::as_millis) }));
        answer("token", None, correlation, now, &members)
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Timestamp) -> Due {
        if self.renewal.is_over(now) {
            return Due::TokenOver;
        }
        if let Some(until) = self.renewal.ask(now) {
            return Due::Renew(until);
        }
        if now.since(self.heard_at) >= self.limits.silence_max {
            return Due::Silent;
        }
        if now < self.ping_at() {
            return Due::Nothing;
        }
        self.pinged_at = now;
        Due::Ping
    }

    /// When [`tick`](Self::tick) has something to do next, if nothing else happens.
    pub(super) fn next_tick(&self) -> Timestamp {
        let next = self.ping_at().min(self.heard_at + self.limits.silence_max);
        self.renewal.due_at().map_or(next, |due| due.min(next))
    }

    /// For how long a client may be silent.
    pub(super) fn silence_max_ms(&self) -> u64 {
        millis(self.limits.silence_max)
    }

    /// The session ends: wherever it was present it is no longer.
    pub(super) fn leave(&mut self) -> Vec<Effect> {
        let present: Vec<DocumentId> = self.present.iter().cloned().collect();
        present.iter().filter_map(|document| self.gone_from(document)).collect()
    }

    /// Where it was present it is no longer: what the others are told.
    pub(super) fn gone_from(&mut self, document: &DocumentId) -> Option<Effect> {
        let was_present = self.present.remove(document);
        was_present.then(|| {
            let said = self.say(document, SpokenKind::Presence, Value::Null);
            Effect::Say { document: document.clone(), said, correlation: None, done: None }
        })
    }

    /// Only a client that has been silent for a while is pinged: traffic proves life better.
    fn ping_at(&self) -> Timestamp {
        self.heard_at.max(self.pinged_at) + self.limits.ping_every
    }
}

fn check_size(what: &str, value: &Value, bytes_max: usize) -> Result<(), Refusal> {
    let bytes = value.to_string().len();
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(Refusal::new("data_too_large", format!("{what} has at most {bytes_max} bytes, this has {bytes}")))
}

fn answer(
    kind: &str,
    document: Option<&DocumentId>,
    correlation: Option<&str>,
    now: Timestamp,
    members: &str,
) -> String {
    Envelope { kind, document, correlation }.text(now, members)
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
