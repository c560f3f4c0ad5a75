//! The binary as a script sees it: what it prints, where, and how it ends.
#![allow(clippy::unwrap_used)] // a test ends at the first thing that is not as it should be

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What stopping may take.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// A command in a directory of its own, without settings from outside.
fn dovetail(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dovetail"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOVETAIL_")) {
        command.env_remove(name);
    }
    command
}

fn ran(directory: &Path, arguments: &[&str]) -> Output {
    dovetail(directory, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A running server; ended at the latest when it is dropped.
struct Running {
    process: Child,
    url: String,
    /// Standard output behind the ready line.
    rest: BufReader<std::process::ChildStdout>,
}

impl Running {
    /// Starts it on a free port and waits until it says that it listens.
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let all = [&["serve", "--listen", "127.0.0.1:0", "--log-filter", "error"], arguments].concat();
        let mut process = dovetail(directory, &all).stdout(Stdio::piped()).spawn().unwrap();
        let mut rest = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        rest.read_line(&mut line).unwrap();
        let url =
            line.strip_prefix("listening on ").expect("the ready line comes first").trim_end().to_owned();
        Self { process, url, rest }
    }

    fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(process, signal).unwrap();
    }

    /// Asks it to stop, waits, and gives its exit code and what else it printed.
    fn stop(mut self, signal: rustix::process::Signal) -> (Option<i32>, String) {
        self.signal(signal);
        let mut printed = String::new();
        self.rest.read_to_string(&mut printed).unwrap();
        (self.process.wait().unwrap().code(), printed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A dashboard with a panel, as Grafana would write it.
fn grafana() -> Value {
    json!({"title": "Load", "uid": "abc", "schemaVersion": 39, "panels": [
        {"id": 7, "type": "timeseries", "title": "CPU", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
         "targets": [{"expr": "up", "refId": "A"}], "fieldConfig": {"defaults": {"unit": "percent"}}}
    ]})
}

/// OP9: one line tells that the server is ready, and nothing else is on standard output. Either
/// signal stops it with exit code 0.
#[test]
fn op9_the_ready_line_and_a_clean_end() {
    let directory = TempDir::new().unwrap();
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let server = Running::start(directory.path(), &[]);
        assert!(TcpStream::connect(server.address()).is_ok());
        let began = Instant::now();
        assert_eq!(server.stop(signal), (Some(0), String::new()));
        assert!(began.elapsed() < STOPS_WITHIN);
    }
    assert!(directory.path().join("dovetail-data").is_dir());
}

/// OP9: a second signal ends the process at once.
#[test]
fn op9_a_second_signal_ends_it_at_once() {
    let directory = TempDir::new().unwrap();
    let server = Running::start(directory.path(), &[]);
    // Half a request: the draining would wait for the rest of it.
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = "POST /api/docs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"content-length: 100\r\nexpect: 100-continue\r\n\r\n").unwrap();
    let mut told = [0; 12];
    stream.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100", "the request is under way");
    server.signal(rustix::process::Signal::TERM);
    // Nobody is accepted any more: the first signal has been heard.
    while TcpStream::connect(server.address()).is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(server.stop(rustix::process::Signal::TERM).0, Some(130));
}

/// OP10: what cannot be started says why on one line, without a panic, and exits with 1.
#[test]
fn op10_a_server_that_cannot_start_says_why() {
    let directory = TempDir::new().unwrap();
    let first = Running::start(directory.path(), &[]);
    fs::write(directory.path().join("one.json"), "{}").unwrap();
    let cases: [(&[&str], &str); 3] = [
        (&["serve", "--listen", "127.0.0.1:0"], "is in use by another process"),
        (&["serve", "--data-dir", "other", "--listen", first.address()], "cannot listen on"),
        (
            &["import", "one.json", "--as", "json", "--data-dir", "dovetail-data"],
            "is in use by another process",
        ),
    ];
    for (arguments, words) in cases {
        let output = ran(directory.path(), &[arguments, &[]].concat());
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.contains(words) && !told.contains("panicked"), "{arguments:?}: {told}");
        assert_eq!(told.lines().filter(|line| line.starts_with("dovetail: ")).count(), 1, "{told}");
        assert_eq!(text(&output.stdout), "");
    }
}

/// OP4: a wrong command line, environment or file is exit code 2, and each fault is named.
#[test]
fn op4_wrong_settings_are_told_and_exit_with_2() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("bad.toml"), "listen = '127.0.0.1:0'\npings = 3\n").unwrap();
    let cases: [(&[&str], &str); 6] = [
        (&["frobnicate"], "unrecognized subcommand"),
        (&["serve", "--frobnicate"], "unexpected argument"),
        (&["serve", "--listen", "here"], "--listen: listen = \"here\""),
        (&["serve", "--listen", "0.0.0.0:0"], "--danger-listen-without-authentication"),
        (&["--config", "bad.toml"], "bad.toml:2:1: pings is no setting"),
        (&["config", "--config", "absent.toml"], "cannot read absent.toml"),
    ];
    for (arguments, words) in cases {
        let output = ran(directory.path(), arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
    let mut command = dovetail(directory.path(), &["config"]);
    let output = command.env("DOVETAIL_CONNECTIONS_MAX", "none").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).starts_with("dovetail: DOVETAIL_CONNECTIONS_MAX: connections_max = \"none\"")
    );
    assert!(!directory.path().join("dovetail-data").exists(), "nothing was tried");
}

/// OP3: what `dovetail config` prints is what `--config` takes.
#[test]
fn op3_config_prints_a_file() {
    let directory = TempDir::new().unwrap();
    let shown = ran(directory.path(), &["config", "--ping-interval", "15s", "--data-dir", "d \"q\""]);
    assert_eq!(shown.status.code(), Some(0));
    assert!(text(&shown.stdout).contains("# --ping-interval"));
    fs::write(directory.path().join("all.toml"), &shown.stdout).unwrap();
    let again = ran(directory.path(), &["config", "--config", "all.toml"]);
    let values = |output: &[u8]| -> Vec<String> {
        text(output).lines().map(|line| line.rsplit_once("  # ").unwrap().0.trim_end().to_owned()).collect()
    };
    assert_eq!(values(&shown.stdout), values(&again.stdout));
}

/// OP11: a Grafana dashboard comes in and goes out, through a server and in a data directory.
#[test]
fn op11_import_and_export_meet() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    fs::write(here.join("board.json"), grafana().to_string()).unwrap();
    let server = Running::start(here, &[]);
    let url = server.url.clone();

    let imported = ran(here, &["import", "board.json", "--server", &url]);
    assert_eq!(imported.status.code(), Some(0), "{}", text(&imported.stderr));
    let id = text(&imported.stdout).trim_end().to_owned();
    assert!(id.starts_with("automerge:") && !id.contains('\n'));
    let through_server = ran(here, &["export", &id, "--format", "grafana", "--server", &url]);
    assert_eq!(serde_json::from_slice::<Value>(&through_server.stdout).unwrap(), grafana());
    assert_eq!(server.stop(rustix::process::Signal::TERM).0, Some(0));

    let from_directory = ran(
        here,
        &["export", &id, "--format", "grafana", "--data-dir", "dovetail-data", "--out", "back.json"],
    );
    assert_eq!(from_directory.status.code(), Some(0), "{}", text(&from_directory.stderr));
    assert_eq!(text(&from_directory.stdout), "");
    assert_eq!(
        serde_json::from_slice::<Value>(&fs::read(here.join("back.json")).unwrap()).unwrap(),
        grafana()
    );

    let saved = ran(here, &["export", &id, "--format", "automerge", "--data-dir", "dovetail-data"]);
    assert!(automerge::Automerge::load(&saved.stdout).is_ok());
    let second = ran(here, &["import", "board.json", "--data-dir", "dovetail-data"]);
    let second = text(&second.stdout).trim_end().to_owned();
    let plain = ran(here, &["export", &second, "--data-dir", "dovetail-data"]);
    assert_eq!(serde_json::from_slice::<Value>(&plain.stdout).unwrap()["title"], "Load");
}

/// OP11: what cannot be imported or exported is told in words, and nothing is made.
#[test]
fn op11_refusals_are_told() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    fs::write(here.join("plain.json"), "{\"a\": 1}").unwrap();
    fs::write(here.join("broken.json"), "{\"a\": ").unwrap();
    let unknown = "4NMNnkMhL8jXrdJ9jamS58PAVdXu";
    let server = Running::start(here, &["--data-dir", "served"]);
    let url = server.url.as_str();
    // A port that was free a moment ago: nobody is there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{free}");
    let no_server = format!("no server at {nobody}");
    let cases: [(&[&str], i32, &str); 8] = [
        (&["import", "plain.json", "--data-dir", "new"], 1, "with --as json its content is taken as it is"),
        (&["import", "plain.json", "--server", url], 1, "(bad_grafana_dashboard)"),
        (&["import", "broken.json", "--server", url], 1, "(bad_json)"),
        (&["import", "absent.json", "--data-dir", "new"], 1, "cannot read absent.json"),
        (&["export", unknown, "--server", url], 1, "(document_not_found)"),
        (&["export", unknown, "--data-dir", "absent"], 1, "there is no data directory absent"),
        (&["export", "nonsense", "--server", url], 2, "not a document id"),
        (&["export", unknown, "--server", &nobody], 1, &no_server),
    ];
    for (arguments, exit, words) in cases {
        let output = ran(here, arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
    assert!(!here.join("new").exists() && !here.join("absent").exists());
    let json = ran(here, &["import", "plain.json", "--as", "json", "--server", url]);
    assert_eq!(json.status.code(), Some(0));
}

/// AU41: a script gets the token and nothing else, or words about what is missing. AU30: the secret is not shown.
#[test]
fn au41_a_script_gets_a_token() {
    let directory = TempDir::new().unwrap();
    let secret = ran(directory.path(), &["token", "--new-secret"]);
    assert_eq!(secret.status.code(), Some(0));
    fs::write(directory.path().join("secret"), &secret.stdout).unwrap();
    let keyed = ["--jwt-secret-file", "secret", "--jwt-audience", "a", "--jwt-issuer", "i"];

    let made = ran(directory.path(), &[&["token", "--subject", "ana"], &keyed[..]].concat());
    let token = text(&made.stdout).strip_suffix('\n').unwrap();
    assert_eq!((made.status.code(), token.split('.').count()), (Some(0), 3));
    assert!(!token.contains(char::is_whitespace));

    let keyless = ran(directory.path(), &["token", "--subject", "ana"]);
    assert_eq!((keyless.status.code(), text(&keyless.stdout)), (Some(2), ""));
    assert!(text(&keyless.stderr).contains("--new-secret"));

    let secret = text(&secret.stdout).trim_end();
    let shown = dovetail(directory.path(), &["config", "--jwt-audience", "a", "--jwt-issuer", "i"])
        .env("DOVETAIL_JWT_SECRET", secret)
        .output()
        .unwrap();
    assert_eq!(shown.status.code(), Some(0));
    assert!(text(&shown.stdout).contains("jwt_secret = \"(hidden)\""));
    assert!(!text(&shown.stdout).contains(secret) && !text(&shown.stderr).contains(secret));
}

/// AU43: the environment may hold the token, and no word of it is in what is told.
#[test]
fn au43_a_token_comes_from_the_environment() {
    let directory = TempDir::new().unwrap();
    let told = dovetail(directory.path(), &["export", "4NMNnkMhL8jXrdJ9jamS58PAVdXu"])
        .env("DOVETAIL_TOKEN", "hunter2\nb")
        .output()
        .unwrap();
    assert_eq!(told.status.code(), Some(2));
    assert!(text(&told.stderr).contains("this is no token") && !text(&told.stderr).contains("hunter2"));
}
