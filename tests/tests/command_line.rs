//! The commands for documents, as scripts use them: the real binary against a real server.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use dovetail_tests::tls::Tls;
use dovetail_tests::{Server, Setup, binary};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::time::timeout;

/// However busy the machine is, what is waited for comes within this.
const WITHIN: Duration = Duration::from_secs(60);

const UNKNOWN: &str = "4NMNnkMhL8jXrdJ9jamS58PAVdXu";

/// What a command did.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    said: String,
}

impl Ran {
    /// It was done: what it printed.
    fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The same, as one value.
    fn json(self) -> Value {
        let line = self.done();
        assert_eq!(line.lines().count(), 1, "one value, one line: {line}");
        serde_json::from_str(&line).unwrap()
    }

    /// It ended so, printed nothing, and said why in one line of ours.
    fn failed(self, code: i32, words: &str) {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        assert!(self.said.contains(words) && !self.said.contains("panicked"), "{words}: {self:?}");
        assert!(code == 2 || self.said.starts_with("dovetail: "), "{self:?}");
    }
}

fn values(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The binary, with a server to ask and nothing else from outside.
fn command(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary().unwrap());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOVETAIL_")) {
        command.env_remove(name);
    }
    command.args(arguments).env("DOVETAIL_SERVER", url).stdin(Stdio::null());
    command
}

fn ended(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(&output.stdout), said: text(&output.stderr) }
}

fn ran(server: &Server, arguments: &[&str]) -> Ran {
    ended(&mut command(&server.url(), arguments))
}

/// With this on standard input.
fn ran_with(server: &Server, arguments: &[&str], input: &Value) -> Ran {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input.to_string().as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    ended(command(&server.url(), arguments).stdin(file))
}

/// A document of this content: its id.
fn made(server: &Server, content: &Value) -> String {
    ran_with(server, &["create", "-"], content).json()["id"].as_str().unwrap().to_owned()
}

/// A dashboard with two widgets on one place.
fn two_on_one_place() -> Value {
    let widget = json!({ "kind": "chart", "title": "CPU", "order": "V", "layout": { "x": 0, "y": 0, "w": 6, "h": 6 }, "options": {} });
    let mut other = widget.clone();
    (other["title"], other["order"]) = ("RAM".into(), "W".into());
    json!({
        "kind": "dashboard", "schemaVersion": 1, "title": "Hosts", "description": "",
        "grid": { "columns": 24, "rowHeight": 30 }, "widgets": { "cpu": widget, "ram": other }
    })
}

fn only_heads(read: &Value) -> String {
    read["heads"].to_string()
}

/// OP40, OP41: every document that is there is listed, a line each; of one kind, and so many at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op41_documents_are_listed() {
    let server = Server::start().await.unwrap();
    assert_eq!(ran(&server, &["ls"]).done(), "");
    let (notes, board) = (made(&server, &json!({ "title": "Notes" })), made(&server, &two_on_one_place()));
    let gone = made(&server, &json!({}));
    server.delete(&format!("/api/docs/{gone}")).await.unwrap();

    let all = values(&ran(&server, &["ls"]).done());
    let mut ids: Vec<_> = all.iter().map(|listed| listed["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    let mut expected = [notes.as_str(), &board];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let boards = values(&ran(&server, &["ls", "--kind", "dashboard"]).done());
    assert_eq!((boards.len(), &boards[0]["id"], &boards[0]["title"]), (1, &json!(board), &json!("Hosts")));
    assert!(boards[0]["heads"].is_array(), "what else the server says is there: {boards:?}");
    assert_eq!(values(&ran(&server, &["ls", "--limit", "1"]).done()).len(), 1);
    assert_eq!(ran(&server, &["ls", "--kind", "nothing"]).done(), "");
    ran(&server, &["ls", "--limit", "0"]).failed(2, "--limit");
}

/// OP42: a document is printed as the server has it, and so is one place of it; what is not there is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op42_documents_are_printed() {
    let server = Server::start().await.unwrap();
    let content =
        json!({ "a": { "b/c": [1, "two"] }, "n": 0.1, "large": 9_007_199_254_740_993_i64, "none": null });
    let id = made(&server, &content);
    let as_served = server.get(&format!("/api/docs/{id}")).await.unwrap().text();
    assert_eq!(ran(&server, &["get", &id]).done(), as_served, "letter by letter");
    assert_eq!(ran(&server, &["get", &format!("automerge:{id}")]).json(), content);
    assert_eq!(ran(&server, &["get", &id, "/a/b~1c/1"]).json(), "two");
    assert_eq!(ran(&server, &["get", &id, "/none"]).json(), Value::Null);
    assert_eq!(ran(&server, &["get", &id, ""]).json(), content);
    let with_heads = ran(&server, &["get", &id, "/n", "--with-heads"]).json();
    assert_eq!((&with_heads["document"], with_heads["heads"].as_array().unwrap().len()), (&json!(0.1), 1));

    ran(&server, &["get", &id, "/a/x"]).failed(1, "there is nothing at /a/x");
    ran(&server, &["get", &id, "a"]).failed(2, "begins with a slash");
    ran(&server, &["get", "nonsense"]).failed(2, "not a document id");
    ran(&server, &["get", UNKNOWN]).failed(1, "(document_not_found)");
    server.delete(&format!("/api/docs/{id}")).await.unwrap();
    ran(&server, &["get", &id]).failed(1, "(document_deleted)");
}

/// OP43: JSON becomes a document as it is, a title an empty dashboard; what cannot become one is told in the server's words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op43_documents_are_made() {
    let server = Server::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.json");
    let path = file.to_str().unwrap();
    fs::write(&file, r#"{"title": "Notes", "rows": [1, 2]}"#).unwrap();
    let stored = ran(&server, &["create", path]).json();
    assert_eq!(stored["url"], format!("automerge:{}", stored["id"].as_str().unwrap()));
    assert_eq!(
        ran(&server, &["get", stored["id"].as_str().unwrap()]).json(),
        json!({ "title": "Notes", "rows": [1, 2] })
    );

    let board = ran(&server, &["create", "--title", "Hosts \"1\""]).json();
    let board = board["id"].as_str().unwrap();
    let shown = ran(&server, &["get", board]).json();
    assert_eq!(
        (&shown["kind"], &shown["title"], &shown["widgets"]),
        (&json!("dashboard"), &json!("Hosts \"1\""), &json!({}))
    );
    assert_eq!(ran(&server, &["conflicts", board]).done(), "");
    let (adding, widgets) =
        (["patch", board, "-", "--merge"], json!({ "widgets": two_on_one_place()["widgets"] }));
    ran_with(&server, &adding, &widgets).json();
    assert_eq!(ran(&server, &["conflicts", board]).code, 3, "it is a dashboard to the rules");

    fs::write(&file, "{\"title\": ").unwrap();
    ran(&server, &["create", path]).failed(1, "(bad_json)");
    ran_with(&server, &["create", "-"], &json!([1])).failed(1, "(bad_content)");
    fs::write(&file, "\n").unwrap();
    ran(&server, &["create", path]).failed(1, "the input is empty");
    ran(&server, &["import", path, "--as", "json"]).failed(1, "the input is empty");
    ran(&server, &["create", "absent.json"]).failed(1, "cannot read absent.json");
    ran(&server, &["create"]).failed(2, "--title");
    ran(&server, &["create", path, "--title", "both"]).failed(2, "cannot be used with");
}

/// OP44: what is written is made where its writer read and merges with what others wrote since, or is refused; it is on the disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op44_writes_merge_with_what_others_wrote() {
    let mut server = Server::start().await.unwrap();
    let id = made(&server, &json!({ "title": "Hosts", "rows": 1 }));
    let read = only_heads(&ran(&server, &["get", &id, "--with-heads"]).json());
    let replace = json!([{ "op": "replace", "path": "/title", "value": "All hosts" }]);
    let patched = ran_with(&server, &["patch", &id, "-"], &replace).json();
    assert_ne!(only_heads(&patched), read);

    let mine = json!({ "title": "Hosts", "rows": 2 });
    let merged = ran_with(&server, &["put", &id, "-", "--base", &read], &mine).json();
    assert!(merged["heads"].is_array() && merged["lost_count"] == 0, "{merged}");
    assert_eq!(ran(&server, &["get", &id]).json(), json!({ "title": "All hosts", "rows": 2 }));
    ran_with(&server, &["put", &id, "-", "--if-match", &read], &mine).failed(1, "(precondition_failed)");
    let present = ran(&server, &["get", &id, "--with-heads"]).json();
    let present = present["heads"].as_array().unwrap().iter().map(|head| head.as_str().unwrap());
    let present = present.collect::<Vec<_>>().join(".");
    ran_with(&server, &["patch", &id, "-", "--merge", "--if-match", &present], &json!({ "rows": null }))
        .json();
    ran_with(&server, &["put", &id, "-", "--base", "now"], &json!({ "rows": 3, "n": 0.3 })).json();
    let same = ran(&server, &["get", &id, "--with-heads"]).json();
    let again = ran_with(&server, &["put", &id, "-", "--base", &only_heads(&same)], &same["document"]).json();
    assert_eq!(again["change"], Value::Null, "nothing is changed by what was read");

    let late = ran_with(&server, &["patch", &id, "-", "--merge", "--base", &read], &json!({ "rows": 9 }));
    assert!(late.code == 0, "{late:?}");
    let lost = serde_json::from_str::<Value>(&late.out).unwrap()["lost_count"].as_u64().unwrap();
    assert_eq!(lost > 0, late.said.contains("did not win"), "{late:?}");

    server.kill().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(ran(&server, &["get", &id, "/n"]).json(), 0.3);

    let unknown = "a".repeat(64);
    for (arguments, input, code, words) in [
        (vec!["put", &id, "-"], json!({}), 2, "--base"),
        (vec!["put", &id, "-", "--base", "yesterday"], json!({}), 2, "64 hexadecimal digits"),
        (vec!["put", &id, "-", "--base", &read, "--if-match", &read], json!({}), 2, "cannot be used with"),
        (vec!["put", &id, "-", "--base", &unknown], json!({}), 1, "(unknown_heads)"),
        (vec!["put", &id, "-", "--base", "now"], json!("text"), 1, "(bad_content)"),
        (vec!["put", UNKNOWN, "-", "--base", "now"], json!({}), 1, "(document_not_found)"),
        (vec!["patch", &id, "-"], json!({ "rows": 1 }), 1, "(bad_patch)"),
        (vec!["patch", &id, "-"], json!([{ "op": "remove", "path": "/nowhere" }]), 1, "(patch_failed)"),
        (
            vec!["patch", &id, "-"],
            json!([{ "op": "remove", "path": "nowhere" }]),
            1,
            "dovetail: the server refused",
        ),
        (vec!["patch", &id, "absent.json"], json!([]), 1, "cannot read absent.json"),
    ] {
        ran_with(&server, &arguments, &input).failed(code, words);
    }
    ran(&server, &["put", &id, "-", "--base", "now"]).failed(1, "(bad_json)");
}

/// OP46, OP47: what breaks the rules is listed and counts in the exit code; a proposal settles it, and that is on the disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op46_conflicts_are_told_and_settled() {
    let mut server = Server::start().await.unwrap();
    let id = made(&server, &two_on_one_place());
    let listed = ran(&server, &["conflicts", &id]);
    assert_eq!(listed.code, 3, "{listed:?}");
    let open = values(&listed.out);
    let apart = open.iter().find(|conflict| conflict["rule"] == "widgets-apart").unwrap();
    assert_eq!((&apart["state"], &apart["subjects"]), (&json!("open"), &json!(["cpu", "ram"])));
    let conflict = apart["id"].as_str().unwrap();
    let waived = ran(&server, &["conflicts", &id, "--state", "waived"]);
    assert_eq!((waived.code, waived.out.as_str()), (3, ""), "whatever is listed");

    let offers = values(&ran(&server, &["settle", &id, conflict]).done());
    assert!(
        offers.iter().any(|offer| offer["name"] == "push_down" && offer["label"].is_string()),
        "{offers:?}"
    );
    ran(&server, &["settle", &id, conflict, "clamp"]).failed(1, "(proposal_not_offered)");
    ran(&server, &["settle", &id, conflict, "magic"]).failed(1, "(bad_body)");
    ran(&server, &["settle", &id, "nosuchconflict"]).failed(1, "(conflict_not_found)");
    ran(&server, &["settle", &id, "nosuchconflict", "clamp"]).failed(1, "(conflict_not_found)");
    ran(&server, &["settle", &id, ".."]).failed(2, "name a conflict");
    ran(&server, &["settle", UNKNOWN, conflict, "clamp"]).failed(1, "(document_not_found)");

    let settled = ran(&server, &["settle", &id, conflict, "push_down"]).json();
    assert!(settled["heads"].is_array(), "{settled}");
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(ran(&server, &["get", &id, "/widgets/ram/layout/y"]).json(), 6);
    assert_eq!(ran(&server, &["conflicts", &id]).done(), "");
    let settled = values(&ran(&server, &["conflicts", &id, "--state", "settled"]).done());
    assert!(settled.iter().any(|known| known["id"] == conflict), "{settled:?}");
    ran(&server, &["conflicts", &id, "--state", "odd"]).failed(2, "--state");
    ran(&server, &["conflicts", UNKNOWN]).failed(1, "(document_not_found)");
}

/// A document that is followed.
struct Watching {
    process: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    said: Lines<BufReader<ChildStderr>>,
}

impl Watching {
    fn start(server: &Server, arguments: &[&str]) -> Self {
        Self::start_as(command(&server.url(), arguments))
    }

    fn start_as(command: Command) -> Self {
        let mut command: tokio::process::Command = command.into();
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let said = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, lines: Some(lines), said }
    }

    /// Reads on until this is so; states in between may be left out.
    async fn until(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let value = serde_json::from_str(&line(self.lines.as_mut().unwrap()).await).unwrap();
            if is_so(&value) {
                return value;
            }
        }
    }

    async fn until_said(&mut self, words: &str) {
        while !line(&mut self.said).await.contains(words) {}
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Its exit code, and what else it said.
    async fn ended(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        while let Ok(Ok(Some(line))) = timeout(WITHIN, self.said.next_line()).await {
            said = said + &line + "\n";
        }
        let status = timeout(WITHIN, self.process.wait()).await.expect("it ends").unwrap();
        assert!(!said.contains("panicked"), "{said}");
        (status.code(), said)
    }
}

async fn line<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>) -> String {
    timeout(WITHIN, lines.next_line()).await.expect("a line comes").unwrap().expect("it goes on")
}

/// OP45: a document is followed through the end of its server and back; a signal ends that with 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op45_a_document_is_followed() {
    let mut server = Server::start().await.unwrap();
    let id = made(&server, &json!({ "title": "One", "other": 0 }));
    let mut all = Watching::start(&server, &["watch", &id]);
    let mut one = Watching::start(&server, &["watch", &id, "/title"]);
    assert_eq!(all.until(|_| true).await, json!({ "title": "One", "other": 0 }));
    assert_eq!(one.until(|_| true).await, "One");
    let change =
        |server: &Server, patch: Value| ran_with(server, &["patch", &id, "-", "--merge"], &patch).json();
    change(&server, json!({ "other": 1 }));
    all.until(|state| state["other"] == 1).await;
    change(&server, json!({ "title": "Two" }));
    assert_eq!(one.until(|_| true).await, "Two", "another place changed, and no line came of that");

    server.kill().await.unwrap();
    all.until_said("the connection is lost").await;
    server.restart().await.unwrap();
    all.until_said("connected again").await;
    change(&server, json!({ "title": null }));
    all.until(|state| state.get("title").is_none()).await;
    assert_eq!(one.until(|_| true).await, Value::Null);
    all.signal(Signal::INT);
    assert_eq!(all.ended().await, (Some(0), String::new()));
    one.signal(Signal::TERM);
    assert_eq!(one.ended().await.0, Some(0));
}

/// OP45: it ends with 0 when nobody reads any more, though nothing changes, and with 1 when nothing can come any more. Whoever reads
/// nothing holds up no signal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op45_following_ends() {
    let server = Server::start().await.unwrap();
    let id = made(&server, &json!({ "text": "long ".repeat(60_000) }));
    let mut unheard = Watching::start(&server, &["watch", &id]);
    unheard.until(|_| true).await;
    drop(unheard.lines.take());
    assert_eq!(unheard.ended().await, (Some(0), String::new()));

    let mut stuck = command(&server.url(), &["watch", &id]);
    let mut stuck = stuck.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let out = stuck.stdout.take().unwrap();
    wait_until_full(&out).await;
    kill_process(Pid::from_child(&stuck), Signal::INT).unwrap();
    let status = timeout(WITHIN, tokio::task::spawn_blocking(move || stuck.wait().unwrap()));
    assert_eq!(status.await.expect("it ends").unwrap().code(), Some(0));
    drop(out);

    let mut gone = Watching::start(&server, &["watch", &id]);
    gone.until(|_| true).await;
    server.delete(&format!("/api/docs/{id}")).await.unwrap();
    let (code, said) = gone.ended().await;
    assert!(code == Some(1) && said.contains("any more"), "{code:?}: {said}");
    ran(&server, &["watch", &id]).failed(1, "(document_deleted)");
    ran(&server, &["watch", UNKNOWN]).failed(1, "(document_not_found)");
}

/// Waits until somebody writes into the pipe, and then until they cannot.
async fn wait_until_full(out: &std::process::ChildStdout) {
    let waiting = async {
        loop {
            let waits = rustix::io::ioctl_fionread(out).unwrap();
            if waits >= 65_536 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(WITHIN, waiting).await.expect("the pipe is filled");
}

/// OP40: whoever closes our output has what they wanted: no panic, no complaint, and the exit code tells what was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op40_nobody_has_to_read_on() {
    let server = Server::start().await.unwrap();
    let id = made(&server, &two_on_one_place());
    for (arguments, code) in [
        (vec!["ls"], 0),
        (vec!["get", &id], 0),
        (vec!["conflicts", &id], 3),
        (vec!["create", "--title", "Unheard"], 0),
        (vec!["watch", &id], 0),
    ] {
        let mut process =
            command(&server.url(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(process.stdout.take());
        let output = process.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(code), ""), "{arguments:?}");
    }
    let boards = values(&ran(&server, &["ls", "--kind", "dashboard"]).done());
    assert!(boards.iter().any(|board| board["title"] == "Unheard"));
}

/// Every command that asks a server, with a document and a file to send.
fn every_command<'a>(id: &'a str, file: &'a str) -> Vec<Vec<&'a str>> {
    vec![
        vec!["ls"],
        vec!["get", id],
        vec!["create", file],
        vec!["create", "--title", "T"],
        vec!["put", id, file, "--base", "now"],
        vec!["patch", id, file, "--merge"],
        vec!["watch", id],
        vec!["conflicts", id],
        vec!["settle", id, "x"],
        vec!["settle", id, "x", "clamp"],
        vec!["import", file, "--as", "json"],
        vec!["export", id],
        vec!["backup", "--out", "/tmp/no-such-folder-of-dovetail/backup.tar"],
    ]
}

/// OP48: every command says with 1 that nobody is there, and with 2, before anything is asked, that an address or an id is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op48_what_is_wrong_is_told_by_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.json");
    fs::write(&file, "{}").unwrap();
    let file = file.to_str().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{free}");
    let without_backup = |id| every_command(id, file).into_iter().filter(|command| command[0] != "backup");
    for arguments in without_backup(UNKNOWN) {
        ended(&mut command(&nobody, &arguments)).failed(1, &format!("no server at {nobody}"));
        ended(&mut command("ftp://example", &arguments)).failed(2, "is no server's URL");
        let told = ended(command("x", &arguments).args(["--server", "http://me:hunter2@localhost"]));
        assert!(!told.said.contains("hunter2"), "{told:?}");
        told.failed(2, "is no server's URL");
    }
    for arguments in without_backup("nonsense").filter(|arguments| arguments.contains(&"nonsense")) {
        ended(&mut command(&nobody, &arguments)).failed(2, "not a document id");
    }
    let page = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = format!("http://{}", page.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = page.accept().await {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>";
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
        }
    });
    ended(&mut command(&elsewhere, &["ls"])).failed(1, "is no Dovetail server");
    ended(&mut command(&elsewhere, &["get", UNKNOWN])).failed(1, "is no Dovetail server");
    let help = ended(command(&nobody, &["get", "--help"]).env("DOVETAIL_TOKEN", "hunter2"));
    assert!(help.done().contains("DOVETAIL_TOKEN"));
}

/// OP48: what a server says does not steer the terminal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op48_words_of_a_server_are_words() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let problem = r#"{"code":"forbidden","detail":"you\u001b[2J may\u0007 not"}"#;
            let length = problem.len();
            let head = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\n";
            let answer = format!("{head}content-length: {length}\r\n\r\n{problem}");
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let told = ended(&mut command(&url, &["ls"]));
    assert!(!told.said.trim_end().contains(char::is_control), "{told:?}");
    told.failed(1, "you\u{fffd}[2J may\u{fffd} not");
}

/// OP49: a token goes along, from the environment or a flag; without one, and with one that is not taken, every command says so, and
/// shows nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op49_a_token_goes_along_and_is_not_shown() {
    let keyed = [
        ("DOVETAIL_JWT_SECRET", "a secret of at least thirty-two bytes"),
        ("DOVETAIL_JWT_AUDIENCE", "dovetail"),
        ("DOVETAIL_JWT_ISSUER", "trial"),
    ];
    let setup = keyed.iter().fold(Setup::default(), |setup, (name, value)| setup.env(name, value));
    let server = setup.start().await.unwrap();
    let url = server.url();
    let token_for = |subject: &str| {
        ended(command(&url, &["token", "--subject", subject]).envs(keyed)).done().trim_end().to_owned()
    };
    let (ana, bo) = (token_for("ana"), token_for("bo"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.json");
    fs::write(&file, "{}").unwrap();
    let file = file.to_str().unwrap();

    let stored = ended(command(&url, &["create", file]).env("DOVETAIL_TOKEN", &ana)).json();
    let id = stored["id"].as_str().unwrap();
    assert_eq!(ended(&mut command(&url, &["get", id, "--token", &ana])).json(), json!({}));
    ended(command(&url, &["get", id]).env("DOVETAIL_TOKEN", &bo)).failed(1, "(document_not_found)");
    let forged = format!("{}.c2lnbmF0dXJl", ana.rsplit_once('.').unwrap().0);
    for arguments in every_command(id, file).iter().filter(|command| command[0] != "backup") {
        ended(&mut command(&url, arguments)).failed(1, "(token_missing)");
        let refused = ended(command(&url, arguments).env("DOVETAIL_TOKEN", &forged));
        assert!(!refused.said.contains("c2lnbmF0dXJl"), "{refused:?}");
        refused.failed(1, "(token_");
        let broken = ended(command(&url, arguments).env("DOVETAIL_TOKEN", "hunter2\nb"));
        assert!(!broken.said.contains("hunter2"), "{broken:?}");
        broken.failed(2, "this is no token");
    }
    let mut watching: tokio::process::Command = command(&url, &["watch", id]).into();
    watching.env("DOVETAIL_TOKEN", &ana).stdout(Stdio::piped()).kill_on_drop(true);
    let mut watching = watching.spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    assert_eq!(line(&mut lines).await, "{}");
}

/// OP40: what the page for operators shows of the commands can be pasted into a shell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op40_the_examples_can_be_pasted() {
    let page = fs::read_to_string(root().join("docs/OPERATING.md")).unwrap();
    let section = page.split("\n## Documents from a shell\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let script = format!("set -eu\n{}", blocks.collect::<String>());
    let server = Server::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let binary = binary().unwrap();
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(&script).current_dir(folder.path()).env("PATH", path);
    let pasted = ended(shell.env("DOVETAIL_SERVER", server.url()));
    assert_eq!(pasted.code, 0, "{script}\n{pasted:?}");
    for command in ["ls", "get", "create", "put", "patch", "watch", "conflicts", "settle", "import", "export"]
    {
        assert!(script.contains(&format!("dovetail {command} ")), "no example of {command}");
    }
}

/// OP40: the commands alone use the client; the server does not depend on who asks it.
#[test]
fn op40_only_the_commands_use_the_client() {
    let source = root().join("server/src");
    let mut folders = vec![source.clone()];
    let mut users = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|end| end == "rs")
                && fs::read_to_string(&entry).unwrap().contains("dovetail_client")
            {
                users.push(entry.strip_prefix(&source).unwrap().to_owned());
            }
        }
    }
    assert!(!users.is_empty() && users.iter().all(|file| file.starts_with("cli")), "{users:?}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// RC83: over TLS, requests and WebSockets go to whoever has a certificate that the machine trusts, and to nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rc83_over_tls() {
    let server = Server::start().await.unwrap();
    let id = made(&server, &json!({ "title": "Sealed" }));
    let tls = Tls::before(server.address()).await.unwrap();
    let trusting = |arguments: &[&str]| {
        let mut command = command(&tls.url(), arguments);
        command.env("SSL_CERT_FILE", Tls::authority());
        command
    };
    let shown = ended(&mut trusting(&["get", &id])).json();
    assert_eq!(shown["title"], "Sealed");
    let strange = ended(&mut command(&tls.url(), &["get", &id]));
    assert!(
        strange.code != 0 && strange.out.is_empty() && strange.said.contains("UnknownIssuer"),
        "{strange:?}"
    );
    let plain = ended(&mut command(&format!("https://{}", server.address()), &["get", &id]));
    assert!(
        plain.code != 0 && plain.said.contains("InvalidContentType") && plain.said.contains("it is http://"),
        "{plain:?}"
    );
    let mut watched = Watching::start_as(trusting(&["watch", &id]));
    watched.until(|value| value["title"] == "Sealed").await;
    ran_with(&server, &["patch", &id, "-"], &json!([{ "op": "replace", "path": "/title", "value": "Seen" }]))
        .done();
    watched.until(|value| value["title"] == "Seen").await;
    assert!(watched.process.try_wait().unwrap().is_none());
}
