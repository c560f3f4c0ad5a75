//! The server under test: the real binary, on a port of its own, over a data directory of
//! its own that outlives a restart and goes with the value.
//!
//! The binary is `DOVETAIL_BIN`, or the `dovetail` that the same build put near the test.

use crate::http::{self, Response};
use crate::process::{LastWords, Process, ProcessError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

/// How long a server may take to say that it listens. It is quick; a busy machine is not.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long a server may take to end after SIGTERM. It promises 10 s.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// What a server is started with, beyond the listening address and the data directory.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    args: Vec<String>,
    env: Vec<(String, String)>,
    data_dir: Option<PathBuf>,
    binary: Option<PathBuf>,
    through: Vec<String>,
}

impl Setup {
    /// One more argument after `serve`.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A data directory that is not ours to remove, instead of a temporary one.
    #[must_use]
    pub fn data_dir(mut self, path: &Path) -> Self {
        self.data_dir = Some(path.to_owned());
        self
    }

    /// Another binary than the one that was built with the test.
    #[must_use]
    pub fn binary(mut self, path: &Path) -> Self {
        self.binary = Some(path.to_owned());
        self
    }

    /// A program that starts the binary, with its arguments before those of the binary.
    #[must_use]
    pub fn through(mut self, program: &[&str]) -> Self {
        self.through = program.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Starts a server and waits until it listens.
    ///
    /// # Errors
    /// When there is no binary, or it does not come up.
    pub async fn start(self) -> Result<Server, LiveError> {
        let temporary = TempDir::with_prefix("dovetail-test-")?;
        let data_dir = self.data_dir.clone().unwrap_or_else(|| temporary.path().join("data"));
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let (process, address) = launch(&self, &data_dir, anywhere).await?;
        Ok(Server { setup: self, process, address, data_dir, _temporary: temporary })
    }
}

/// A running server. Dropped, it is killed, and its temporary data directory removed.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    process: Process,
    address: SocketAddr,
    data_dir: PathBuf,
    _temporary: TempDir,
}

/// Why there is no server to test.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// No binary was built, or it is somewhere else.
    #[error(
        "no server binary near {looked_near}: build it (`cargo build -p dovetail-server`) or set DOVETAIL_BIN"
    )]
    NoBinary {
        /// Where the test runs from.
        looked_near: PathBuf,
    },
    /// The process did not do what it should.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// No place for its data.
    #[error("no temporary directory")]
    Directory(#[from] io::Error),
}

/// How a server ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// How long it took after the signal.
    pub after: Duration,
}

impl Server {
    /// Starts one with nothing special about it.
    ///
    /// # Errors
    /// When there is no binary, or it does not come up.
    pub async fn start() -> Result<Self, LiveError> {
        Setup::default().start().await
    }

    /// Where it listens. The same after a restart.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDR:PORT`, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where automerge-repo clients connect.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}/sync", self.address)
    }

    /// Where a [`Client`](crate::Client) connects without a WebSocket.
    #[must_use]
    pub fn http_sync_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it keeps its documents in.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The process itself, for signals.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What it has logged, as far as it is kept.
    #[must_use]
    pub fn said(&self) -> &LastWords {
        self.process.said()
    }

    /// `GET path`.
    ///
    /// # Errors
    /// When no HTTP answer comes back.
    pub async fn get(&self, path: &str) -> io::Result<Response> {
        http::request(self.address, "GET", path, &[], &[]).await
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// When no HTTP answer comes back.
    pub async fn post(&self, path: &str, json: &serde_json::Value) -> io::Result<Response> {
        let headers = [("content-type", "application/json")];
        http::request(self.address, "POST", path, &headers, json.to_string().as_bytes()).await
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// When no HTTP answer comes back.
    pub async fn delete(&self, path: &str) -> io::Result<Response> {
        http::request(self.address, "DELETE", path, &[], &[]).await
    }

    /// Any request.
    ///
    /// # Errors
    /// When no HTTP answer comes back.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        http::request(self.address, method, path, headers, body).await
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it has not ended after 20 s.
    pub async fn terminate(&mut self) -> Result<Ended, LiveError> {
        let began = Instant::now();
        let status = self.process.terminate(ENDS_WITHIN).await?;
        Ok(Ended { status, after: began.elapsed() })
    }

    /// SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    /// When the system does not let us.
    pub async fn kill(&mut self) -> Result<(), LiveError> {
        self.process.kill().await?;
        Ok(())
    }

    /// Starts it again over the same data and lets it die by SIGKILL so long after that, ready or not. It is gone afterwards.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn die_starting(&mut self, after: Duration) -> Result<(), LiveError> {
        self.kill().await?;
        let mut command = command(&self.setup, &self.data_dir, self.address)?;
        let nowhere = || Stdio::null();
        let mut starting =
            command.stdin(nowhere()).stdout(nowhere()).stderr(nowhere()).kill_on_drop(true).spawn()?;
        sleep(after).await;
        starting.kill().await?;
        Ok(())
    }

    /// Starts it again over the same data and on the same port; kills it first if it still runs.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn restart(&mut self) -> Result<(), LiveError> {
        self.kill().await?;
        (self.process, self.address) = launch(&self.setup, &self.data_dir, self.address).await?;
        Ok(())
    }
}

async fn launch(
    setup: &Setup,
    data_dir: &Path,
    listen: SocketAddr,
) -> Result<(Process, SocketAddr), LiveError> {
    let command = command(setup, data_dir, listen)?;
    Ok(Process::start(command, READY_WITHIN, listening_on).await?)
}

fn command(setup: &Setup, data_dir: &Path, listen: SocketAddr) -> Result<Command, LiveError> {
    let binary = match &setup.binary {
        Some(binary) => binary.clone(),
        None => self::binary()?,
    };
    let mut command = match &setup.through[..] {
        [] => Command::new(binary),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary);
            command
        }
    };
    for (name, _) in std::env::vars_os() {
        // What the machine is set to must not decide how a test ends.
        if name.to_string_lossy().starts_with("DOVETAIL_") {
            command.env_remove(name);
        }
    }
    // Nor how full its disk is; a test that wants a floor says so.
    command.env("DOVETAIL_DISK_FREE_MIN", "off");
    command.arg("serve").args(["--listen", &listen.to_string(), "--data-dir"]).arg(data_dir);
    command.args(&setup.args).envs(setup.env.iter().map(|(name, value)| (name, value)));
    Ok(command)
}

/// Reads the one line that scripts rely on.
fn listening_on(line: &str) -> Option<SocketAddr> {
    line.split_once("listening on http://")?.1.trim().parse().ok()
}

/// The server that is tested: `DOVETAIL_BIN`, or `dovetail` in the directory of the running test or just above it.
///
/// # Errors
/// When there is none.
pub fn binary() -> Result<PathBuf, LiveError> {
    if let Some(binary) = std::env::var_os("DOVETAIL_BIN") {
        return Ok(binary.into());
    }
    let test = std::env::current_exe()?;
    let places = test.ancestors().skip(1).take(2).map(|place| place.join("dovetail"));
    // A test of a doc comment is somewhere else.
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/dovetail");
    let found = places.chain([built]).find(|binary| binary.is_file());
    found.ok_or(LiveError::NoBinary { looked_near: test })
}
