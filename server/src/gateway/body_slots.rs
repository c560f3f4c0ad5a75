//! Slots for bodies of requests in memory: so many in all, and so many for each person.
//!
//! Edit path: ← a request that may be answered has a body, → a [`BodySlot`], which the body holds for as long as it is in memory.
//!
//! Always true: whoever sends slowly, or sends nothing, holds up to their own share of the slots and waits for
//! themselves; the rest is for others.

use crate::throttle::Who;
use dovetail_core::id::SubjectId;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One person may hold every fourth slot: a tool that sends files side by side is not slowed, and no three people
/// hold up all others.
const SHARES: usize = 4;

/// See the top of the file. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct BodySlots {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    all: Arc<Semaphore>,
    share: usize,
    /// Of those who hold a slot or wait for one, and of nobody else.
    own: Mutex<HashMap<Person, Arc<Semaphore>>>,
}

/// Whose share it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Person {
    Subject(SubjectId),
    Address(IpAddr),
}

/// A slot that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct BodySlot {
    _one_of_all: OwnedSemaphorePermit,
    _own: Option<Own>,
}

/// One of somebody's own slots, or the wait for it.
#[derive(Debug)]
struct Own {
    shared: Arc<Shared>,
    person: Person,
    slots: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl BodySlots {
    /// So many in all.
    pub(super) fn new(slots_max: usize) -> Self {
        let (all, share) = (Arc::new(Semaphore::new(slots_max)), slots_max.div_ceil(SHARES));
        Self { shared: Arc::new(Shared { all, share, own: Mutex::default() }) }
    }

    /// Waits for a slot: for one of their own first, so that nobody holds one of all while they wait for themselves.
    /// Who is not known, by name or by address, has no share of their own.
    pub(super) async fn take(&self, who: &Who<'_>) -> BodySlot {
        let own = match Person::of(who) {
            Some(person) => Some(self.own(person).await),
            None => None,
        };
        let one = self.shared.all.clone().acquire_owned().await.expect("this semaphore is never closed");
        BodySlot { _one_of_all: one, _own: own }
    }

    async fn own(&self, person: Person) -> Own {
        let shared = self.shared.clone();
        let slots = shared.own().entry(person.clone()).or_insert_with(|| shared.new_share()).clone();
        // It exists before the wait, so that whoever gives up waiting leaves nothing behind.
        let mut own = Own { shared, person, slots: Some(slots.clone()), permit: None };
        own.permit = Some(slots.acquire_owned().await.expect("this semaphore is never closed"));
        own
    }
}

impl Person {
    fn of(who: &Who<'_>) -> Option<Self> {
        let subject = who.subject.cloned().map(Self::Subject);
        subject.or_else(|| who.address.map(Self::Address))
    }
}

impl Shared {
    fn own(&self) -> MutexGuard<'_, HashMap<Person, Arc<Semaphore>>> {
        self.own.lock().expect("nothing panics while it holds this lock")
    }

    fn new_share(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(self.share))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut own = self.shared.own();
        self.permit = None;
        self.slots = None;
        // Held by the table only: nobody has a slot of this share, and nobody waits for one.
        if own.get(&self.person).is_some_and(|slots| Arc::strong_count(slots) == 1) {
            own.remove(&self.person);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::pin::pin;

    fn of(name: &str) -> SubjectId {
        name.parse().unwrap()
    }

    /// HT34: one person holds a share of the slots, waits for themselves, and is forgotten when they are gone.
    #[tokio::test]
    async fn ht34_nobody_holds_all_slots() {
        let slots = BodySlots::new(8);
        let (ana, bo) = (of("ana"), of("bo"));
        let who = |subject| Who { subject: Some(subject), address: None };
        let (anas, bos) = (who(&ana), who(&bo));
        let first = slots.take(&anas).await;
        let _second = slots.take(&anas).await;
        let mut third = pin!(slots.take(&anas));
        assert!(third.as_mut().now_or_never().is_none(), "a fourth of eight");
        let others = slots.take(&bos).await;
        drop(first);
        let third = third.await;
        drop((third, others, _second));
        assert!(slots.shared.own().is_empty());
        assert_eq!(slots.shared.all.available_permits(), 8);
    }

    /// HT34: whoever gives up waiting leaves nothing behind.
    #[tokio::test]
    async fn ht34_who_gives_up_is_forgotten() {
        let slots = BodySlots::new(4);
        let ana = of("ana");
        let who = Who { subject: Some(&ana), address: None };
        let held = slots.take(&who).await;
        assert!(slots.take(&who).now_or_never().is_none());
        drop(held);
        assert!(slots.shared.own().is_empty());
    }
}
