//! Who is connected to the JSON WebSocket, by the user that each claims to be.
//!
//! Edit path: ← a session tells a user's sessions or everybody, → an [`Inbox`] each, from which the socket
//! takes when it is free.

use dovetail_core::id::{SessionId, SubjectId};
use futures_util::task::AtomicWaker;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

/// Messages that may wait for one socket, as many as of a document; then the oldest gives way.
pub(crate) const WAITING_MAX: usize = 256;

/// See the top of the file.
#[derive(Debug, Default)]
pub(in crate::gateway) struct People {
    users: Mutex<Users>,
}

/// The sessions of each user, and of those who do not say whose they are.
type Users = HashMap<Option<Arc<str>>, BTreeMap<SessionId, Arc<Inbox>>>;

/// Messages that wait for one socket.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    messages: Mutex<VecDeque<Arc<str>>>,
    /// Its user was cut off.
    is_over: AtomicBool,
    waker: AtomicWaker,
}

impl People {
    /// Somebody is here, and can be told.
    pub(super) fn came(&self, session: SessionId, user: Option<Arc<str>>) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        self.users().entry(user).or_default().insert(session, inbox.clone());
        inbox
    }

    /// They left.
    pub(super) fn left(&self, session: SessionId, user: &Option<Arc<str>>) {
        let mut users = self.users();
        if let Some(sessions) = users.get_mut(user) {
            sessions.remove(&session);
            if sessions.is_empty() {
                users.remove(user);
            }
        }
    }

    /// Tells all sessions of a user but the sender's own; says how many.
    pub(super) fn tell_user(&self, user: &str, sender: SessionId, message: &Arc<str>) -> usize {
        let users = self.users();
        let sessions = users.get(&Some(Arc::from(user)));
        tell(sessions.into_iter().flatten(), sender, message)
    }

    /// Tells everybody but the sender; says how many.
    pub(super) fn tell_all(&self, sender: SessionId, message: &Arc<str>) -> usize {
        tell(self.users().values().flatten(), sender, message)
    }

    /// Ends all sessions of these users.
    pub(in crate::gateway) fn send_away<'a>(&self, blocked: impl Iterator<Item = &'a SubjectId>) {
        let users = self.users();
        for subject in blocked {
            let sessions = users.get(&Some(Arc::from(subject.as_str())));
            sessions.into_iter().flat_map(BTreeMap::values).for_each(|inbox| inbox.end());
        }
    }

    /// How many sessions there are.
    pub(in crate::gateway) fn count(&self) -> usize {
        self.users().values().map(BTreeMap::len).sum()
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().expect("nothing panics while it holds this lock")
    }
}

fn tell<'a>(
    sessions: impl Iterator<Item = (&'a SessionId, &'a Arc<Inbox>)>,
    sender: SessionId,
    message: &Arc<str>,
) -> usize {
    let others = sessions.filter(|(session, _)| **session != sender);
    others.map(|(_, inbox)| inbox.push(message.clone())).count()
}

impl Inbox {
    fn push(&self, message: Arc<str>) {
        let mut messages = self.messages();
        if messages.len() == WAITING_MAX {
            messages.pop_front();
            metrics::counter!(crate::metrics::EPHEMERALS_DROPPED).increment(1);
        }
        messages.push_back(message);
        drop(messages);
        self.waker.wake();
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether the session is to end. Whoever [takes](Self::poll_take) is woken for that, too.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// The oldest message, or remembers whom to wake.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Arc<str>> {
        self.waker.register(cx.waker());
        self.messages().pop_front().map_or(Poll::Pending, Poll::Ready)
    }

    fn messages(&self) -> MutexGuard<'_, VecDeque<Arc<str>>> {
        self.messages.lock().expect("nothing panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn taken(inbox: &Inbox) -> Vec<String> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        while let Poll::Ready(message) = inbox.poll_take(&mut cx) {
            taken.push(message.to_string());
        }
        taken
    }

    /// RT12: a message reaches each other session of its user, or of everybody, and not its sender.
    #[test]
    fn rt12_messages_reach_the_other_sessions() {
        let people = People::default();
        let user = |name: &str| Some(Arc::from(name));
        let came = |n, name| people.came(SessionId(n), name);
        let (ana, phone) = (came(1, user("ana")), came(2, user("ana")));
        let (bo, nobody) = (came(3, user("bo")), came(4, None));
        assert_eq!(people.tell_user("ana", SessionId(1), &"a".into()), 1);
        assert_eq!(people.tell_user("cleo", SessionId(1), &"b".into()), 0);
        assert_eq!(people.tell_all(SessionId(3), &"c".into()), 3);
        assert_eq!(taken(&ana), ["c"]);
        assert_eq!(taken(&phone), ["a", "c"]);
        assert!(taken(&bo).is_empty());
        assert_eq!(taken(&nobody), ["c"]);

        people.left(SessionId(2), &user("ana"));
        people.left(SessionId(4), &None);
        assert_eq!(people.tell_all(SessionId(3), &"d".into()), 1);
        assert_eq!(people.count(), 2);
    }

    /// RT13: of the messages that wait for a slow socket the newest are kept.
    #[test]
    fn rt13_a_slow_socket_keeps_the_newest_messages() {
        let people = People::default();
        let inbox = people.came(SessionId(1), None);
        for n in 0..WAITING_MAX + 10 {
            people.tell_all(SessionId(2), &n.to_string().into());
        }
        let taken = taken(&inbox);
        assert_eq!(taken.len(), WAITING_MAX);
        assert_eq!(taken[0], "10");
    }
}
