//! `dovetail token`: a token for trials and scripts, signed with the secret that is configured.
//!
//! Always true: standard output has the token and nothing else, so that `TOKEN=$(dovetail token …)` works.

use super::{Failure, arguments, print};
use crate::auth::{self, NewToken};
use crate::clock::Clock;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};
use std::time::Duration;

const SUBJECT: &str = "subject";
const NAME: &str = "name";
const GROUP: &str = "group";
const EXPIRES: &str = "expires";
const DOCUMENT: &str = "doc";
const ROLE: &str = "role";
const PATH: &str = "path";
const APPEND: &str = "append";
const NEW_SECRET: &str = "new-secret";

/// How long a token holds when nobody says: long enough for a trial, too short to be left lying about.
const HOLDS_FOR: &str = "1h";

/// The longest that one holds. It cannot be taken back but by another secret.
const HOLDS_FOR_MOST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

pub(super) fn command() -> Command {
    let text = |id: &'static str, value: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name(value).help(help)
    };
    let limits = "Limits the token to";
    Command::new("token")
        .about("Makes a token with the configured jwt_secret, for trials and scripts")
        .arg(text(SUBJECT, "NAME", "Who it is, for programs (sub)").required_unless_present(NEW_SECRET))
        .arg(text(NAME, "NAME", "How people call them"))
        .arg(
            text(GROUP, "GROUP", "A group they are in; may be given several times").action(ArgAction::Append),
        )
        .arg(text(EXPIRES, "TIME", "How long it holds: 30min, 12h, 7d").default_value(HOLDS_FOR))
        .arg(text(DOCUMENT, "ID", "").help(format!("{limits} one document; it needs a role")).requires(ROLE))
        .arg(text(ROLE, "ROLE", "").help(format!("{limits} a role")).value_parser(["read", "write", "admin"]))
        .arg(
            text(PATH, "PATH", "")
                .help(format!("{limits} a place in documents, as in /points; may be given several times"))
                .action(ArgAction::Append)
                .requires(ROLE),
        )
        .arg(
            Arg::new(APPEND)
                .long(APPEND)
                .action(ArgAction::SetTrue)
                .requires(PATH)
                .help("At these places only add to lists"),
        )
        .arg(
            Arg::new(NEW_SECRET)
                .long(NEW_SECRET)
                .action(ArgAction::SetTrue)
                .help("Prints a new secret to sign tokens with, and does nothing else"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    if matches.get_flag(NEW_SECRET) {
        return print(format!("{}\n", auth::new_secret()).as_bytes());
    }
    let new = asked_for(matches)?;
    let config = arguments::config(matches)?;
    let token = auth::issue(&config.auth, &new, Clock::System.now());
    print(format!("{}\n", token.map_err(|error| Failure::Usage(error.to_string()))?).as_bytes())
}

fn asked_for(matches: &ArgMatches) -> Result<NewToken, Failure> {
    let text = |id| matches.get_one::<String>(id).cloned();
    Ok(NewToken {
        subject: text(SUBJECT).expect("clap requires it"),
        name: text(NAME),
        groups: matches.get_many(GROUP).into_iter().flatten().cloned().collect(),
        holds_for: read_time(&text(EXPIRES).expect("it has a default"))?,
        scope: text(ROLE).map(|role| scope(matches, &role)),
    })
}

/// One scope, as a claim writes it.
fn scope(matches: &ArgMatches, role: &str) -> Value {
    let mut scope = json!({ "role": role });
    if let Some(document) = matches.get_one::<String>(DOCUMENT) {
        scope["doc"] = json!(document.strip_prefix("automerge:").unwrap_or(document));
    }
    if let Some(paths) = matches.get_many::<String>(PATH) {
        let may = if matches.get_flag(APPEND) { "append" } else { "change" };
        scope["paths"] = paths.map(|path| json!({ "path": path, "may": may })).collect();
    }
    json!([scope])
}

/// `30s`, `15min`, `12h`, `7d`.
fn read_time(text: &str) -> Result<Duration, Failure> {
    let units = [("min", 60), ("s", 1), ("h", 60 * 60), ("d", 24 * 60 * 60)];
    let unit = units.into_iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let seconds = unit.and_then(|(number, seconds)| number.parse::<u64>().ok()?.checked_mul(seconds));
    match seconds.map(Duration::from_secs) {
        Some(time) if time > Duration::ZERO && time <= HOLDS_FOR_MOST => Ok(time),
        _ => Err(Failure::Usage(format!(
            "--{EXPIRES} {text}: write a time up to 366d, as in 30min, 12h or 7d"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AU41: how long a token holds is read, and bounded.
    #[test]
    fn au41_times_of_tokens() {
        for (text, seconds) in [("1s", 1), ("30min", 1800), ("12h", 43_200), ("366d", 31_622_400)] {
            assert_eq!(read_time(text).unwrap(), Duration::from_secs(seconds));
        }
        for text in ["", "1", "0s", "-1h", "367d", "1y", "99999999999999999999d", "1.5h", "h"] {
            assert!(read_time(text).is_err(), "{text}");
        }
    }

    /// AU41: the flags make a scope as claims write it.
    #[test]
    fn au41_flags_make_a_scope() {
        let cases = [
            (vec!["--role", "read"], json!([{"role": "read"}])),
            (vec!["--doc", "automerge:4NMN", "--role", "admin"], json!([{"doc": "4NMN", "role": "admin"}])),
            (
                vec!["--role", "write", "--path", "/a", "--path", "/b", "--append"],
                json!([{"role": "write", "paths": [{"path": "/a", "may": "append"}, {"path": "/b", "may": "append"}]}]),
            ),
        ];
        for (flags, expected) in cases {
            let line = [vec!["token", "--subject", "ana"], flags].concat();
            let matches = command().try_get_matches_from(line).unwrap();
            assert_eq!(asked_for(&matches).unwrap().scope, Some(expected));
        }
        for wrong in [
            vec!["token"],
            vec!["token", "--subject", "a", "--path", "/a"],
            vec!["token", "--subject", "a", "--role", "r"],
        ] {
            assert!(command().try_get_matches_from(wrong).is_err());
        }
    }
}
