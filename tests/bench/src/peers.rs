//! The three that are measured, each as a child process: our release server, the stock
//! sync server from npm, and a bare relay that stands for the limit.

use crate::meter::{self, Cpu};
use dovetail_tests::process::{Process, ProcessError};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// The stock server says that it listens a little before it listens to joins.
const STOCK_SETTLES_IN: Duration = Duration::from_millis(700);

/// How long a stock server needs to write down what it has acknowledged: it saves behind
/// the acknowledgement, at most every 100 ms for a document.
const STOCK_SAVES_WITHIN: Duration = Duration::from_secs(3);

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Frames passed on, nothing understood.
    Relay,
    /// Our release server.
    Dovetail,
    /// `@automerge/automerge-repo-sync-server` from npm.
    Stock,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Relay => "relay",
            Self::Dovetail => "dovetail",
            Self::Stock => "stock",
        })
    }
}

/// Where the programs are, and where data goes.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The release server's binary.
    pub server: PathBuf,
    /// The stock server's `index.js`.
    pub stock: PathBuf,
    /// Where data directories are made.
    pub data: PathBuf,
}

/// One of the three, running, over a data directory of its own.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Which one.
    pub kind: Kind,
    /// Where it listens.
    pub address: SocketAddr,
    places: Places,
    data: TempDir,
    process: Process,
}

impl Peer {
    /// Starts one over an empty data directory.
    pub(crate) async fn start(kind: Kind, places: &Places) -> Result<Self, ProcessError> {
        let data = TempDir::with_prefix_in("dovetail-bench-", &places.data)?;
        let (process, address) = launch(kind, places, data.path()).await?;
        Ok(Self { kind, address, places: places.clone(), data, process })
    }

    /// Ends it as an operator would, once everything is written, and starts it again.
    pub(crate) async fn restart(&mut self) -> Result<(), ProcessError> {
        if self.kind == Kind::Stock {
            tokio::time::sleep(STOCK_SAVES_WITHIN).await;
        }
        self.process.terminate(READY_WITHIN).await?;
        (self.process, self.address) = launch(self.kind, &self.places, self.data.path()).await?;
        Ok(())
    }

    /// Ends it with SIGKILL, at once, and starts it again.
    pub(crate) async fn kill_and_restart(&mut self) -> Result<(), ProcessError> {
        self.process.kill().await?;
        (self.process, self.address) = launch(self.kind, &self.places, self.data.path()).await?;
        Ok(())
    }

    /// Ends it, so that the next one has the machine for itself.
    pub(crate) async fn stop(mut self) -> Result<(), ProcessError> {
        self.process.kill().await.map(drop)
    }

    /// What its process has used so far.
    pub(crate) fn cpu(&self) -> Cpu {
        Cpu::of(self.process.id())
    }

    /// Its resident memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        meter::resident_bytes(self.process.id())
    }

    /// Its output, for an error's message.
    pub(crate) fn said(&self) -> String {
        self.process.said().to_string()
    }
}

async fn launch(kind: Kind, places: &Places, data: &Path) -> Result<(Process, SocketAddr), ProcessError> {
    match kind {
        Kind::Stock => launch_stock(&places.stock, data).await,
        Kind::Relay => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("relay");
            Process::start(command, READY_WITHIN, listening_on).await
        }
        Kind::Dovetail => {
            let mut command = Command::new(&places.server);
            command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.join("data"));
            Process::start(command, READY_WITHIN, listening_on).await
        }
    }
}

async fn launch_stock(script: &Path, data: &Path) -> Result<(Process, SocketAddr), ProcessError> {
    let address = free_address()?;
    let mut command = Command::new("node");
    command.arg(script).env("PORT", address.port().to_string()).env("DATA_DIR", data.join("data"));
    let ready = |line: &str| line.starts_with("Listening on port").then_some(());
    let (process, ()) = Process::start(command, READY_WITHIN, ready).await?;
    tokio::time::sleep(STOCK_SETTLES_IN).await;
    Ok((process, address))
}

fn listening_on(line: &str) -> Option<SocketAddr> {
    line.split_once("listening on http://")?.1.trim().parse().ok()
}

/// A port that was free a moment ago, for a server that cannot choose one itself.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
