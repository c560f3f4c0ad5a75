//! What seeds draw for the simulated world, played at small scale against the real server and the real client.
//!
//! `DOVETAIL_PLAN_SEED` and `DOVETAIL_PLAN_RUNS` choose other seeds. What is played is the seed's, when exactly is not: a seed that failed
//! once may hold the next time. The words say whether the same plan breaks in the simulated world, where it can be made shorter.

use dovetail_tests::real::{Played, Town, play};
use dovetail_tests::world::{Script, broken_by};
use std::time::Instant;

/// As many as take a quarter of a minute on two cores that have nothing else to do.
const PLANS: u64 = 40;

/// RC80: plans of the simulated world against the real server and the real client: cuts, half-open and slow ways, kills of the server,
/// restarts and losses of devices, deletions, changed rights, refusals. When everything works again all have the same, it is what is on the
/// server's disk, nothing waits, and the conflicts are the server's.
/// RC81: what a device said to be kept is there then or told as refused, and what anybody knew to be at the server is there.
/// RC82: what was refused is not there, and is not forgotten by the device.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rc80_plans_hold_against_the_real_server() {
    let (first, count) = (set("DOVETAIL_PLAN_SEED").unwrap_or(1), set("DOVETAIL_PLAN_RUNS"));
    let began = Instant::now();
    let town = Town::new().unwrap();
    let mut played = Played::default();
    for seed in first..first + count.unwrap_or(PLANS) {
        let script = Script::with_ours(seed);
        match play(&town, &script).await {
            Ok(more) => played = played.and(more),
            Err(wrong) => panic!("{}", told(seed, &script, &wrong)),
        }
    }
    println!("{played:?} in {:?}", began.elapsed());
    // Plans in which nothing happens prove nothing.
    if count.is_none() {
        let Played { kept, acknowledged, refused, crashes, restarts, conflicts } = played;
        assert!(kept > 100 && acknowledged > 100 && refused > 0, "{played:?}");
        assert!(crashes > 0 && restarts > 0 && conflicts > 0, "{played:?}");
    }
}

fn set(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a whole number, not {text:?}")))
}

fn told(seed: u64, script: &Script, wrong: &str) -> String {
    let simulated = broken_by(script).unwrap_or_else(|| "it holds".to_owned());
    let steps: Vec<String> = script.steps.iter().map(|step| format!("{step:?}")).collect();
    let Script { clients, ours, changes_max, documents, has_rules, .. } = script;
    format!(
        "seed {seed}: {wrong}\nalone: DOVETAIL_PLAN_SEED={seed} DOVETAIL_PLAN_RUNS=1 cargo test --workspace --test plans\n\
         in the simulated world: {simulated}\n{clients} clients, {ours} of them with stores, {documents} documents, rules: {has_rules}, \
         changes at most: {changes_max:?}\n{}",
        steps.join("\n")
    )
}
