//! Where others are who have a document open, and what they say in the moment. Nothing of it is stored.
//!
//! Edit path: no edit comes by here.
//!
//! Always true: of one's own state only the newest is sent, ten times a second at most; who was not heard of for 45 s is gone, and whoever
//! goes says so. It is the presence of browsers too: `docs/REALTIME.md` has its members.
//! What others say of themselves is taken as they say it: a name is a claim, and a screen shows it as no more.

use crate::driver::core::{Core, Heard};
use dovetail_core::id::{DocumentId, PeerId};
use dovetail_core::limits::EPHEMERAL_BYTES_MAX;
use dovetail_core::wire::cbor_json;
use futures_util::stream::{self, Stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// One's own state is sent so often at most.
const EVERY: Duration = Duration::from_millis(100);

/// Who is not heard of for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(45);

/// How often one is heard of where nothing changes: twice before one would count as gone.
const BEAT: Duration = Duration::from_secs(15);

/// How many others are remembered: more than a screen shows, less than a stranger could fill a memory with.
const PEERS_MAX: usize = 200;

/// Somebody else who has the document open.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer<P> {
    /// One for each tab and each client.
    pub key: String,
    /// Who they say that they are.
    pub user: String,
    /// What they say to be called.
    pub name: String,
    /// Where they are.
    pub state: P,
}

/// See the top of the file. Dropped, we are not here any more.
pub struct Presence<P> {
    own: watch::Sender<Option<P>>,
    peers: watch::Receiver<Vec<Peer<P>>>,
    /// The document is open as long as this is.
    _document: Arc<dyn Any + Send + Sync>,
}

impl<P> fmt::Debug for Presence<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presence of {}", self.peers.borrow().len())
    }
}

impl<P> Presence<P>
where
    P: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
{
    pub(crate) fn begin(
        core: &Core,
        id: &DocumentId,
        name: &str,
        document: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        let (own, is_own) = watch::channel(None);
        let (tell, peers) = watch::channel(Vec::new());
        let heard = core.shown(id).map(|shown| shown.said.subscribe());
        if let Some(heard) = heard {
            let me = Me {
                core: core.clone(),
                id: id.clone(),
                key: uuid::Uuid::new_v4().to_string(),
                name: name.to_owned(),
            };
            core.runtime.spawn(go_on(me, heard, is_own, tell));
        }
        Self { own, peers, _document: document }
    }

    /// Says where we are. Only the newest is sent, ten times a second at most; one of more than 64 KiB as CBOR is not.
    pub fn set(&self, state: P) {
        self.own.send_replace(Some(state));
    }

    /// We are not here any more.
    pub fn clear(&self) {
        self.own.send_replace(None);
    }

    /// Where the others are, now and from now on; in the order of their keys. What [`borrow`](watch::Receiver::borrow) gives holds up the whole
    /// client: let go of it before anything is awaited.
    #[must_use]
    pub fn peers(&self) -> watch::Receiver<Vec<Peer<P>>> {
        self.peers.clone()
    }
}

/// Who speaks.
struct Me {
    core: Core,
    id: DocumentId,
    key: String,
    name: String,
}

impl Me {
    fn send<P: Serialize>(&self, state: Option<&P>) {
        let user = subject(&self.core).unwrap_or_else(|| self.key.clone());
        let said = json!({
            "type": "presence", "sessionId": self.key, "userId": user, "name": self.name, "state": state,
        });
        send(&self.core, &self.id, &said);
    }
}

async fn go_on<P>(
    me: Me,
    mut heard: broadcast::Receiver<Heard>,
    mut own: watch::Receiver<Option<P>>,
    tell: watch::Sender<Vec<Peer<P>>>,
) where
    P: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
{
    let mut seen: Vec<Instant> = Vec::new();
    let mut connection = me.core.connection.subscribe();
    let mut is_closing = me.core.is_closing.subscribe();
    let here = me.core.present.subscribe();
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent_at: Option<Instant> = None;
    let mut is_due = false;
    loop {
        let due_at = sent_at.map_or_else(Instant::now, |at| at + EVERY);
        tokio::select! {
            changed = own.changed() => match changed {
                Ok(()) => is_due = true,
                Err(_) => break,
            },
            () = sleep_until(due_at), if is_due => {
                is_due = false;
                sent_at = Some(Instant::now());
                // Nothing of ours is held while the client's lock is asked for.
                let state = own.borrow_and_update().clone();
                me.send(state.as_ref());
            }
            _ = beat.tick() => {
                is_due |= own.borrow().is_some();
                forget(&tell, &mut seen);
            }
            _ = is_closing.wait_for(|is_closing| *is_closing) => break,
            // Whoever is on the other side does not know of us yet.
            _ = connection.changed() => is_due |= own.borrow().is_some(),
            said = heard.recv() => match said {
                Ok(said) => {
                    let is_new = take_in(&me, &said, &tell, &mut seen);
                    is_due |= is_new && own.borrow().is_some();
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => break,
            },
        }
    }
    me.send::<P>(None);
    drop(here);
}

/// Enters what somebody said of themselves. Whether they are new, and so do not know of us.
fn take_in<P>(me: &Me, heard: &Heard, tell: &watch::Sender<Vec<Peer<P>>>, seen: &mut Vec<Instant>) -> bool
where
    P: DeserializeOwned + PartialEq + Clone,
{
    let Some(said) = read::<P>(&heard.data, &heard.by) else { return false };
    if said.key == me.key {
        return false;
    }
    let at = tell.borrow().binary_search_by(|known| known.key.as_str().cmp(&said.key));
    match (at, said.state) {
        (Ok(at), None) => {
            seen.remove(at);
            tell.send_modify(|peers| _ = peers.remove(at));
            false
        }
        (Err(_), None) => false,
        (Ok(at), Some(state)) => {
            seen[at] = Instant::now();
            let peer = Peer { key: said.key, user: said.user, name: said.name, state };
            tell.send_if_modified(|peers| {
                let is_another = peers[at] != peer;
                peers[at] = peer;
                is_another
            });
            false
        }
        (Err(at), Some(state)) if seen.len() < PEERS_MAX => {
            seen.insert(at, Instant::now());
            let peer = Peer { key: said.key, user: said.user, name: said.name, state };
            tell.send_modify(|peers| peers.insert(at, peer));
            true
        }
        (Err(_), Some(_)) => false,
    }
}

/// Lets go of who was not heard of for long.
fn forget<P>(tell: &watch::Sender<Vec<Peer<P>>>, seen: &mut Vec<Instant>) {
    let is_there: Vec<bool> = seen.iter().map(|at| at.elapsed() < GONE_AFTER).collect();
    if is_there.iter().all(|there| *there) {
        return;
    }
    let mut stays = is_there.iter();
    seen.retain(|_| *stays.next().unwrap_or(&true));
    tell.send_modify(|peers| {
        let mut stays = is_there.iter();
        peers.retain(|_| *stays.next().unwrap_or(&true));
    });
}

/// What somebody says of where they are.
struct Said<P> {
    key: String,
    user: String,
    name: String,
    /// Nothing when they are gone.
    state: Option<P>,
}

/// Nothing where it is something else, or of another app.
fn read<P: DeserializeOwned>(cbor: &[u8], by: &PeerId) -> Option<Said<P>> {
    let mut value = cbor_json::to_json(cbor).ok()?;
    if value["type"] != "presence" {
        return None;
    }
    let text = |value: &Value, member: &str| value[member].as_str().unwrap_or_default().to_owned();
    let state = match value["state"].take() {
        Value::Null => None,
        state => Some(serde_json::from_value(state).ok()?),
    };
    let key = text(&value, "sessionId");
    let key = if key.is_empty() { by.to_string() } else { key };
    Some(Said { key, user: text(&value, "userId"), name: text(&value, "name"), state })
}

fn subject(core: &Core) -> Option<String> {
    core.lock().subject()
}

/// Says something to the others. Whether there is a connection to say it on.
pub(crate) fn say(core: &Core, id: &DocumentId, data: &Value) -> bool {
    let said = json!({ "type": "message", "sessionId": core.run, "userId": subject(core), "data": data });
    send(core, id, &said)
}

fn send(core: &Core, id: &DocumentId, said: &Value) -> bool {
    let cbor = cbor_json::from_json(said);
    if cbor.len() > EPHEMERAL_BYTES_MAX {
        return false;
    }
    let is_sent = core.lock().engine.broadcast(id, &core.run, &cbor);
    core.wake.notify_one();
    is_sent
}

/// What others say of a document that is open. What stock clients say is shown as it is.
pub(crate) fn messages(core: &Core, id: &DocumentId) -> impl Stream<Item = Value> + Send + Unpin + use<> {
    let heard = core.shown(id).map(|shown| shown.said.subscribe());
    Box::pin(stream::unfold(heard, |heard| async move {
        let mut heard = heard?;
        loop {
            let said = match heard.recv().await {
                Ok(said) => cbor_json::shown(&said.data),
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            match said["type"].as_str() {
                Some("presence") => {}
                Some("message") => return Some((said["data"].clone(), Some(heard))),
                _ => return Some((said, Some(heard))),
            }
        }
    }))
}
