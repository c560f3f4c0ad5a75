//! Addresses from which bytes came, twice within a minute, over which Automerge panicked.
//!
//! ```text
//!  nothing ──panic──▶ warned ──another within a minute──▶ banned ──a while──▶ nothing
//!                        └────── a minute ──▶ nothing
//! ```
//! Edit path: ← a session ended because Automerge panicked over what it brought, → the [`door`](crate::gateway) lets nobody in from there.
//!
//! A panic costs its document a load, and who reads it a short wait. Once may be a client with a fault, which its
//! reconnection repeats; whoever goes on does it on purpose, and each time anew under another name if names are free. So it is the
//! address that stays out. Sessions that are open go on: others may share it.
//!
//! Always true: this machine is never banned. What comes from it is an operator, or a proxy that nobody trusts, and behind
//! that is everybody.
//! **Invariant:** what is remembered has a bound.

use crate::clock::Clock;
use crate::metrics::ADDRESSES_BANNED;
use crate::throttle::{Steady, network_of};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Two panics within this are no coincidence. A client that reconnects comes again within seconds.
const WARNED_FOR: Duration = Duration::from_secs(60);

/// How long an address stays out: twelve loads of a document an hour are all that it can cause then. Short enough for
/// people behind the same address to wait for.
const BANNED_FOR: Duration = Duration::from_secs(600);

/// Addresses that are remembered, 40 bytes each. It takes a connection and a panic to get in.
pub(crate) const ADDRESSES_MAX: usize = 4_096;

/// See the top of the file.
#[derive(Debug)]
pub struct Bans {
    clock: Steady,
    known: Mutex<HashMap<IpAddr, Standing>>,
}

/// What is remembered of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Once, and until when that counts.
    Warned { until: Duration },
    /// Twice.
    Banned { until: Duration },
}

impl Standing {
    fn until(self) -> Duration {
        match self {
            Self::Warned { until } | Self::Banned { until } => until,
        }
    }
}

impl Bans {
    /// Nobody is banned yet.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        Self { clock: Steady::of(clock), known: Mutex::default() }
    }

    /// Automerge panicked over something from there. Says for how long nobody is let in, if so.
    pub fn strike(&self, address: IpAddr) -> Option<Duration> {
        if address.to_canonical().is_loopback() {
            return None;
        }
        let now = self.clock.now();
        let mut known = self.known();
        known.retain(|_, standing| standing.until() > now);
        let network = network_of(address);
        let is_known = known.contains_key(&network);
        if !is_known && known.len() >= ADDRESSES_MAX {
            forget_one(&mut known);
        }
        let standing = match is_known {
            true => Standing::Banned { until: now + BANNED_FOR },
            false => Standing::Warned { until: now + WARNED_FOR },
        };
        known.insert(network, standing);
        is_known.then(|| {
            metrics::counter!(ADDRESSES_BANNED).increment(1);
            BANNED_FOR
        })
    }

    /// For how long nobody is let in from there, if so.
    #[must_use]
    pub fn left(&self, address: IpAddr) -> Option<Duration> {
        let known = self.known();
        // Nobody is, as a rule: every request asks.
        if known.is_empty() {
            return None;
        }
        match known.get(&network_of(address))? {
            Standing::Banned { until } => until.checked_sub(self.clock.now()).filter(|left| !left.is_zero()),
            Standing::Warned { .. } => None,
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<IpAddr, Standing>> {
        self.known.lock().expect("nothing panics while it holds this lock")
    }
}

/// Whose time is over first: somebody who was only warned, as a rule.
fn forget_one(known: &mut HashMap<IpAddr, Standing>) {
    let first = known.iter().min_by_key(|(_, standing)| standing.until()).map(|(address, _)| *address);
    first.map(|first| known.remove(&first));
}

#[cfg(test)]
mod tests {
    use super::*;
    use dovetail_core::time::Timestamp;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn standing() -> (Bans, Clock) {
        let clock = Clock::standing(Timestamp::from_millis(1_800_000_000_000));
        (Bans::new(&clock), clock)
    }

    /// SE31: the second panic within a minute bans the address, for ten minutes; a first one bans nobody.
    #[test]
    fn se31_the_second_panic_within_a_minute_bans() {
        let (bans, clock) = standing();
        let (mal, ana) = (ip("192.0.2.1"), ip("192.0.2.2"));
        assert_eq!(bans.strike(mal), None);
        assert_eq!(bans.left(mal), None);
        clock.advance(WARNED_FOR);
        assert_eq!(bans.strike(mal), None, "a minute later it is forgotten");
        clock.advance(WARNED_FOR / 2);
        assert_eq!(bans.strike(mal), Some(BANNED_FOR));
        assert_eq!((bans.left(mal), bans.left(ana)), (Some(BANNED_FOR), None));
        clock.advance(BANNED_FOR / 2);
        assert_eq!(bans.left(mal), Some(BANNED_FOR / 2));
        clock.advance(BANNED_FOR / 2);
        assert_eq!(bans.left(mal), None);
        assert_eq!(bans.strike(mal), None, "and begins anew");
    }

    /// SE31: an IPv6 address is as good as its household's, and this machine is never banned.
    #[test]
    fn se31_households_are_banned_and_this_machine_is_not() {
        let (bans, _) = standing();
        bans.strike(ip("2001:db8:1:2::1"));
        bans.strike(ip("2001:db8:1:2:ffff::9"));
        assert!(bans.left(ip("2001:db8:1:2::7")).is_some());
        assert!(bans.left(ip("2001:db8:1:3::7")).is_none());
        for local in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            (0..3).for_each(|_| assert_eq!(bans.strike(ip(local)), None));
            assert_eq!(bans.left(ip(local)), None, "{local}");
        }
    }

    /// SE31: what is remembered has a bound, and who is banned stays longer in it than who was warned.
    #[test]
    fn se31_what_is_remembered_has_a_bound() {
        let (bans, clock) = standing();
        assert_eq!(bans.strike(ip("192.0.2.1")), None);
        assert!(bans.strike(ip("192.0.2.1")).is_some());
        for n in 0..=u32::try_from(ADDRESSES_MAX).unwrap() {
            clock.advance(Duration::from_millis(1));
            bans.strike(IpAddr::V4((0x0a00_0000 + n).into()));
        }
        assert_eq!(bans.known().len(), ADDRESSES_MAX);
        assert!(bans.left(ip("192.0.2.1")).is_some());
    }
}
