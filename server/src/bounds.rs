//! Every bound that somebody outside, or a document, can come up against: one table.
//!
//! Always true: no number stands here. Each row takes its value from the constant that the code goes by, or from the table of
//! settings, and its code from what the code answers with. `docs/OPERATING.md` shows the table as it is made here.

use crate::gateway::http::{idempotency, sync as http_sync};
use crate::gateway::poll::{self, ledger, session as http_session};
use crate::gateway::reply::{Code, code_of};
use crate::gateway::{self, realtime, socket};
use crate::hub::{actor, desk, mailbox, outbox};
use crate::store;
use crate::{
    audit, auth, bans, config, damaged, evaluator, inbox, metrics, points, quarantine, rules, throttle,
};
use dovetail_core::document::{self, FullOf, Rejection};
use dovetail_core::session::CloseReason;
use dovetail_core::{dashboard, doors, grant, json, limits, rules as core_rules, wire};
use std::fmt::Write as _;
use std::time::Duration;

/// One bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The setting, or where the constant stands in the code.
    pub name: String,
    /// What it bounds.
    pub what: &'static str,
    /// Its value; of a setting the default.
    pub value: String,
    /// Whether an operator can set it.
    pub is_setting: bool,
    /// What happens there.
    pub walls: Vec<Wall>,
    /// The figure that shows it, if one does.
    pub figure: Option<&'static str>,
    /// As what [`BOUND_USED`](metrics::BOUND_USED) shows how much of it is used, if it does.
    pub watched: Option<&'static str>,
    /// Why it is what it is. Of a setting its help says that.
    pub why: &'static str,
}

/// What happens at a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wall {
    /// A session ends.
    Ends(CloseReason),
    /// A request is answered with this.
    Answers(Code),
    /// Changes are not taken, and their sender hears why.
    Rejects(Rejection),
    /// What `/api/realtime` answers with.
    Tells(&'static str),
    /// Nobody is turned away: this happens instead.
    Else(&'static str),
}

impl Wall {
    /// As people and programs know it.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Ends(reason) => format!("`{}`, close {}", code_of(reason), reason.close_code()),
            Self::Answers(code) => format!("`{}`, HTTP {}", code.as_str(), code.status().as_u16()),
            Self::Rejects(why) => format!("`{}` in `reject`", why.code()),
            Self::Tells(word) => format!("`{word}`, on `/api/realtime`"),
            Self::Else(words) => (*words).to_owned(),
        }
    }
}

impl Bound {
    /// How much of it is used shows as this, and the log warns before it is all.
    fn watched(self, label: &'static str) -> Self {
        Self { watched: Some(label), ..self }
    }
}

/// How a number is shown.
trait Shown {
    fn shown(self, unit: Unit) -> String;
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Things,
    Bytes,
}

impl Shown for u64 {
    fn shown(self, unit: Unit) -> String {
        const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let whole = |(_, bits): &&(&str, u32)| {
            unit == Unit::Bytes && self >> bits << bits == self && self >> bits > 0
        };
        match UNITS.iter().find(whole) {
            Some((name, bits)) => format!("{} {name}", self >> bits),
            None if unit == Unit::Bytes => format!("{} B", in_thousands(self)),
            None => in_thousands(self),
        }
    }
}

impl Shown for usize {
    fn shown(self, unit: Unit) -> String {
        (self as u64).shown(unit)
    }
}

impl Shown for Duration {
    fn shown(self, _: Unit) -> String {
        format!("{} s", self.as_secs())
    }
}

fn in_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A row for a setting. Its name is looked up, so it is one.
fn setting(name: &str, what: &'static str, walls: Vec<Wall>, figure: Option<&'static str>) -> Bound {
    let setting = config::table().find(|setting| setting.name == name);
    let setting = setting.expect("a test reads every row");
    let (name, value) = (setting.name.to_owned(), setting.default.to_owned());
    Bound { name, what, value, is_setting: true, walls, figure, watched: None, why: "" }
}

/// A row for a constant: its name in the code, and its value.
macro_rules! constant {
    ($($path:ident)::+, $unit:ident, $what:literal, $walls:expr, $figure:expr, $why:literal) => {
        Bound {
            name: [$(stringify!($path)),+].join("::"),
            what: $what,
            value: Shown::shown($($path)::+, Unit::$unit),
            is_setting: false,
            walls: $walls.to_vec(),
            figure: $figure,
            watched: None,
            why: $why,
        }
    };
}

/// A part of the table.
type Part = (&'static str, Vec<Bound>);

/// All of them, in parts.
#[must_use]
pub fn table() -> Vec<Part> {
    vec![
        ("Messages and changes", of_messages()),
        ("One document", of_documents()),
        ("Connections", of_connections()),
        ("What waits", of_what_waits()),
        ("Memory, disk and commits", of_the_machine()),
        ("People", of_people()),
        ("Plain HTTP and JSON", of_http()),
        ("Points", of_points()),
        ("Rules and conflicts", of_rules()),
        ("Records and what is remembered", of_records()),
    ]
}

const ENDED: Option<&str> = Some(metrics::SESSIONS_ENDED);
const REFUSED: Option<&str> = Some(metrics::CHANGES_REFUSED);
const ANSWERED: Option<&str> = Some(metrics::REQUESTS);
const SLOWED: Option<&str> = Some(metrics::THROTTLED);
const DROPPED: Option<&str> = Some(metrics::EPHEMERALS_DROPPED);

fn bad_frame(bad: &wire::BadFrame) -> Vec<Wall> {
    vec![Wall::Ends(CloseReason::BadFrame(format!("{}: {bad}", bad.code())))]
}

fn invalid_change() -> Vec<Wall> {
    let words = String::new();
    let reason = CloseReason::Refused { code: Code::InvalidChange.as_str(), words, try_again: false };
    vec![Wall::Ends(reason), Wall::Answers(Code::InvalidChange)]
}

fn out_of_bounds() -> Vec<Wall> {
    let why = String::new();
    vec![Wall::Rejects(Rejection::OutOfBounds { why }), Wall::Answers(Code::InvalidChange)]
}

fn full(of: FullOf) -> Vec<Wall> {
    vec![Wall::Rejects(Rejection::DocumentFull { of }), Wall::Answers(Code::DocumentFull)]
}

fn not_now(code: Code) -> Vec<Wall> {
    let reason = CloseReason::NotNow { code: code.as_str(), words: String::new() };
    vec![Wall::Else("slowed for up to 2 s"), Wall::Ends(reason), Wall::Answers(code)]
}

fn of_messages() -> Vec<Bound> {
    let too_large = vec![Wall::Ends(CloseReason::TooLarge { bytes_max: 0 })];
    vec![
        setting("message_bytes_max", "bytes of one message on `/sync`", too_large.clone(), ENDED),
        constant!(
            realtime::MESSAGE_BYTES_MAX,
            Bytes,
            "bytes of one message on `/api/realtime`",
            too_large,
            None,
            "JSON takes up to sixteen times its length while it is worked on"
        ),
        constant!(
            limits::CHANGE_BYTES_MAX,
            Bytes,
            "bytes of one change",
            invalid_change(),
            ENDED,
            "six times the largest text that is promised to be taken, 5 MB"
        ),
        constant!(
            limits::CHANGE_OPS_MAX,
            Things,
            "operations that one change adds; a letter is one",
            invalid_change(),
            ENDED,
            "each takes 520 bytes while it is applied: 1.1 GB, for 4 s"
        ),
        constant!(
            limits::CHANGE_WORDS_BYTES_MAX,
            Bytes,
            "bytes of what a change says of itself, its message",
            out_of_bounds(),
            REFUSED,
            "histories list it, and it cannot be taken out again"
        ),
        constant!(
            json::DEPTH_MAX,
            Things,
            "levels that an operation lies deep",
            out_of_bounds(),
            REFUSED,
            "where JSON ends"
        ),
        constant!(
            document::OPS_FREE,
            Things,
            "operations of one message beyond one for each of its bytes",
            invalid_change(),
            ENDED,
            "what is equal is written once with a count: sixty bytes can say four billion"
        ),
        constant!(
            document::KEY_BYTES_MAX,
            Bytes,
            "bytes of keys in one message, each copy counted",
            invalid_change(),
            ENDED,
            "Automerge copies a key for each operation"
        ),
        constant!(
            document::HASHES_MAX,
            Things,
            "hashes in one sync message",
            [Wall::Ends(CloseReason::BadFrame("bad_sync_message: …".to_owned()))],
            ENDED,
            "no released Automerge writes more"
        ),
        constant!(
            wire::NESTING_MAX,
            Things,
            "levels of a frame",
            bad_frame(&wire::BadFrame::TooDeep { field: "" }),
            ENDED,
            "skipping them takes stack; what we know has four"
        ),
        constant!(
            wire::HEADS_MAX,
            Things,
            "heads in one message",
            bad_frame(&wire::BadFrame::TooMany { field: "", entries_max: 0 }),
            ENDED,
            "a document has as many heads as people write at once"
        ),
        constant!(
            limits::EPHEMERAL_BYTES_MAX,
            Bytes,
            "bytes of one ephemeral message",
            [Wall::Else("it is not passed on")],
            DROPPED,
            "with 256 that may wait for a socket 16 MiB"
        ),
        constant!(
            realtime::session::DATA_BYTES_MAX,
            Bytes,
            "bytes of what is said on `/api/realtime`",
            [Wall::Tells("data_too_large")],
            None,
            "as on `/sync`"
        ),
        constant!(
            realtime::session::PRESENCE_BYTES_MAX,
            Bytes,
            "bytes of a presence on `/api/realtime`",
            [Wall::Tells("data_too_large")],
            None,
            "it is remembered for those who come"
        ),
    ]
}

fn of_documents() -> Vec<Bound> {
    vec![
        setting("document_changes_max", "changes of a document", full(FullOf::Changes), REFUSED)
            .watched("document_changes_max"),
        setting("document_bytes_max", "bytes of a document, as stored", full(FullOf::Bytes), REFUSED)
            .watched("document_bytes_max"),
        constant!(
            limits::DOCUMENT_OPS_MAX,
            Things,
            "operations of a document",
            full(FullOf::Operations),
            REFUSED,
            "once applied each takes up to 115 bytes in memory, until the document is loaded anew: as much as the memory budget has"
        )
        .watched("document_ops"),
        constant!(
            document::ORPHANS_MAX,
            Things,
            "changes that wait for missing ones",
            invalid_change(),
            ENDED,
            "a client sends its changes oldest first, so they are few"
        ),
        constant!(
            document::ORPHAN_BYTES_MAX,
            Bytes,
            "bytes of such changes",
            invalid_change(),
            ENDED,
            "the same"
        ),
        constant!(
            document::ORPHANS_OF_ONE_MAX,
            Things,
            "such changes of one connection, in all of its documents",
            invalid_change(),
            ENDED,
            "half of a document's: nobody fills it alone"
        ),
        constant!(
            document::REFUSED_MAX,
            Things,
            "refused changes that are remembered of one connection",
            [Wall::Rejects(Rejection::TooMany)],
            REFUSED,
            "so that its later heads are understood without them"
        ),
        constant!(
            dashboard::HISTORY_BUDGET,
            Things,
            "changes of a document that is fed with points",
            [Wall::Answers(Code::HistoryBudgetSpent)],
            ANSWERED,
            "45 MB, and more than a second to open"
        ),
        constant!(
            grant::ENTRIES_MAX,
            Things,
            "entries that say who may do what",
            [Wall::Answers(Code::BadAccess)],
            ANSWERED,
            "they are written with every burst; groups are for more"
        ),
        setting(
            "document_changes_per_second_max",
            "changes of a document in a second",
            not_now(Code::TooManyChanges),
            SLOWED,
        ),
    ]
}

fn of_connections() -> Vec<Bound> {
    let silent = CloseReason::Silent { silence_ms: 0 };
    let late = CloseReason::JoinDeadline { within_ms: 0 };
    vec![
        setting(
            "connections_max",
            "connections in all",
            vec![Wall::Else("more wait in the kernel's queue")],
            Some(metrics::CONNECTIONS),
        )
        .watched("connections_max"),
        setting(
            "connections_max",
            "sessions over HTTP in all",
            vec![Wall::Answers(Code::TooManySessions)],
            Some(metrics::HTTP_SESSIONS),
        )
        .watched("http_sessions"),
        setting(
            "drain_timeout",
            "time that connections have to end when the server stops",
            vec![Wall::Else("cut")],
            Some(metrics::CONNECTIONS),
        ),
        setting(
            "connections_per_address_max",
            "connections from one address",
            vec![Wall::Answers(Code::TooManyConnections)],
            SLOWED,
        ),
        setting(
            "documents_per_connection_max",
            "documents that one connection reads",
            vec![Wall::Ends(CloseReason::TooManyDocuments { max: 0 })],
            ENDED,
        ),
        constant!(
            limits::FOLLOWED_STORAGES_MAX,
            Things,
            "stores that one connection follows",
            [Wall::Ends(CloseReason::TooManyStorages)],
            ENDED,
            "a mesh of clients has some tens"
        ),
        constant!(
            realtime::session::SUBSCRIPTIONS_MAX,
            Things,
            "documents that one connection on `/api/realtime` follows",
            [Wall::Tells("too_many_subscriptions")],
            None,
            "a page has ten"
        ),
        setting("join_timeout", "time until a WebSocket says who it is", vec![Wall::Ends(late)], ENDED),
        setting(
            "silence_max",
            "time without a sign of life, or in which nothing of an answer is taken",
            vec![Wall::Ends(silent)],
            ENDED,
        ),
        setting(
            "header_timeout",
            "time for the head of a request",
            vec![Wall::Else("closed")],
            Some(metrics::CONNECTIONS),
        ),
        setting(
            "header_bytes_max",
            "bytes of the head of a request",
            vec![Wall::Else("HTTP 431")],
            Some(metrics::CONNECTIONS),
        ),
        constant!(
            auth::TOKEN_BYTES_MAX,
            Bytes,
            "bytes of a token",
            [Wall::Answers(Code::TokenTooLarge)],
            ANSWERED,
            "of a browser's head of 16 KiB half"
        ),
    ]
}

fn of_what_waits() -> Vec<Bound> {
    vec![
        constant!(
            mailbox::MAILBOX_MAX,
            Things,
            "calls in the mailbox of a document",
            [Wall::Else("its senders are not read")],
            None,
            "five hundred busy editors have one each"
        ),
        constant!(
            actor::WAITING_MAX,
            Things,
            "messages that a document holds back during a commit",
            [Wall::Else("its senders are not read")],
            Some(metrics::STORE_QUEUED),
            "a commit takes milliseconds"
        ),
        constant!(
            outbox::EPHEMERALS_MAX,
            Things,
            "ephemeral messages that wait for one socket",
            [Wall::Else("the oldest give way")],
            DROPPED,
            "a second of ten people who move"
        ),
        constant!(
            outbox::TAKE_BYTES_MAX,
            Bytes,
            "bytes of sync messages that a socket takes at once; one at least",
            [Wall::Else("the rest waits, shared with other readers")],
            Some(metrics::SYNC_SENT),
            "what it has taken is its own copy"
        ),
        constant!(
            socket::UNREAD_MAX,
            Things,
            "answers, pongs included, that one socket has not taken",
            [Wall::Else("it is not read")],
            None,
            "who does not read is not answered without end"
        ),
        constant!(
            realtime::socket::REPLIES_MAX,
            Things,
            "the same on `/api/realtime`",
            [Wall::Else("it is not read")],
            None,
            "the same"
        ),
        constant!(
            realtime::people::WAITING_MAX,
            Things,
            "messages of others that wait for one such socket",
            [Wall::Else("the oldest give way")],
            DROPPED,
            "what is said in the moment is of no use later"
        ),
        constant!(
            ledger::KEPT_BYTES_MAX,
            Bytes,
            "bytes of frames that a session over HTTP has not acknowledged; one frame at least",
            [Wall::Else("nothing more is taken for it")],
            Some(metrics::HTTP_SESSIONS),
            "they are kept until then"
        ),
        constant!(
            http_session::UNREAD_MAX,
            Things,
            "answers that wait for such a session",
            [Wall::Answers(Code::TooMuchUnread)],
            ANSWERED,
            "as for a socket"
        ),
        constant!(
            desk::PRESENT_MAX,
            Things,
            "people present at a document whose presence is remembered",
            [Wall::Else("of those who come later it is not")],
            None,
            "4 KiB each"
        ),
    ]
}

fn of_the_machine() -> Vec<Bound> {
    vec![
        setting(
            "memory_budget_bytes",
            "bytes of documents in memory",
            vec![Wall::Else("the longest unused leave")],
            Some(metrics::RESIDENT_BYTES),
        )
        .watched("memory_budget_bytes"),
        setting(
            "disk_free_min",
            "free space on the disk",
            vec![Wall::Answers(Code::DiskLow)],
            Some(metrics::STORE_FREE_BYTES),
        )
        .watched("disk_free_min"),
        constant!(
            store::COMMITS_WAITING_MAX,
            Things,
            "batches that are not durable yet",
            [Wall::Else("writers wait")],
            Some(metrics::STORE_QUEUED),
            "one group, and one that is being written: a document has one batch under way"
        )
        .watched("commits_waiting"),
        constant!(
            store::GROUP_BYTES_MAX,
            Bytes,
            "bytes of batches that share one sync; one batch at least",
            [Wall::Else("the rest is in the next")],
            Some(metrics::STORE_GROUPS),
            "it takes 100 ms, for which one that comes just too late waits"
        ),
        constant!(
            store::CHUNK_BYTES_MAX,
            Bytes,
            "bytes that are stored as one",
            [Wall::Answers(Code::StoreUnavailable)],
            Some(metrics::COMMITS_FAILED),
            "it is in memory several times over while it is written; twice what a document may have"
        ),
        setting(
            "bodies_max",
            "bodies in memory, a fourth of it for one person",
            vec![Wall::Else("more wait, for `body_timeout`")],
            ANSWERED,
        ),
        constant!(
            gateway::COMPUTATIONS_MAX,
            Things,
            "documents that are made of a body, or the other way round, at once",
            [Wall::Else("more wait")],
            Some(metrics::REQUEST_SECONDS),
            "256 MiB for the largest body"
        ),
        constant!(
            evaluator::THREADS_MAX,
            Things,
            "evaluations of rules in CEL at once",
            [Wall::Else("more wait")],
            Some(metrics::EXPRESSION_SECONDS),
            "edits are to have the rest of the machine"
        ),
        constant!(
            damaged::LISTED_MAX,
            Things,
            "damaged documents that are listed",
            [Wall::Else("the rest is counted")],
            Some(metrics::DOCUMENTS_DAMAGED),
            "a disk that has bent more has to be replaced"
        ),
    ]
}

fn of_people() -> Vec<Bound> {
    vec![
        setting(
            "messages_per_second_max",
            "messages of one person, ephemeral ones included",
            not_now(Code::TooManyMessages),
            SLOWED,
        ),
        setting(
            "bytes_per_second_max",
            "bytes of messages of one person",
            not_now(Code::TooManyBytes),
            SLOWED,
        ),
        setting("changes_per_second_max", "changes of one person", not_now(Code::TooManyChanges), SLOWED),
        setting(
            "requests_per_second_max",
            "HTTP requests of one person",
            not_now(Code::TooManyRequests),
            SLOWED,
        ),
        setting(
            "joins_per_second_max",
            "new connections of one person, or address",
            not_now(Code::TooManyConnections),
            SLOWED,
        ),
        setting(
            "failed_logins_per_minute_max",
            "refused tokens of one address",
            vec![Wall::Answers(Code::TooManyFailedLogins)],
            SLOWED,
        ),
        setting(
            "documents_per_subject_max",
            "documents of one person",
            vec![Wall::Rejects(Rejection::TooManyDocuments), Wall::Answers(Code::TooManyDocumentsOwned)],
            REFUSED,
        )
        .watched("documents_per_subject_max"),
        setting(
            "bytes_per_subject_max",
            "bytes of one person's documents",
            vec![Wall::Rejects(Rejection::QuotaExceeded), Wall::Answers(Code::QuotaExceeded)],
            REFUSED,
        )
        .watched("bytes_per_subject_max"),
        constant!(
            grant::BLOCKED_MAX,
            Things,
            "people who are blocked",
            [Wall::Answers(Code::BadAccess)],
            ANSWERED,
            "only those whose tokens still hold have to be"
        ),
    ]
}

fn of_http() -> Vec<Bound> {
    vec![
        setting("body_bytes_max", "bytes of a body", vec![Wall::Answers(Code::BodyTooLarge)], ANSWERED),
        setting("body_timeout", "time for a body", vec![Wall::Answers(Code::BodyTimeout)], ANSWERED),
        constant!(
            json::DEPTH_MAX,
            Things,
            "levels of JSON",
            [Wall::Answers(Code::BadContent)],
            ANSWERED,
            "common parsers stop at 128"
        ),
        constant!(
            json::NODES_MAX,
            Things,
            "values in what becomes a document",
            [Wall::Answers(Code::BadContent)],
            ANSWERED,
            "each is an operation of some 2.5 µs"
        ),
        constant!(
            json::TEXT_BYTES_MAX,
            Bytes,
            "bytes of strings that JSON makes texts of, letter by letter",
            [Wall::Else("longer ones are values that are replaced")],
            None,
            "at 1 MB that takes 7 s and 566 MB, at this bound less than 1 s"
        ),
        constant!(
            doors::OPERATIONS_MAX,
            Things,
            "operations of a JSON patch",
            [Wall::Answers(Code::BadPatch)],
            ANSWERED,
            "each looks for its place anew"
        ),
        constant!(
            doors::COPIED_BYTES_MAX,
            Bytes,
            "bytes that a patch copies",
            [Wall::Answers(Code::BadContent)],
            ANSWERED,
            "a copy of a copy doubles each time"
        ),
        constant!(
            http_sync::FRAMES_MAX,
            Things,
            "frames of one post",
            [Wall::Answers(Code::BadFrames)],
            ANSWERED,
            "a poll gives as many"
        ),
        constant!(
            poll::WAIT_MAX,
            Things,
            "time that a poll waits",
            [Wall::Else("answered with nothing")],
            Some(metrics::HTTP_SESSIONS),
            "proxies give up at 30 s"
        ),
        constant!(
            idempotency::REMEMBERED_MAX,
            Things,
            "answers that are remembered by their keys",
            [Wall::Else("the oldest are forgotten")],
            None,
            "60 MB on disk, a day at most"
        ),
    ]
}

fn of_points() -> Vec<Bound> {
    let too_many = [Wall::Answers(Code::TooManyPoints)];
    vec![
        constant!(
            points::POINTS_PER_REQUEST_MAX,
            Things,
            "points of one request",
            [Wall::Answers(Code::BodyTooLarge)],
            ANSWERED,
            "as many as a document keeps when it does not say"
        ),
        constant!(
            points::POINTS_WAITING_MAX,
            Things,
            "points that wait for the next change of a document",
            too_many,
            ANSWERED,
            "one request is taken while another waits"
        )
        .watched("points_waiting"),
        constant!(
            points::COLLECTORS_MAX,
            Things,
            "documents that are fed at once",
            too_many,
            ANSWERED,
            "some kilobytes each"
        ),
        constant!(
            points::COPIES_BYTES_MAX,
            Bytes,
            "bytes of copies of documents that are fed",
            [Wall::Else("made anew for each change")],
            Some(metrics::RESIDENT_BYTES),
            "a copy with 10,000 changes has 5 MB"
        ),
        constant!(
            dashboard::POINTS_KEPT_MAX,
            Things,
            "points that a document keeps",
            [Wall::Else("the oldest leave")],
            None,
            "a reader gets all of them at once"
        ),
    ]
}

fn of_rules() -> Vec<Bound> {
    let undecided = [Wall::Else("the rule is `undecided`")];
    let not_decided = Some(metrics::RULES_UNDECIDED);
    let bad = [Wall::Answers(Code::BadRuleSet)];
    vec![
        constant!(
            core_rules::RULES_MAX,
            Things,
            "rules of a set",
            bad,
            ANSWERED,
            "people keep track of some tens"
        ),
        constant!(
            core_rules::EXPRESSION_BYTES_MAX,
            Bytes,
            "bytes of a rule in CEL",
            bad,
            ANSWERED,
            "what is longer nobody reads"
        ),
        constant!(
            core_rules::EXPRESSION_STEPS_MAX,
            Things,
            "steps of a rule in CEL",
            undecided,
            not_decided,
            "and a second"
        ),
        constant!(
            core_rules::STEPS_PER_COLLECTION_MAX,
            Things,
            "values that are read for one collection",
            undecided,
            not_decided,
            "some 40 ms; the largest dashboard seen costs 3,000"
        ),
        constant!(
            core_rules::LOOKS_PER_SET_MAX,
            Things,
            "looks of all rules of a set",
            undecided,
            not_decided,
            "some 50 ms"
        ),
        constant!(
            core_rules::LISTED_PER_RULE_MAX,
            Things,
            "conflicts that one rule lists",
            [Wall::Else("the rest is counted")],
            Some(metrics::CONFLICTS_OPEN),
            "more than somebody will read"
        ),
        constant!(
            core_rules::LISTED_PER_SET_MAX,
            Things,
            "conflicts that all rules of a document list",
            [Wall::Else("the rest is counted")],
            Some(metrics::CONFLICTS_OPEN),
            "every reader is sent the list: a third of a megabyte"
        ),
        constant!(
            inbox::LISTED_MAX,
            Things,
            "conflicts in the inbox",
            [Wall::Else("of further documents only the number is kept")],
            Some(metrics::CONFLICTS_OPEN),
            "about 1 KiB each"
        ),
        constant!(
            rules::VERSIONS_MAX,
            Things,
            "versions of a rule set that are kept",
            [Wall::Else("the oldest are forgotten")],
            None,
            "three months of somebody who changes them every day"
        ),
        constant!(
            rules::KINDS_MAX,
            Things,
            "kinds of documents with rules",
            bad,
            ANSWERED,
            "each has its set in memory"
        ),
    ]
}

fn of_records() -> Vec<Bound> {
    vec![
        setting(
            "audit_entries_max",
            "entries of the audit log",
            vec![Wall::Else("the oldest give way")],
            Some(metrics::AUDIT_ENTRIES),
        )
        .watched("audit_entries_max"),
        constant!(
            audit::waiting::WAITING_MAX,
            Things,
            "entries that are not written yet",
            [Wall::Else("counted, and told as one")],
            Some(metrics::AUDIT_NOT_RECORDED),
            "some 300 KiB; a store that is busy takes them within a second"
        ),
        setting(
            "quarantine_bytes_max",
            "bytes of refused changes that are kept",
            vec![Wall::Else("no more are kept")],
            Some(metrics::QUARANTINE_BYTES),
        )
        .watched("quarantine_bytes_max"),
        setting(
            "quarantine_keep",
            "time that they are kept",
            vec![Wall::Else("taken away")],
            Some(metrics::QUARANTINE_BYTES),
        ),
        constant!(
            quarantine::CHANGES_MAX,
            Things,
            "refused changes that are kept at once",
            [Wall::Else("they are not kept")],
            Some(metrics::QUARANTINE_NOT_KEPT),
            "as many as a document holds back"
        ),
        constant!(
            bans::ADDRESSES_MAX,
            Things,
            "addresses that are remembered for panics",
            [Wall::Else("the first to end are forgotten")],
            Some(metrics::ADDRESSES_BANNED),
            "it takes a connection and a panic to be one"
        ),
        constant!(
            throttle::KEYS_MAX,
            Things,
            "people, addresses and documents that are counted, for each limit",
            [Wall::Else("newcomers share")],
            SLOWED,
            "some 10 MiB"
        ),
    ]
}

/// The table as `docs/OPERATING.md` has it.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::new();
    for (title, bounds) in table() {
        let _ = writeln!(
            page,
            "**{title}**\n\n| bound | value | at the bound | figure | why |\n|---|---|---|---|---|"
        );
        for Bound { name, what, value, is_setting, walls, figure, watched, why } in bounds {
            let walls: Vec<String> = walls.iter().map(Wall::told).collect();
            let mut figures: Vec<String> = figure.iter().map(|figure| format!("`{figure}`")).collect();
            figures.extend(watched.map(|label| format!("`{}{{bound=\"{label}\"}}`", metrics::BOUND_USED)));
            let figures = figures.join(", ");
            let (value, why) = match is_setting {
                true => (format!("`{value}`"), "a [setting](#settings)"),
                false => (value, why),
            };
            let _ =
                writeln!(page, "| {what}: `{name}` | {value} | {} | {figures} | {why} |", walls.join("; "));
        }
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests;
