//! What can be written on the command line. Flags of settings are not listed here: they
//! come from [`crate::config::table`].

use super::{Failure, conflicts, documents, export, import, stored, token, watch};
use crate::config::{self, Config, Given, Setting, Source};
use clap::{Arg, ArgMatches, Command};
use std::path::Path;

const CONFIG_FILE: &str = "config";
const CONFIG_FILE_VARIABLE: &str = "DOVETAIL_CONFIG";

const SETTINGS_HELP: &str = "Every setting is also an environment variable (--ping-interval: \
     DOVETAIL_PING_INTERVAL) and a key of the TOML file that --config names (ping_interval). \
     Flags win over the environment, the environment over the file.";

/// The command line.
pub(super) fn command() -> Command {
    let about = "Keeps documents and lets everybody's edits meet";
    with_settings(Command::new("dovetail").about(about).version(env!("CARGO_PKG_VERSION")))
        .args_conflicts_with_subcommands(true)
        .subcommand(with_settings(
            Command::new("serve").about("Serves (this is what happens without a command)"),
        ))
        .subcommand(with_settings(
            Command::new("config").about("Shows every setting, its value and who set it"),
        ))
        .subcommand(with_settings(token::command()))
        .subcommand(documents::ls_command())
        .subcommand(documents::get_command())
        .subcommand(documents::create_command())
        .subcommand(documents::put_command())
        .subcommand(documents::patch_command())
        .subcommand(watch::command())
        .subcommand(conflicts::command())
        .subcommand(conflicts::settle_command())
        .subcommand(import::command())
        .subcommand(export::command())
        .subcommand(stored::backup_command())
        .subcommand(stored::restore_command())
        .subcommand(stored::verify_command())
        .subcommand(stored::compact_command())
}

/// The configuration that this command line, this process's environment and the file make.
pub(super) fn config(matches: &ArgMatches) -> Result<Config, Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    let file = matches.get_one::<String>(CONFIG_FILE).cloned().or_else(|| environment(CONFIG_FILE_VARIABLE));
    let from_file = match &file {
        Some(path) => config::from_file(path, &read_file(path)?)?,
        None => Vec::new(),
    };
    let given = [from_file, config::from_environment(environment), from_flags(matches)].concat();
    Ok(Config::assemble(given)?)
}

fn with_settings(command: Command) -> Command {
    let file = Arg::new(CONFIG_FILE)
        .long(CONFIG_FILE)
        .value_name("FILE")
        .help("A TOML file with settings (also DOVETAIL_CONFIG)");
    command.arg(file).args(config::table().map(flag)).after_help(SETTINGS_HELP)
}

fn flag(setting: &'static Setting) -> Arg {
    let help = setting.help.join("").trim().to_owned();
    let arg = Arg::new(setting.name)
        .long(setting.flag())
        .value_name(setting.hint)
        .hide_possible_values(true)
        .help(format!("{help} [default: {}]", setting.default));
    if setting.switch { arg.num_args(0..=1).require_equals(true).default_missing_value("true") } else { arg }
}

fn from_flags(matches: &ArgMatches) -> Vec<Given> {
    let given = config::table().filter_map(|setting| {
        let text = matches.get_one::<String>(setting.name)?.clone();
        Some(Given {
            name: setting.name,
            text,
            source: Source::Flag { flag: format!("--{}", setting.flag()) },
        })
    });
    given.collect()
}

fn read_file(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(Path::new(path))
        .map_err(|error| Failure::Usage(format!("cannot read {path}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OP2: every setting is a flag of every command that takes settings.
    #[test]
    fn op2_every_setting_is_a_flag() {
        command().debug_assert();
        for setting in config::table() {
            let flag = format!("--{}={}", setting.flag(), setting.default);
            let matches = command().try_get_matches_from(["dovetail", "serve", &flag]).unwrap();
            let (_, serve) = matches.subcommand().unwrap();
            let given = from_flags(serve);
            assert_eq!(given.len(), 1, "{flag}");
            assert_eq!((given[0].name, given[0].text.as_str()), (setting.name, setting.default));
        }
    }

    /// OP6: the flag with the ugly name needs no value, and takes none by accident.
    #[test]
    fn op6_the_ugly_flag_stands_alone() {
        let line = ["dovetail", "--danger-listen-without-authentication", "--listen", "0.0.0.0:0"];
        let matches = command().try_get_matches_from(line).unwrap();
        assert!(Config::assemble(from_flags(&matches)).is_ok());
    }
}
