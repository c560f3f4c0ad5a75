//! Who is sent what, once everything is stored.
//!
//! Edit path: ← [`super`] releases a burst, → [`Effect::Send`] for each body, with all who get it.
//!
//! A reader whose socket is busy is passed over; when it is free it gets the newest state in one
//! message, however many bursts it missed.

use super::admit::Refused;
use super::body::{Body, Heads};
use super::burst::{Burst, Heard};
use super::careful::{Panicked, carefully};
use super::events::{Effect, Refusal};
use super::gossip::RemoteHeads;
use super::intake::has_change;
use super::live::Live;
use super::peer::{Anew, Peer, Progress};
use super::phase::{Asked, Content};
use super::{Document, peer};
use crate::id::{SessionId, StorageId};
use crate::time::Timestamp;
use automerge::ChangeHash;
use automerge::sync::{State, SyncDoc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Whether a reader needs more than the stored bytes as they are: it has something, but not all.
pub(super) fn needs_content(peer: &Peer, heads: &[ChangeHash]) -> bool {
    if !peer.grant.may_read() {
        return false;
    }
    match &peer.progress {
        Progress::Silent => false,
        Progress::Apart(_) => true,
        Progress::Following { base, own } => {
            let has_nothing = base.is_empty() && own.is_empty();
            let is_served_whole = has_nothing && peer.takes_documents;
            !(is_served_whole || peer.has(heads))
        }
    }
}

/// What one reader is to be sent.
enum Next {
    Nothing,
    Unavailable,
    Body(Arc<Body>),
}

impl Document {
    /// Everything that the burst held back: what its senders now have, and answers to doors.
    pub(super) fn release(&mut self, now: Timestamp, burst: Burst, effects: &mut Vec<Effect>) {
        for heard in burst.heard {
            self.hear(now, heard, effects);
        }
        let Content::Live(live) = &self.content else { return };
        for ticket in burst.tickets {
            effects.push(Effect::Answer { ticket, answer: Ok(live.manifest.clone()) });
        }
    }

    /// Notes what a sender has. Its heads are all known when it follows; else Automerge negotiates.
    fn hear(&mut self, now: Timestamp, heard: Heard, effects: &mut Vec<Effect>) {
        let Heard { session, is_request, brought_changes, mut message } = heard;
        let Content::Live(live) = &mut self.content else { return };
        let Some(peer) = self.peers.get_mut(&session) else { return };
        self.stale.mark(session);
        if brought_changes {
            effects.push(Effect::Acknowledge { session, heads: live.heads.clone() });
        }
        message.heads = peer.refused.without(&message.heads);
        let said = said(&message, is_request, brought_changes);
        if said.heads.iter().all(|head| has_change(&live.doc, head)) {
            let seen = peer.storage.clone().map(|storage| (storage, Heads::from(said.heads.as_slice())));
            peer.heard(said);
            if let Some((storage, heads)) = seen {
                self.seen(now, session, storage, heads, effects);
            }
            return;
        }
        let mut state = match std::mem::replace(&mut peer.progress, Progress::Silent) {
            Progress::Apart(state) => state,
            Progress::Silent | Progress::Following { .. } => Box::new(first_state(live, &message)),
        };
        let received = carefully(|| live.doc.receive_sync_message(&mut state, message));
        match received {
            Ok(Ok(())) => peer.heard_apart(&said, state),
            Ok(Err(_)) => {
                let reason = "the sync message cannot be used".to_owned();
                self.break_off(session, Refusal::InvalidChange { reason }, effects);
            }
            Err(panicked) => self.break_off(session, panicked.into(), effects),
        }
    }

    /// Nothing can be agreed with this one. What Automerge had of the document by then is not used on.
    fn break_off(&mut self, session: SessionId, refusal: Refusal, effects: &mut Vec<Effect>) {
        effects.push(Effect::Refuse { session, refusal });
        self.silence(session);
    }

    /// Nothing is sent to this one before they speak again, and the document is loaded anew.
    fn silence(&mut self, session: SessionId) {
        if let Some(peer) = self.peers.get_mut(&session) {
            peer.progress = Progress::Silent;
        }
        self.forget_content();
    }

    /// Sends to everybody who is free and not up to date.
    pub(super) fn serve(&mut self, effects: &mut Vec<Effect>) {
        match &mut self.content {
            Content::Live(live) => {
                if let Err((session, panicked)) = serve_live(live, &mut self.peers, &mut self.stale, effects)
                {
                    self.could_not_serve(session, panicked, effects);
                }
            }
            Content::Cold { .. } => self.serve_cold(effects),
            Content::Unknown => self.stale = Stale::default(),
            Content::Deleted { .. } | Content::Damaged { .. } => self.serve_nobody(effects),
        }
    }

    /// There is nothing to send. Who may not know of it is told what they are told of any document: that there is none.
    fn serve_nobody(&mut self, effects: &mut Vec<Effect>) {
        let hidden = std::mem::take(&mut self.stale).among(&mut self.peers);
        for (session, peer) in hidden.into_iter().filter(|(_, peer)| !peer.grant.may_read()) {
            turn_away(session, peer, effects);
        }
    }

    /// Automerge panicked while it made something for a reader. Where it was to answer what they said of themselves, that was it; where
    /// it was to give out what is there, it is not their doing. In either case it is not tried again at once.
    fn could_not_serve(&mut self, session: SessionId, panicked: Panicked, effects: &mut Vec<Effect>) {
        let is_apart =
            self.peers.get(&session).is_some_and(|peer| matches!(peer.progress, Progress::Apart(_)));
        if is_apart {
            self.break_off(session, panicked.into(), effects);
        } else {
            tracing::error!(document = %self.id, %session, %panicked, "a reader cannot be served");
            self.silence(session);
        }
        // The others have their turn when the document is there again.
        self.stale.mark_all();
    }

    /// From the manifest and, for those who have nothing, from the stored bytes.
    fn serve_cold(&mut self, effects: &mut Vec<Effect>) {
        let Content::Cold { manifest, whole } = &self.content else { return };
        let heads: Heads = manifest.heads.as_slice().into();
        let mut ack = None;
        let mut asks = false;
        let stale = self.stale.take();
        for (session, peer) in stale.among(&mut self.peers) {
            if !peer.grant.may_read() {
                turn_away(session, peer, effects);
                continue;
            }
            if !wants_something(peer, &heads) {
                continue;
            }
            if !peer.free {
                self.stale.pass_over(session);
                continue;
            }
            let body = if peer.has(&heads) {
                ack.get_or_insert_with(|| Body::heads_only(&heads)).clone()
            } else if let (Some(whole), false) = (whole, needs_content(peer, &heads)) {
                whole.clone()
            } else {
                asks = true;
                continue;
            };
            send(session, peer, body, effects);
        }
        if asks {
            self.ask(Asked::Chunks, effects);
        }
    }

    /// The heads of a reader's store are known.
    fn seen(
        &mut self,
        now: Timestamp,
        session: SessionId,
        storage: StorageId,
        heads: Heads,
        effects: &mut Vec<Effect>,
    ) {
        // Seen with our own eyes: never older than what was known, whatever the clocks say.
        let after = self.gossip.of(&storage).map(|known| known.at + Duration::from_millis(1));
        let at = after.map_or(now, |after| after.max(now));
        self.spread(&RemoteHeads { storage, heads, at }, Some(session), effects);
    }

    /// Passes news of another store on to those who follow it.
    pub(super) fn spread(&mut self, news: &RemoteHeads, from: Option<SessionId>, effects: &mut Vec<Effect>) {
        let may_tell = |session| self.peers.get(&session).is_some_and(|peer| peer.grant.may_read());
        if !from.is_none_or(may_tell) || !self.gossip.learn(news) {
            return;
        }
        let follows = |(session, peer): (&SessionId, &Peer)| {
            let wants =
                Some(*session) != from && peer.grant.may_read() && peer.follows.contains(&news.storage);
            wants.then_some(*session)
        };
        let to: Vec<SessionId> = self.peers.iter().filter_map(follows).collect();
        if !to.is_empty() {
            effects.push(Effect::RemoteHeads { to, news: news.clone() });
        }
    }

    /// A reader follows other stores than before: it is told what is known of the new ones, and once it may read if it
    /// may not yet.
    pub(super) fn follow(
        &mut self,
        session: SessionId,
        follows: &Arc<BTreeSet<StorageId>>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(peer) = self.peers.get_mut(&session) else { return };
        let before = std::mem::replace(&mut peer.follows, Arc::clone(follows));
        if peer.grant.may_read() {
            self.tell_what_is_known(session, follows.difference(&before), effects);
        }
    }

    /// How far these stores have come, as far as that is known.
    pub(super) fn tell_what_is_known<'a>(
        &self,
        session: SessionId,
        storages: impl IntoIterator<Item = &'a StorageId>,
        effects: &mut Vec<Effect>,
    ) {
        for news in storages.into_iter().filter_map(|storage| self.gossip.of(storage)) {
            effects.push(Effect::RemoteHeads { to: vec![session], news: news.clone() });
        }
    }
}

/// Whether a reader waits for an answer, or for what we have and it lacks.
fn wants_something(peer: &Peer, heads: &[ChangeHash]) -> bool {
    let is_behind = match &peer.progress {
        Progress::Silent => return false,
        Progress::Following { .. } => !peer.has(heads),
        Progress::Apart(state) => state.last_sent_heads[..] != *heads,
    };
    is_behind || peer.owed
}

/// What Automerge is to believe of a peer whose heads we lack: both have what the peer says was
/// shared the last time, so the filters only speak of what came after that.
fn first_state(live: &Live, message: &automerge::sync::Message) -> State {
    let mut state = State::new();
    if let Some(have) = message.have.first()
        && have.last_sync.iter().all(|hash| has_change(&live.doc, hash))
    {
        state.shared_heads.clone_from(&have.last_sync);
    }
    state
}

fn serve_live(
    live: &mut Live,
    peers: &mut BTreeMap<SessionId, Peer>,
    stale: &mut Stale,
    effects: &mut Vec<Effect>,
) -> Result<(), (SessionId, Panicked)> {
    for (session, peer) in stale.take().among(peers) {
        if !peer.grant.may_read() {
            turn_away(session, peer, effects);
            continue;
        }
        if !peer.free {
            if wants_something(peer, &live.heads) {
                stale.pass_over(session);
            }
            continue;
        }
        match next(live, peer).map_err(|panicked| (session, panicked))? {
            Next::Nothing => {}
            Next::Unavailable => effects.push(Effect::Unavailable { session }),
            Next::Body(body) => send(session, peer, body, effects),
        }
    }
    Ok(())
}

/// Who may be owed something: a thousand readers are not looked through because one of them said
/// that its socket is free.
#[derive(Debug, Default)]
pub(super) struct Stale {
    all: bool,
    some: BTreeSet<SessionId>,
    passed_over: BTreeSet<SessionId>,
}

impl Stale {
    pub(super) fn mark(&mut self, session: SessionId) {
        self.some.insert(session);
    }

    pub(super) fn mark_all(&mut self) {
        self.all = true;
    }

    /// It has to be looked at again when its socket is free.
    fn pass_over(&mut self, session: SessionId) {
        self.passed_over.insert(session);
    }

    pub(super) fn was_somebody_passed_over(&self) -> bool {
        !self.passed_over.is_empty()
    }

    /// It is gone, and nobody waits for its socket.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.passed_over.remove(&session);
    }

    /// Those to look at now. Whoever is passed over again says so again; the others that were stay noted,
    /// or nothing would wake the machine when their sockets are free.
    fn take(&mut self) -> Self {
        if self.all {
            self.passed_over.clear();
        }
        for session in &self.some {
            self.passed_over.remove(session);
        }
        let (all, some) = (std::mem::take(&mut self.all), std::mem::take(&mut self.some));
        Self { all, some, passed_over: BTreeSet::new() }
    }

    fn among(self, peers: &mut BTreeMap<SessionId, Peer>) -> Vec<(SessionId, &mut Peer)> {
        let is_stale = |session: &SessionId| self.all || self.some.contains(session);
        if !self.all && self.some.len() == 1 {
            let session = self.some.first().copied();
            return session
                .and_then(|session| peers.get_mut(&session).map(|peer| (session, peer)))
                .into_iter()
                .collect();
        }
        peers
            .iter_mut()
            .filter(|(session, _)| is_stale(session))
            .map(|(session, peer)| (*session, peer))
            .collect()
    }
}

/// Adds the reader to those who get this body, if it is the one that was just sent.
fn send(session: SessionId, peer: &mut Peer, body: Arc<Body>, effects: &mut Vec<Effect>) {
    peer.sent_up_to(&body.heads);
    peer.free = false;
    if let Some(Effect::Send { to, body: last }) = effects.last_mut()
        && Arc::ptr_eq(last, &body)
    {
        to.push(session);
        return;
    }
    effects.push(Effect::Send { to: vec![session], body });
}

fn next(live: &mut Live, peer: &mut Peer) -> Result<Next, Panicked> {
    match &mut peer.progress {
        Progress::Silent => Ok(Next::Nothing),
        Progress::Following { .. } if live.is_absent() => Ok(unavailable(peer)),
        Progress::Following { .. } => follow_up(live, peer),
        Progress::Apart(state) => {
            if !peer.owed && state.last_sent_heads[..] == live.heads[..] {
                return Ok(Next::Nothing);
            }
            negotiate(live, state, &peer.refused, &mut peer.anew).map(Next::Body)
        }
    }
}

/// Who may not know that there is such a document is told that there is none.
fn turn_away(session: SessionId, peer: &mut Peer, effects: &mut Vec<Effect>) {
    if std::mem::take(&mut peer.owed) {
        effects.push(Effect::Unavailable { session });
    }
}

/// Nobody has brought this document: that is said once for every time it is asked.
fn unavailable(peer: &mut Peer) -> Next {
    if std::mem::take(&mut peer.owed) { Next::Unavailable } else { Next::Nothing }
}

fn follow_up(live: &mut Live, peer: &Peer) -> Result<Next, Panicked> {
    let Progress::Following { base, own } = &peer.progress else { return Ok(Next::Nothing) };
    if peer.need.is_empty() && peer.has(&live.heads) {
        return Ok(if peer.owed { Next::Body(live.ack()) } else { Next::Nothing });
    }
    if peer.need.is_empty()
        && !base.is_empty()
        && let Some(body) = live.news_since(base)
    {
        return Ok(Next::Body(body));
    }
    let mut has: Vec<ChangeHash> = base.iter().chain(own).copied().collect();
    has.sort_unstable();
    has.dedup();
    live.catch_up(&has, &peer.need, peer.takes_documents).map(Next::Body)
}

/// One step of Automerge's own sync. What our orphans wait for is asked for by name, but not of whom it was refused to.
fn negotiate(
    live: &Live,
    state: &mut State,
    refused: &Refused,
    anew: &mut Anew,
) -> Result<Arc<Body>, Panicked> {
    let message = carefully(|| live.doc.generate_sync_message(state))?;
    // Whatever it is, it tells our heads. Automerge does not note that of a message that has the other side begin anew, and whoever
    // says that something was shared of which nothing is here would be sent that again and again.
    state.last_sent_heads = live.heads.to_vec();
    let Some(mut message) = message else { return Ok(Body::heads_only(&live.heads)) };
    if !live.orphans.is_empty() {
        let missing = live.orphans.missing(&live.doc).into_iter();
        message.need.extend(missing.filter(|hash| !refused.holds(hash)));
        message.need.sort_unstable();
        message.need.dedup();
        message.have.clear();
    }
    if *anew == Anew::Due {
        *anew = Anew::Told;
        // To have no heads is to have lost everything. Every version of Automerge forgets then what it has sent, and sends what
        // we lack by the filter.
        message.heads.clear();
    }
    Ok(Body::negotiated(message, &live.heads))
}

/// What a message says, without its changes.
pub(super) fn said(
    message: &automerge::sync::Message,
    is_request: bool,
    brought_changes: bool,
) -> peer::Said {
    let resets = message.flags.is_some_and(|flags| flags.contains(automerge::sync::MessageFlags::SYNC_RESET));
    peer::Said {
        heads: message.heads.clone(),
        need: message.need.clone(),
        brought_changes,
        starts_over: is_request || resets || message.heads.is_empty(),
        takes_documents: message.flags.is_some(),
    }
}
