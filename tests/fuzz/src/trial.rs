//! Throws inputs and watches what becomes of it: panics, memory, time.
//!
//! ```text
//!  Plan ──number──▶ an input (not watched) ──▶ Trial::watch ──▶ within bounds, or the test fails with seed and number
//! ```
//! A panic inside of the code's own catch is none here: whoever caught it has answered. One that gets out fails the test.

use crate::meter;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

/// The seed of a run that nobody gave one: always the same, so that what fails is what was just changed.
const SEED: u64 = 20_261_128;

/// What one input may cost.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Bytes of memory for each of its own.
    pub bytes_each: usize,
    /// And besides.
    pub bytes_free: usize,
    /// How long one may take, on a machine that has nothing else to do.
    pub within: Duration,
}

/// What is thrown at one target.
#[derive(Debug)]
pub struct Plan {
    target: &'static str,
    seed: u64,
    runs: u64,
    only: Option<u64>,
    bound: Bound,
}

/// What was seen of all inputs.
#[derive(Debug, Default)]
pub struct Seen {
    /// The most bytes beyond what was there before, and for which input.
    peak: (usize, u64),
    /// The longest, and for which input.
    longest: (Duration, u64),
}

/// One input.
#[derive(Debug)]
pub struct Trial<'a> {
    /// Its number.
    pub number: u64,
    plan: &'a Plan,
    seen: &'a mut Seen,
}

impl Plan {
    /// As many inputs as a test has the time for, or as the environment says.
    #[must_use]
    pub fn of(target: &'static str, runs: u64, bound: Bound) -> Self {
        Self::set_by(target, set("DOVETAIL_FUZZ_RUNS").unwrap_or(runs), set("DOVETAIL_FUZZ_ONLY"), bound)
    }

    /// Exactly these, whatever the environment says: cases that somebody has thought of.
    #[must_use]
    pub fn of_cases(target: &'static str, cases: u64, bound: Bound) -> Self {
        Self::set_by(target, cases, None, bound)
    }

    fn set_by(target: &'static str, runs: u64, only: Option<u64>, bound: Bound) -> Self {
        let seed = set("DOVETAIL_FUZZ_SEED").unwrap_or(SEED);
        Self { target, seed, runs, only, bound }
    }

    /// Throws them. What is counted is counted for the whole process, so only one target of a process is at it.
    ///
    /// # Panics
    /// When an input is out of bounds, with its number.
    pub fn throw(&self, mut each: impl FnMut(&mut Rng, &mut Trial<'_>)) {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        // A target that failed has said so itself.
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        watch_over();
        let Self { target, seed, runs, .. } = *self;
        println!("{target}: DOVETAIL_FUZZ_SEED={seed} DOVETAIL_FUZZ_RUNS={runs}");
        let began = Instant::now();
        let mut seen = Seen::default();
        for number in self.only.map_or(0..runs, |only| only..only + 1) {
            meter::CURRENT.store(number, Ordering::Relaxed);
            // Far from each other, whatever seeds people choose.
            let mut dice = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
            each(&mut dice, &mut Trial { number, plan: self, seen: &mut seen });
        }
        let Seen { peak, longest } = seen;
        println!(
            "{target}: {runs} in {:.1?}; at most {} KiB (input {}) and {:.1?} (input {})",
            began.elapsed(),
            peak.0 >> 10,
            peak.1,
            longest.0,
            longest.1
        );
    }
}

/// Machines that others use too were seen to be three times slower for a while. What this is for, work that grows with the square of what came,
/// takes minutes.
const SHARED: u32 = 4;

impl Trial<'_> {
    /// Does something with an input of so many bytes, and watches.
    ///
    /// # Panics
    /// When that panics, or takes more memory or time than it may.
    pub fn watch<T>(&mut self, bytes: usize, does: impl FnOnce() -> T) -> T {
        let Bound { bytes_each, bytes_free, within } = self.plan.bound;
        let (began, before) = (Instant::now(), meter::begin());
        UNDER_WAY.store(now_ms(), Ordering::Relaxed);
        // Whatever it borrowed is not used again: the test is over.
        let done = catch_unwind(AssertUnwindSafe(does));
        UNDER_WAY.store(0, Ordering::Relaxed);
        let (took, peak) = (began.elapsed(), meter::peak().saturating_sub(before));
        let name = format!("{} seed {} input {}", self.plan.target, self.plan.seed, self.number);
        let done = done.unwrap_or_else(|_| panic!("{name} panics: {}", last_panic()));
        self.seen.peak = self.seen.peak.max((peak, self.number));
        self.seen.longest = self.seen.longest.max((took, self.number));
        let may = bytes_free + bytes_each * bytes;
        assert!(peak <= may, "{name}: {bytes} bytes become {peak}, and may become {may}");
        assert!(took <= within * SHARED, "{name}: takes {took:?}");
        done
    }
}

/// How many bytes are allocated now: what stays behind is seen by whoever asks twice.
#[must_use]
pub fn allocated() -> usize {
    meter::live()
}

/// What the last panic said, be it caught or not.
#[must_use]
pub fn last_panic() -> String {
    WORDS.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

/// Where panics came from so far, caught ones included, and how many.
#[must_use]
pub fn panics() -> BTreeMap<String, u64> {
    PANICS.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

static WORDS: Mutex<String> = Mutex::new(String::new());
static PANICS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// Since when the input is being dealt with, in milliseconds since the first; 0 when none is.
static UNDER_WAY: AtomicU64 = AtomicU64::new(0);

/// What never comes back is ended after this, with its number.
const HANGS_AFTER_MS: u64 = 60_000;

fn now_ms() -> u64 {
    static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap() + 1
}

/// Panics that are caught are many, and say nothing by themselves. What hangs is ended.
fn watch_over() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let place = place.rsplit_once("/src/").map_or(place.clone(), |(_, place)| place.to_owned());
            *PANICS.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(place).or_default() += 1;
            *WORDS.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = panic.to_string();
            // The tests' own are to be seen.
            let is_ours = panic.location().is_some_and(|place| place.file().contains("tests/fuzz"));
            if is_ours {
                eprintln!("at input {}:", meter::CURRENT.load(Ordering::Relaxed));
                shown(panic);
            }
        }));
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let since = UNDER_WAY.load(Ordering::Relaxed);
                if since > 0 && now_ms().saturating_sub(since) > HANGS_AFTER_MS {
                    eprintln!("input {} never ends", meter::CURRENT.load(Ordering::Relaxed));
                    std::process::abort();
                }
            }
        });
    });
}

fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
