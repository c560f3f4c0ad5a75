//! A child process that says when it is ready, and whose last words are kept for the
//! message of a test that fails.
//!
//! Always true here: the child is killed when its [`Process`] is dropped; only processes
//! that were started here are signalled.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::VecDeque;
use std::fmt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// How many lines of a child's output are kept: enough for a panic with its backtrace.
const LINES_KEPT: usize = 400;

/// A running child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    said: LastWords,
}

/// Why a child did not become, or stay, what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be run at all.
    #[error("cannot run {program}")]
    Spawn {
        /// What was to be run.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended, or its time ran out, before it said that it was ready.
    #[error("{program} was not ready within {within:?}; it said:\n{said}")]
    NotReady {
        /// What was run.
        program: String,
        /// How long it had.
        within: Duration,
        /// Its output.
        said: LastWords,
    },
    /// It did not end in time.
    #[error("process {id} did not end within {within:?}; it said:\n{said}")]
    StillRunning {
        /// Its number.
        id: u32,
        /// How long it had.
        within: Duration,
        /// Its output.
        said: LastWords,
    },
    /// The system would not let us wait for it, or signal it.
    #[error("cannot reach the child process")]
    Unreachable(#[from] std::io::Error),
}

impl Process {
    /// Starts `command` and reads its standard output until `ready` recognises a line.
    ///
    /// # Errors
    /// When it cannot be started, ends early, or is not ready `within` that time.
    pub async fn start<T>(
        mut command: Command,
        within: Duration,
        ready: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T), ProcessError> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child =
            command.spawn().map_err(|source| ProcessError::Spawn { program: program.clone(), source })?;
        let said = LastWords::default();
        let (lines, mut heard) = mpsc::unbounded_channel();
        listen(child.stderr.take(), said.clone(), None);
        listen(child.stdout.take(), said.clone(), Some(lines));
        let process = Self { child, said };
        let deadline = Instant::now() + within;
        while let Ok(Some(line)) = timeout_at(deadline, heard.recv()).await {
            if let Some(found) = ready(&line) {
                return Ok((process, found));
            }
        }
        Err(ProcessError::NotReady { program, within, said: process.said.clone() })
    }

    /// Its process id; 0 once it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// What it has written to both of its outputs, as far as it is kept.
    #[must_use]
    pub fn said(&self) -> &LastWords {
        &self.said
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// When it is still there after `within`.
    pub async fn terminate(&mut self, within: Duration) -> Result<ExitStatus, ProcessError> {
        self.signal(Signal::TERM)?;
        self.wait(within).await
    }

    /// Ends it without a warning and waits until it is gone.
    ///
    /// # Errors
    /// When the system does not let us.
    pub async fn kill(&mut self) -> Result<ExitStatus, ProcessError> {
        self.signal(Signal::KILL)?;
        self.wait(Duration::from_secs(10)).await
    }

    /// Sends it any signal, for tests that stop a process and let it go on.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        match id {
            Some(id) => kill_process(id, signal).map_err(|error| ProcessError::Unreachable(error.into())),
            None => Ok(()), // It has ended already: nobody is left to be told.
        }
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// When it is still there after `within`.
    pub async fn wait(&mut self, within: Duration) -> Result<ExitStatus, ProcessError> {
        match timeout(within, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => Err(ProcessError::StillRunning { id: self.id(), within, said: self.said.clone() }),
        }
    }
}

/// The last lines that a child wrote. Clones look at the same lines.
#[derive(Clone, Default)]
pub struct LastWords(Arc<Mutex<VecDeque<String>>>);

impl LastWords {
    fn add(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }
}

impl fmt::Display for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().try_for_each(|line| writeln!(f, "  | {line}"))
    }
}

impl fmt::Debug for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

/// Reads one output to its end, so that the child never waits for a full pipe.
fn listen(
    output: Option<impl AsyncRead + Unpin + Send + 'static>,
    said: LastWords,
    lines: Option<mpsc::UnboundedSender<String>>,
) {
    let Some(output) = output else { return };
    tokio::spawn(async move {
        let mut reader = BufReader::new(output).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            said.add(&line);
            if let Some(lines) = &lines {
                // Nobody listens once the child is ready; its words are kept all the same.
                let _ = lines.send(line);
            }
        }
    });
}
