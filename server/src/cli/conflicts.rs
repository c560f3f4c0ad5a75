//! `dovetail conflicts` and `settle`: what the rules say of a document, and what is done about it.
//!
//! Always true: `conflicts` ends with 0 only where nothing asks for a decision and every rule was judged, so that
//! `dovetail conflicts ID && …` goes on in no other case.

use super::documents::{id, id_of};
use super::place::{self, Named};
use super::{Failure, on_runtime, say, tell};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use dovetail_client::{Conflicts, Which};
use std::process::ExitCode;

/// Something stands open, or could not be judged.
const SOMETHING_OPEN: u8 = 3;

const STATE: &str = "state";
const CONFLICT: &str = "conflict";
const PROPOSAL: &str = "proposal";

pub(super) fn command() -> Command {
    let state = Arg::new(STATE).long(STATE).value_name("STATE");
    let states = PossibleValuesParser::new(["open", "waived", "settled", "all"]);
    Command::new("conflicts")
        .about("Lists what breaks the rules of a document: a JSON object on each line")
        .arg(id())
        .arg(state.value_parser(states).help("Only those of this state [default: open and waived ones]"))
        .args(place::server_arguments())
        .after_help("Exit code 3: something stands open, or a rule could not be judged. 0: neither. Waived ones do not count.")
}

pub(super) fn settle_command() -> Command {
    let conflict = Arg::new(CONFLICT).value_name("CONFLICT").required(true);
    Command::new("settle")
        .about(
            "Settles a conflict by one of its proposals; without one, lists them: a JSON object on each line",
        )
        .arg(id())
        .arg(conflict.value_parser(conflict_id).help("The conflict's id, as `dovetail conflicts` prints it"))
        .arg(Arg::new(PROPOSAL).value_name("PROPOSAL").help("The name of a proposal, as in push_down"))
        .args(place::server_arguments())
}

/// What can be a step of a path.
fn conflict_id(text: &str) -> Result<String, String> {
    match text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) && !text.is_empty() {
        true => Ok(text.to_owned()),
        false => Err("letters, digits, - and _ name a conflict".to_owned()),
    }
}

/// `dovetail conflicts`
pub(super) fn list(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let api = Named::of(matches).api()?;
    let asked = match matches.get_one::<String>(STATE).map(String::as_str) {
        None => Which::Standing,
        Some("open") => Which::Open,
        Some("waived") => Which::Waived,
        Some("settled") => Which::Settled,
        Some(_) => Which::All,
    };
    // Whether something stands open is told whatever is listed.
    let all = on_runtime(async { Ok(api.conflicts(id_of(matches), Which::All).await?) })?;
    for conflict in all.conflicts.iter().filter(|conflict| is_asked_for(asked, &conflict.state)) {
        if say(conflict)?.is_break() {
            break;
        }
    }
    for rule in &all.undecided {
        tell(format_args!("the rule {} could not be judged, and has not passed", rule.rule));
    }
    Ok(if is_settled(&all) { ExitCode::SUCCESS } else { ExitCode::from(SOMETHING_OPEN) })
}

fn is_asked_for(which: Which, state: &str) -> bool {
    match which {
        Which::Standing => state != "settled",
        Which::Open => state == "open",
        Which::Waived => state == "waived",
        Which::Settled => state == "settled",
        Which::All => true,
    }
}

fn is_settled(all: &Conflicts) -> bool {
    all.undecided.is_empty() && all.conflicts.iter().all(|conflict| conflict.state != "open")
}

/// `dovetail settle`
pub(super) fn settle(matches: &ArgMatches) -> Result<(), Failure> {
    let api = Named::of(matches).api()?;
    let id = id_of(matches);
    let conflict = matches.get_one::<String>(CONFLICT).expect("clap requires it");
    let Some(proposal) = matches.get_one::<String>(PROPOSAL) else {
        let known = on_runtime(async { Ok(api.conflict(id, conflict).await?) })?;
        if known.proposals.is_empty() {
            tell(format_args!("nothing is proposed for it: {}", known.message));
        }
        for offer in &known.proposals {
            if say(offer)?.is_break() {
                break;
            }
        }
        return Ok(());
    };
    let stored = on_runtime(async { Ok(api.settle(id, conflict, proposal).await?) })?;
    say(&stored).map(drop)
}
