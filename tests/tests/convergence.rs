//! Our own client in the simulated world: whatever is late, lost, cut, refused or killed, at the server or on a device, in the end all
//! have the same, nothing waits any more, and all that anybody was told to be kept is there.
//!
//! `DOVETAIL_SIM_SEED` and `DOVETAIL_SIM_RUNS` choose other seeds; one that finds a fault is told with the fewest steps that show it,
//! which become a test of their own below.

use dovetail_tests::world::{Seeds, try_seeds_with_ours};

/// As many as take a minute on two cores.
const SEEDS: u64 = 10_000;

/// RC1: devices and the server fail at any moment, with clients of our own and stock ones. After healing all have the same, it is what is
/// stored, nothing waits, what was said to be kept on a device or at the server is in it, and what was refused is not.
#[test]
fn rc1_everybody_agrees_in_the_end() {
    let seeds = Seeds::from_environment(1, SEEDS);
    match try_seeds_with_ours(seeds) {
        Ok(said) => {
            eprintln!("{seeds:?}: {said:?}");
            assert!(said.messages >= 5 * seeds.count && said.acknowledged >= seeds.count, "{said:?}");
            assert!(said.refused >= seeds.count / 10 && said.crashes >= seeds.count / 10, "{said:?}");
        }
        Err(found) => panic!("{found}"),
    }
}
