//! A disk without any room, seen on a small one: nothing acknowledged is lost, what is there is served, also by a server that is
//! started on it, and writing goes on when there is room.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use dovetail_tests::{Server, Setup};
use serde_json::json;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Where the small disk is, for the process that runs in the mount namespace.
const DISK: &str = "DOVETAIL_TEST_SMALL_DISK";

/// The small disk, and how much of it the server leaves free: more than is set aside for a start, so that what that gives back is
/// no room to write.
const DISK_BYTES: u64 = 64 << 20;
const FLOOR: &str = "--disk-free-min=24MiB";
const BELOW_FLOOR: u64 = 20 << 20;

/// What is written at once where a disk is filled.
const PIECE: usize = 64 << 10;

/// ST29, ST25: a server on a full disk refuses writes with `disk_low` and serves reads, also one that is started there, after SIGKILL;
/// with room it writes again, and everything that was acknowledged is there.
#[test]
fn st29_a_server_starts_and_serves_reads_on_a_full_disk() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(disk) = std::env::var_os(DISK) {
        return runtime.block_on(on_a_small_disk(Path::new(&disk)));
    }
    let folder = tempfile::tempdir().unwrap();
    match in_a_mount_namespace(folder.path()) {
        None => eprintln!("skipped: a small disk cannot be mounted here"),
        Some(mut again) => assert!(again.status().unwrap().success(), "on the small disk it failed"),
    }
}

/// This test again, in a mount namespace of its own in which `folder` is a disk of 64 MiB; `None` where that is not allowed.
fn in_a_mount_namespace(folder: &Path) -> Option<Command> {
    let mount = format!("mount -t tmpfs -o size={DISK_BYTES} tmpfs \"$0\"");
    let unshared = |flags: &str, then: &str| {
        let mut command = Command::new("unshare");
        command.args([flags, "sh", "-c", &format!("{mount} && {then}")]).arg(folder);
        command
    };
    let works = |flags: &&str| {
        let tried = unshared(flags, "true").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let flags = ["-m", "-rm"].into_iter().find(works)?;
    let mut again = unshared(flags, "exec \"$@\"");
    again.arg(std::env::current_exe().ok()?);
    again.args(["--exact", "st29_a_server_starts_and_serves_reads_on_a_full_disk", "--nocapture"]);
    again.env(DISK, folder);
    Some(again)
}

async fn on_a_small_disk(disk: &Path) {
    let setup = Setup::default().data_dir(&disk.join("data")).arg(FLOOR);
    let mut server = setup.start().await.unwrap();
    let made = server.post("/api/docs", &json!({ "n": 0 })).await.unwrap();
    let path = format!("/api/docs/{}", made.json()["id"].as_str().unwrap());
    for n in 1..=50 {
        assert_eq!(write(&server, &path, n).await, 200);
    }

    let filler = disk.join("filler");
    fill(&filler, BELOW_FLOOR);
    assert_eq!(write(&server, &path, 51).await, 503);
    assert!(server.get("/ready").await.unwrap().text().contains("disk_low"));
    assert_eq!(server.get(&path).await.unwrap().json()["n"], 50);

    let rest = disk.join("rest");
    fill(&rest, 0);
    assert_eq!(server.get(&path).await.unwrap().json()["n"], 50);
    for _ in 0..2 {
        server.restart().await.unwrap(); // After SIGKILL, and for the second one what was set aside is gone already.
        assert_eq!(server.get(&path).await.unwrap().json()["n"], 50);
        assert_eq!(write(&server, &path, 51).await, 503);
    }

    std::fs::remove_file(rest).unwrap();
    std::fs::remove_file(filler).unwrap();
    assert_eq!(write(&server, &path, 51).await, 200);
    server.restart().await.unwrap();
    assert_eq!(server.get(&path).await.unwrap().json()["n"], 51);
}

async fn write(server: &Server, path: &str, n: u32) -> u16 {
    let heads = server.get(path).await.unwrap().header("etag").unwrap().to_owned();
    let headers = [("content-type", "application/merge-patch+json"), ("if-match", heads.as_str())];
    let answer =
        server.request("PATCH", path, &headers, json!({ "n": n }).to_string().as_bytes()).await.unwrap();
    if answer.status != 200 {
        assert!(answer.text().contains("disk_low"), "{}", answer.text());
    }
    answer.status
}

/// Writes a file until so much, or nothing, is free.
fn fill(file: &Path, leave_bytes: u64) {
    let mut file = File::create(file).unwrap();
    let free = |file: &File| {
        let disk = rustix::fs::fstatvfs(file).unwrap();
        disk.f_bavail * disk.f_frsize
    };
    while free(&file) > leave_bytes {
        match file.write_all(&[0; PIECE]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            Err(error) => panic!("{error}"),
        }
    }
}
