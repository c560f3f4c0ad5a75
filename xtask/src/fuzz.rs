//! `cargo xtask fuzz`: bent bytes at everything that reads foreign bytes, as the release is built. `cargo xtask test` throws a bounded number, always
//! the same; this throws others each time, and as many as one likes.
//!
//! Always true: dependencies are built without their own checks of themselves here, as in the server that people run. What Automerge
//! notices itself in a test it may not notice there.

use crate::step::{self, Failure, cargo};
use std::time::SystemTime;

/// Inputs for each target: about a quarter of an hour in all.
const RUNS: u64 = 1_000_000;

/// Bodies and imports take a millisecond each, sessions as well; the others a tenth of that.
const SLOW: [&str; 3] = ["sessions", "imports", "bodies"];
const QUICK: [&str; 2] = ["frames", "changes"];

/// `--runs N`, `--seed N` to do again what a seed decided, `--target NAME` for one alone, `--only N` for one input of it.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let (mut runs, mut seed, mut only, mut target) = (RUNS, None, None, None);
    for pair in arguments.chunks(2) {
        let number = |text: &String| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
        match pair {
            [name, value] if name == "--runs" => runs = number(value)?,
            [name, value] if name == "--seed" => seed = Some(number(value)?),
            [name, value] if name == "--only" => only = Some(number(value)?),
            [name, value] if name == "--target" => target = Some(value.as_str()),
            [name, ..] => {
                return Err(format!("{name} is not known here: --runs N, --seed N, --target NAME, --only N"));
            }
            [] => {}
        }
    }
    let seed = seed.unwrap_or_else(any_seed);
    let all = QUICK.map(|name| (name, runs)).into_iter().chain(SLOW.map(|name| (name, runs.div_ceil(10))));
    let wanted: Vec<_> = all.filter(|(name, _)| target.is_none_or(|target| target == *name)).collect();
    if wanted.is_empty() {
        return Err(format!(
            "{} is no target: {}, {}",
            target.unwrap_or(""),
            QUICK.join(", "),
            SLOW.join(", ")
        ));
    }
    for (name, runs) in wanted {
        let mut test = cargo();
        test.args(["test", "--release", "--workspace", "--test", name, "--", "--nocapture"]);
        test.env("DOVETAIL_FUZZ_RUNS", runs.to_string()).env("DOVETAIL_FUZZ_SEED", seed.to_string());
        test.envs(only.map(|only| ("DOVETAIL_FUZZ_ONLY", only.to_string())));
        step::run(&mut test)?;
    }
    Ok(())
}

/// Short enough to be typed.
fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) ^ now.as_secs() & 0xffff
}
