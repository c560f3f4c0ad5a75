//! One shell for the whole page, so that what one block sets the next one has.
//!
//! Always true: it works in a directory of its own, with nothing set but the path, and no block takes longer
//! than its time.

use std::io;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How long a block may take. The slowest one follows a document for two seconds.
const WITHIN: Duration = Duration::from_secs(60);

/// What the shell says between two blocks. No answer has such a line.
const MARK: &str = "----8<---- that was the block; it ended with";

pub(crate) struct Shell {
    _process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _directory: TempDir,
}

impl Shell {
    pub(crate) fn start() -> io::Result<Self> {
        let directory = TempDir::with_prefix("dovetail-page-")?;
        // No meter of progress in the test's output. What curl answers stays as it is.
        std::fs::write(directory.path().join(".curlrc"), "silent\nshow-error\n")?;
        let mut command = Command::new("sh");
        command.env_clear().current_dir(directory.path()).env("HOME", directory.path());
        command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let input = process.stdin.take().expect("it is piped");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        Ok(Self { _process: process, input, output, _directory: directory })
    }

    /// Runs a block, and gives what it wrote to standard output.
    ///
    /// # Errors
    /// When it takes too long, or the shell has ended.
    pub(crate) async fn run(&mut self, script: &str) -> io::Result<String> {
        let block = format!("{script}\nprintf '\\n%s %s\\n' '{MARK}' \"$?\"\n");
        let talk = async {
            self.input.write_all(block.as_bytes()).await?;
            let (mut said, mut line) = (Vec::new(), Vec::new());
            loop {
                line.clear();
                if self.output.read_until(b'\n', &mut line).await? == 0 {
                    return Err(io::Error::other("the shell has ended"));
                }
                if line.starts_with(MARK.as_bytes()) {
                    return Ok(said);
                }
                said.extend_from_slice(&line);
            }
        };
        let said = timeout(WITHIN, talk).await.map_err(|_| io::Error::other("it takes too long"))??;
        // What a WebSocket says in its frames is no text.
        let said = String::from_utf8_lossy(&said).into_owned();
        Ok(said.strip_suffix('\n').map(str::to_owned).unwrap_or(said))
    }
}
