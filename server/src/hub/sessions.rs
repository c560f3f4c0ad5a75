//! Who is connected, and under which names.
//!
//! Edit path: no edit comes by here. ← A session has joined, → nobody else goes by its name, and whoever ends sessions finds it.
//!
//! Always true: a name is its person's for as long as they are connected. A younger connection of the same person and name takes
//! the place of the older one, which is told so.

use super::outbox::Outbox;
use dovetail_core::id::{PeerId, SessionId, SubjectId};
use dovetail_core::session::CloseReason;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Sessions {
    next: AtomicU64,
    connected: Mutex<Connected>,
    /// Connections that follow other stores: while there is none, acknowledgements stay in the sockets.
    followers: AtomicUsize,
}

/// Two views of the same.
#[derive(Debug, Default)]
struct Connected {
    outboxes: HashMap<SessionId, Arc<Outbox>>,
    by_peer: HashMap<PeerId, Named>,
    /// The server stops: who joins now came too late.
    are_over: bool,
}

/// Who goes by a name.
#[derive(Debug)]
struct Named {
    session: SessionId,
    whose: SubjectId,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { next: AtomicU64::new(1), connected: Mutex::default(), followers: AtomicUsize::default() }
    }
}

impl Sessions {
    /// A number for a new connection.
    pub(super) fn next(&self) -> SessionId {
        SessionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A peer has joined, under a name that is neither another's nor `ours`.
    pub(super) fn joined(
        &self,
        session: SessionId,
        peer: &PeerId,
        whose: &SubjectId,
        outbox: &Arc<Outbox>,
        ours: &PeerId,
    ) -> Result<(), CloseReason> {
        let mut connected = self.connected();
        let is_of_another = connected.by_peer.get(peer).is_some_and(|named| named.whose != *whose);
        if is_of_another || peer == ours {
            return Err(CloseReason::PeerIdTaken { peer: peer.clone() });
        }
        connected.outboxes.insert(session, outbox.clone());
        let older = connected.by_peer.insert(peer.clone(), Named { session, whose: whose.clone() });
        if let Some(older) = older.and_then(|older| connected.outboxes.get(&older.session)) {
            older.close(CloseReason::Replaced { peer: peer.clone() });
        }
        if connected.are_over {
            outbox.close(CloseReason::ServerStops);
        }
        Ok(())
    }

    /// A connection is gone. A younger one of the same name is not touched by that.
    pub(super) fn left(&self, session: SessionId, peer: Option<&PeerId>) {
        let mut connected = self.connected();
        connected.outboxes.remove(&session);
        if let Some(peer) = peer
            && connected.by_peer.get(peer).is_some_and(|named| named.session == session)
        {
            connected.by_peer.remove(peer);
        }
    }

    /// Ends the sessions of these people.
    pub(super) fn end_those_of(&self, is_one: impl Fn(&SubjectId) -> bool, reason: &CloseReason) {
        let connected = self.connected();
        for named in connected.by_peer.values().filter(|named| is_one(&named.whose)) {
            if let Some(outbox) = connected.outboxes.get(&named.session) {
                outbox.close(reason.clone());
            }
        }
    }

    /// Ends all sessions: the server stops.
    pub(super) fn end(&self) {
        let mut connected = self.connected();
        connected.are_over = true;
        for outbox in connected.outboxes.values() {
            outbox.close(CloseReason::ServerStops);
        }
    }

    /// How many have joined.
    pub(super) fn count(&self) -> usize {
        self.connected().outboxes.len()
    }

    /// Whether some connection follows other stores.
    pub(super) fn somebody_follows(&self) -> bool {
        self.followers.load(Ordering::Relaxed) > 0
    }

    /// A connection began to follow other stores, or ceased to.
    pub(super) fn follows_changed(&self, follows: bool) {
        if follows {
            self.followers.fetch_add(1, Ordering::Relaxed);
        } else {
            self.followers.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many names are taken.
    #[cfg(test)]
    pub(super) fn names(&self) -> usize {
        self.connected().by_peer.len()
    }

    fn connected(&self) -> MutexGuard<'_, Connected> {
        self.connected.lock().expect("nothing panics while it holds this lock")
    }
}
