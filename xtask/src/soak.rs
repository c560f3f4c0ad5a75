//! `cargo xtask soak`: the release server is killed at random moments for as long as one likes, and nothing that it acknowledged may
//! be lost. `cargo xtask test` does fifty rounds of the same with the server that it tests.

use crate::step::{self, Failure, cargo, target};

/// An hour or so.
const ROUNDS: u64 = 3_000;

/// `--rounds N`, and `--seed N` to do again what a seed decided.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let (mut rounds, mut seed) = (ROUNDS, None);
    for pair in arguments.chunks(2) {
        let number = |text: &String| text.parse().map_err(|_| format!("{text} is no number"));
        match pair {
            [name, value] if name == "--rounds" => rounds = number(value)?,
            [name, value] if name == "--seed" => seed = Some(number(value)?),
            [name, ..] => return Err(format!("{name} is not known here: --rounds N, --seed N")),
            [] => {}
        }
    }
    step::run(cargo().args(["build", "--release", "--package", "dovetail-server"]))?;
    let mut test = cargo();
    test.args(["test", "--workspace", "--test", "kill_loop", "--", "--nocapture"]);
    test.env("DOVETAIL_BIN", target().join("release/dovetail"));
    test.env("DOVETAIL_KILL_ROUNDS", rounds.to_string());
    test.envs(seed.map(|seed: u64| ("DOVETAIL_KILL_SEED", seed.to_string())));
    step::run(&mut test)
}
