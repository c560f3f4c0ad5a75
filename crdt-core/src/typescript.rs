//! What TypeScript is told of the core: the files in `client-sdk/web/client/src/generated`.
//!
//! Always true: the files are what this makes of the types and constants as they are. Whoever changes one of those writes the files
//! anew with [`COMMAND`], and sees in the difference what it means to a page; a test fails as long as that was not done.
//!
//! Types carry their names, members and comments over, and every member is `readonly`: a page reads documents and messages, and
//! changes a document by edits. What a type cannot say of its JSON by itself stands beside it as `ts(…)`.

use crate::dashboard::{self, first_dashboard, first_widget_data};
use crate::doors;
use crate::grant::{LINK_PREFIX, LINK_SUBJECT_PREFIX, Role};
use crate::id::DOCUMENT_ID_BYTES_MAX;
use crate::reserved::{self, entry_change};
use crate::rules::{self, Report};
use crate::time::Timestamp;
use crate::wire::{self, TOKEN_BYTES_MAX};
use automerge::Automerge;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use ts_rs::{Config, TS};

/// What writes the files anew.
const COMMAND: &str = "DOVETAIL_WRITE_VECTORS=1 cargo test --workspace --lib typescript";

/// What the rules say of a document, as it is told on `/sync`.
#[derive(TS)]
#[expect(dead_code, reason = "a shape; `Verdict::to_json` writes it")]
struct OfDocument {
    /// The state that was judged.
    heads: Vec<String>,
    /// By which rules.
    rules: InForce,
    #[ts(flatten)]
    report: Report,
}

/// Which version of the rules of a kind of documents.
#[derive(TS)]
#[expect(dead_code, reason = "a shape; `Verdict::to_json` writes it")]
struct InForce {
    /// The kind.
    kind: String,
    /// The version.
    version: u64,
}

/// What no type of ours says.
const BESIDE: &str = "\
/** A widget as `createWidget` takes it: all but `kind` has a default. */
export type NewWidget = { readonly kind: string } & Partial<Omit<Widget, \"kind\">>

/** A message of Dovetail's own, as it stands on `/sync`. */
export type OwnMessage = Own & { readonly senderId: string, readonly targetId?: string | undefined, readonly documentId?: string | undefined }
";

fn types() -> String {
    let mut file = header("What a dashboard is, what is said on the wire, and what rules are and say");
    let config = Config::new().with_large_int("number");
    macro_rules! write_all {
        ($($name:ty),* $(,)?) => { $(declare::<$name>(&config, &mut file);)* };
    }
    write_all!(
        dashboard::WidgetId,
        dashboard::OrderKey,
        dashboard::Dashboard,
        dashboard::Grid,
        dashboard::Widget,
        dashboard::Layout,
        dashboard::Edit,
        dashboard::OptionStep,
        dashboard::WidgetData,
        dashboard::Shape,
        dashboard::Point,
        dashboard::Retention,
    );
    file.push('\n');
    file.push_str(BESIDE);
    write_all!(
        Timestamp,
        Role,
        OfDocument,
        InForce,
        wire::Own,
        wire::User,
        wire::Bounds,
        rules::Report,
        rules::Conflict,
        rules::Severity,
        rules::Mode,
        rules::State,
        rules::Cause,
        rules::Touched,
        rules::Offer,
        rules::Proposal,
        rules::Waiver,
        rules::Settlement,
        rules::Decision,
        rules::Undecided,
        rules::UndecidedReason,
        rules::Beyond,
        rules::RuleSetSource,
        rules::RuleSource,
        rules::OperandSource,
        rules::PathOr,
    );
    // A map of whatever members there are, to Rust.
    let bare = "readonly \"type\": \"dovetail-conflicts\"\n}";
    assert!(file.contains(bare), "{file}");
    file.replace(bare, &bare.replace('}', "} & OfDocument"))
}

fn constants() -> String {
    let mut file = header("Names, bounds and bytes that are the same on both sides");
    let only_change = |doc: Automerge| hex(doc.get_changes(&[])[0].raw_bytes());
    let all: [(&str, &str, Value); 24] = [
        ("DASHBOARD_KIND", "`kind` in the root of a dashboard.", json!(dashboard::DASHBOARD_KIND)),
        (
            "WIDGET_DATA_KIND",
            "`kind` in the root of a widget data document.",
            json!(dashboard::WIDGET_DATA_KIND),
        ),
        ("SCHEMA_VERSION", "The shape of both that this version writes.", json!(dashboard::SCHEMA_VERSION)),
        (
            "FIRST_ACTOR",
            "The actor of first changes, and of nothing else, in hexadecimal.",
            json!(hex(&dashboard::FIRST_ACTOR)),
        ),
        (
            "FIRST_DASHBOARD",
            "The change that every dashboard starts from, in hexadecimal.",
            json!(only_change(first_dashboard())),
        ),
        (
            "FIRST_WIDGET_DATA",
            "The change that every widget data document starts from, in hexadecimal.",
            json!(only_change(first_widget_data())),
        ),
        (
            "RESERVED_KEY",
            "The key in the root of a document that nobody but Dovetail writes.",
            json!(reserved::RESERVED_KEY),
        ),
        (
            "ENTRY_ACTOR",
            "The actor of the change that makes it, and of nothing else, in hexadecimal.",
            json!(hex(&reserved::ENTRY_ACTOR)),
        ),
        (
            "ENTRY_CHANGE",
            "That change, in hexadecimal. It depends on nothing.",
            json!(hex(entry_change().raw_bytes())),
        ),
        ("EDITS_MAX", "How many edits one change may hold.", json!(dashboard::EDITS_MAX)),
        ("WIDGET_ID_BYTES_MAX", "The most bytes of a widget's id.", json!(dashboard::WIDGET_ID_BYTES_MAX)),
        ("ORDER_KEY_BYTES_MAX", "The most letters of an order key.", json!(dashboard::ORDER_KEY_BYTES_MAX)),
        ("ODDITIES_MAX", "How many oddities are listed of one document.", json!(dashboard::ODDITIES_MAX)),
        (
            "POINTS_KEPT",
            "The points that a document keeps when it does not say.",
            json!(dashboard::POINTS_KEPT),
        ),
        (
            "POINTS_KEPT_MAX",
            "The most points that a document may ask to keep.",
            json!(dashboard::POINTS_KEPT_MAX),
        ),
        ("POINTS_REMOVED_MAX", "The most points that one change removes.", json!(dashboard::REMOVED_MAX)),
        (
            "TIME_MS_MAX",
            "The greatest time of a point, either way, in milliseconds since 1970.",
            json!(dashboard::TIME_MS_MAX),
        ),
        ("DOCUMENT_ID_BYTES_MAX", "The most bytes that a document id names.", json!(DOCUMENT_ID_BYTES_MAX)),
        ("TOKEN_BYTES_MAX", "The most bytes of a token.", json!(TOKEN_BYTES_MAX)),
        (
            "WAIVER_UNTIL_MS_MAX",
            "The last moment at which a waiver may end, in milliseconds since 1970.",
            json!(rules::UNTIL_MAX_MS),
        ),
        (
            "HISTORY_MESSAGES_MAX",
            "How many lines a group of the history lists, the newest ones.",
            json!(doors::MESSAGES_MAX),
        ),
        (
            "HISTORY_HASHES_MAX",
            "How many changes of a group of the history are named, the newest ones.",
            json!(doors::HASHES_MAX),
        ),
        ("LINK_PREFIX", "What the secret of a link begins with.", json!(LINK_PREFIX)),
        (
            "LINK_SUBJECT_PREFIX",
            "What the id of somebody begins with who came by a link.",
            json!(LINK_SUBJECT_PREFIX),
        ),
    ];
    for (name, meaning, value) in all {
        writeln!(file, "\n/** {meaning} */\nexport const {name} = {value}")
            .expect("a text takes any letters");
    }
    file
}

fn header(what: &str) -> String {
    format!("// {what}. Made of `crdt-core`, and not to be changed by hand:\n//\n//     {COMMAND}\n")
}

fn declare<T: TS + 'static>(config: &Config, file: &mut String) {
    let docs = T::docs().unwrap_or_default();
    let declared = pretty(&format!("{docs}export {}", T::decl(config)));
    writeln!(file, "\n{declared}").expect("a text takes any letters");
}

/// One member a line, comments of one sentence in one, all members read only.
fn pretty(declared: &str) -> String {
    let mut out = String::new();
    // A comma within `<…>` divides parameters, not members.
    let (mut rest, mut depth, mut within) = (declared, 0, 0);
    while let Some(letter) = rest.chars().next() {
        if let Some((comment, behind)) = rest.strip_prefix("/**").and_then(|rest| rest.split_once("*/")) {
            let lines: Vec<&str> =
                comment.lines().map(|line| line.trim().trim_start_matches('*').trim()).collect();
            start_line(&mut out, depth);
            out.push_str(&comment_of(&without_links(lines[1..lines.len() - 1].join("\n").trim()), depth));
            start_line(&mut out, depth);
            rest = behind.trim_start();
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        match letter {
            '{' => {
                depth += 1;
                out.push('{');
                start_line(&mut out, depth);
                rest = rest.trim_start();
            }
            '}' if depth > 0 => {
                depth -= 1;
                start_line(&mut out, depth);
                out.push('}');
            }
            ',' if depth > 0 && within == 0 => {
                start_line(&mut out, depth);
                rest = rest.trim_start();
            }
            letter => {
                within += i32::from(letter == '<') - i32::from(letter == '>');
                out.push(letter);
            }
        }
    }
    let lines = out.trim_end().trim_end_matches(';').lines();
    lines.map(read_only).collect::<Vec<_>>().join("\n").replace("Array<", "ReadonlyArray<")
}

fn start_line(out: &mut String, depth: usize) {
    out.truncate(out.trim_end().len());
    if !out.is_empty() {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
}

fn comment_of(text: &str, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    match text.contains('\n') {
        true => format!("/**\n{indent} * {}\n{indent} */", text.replace('\n', &format!("\n{indent} * "))),
        false => format!("/** {text} */"),
    }
}

/// Names of Rust's are no links there.
fn without_links(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, link)) = rest.split_once("[`") {
        let (name, behind) = link.split_once("`]").expect("a link ends");
        out.push_str(&format!("{before}`{name}`"));
        rest = match behind.strip_prefix('(').and_then(|behind| behind.split_once(')')) {
            Some((_, behind)) => behind,
            None => behind,
        };
    }
    out + rest
}

/// A page may say that a member is not there by `undefined`, too.
fn read_only(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let is_member = indent > 0 && !line.trim_start().starts_with(['/', '*', '}', '|']);
    let or_nothing = if line.contains("?: ") && !line.ends_with('{') { " | undefined" } else { "" };
    if is_member {
        format!("{}readonly {}{or_nothing}", &line[..indent], &line[indent..])
    } else {
        line.to_owned()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// DA27: the web SDK has the types and constants of this version.
#[test]
fn da27_the_files_for_typescript_are_those_of_this_version() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../client-sdk/web/client/src/generated");
    for (name, made) in [("types.ts", types()), ("constants.ts", constants())] {
        let path = folder.join(name);
        if std::env::var_os("DOVETAIL_WRITE_VECTORS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == made, "{name} is not what the core makes: run `{COMMAND}`");
    }
}
