//! P2, seen from the kernel: an acknowledged commit has reached `fdatasync`, which no test that kills the process can tell from one that
//! has only reached the page cache.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use dovetail_tests::Setup;
use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};

/// One after the other, so that no two share a sync.
const WRITES: usize = 20;

/// What of the system calls is looked at.
const CALLS: &str = "trace=fdatasync,pwrite64,write,writev,sendto";

/// What the trace shows of one system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// Something was written into the store's log.
    Written,
    /// The log was synced, with success.
    Synced,
    /// A write was answered with 200.
    Answered,
}

/// ST28: before each answer to a write the log was written and synced, in this order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st28_an_answered_commit_has_reached_fdatasync() {
    if let Some(why) = cannot_trace() {
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("skipped: {why}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let tracer = ["strace", "-D", "-f", "-y", "-s", "16", "-e", CALLS, "-o", trace.to_str().unwrap()];
    let mut server = Setup::default().through(&tracer).start().await.unwrap();
    let made = server.post("/api/docs", &json!({"n": 0})).await.unwrap();
    let path = format!("/api/docs/{}", made.json()["id"].as_str().unwrap());
    for n in 1..=WRITES {
        let heads = server.get(&path).await.unwrap().header("etag").unwrap().to_owned();
        let headers = [("content-type", "application/merge-patch+json"), ("if-match", heads.as_str())];
        let body = json!({ "n": n }).to_string();
        let answer = server.request("PATCH", &path, &headers, body.as_bytes()).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    server.terminate().await.unwrap();
    let calls = calls(&trace);
    let synced = calls.iter().filter(|call| **call == Call::Synced).count();
    assert!(synced > WRITES, "{synced} syncs for {WRITES} writes");
    // A GET before each write and the write itself are answered with 200; the log is written for the write alone.
    let mut unsynced = false;
    let mut in_order = 0;
    for call in calls {
        match call {
            Call::Written => unsynced = true,
            Call::Synced => {
                in_order += usize::from(unsynced);
                unsynced = false;
            }
            Call::Answered => assert!(!unsynced, "answered before what was written was synced"),
        }
    }
    assert!(in_order > WRITES, "{in_order} writes were synced");
}

/// Why nothing can be traced here, if so.
fn cannot_trace() -> Option<&'static str> {
    let quiet = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    match quiet(Command::new("strace").args(["-o", "/dev/null", "true"])) {
        Err(_) => Some("strace is not installed"),
        Ok(status) if !status.success() => Some("strace may not trace here"),
        Ok(_) => None,
    }
}

fn calls(trace: &Path) -> Vec<Call> {
    std::fs::read_to_string(trace).unwrap().lines().filter_map(call).collect()
}

/// Each line begins with the thread. A call that another thread interrupted is on two lines: it begins on the first, and its
/// result is on the second.
fn call(line: &str) -> Option<Call> {
    let (_, what) = line.split_once(' ')?;
    let what = what.trim_start();
    let is_log = what.contains("/db>");
    if what.starts_with("pwrite64(") && is_log {
        Some(Call::Written)
    } else if (what.starts_with("fdatasync(") && is_log || what.starts_with("<... fdatasync resumed"))
        && what.ends_with("= 0")
    {
        Some(Call::Synced)
    } else if what.contains("\"HTTP/1.1 200 ") {
        Some(Call::Answered)
    } else {
        None
    }
}
