//! One program, run in the workspace's root, announced before and judged after.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a step, and with it the command, ended.
pub(crate) type Failure = String;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the workspace").to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => root().join(target),
        None => root().join("target"),
    }
}

/// The cargo that runs us, so that one with `+toolchain` stays the same.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root());
    command
}

/// `npm`, in this folder.
pub(crate) fn npm(folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder);
    command
}

/// Runs `command` with its output where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let line = shown(command);
    eprintln!("xtask: {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed ({status})")),
        Err(error) => Err(format!("cannot run `{line}`: {error}")),
    }
}

/// What `program` prints, when it runs at all.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let command =
        Command::new(program).args(arguments).current_dir(root()).stderr(Stdio::null()).output().ok()?;
    command.status.success().then(|| String::from_utf8_lossy(&command.stdout).trim().to_owned())
}

fn shown(command: &Command) -> String {
    let program =
        Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
