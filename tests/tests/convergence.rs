//! Our own client in the simulated world: whatever is late, lost, cut, refused or killed, at the server or on a device, in the end all
//! have the same, nothing waits any more, and all that anybody was told to be kept is there.
//!
//! `DOVETAIL_SIM_SEED` and `DOVETAIL_SIM_RUNS` choose other seeds; one that finds a fault is told with the fewest steps that show it,
//! which become a test of their own below.

use dovetail_tests::world::{Right, Script, Seeds, Step, broken_by, try_seeds_with_ours};

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

/// A world with nothing in it but these clients of our own and one document.
fn of_ours(clients: usize, changes_max: Option<u64>, steps: Vec<Step>) -> Script {
    Script { clients, ours: clients, changes_max, documents: 1, has_rules: false, judges_late: true, steps }
}

/// RC6: the store of a device failed, and what it had lost was at the server: numbers of its actor were given a second time, and on the
/// connection that held nothing of it came again. Found by a seed.
#[test]
fn rc6_a_device_whose_store_failed_goes_on() {
    let steps = vec![
        Step::DeviceDisk { client: 0, fails: false },
        Step::Edit { client: 0, document: 0, changes: 1, value: 4 },
        Step::Connect { client: 0 },
        Step::Rounds { rounds: 6 },
        Step::Edit { client: 0, document: 0, changes: 1, value: 106 },
        Step::DeviceDisk { client: 0, fails: true },
    ];
    assert_eq!(broken_by(&of_ours(1, None, steps)), None);
}

/// RC4: a refusal came while changes of somebody else waited on the device for others, and was not heeded, as the change that it was
/// about seemed not to be there. Found by a seed.
#[test]
fn rc4_a_refusal_is_heeded_while_changes_wait_for_others() {
    let steps = vec![
        Step::Rounds { rounds: 6 },
        Step::Edit { client: 0, document: 0, changes: 3, value: 173 },
        Step::Edit { client: 1, document: 0, changes: 3, value: 203 },
        Step::Wait { seconds: 38 },
        Step::Edit { client: 0, document: 0, changes: 2, value: 95 },
        Step::Rounds { rounds: 3 },
        Step::Wait { seconds: 43 },
        Step::Edit { client: 0, document: 0, changes: 1, value: 123 },
        Step::DeviceDisk { client: 0, fails: false },
        Step::Edit { client: 0, document: 0, changes: 3, value: 141 },
        Step::DeviceDisk { client: 0, fails: false },
        Step::Connect { client: 0 },
        Step::Rounds { rounds: 4 },
        Step::LoseDevice { client: 0, has_backup: true },
        Step::Rounds { rounds: 4 },
        Step::Connect { client: 1 },
        Step::Edit { client: 0, document: 0, changes: 2, value: 219 },
    ];
    assert_eq!(broken_by(&of_ours(2, Some(13), steps)), None);
}

/// RC4: all of a document was refused, and a store that failed had it read again: the list of what was refused was taken for that of a document
/// which has left the device. Found by a seed.
#[test]
fn rc4_a_document_of_which_all_was_refused_keeps_the_list() {
    let steps = vec![
        Step::DeviceDisk { client: 0, fails: false },
        Step::Right { client: 0, right: Right::Read },
        Step::Edit { client: 0, document: 0, changes: 2, value: 155 },
        Step::Connect { client: 0 },
        Step::Rounds { rounds: 5 },
        Step::Rounds { rounds: 3 },
        Step::Edit { client: 0, document: 0, changes: 2, value: 113 },
        Step::DeviceDisk { client: 0, fails: true },
    ];
    assert_eq!(broken_by(&of_ours(1, Some(27), steps)), None);
}
