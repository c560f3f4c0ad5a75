//! Many seeds, one after the other; of one that finds a fault, the fewest steps that still show it.
//!
//! Always true: what is reported can be run alone, by its seed or by its steps.

use super::script::Script;
use super::{Said, play};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// So many runs are spent at most on making a script shorter.
const SHORTENING_MAX: usize = 600;

/// Which seeds are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl Seeds {
    /// As the environment says: `DOVETAIL_SIM_SEED` is the first, `DOVETAIL_SIM_RUNS` is how many. Where it says nothing, these.
    ///
    /// # Panics
    /// When what it says is no number.
    #[must_use]
    pub fn from_environment(first: u64, count: u64) -> Self {
        let number = |name: &str, otherwise| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a whole number, not {text:?}")),
            Err(_) => otherwise,
        };
        Self { first: number("DOVETAIL_SIM_SEED", first), count: number("DOVETAIL_SIM_RUNS", count) }
    }
}

/// A seed that found a fault.
#[derive(Debug)]
pub struct Found {
    /// Which.
    pub seed: u64,
    /// The test that it belongs to.
    pub test: &'static str,
    /// What is wrong, in words.
    pub words: String,
    /// The shortest script that was found to show it, or another.
    pub shortest: Script,
    /// What is wrong there.
    pub words_of_shortest: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, test, words, shortest, words_of_shortest } = self;
        writeln!(f, "seed {seed}: {words}")?;
        writeln!(
            f,
            "alone: DOVETAIL_SIM_SEED={seed} DOVETAIL_SIM_RUNS=1 cargo test --workspace --test {test}"
        )?;
        writeln!(f, "in {} steps, {words_of_shortest}:", shortest.steps.len())?;
        let Script { clients, ours, changes_max, documents, has_rules, judges_late, steps } = shortest;
        write!(
            f,
            "Script {{ clients: {clients}, ours: {ours}, changes_max: {changes_max:?}, documents: {documents}, "
        )?;
        write!(f, "has_rules: {has_rules}, ")?;
        writeln!(f, "judges_late: {judges_late}, steps: vec![")?;
        steps.iter().try_for_each(|step| writeln!(f, "    Step::{step:?},"))?;
        write!(f, "] }}")
    }
}

/// Runs all of them, side by side where there are cores. How much was said in all.
///
/// # Errors
/// The first that found a fault.
///
/// # Panics
/// Never: what panics in a world is a fault that was found.
pub fn try_seeds(seeds: Seeds) -> Result<Said, Box<Found>> {
    try_scripts(seeds, "simulated", Script::of_seed)
}

/// The same with clients of our own.
///
/// # Errors
/// The first that found a fault.
pub fn try_seeds_with_ours(seeds: Seeds) -> Result<Said, Box<Found>> {
    try_scripts(seeds, "convergence", Script::with_ours)
}

fn try_scripts(seeds: Seeds, test: &'static str, script: fn(u64) -> Script) -> Result<Said, Box<Found>> {
    let lanes = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let first_fault = AtomicU64::new(u64::MAX);
    let run = |lane| {
        let mut said = Said::default();
        for seed in (seeds.first..seeds.first.saturating_add(seeds.count)).skip(lane).step_by(lanes as usize)
        {
            // What comes behind a fault need not be known.
            if seed > first_fault.load(Ordering::Relaxed) {
                break;
            }
            match careful(&script(seed)) {
                Ok(more) => said = said.and(more),
                Err(_) => _ = first_fault.fetch_min(seed, Ordering::Relaxed),
            }
        }
        said
    };
    let said = thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes as usize).map(|lane| scope.spawn(move || run(lane))).collect();
        lanes.into_iter().map(|lane| lane.join().expect("panics are caught")).fold(Said::default(), Said::and)
    });
    match first_fault.into_inner() {
        u64::MAX => Ok(said),
        seed => Err(Box::new(found(seed, test, script(seed)))),
    }
}

fn found(seed: u64, test: &'static str, script: Script) -> Found {
    let words = broken_by(&script).unwrap_or_else(|| "nothing, when it was run again".to_owned());
    let (shortest, words_of_shortest) = shortened(script, words.clone());
    Found { seed, test, words, shortest, words_of_shortest }
}

/// What is wrong with a script, if anything is.
#[must_use]
pub fn broken_by(script: &Script) -> Option<String> {
    careful(script).err()
}

/// A panic is a fault like any other.
fn careful(script: &Script) -> Result<Said, String> {
    catch_unwind(AssertUnwindSafe(|| play(script))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
        Err(format!("panicked: {}", words.unwrap_or_default()))
    })
}

/// A script on its way to the fewest steps.
struct Shortening {
    script: Script,
    words: String,
    runs: usize,
}

/// Leaves out what can be left out: whole parts of it first, then step by step.
fn shortened(script: Script, words: String) -> (Script, String) {
    let mut short = Shortening { script, words, runs: 0 };
    let one_less = |script: &mut Script| {
        script.clients -= 1;
        script.ours = script.ours.min(script.clients);
    };
    while short.script.clients > 1 && short.keeps(one_less) {}
    short.keeps(|script| script.documents = 1);
    short.keeps(|script| script.has_rules = false);
    let mut part = short.script.steps.len().div_ceil(2);
    while part > 0 {
        let mut at = 0;
        while at < short.script.steps.len() {
            let is_left_out = short.keeps(|script| {
                let end = (at + part).min(script.steps.len());
                script.steps.drain(at..end);
            });
            at += if is_left_out { 0 } else { part };
        }
        part /= 2;
    }
    (short.script, short.words)
}

impl Shortening {
    /// Keeps this if there is still a fault in it.
    fn keeps(&mut self, change: impl FnOnce(&mut Script)) -> bool {
        let mut shorter = self.script.clone();
        change(&mut shorter);
        self.runs += 1;
        if shorter == self.script || self.runs > SHORTENING_MAX {
            return false;
        }
        let Some(words) = broken_by(&shorter) else { return false };
        (self.script, self.words) = (shorter, words);
        true
    }
}
