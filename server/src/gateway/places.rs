//! Places for bodies in memory: so many in all, and so many for each person.
//!
//! Always true: whoever sends slowly, or sends nothing, holds up to their own share of the places and waits for
//! themselves; the rest is for others.

use crate::throttle::Who;
use dovetail_core::id::SubjectId;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One person may hold every fourth place: a tool that sends files side by side is not slowed, and no three people
/// hold up all others.
const SHARES: usize = 4;

/// See the top of the file. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Places {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    all: Arc<Semaphore>,
    share: usize,
    /// Of those who hold a place or wait for one, and of nobody else.
    own: Mutex<HashMap<Person, Arc<Semaphore>>>,
}

/// Whose share it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Person {
    Subject(SubjectId),
    Address(IpAddr),
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _one_of_all: OwnedSemaphorePermit,
    _own: Option<Own>,
}

/// One of somebody's own places, or the wait for it.
#[derive(Debug)]
struct Own {
    shared: Arc<Shared>,
    person: Person,
    places: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// So many in all.
    pub(super) fn new(places_max: usize) -> Self {
        let (all, share) = (Arc::new(Semaphore::new(places_max)), places_max.div_ceil(SHARES));
        Self { shared: Arc::new(Shared { all, share, own: Mutex::default() }) }
    }

    /// Waits for a place: for one of their own first, so that nobody holds one of all while they wait for themselves.
    /// Who is not known, by name or by address, has no share of their own.
    pub(super) async fn take(&self, who: &Who<'_>) -> Place {
        let own = match Person::of(who) {
            Some(person) => Some(self.own(person).await),
            None => None,
        };
        let one = self.shared.all.clone().acquire_owned().await.expect("this semaphore is never closed");
        Place { _one_of_all: one, _own: own }
    }

    async fn own(&self, person: Person) -> Own {
        let shared = self.shared.clone();
        let places = shared.own().entry(person.clone()).or_insert_with(|| shared.new_share()).clone();
        // It exists before the wait, so that whoever gives up waiting leaves nothing behind.
        let mut own = Own { shared, person, places: Some(places.clone()), permit: None };
        own.permit = Some(places.acquire_owned().await.expect("this semaphore is never closed"));
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
        self.places = None;
        // Held by the table only: nobody has a place of this share, and nobody waits for one.
        if own.get(&self.person).is_some_and(|places| Arc::strong_count(places) == 1) {
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

    /// HT34: one person holds a share of the places, waits for themselves, and is forgotten when they are gone.
    #[tokio::test]
    async fn ht34_nobody_holds_all_places() {
        let places = Places::new(8);
        let (ana, bo) = (of("ana"), of("bo"));
        let who = |subject| Who { subject: Some(subject), address: None };
        let (anas, bos) = (who(&ana), who(&bo));
        let first = places.take(&anas).await;
        let _second = places.take(&anas).await;
        let mut third = pin!(places.take(&anas));
        assert!(third.as_mut().now_or_never().is_none(), "a fourth of eight");
        let others = places.take(&bos).await;
        drop(first);
        let third = third.await;
        drop((third, others, _second));
        assert!(places.shared.own().is_empty());
        assert_eq!(places.shared.all.available_permits(), 8);
    }

    /// HT34: whoever gives up waiting leaves nothing behind.
    #[tokio::test]
    async fn ht34_who_gives_up_is_forgotten() {
        let places = Places::new(4);
        let ana = of("ana");
        let who = Who { subject: Some(&ana), address: None };
        let held = places.take(&who).await;
        assert!(places.take(&who).now_or_never().is_none());
        drop(held);
        assert!(places.shared.own().is_empty());
    }
}
