//! The settings: one validated [`Config`] from flags, environment, file and defaults.
//!
//! Always true: every setting has one name. It is a key of the TOML file (`ping_interval`),
//! an environment variable (`DOVETAIL_PING_INTERVAL`) and a flag (`--ping-interval`); flags
//! win over the environment, the environment over the file, the file over the default.
//! Every source yields text, and one reader per shape turns it into a value, so a mistake
//! reads the same wherever it was made. Whoever holds a [`Config`] knows that it is sound:
//! [`Config::assemble`] is the only way to one, and it names all faults at once.
//!
//! Nothing here reads the world: the caller brings the environment and the file's text.

mod shape; // How a setting is written and read.

pub use shape::LogFormat;

use crate::auth::{KeysUrl, Origins, Proxies, Secret};
use crate::store::Floor;
use shape::{
    Address, Count, DiskFloor, Files, Filter, Folder, Format, MaybeCookie, MaybeFile, MaybeFolder,
    MaybeKeysUrl, MaybeSecret, MaybeSize, MaybeText, Names, OriginList, ProxyList, Rate, Shape, Size, Span,
    Switch,
};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What the server was told, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Address and port to serve on.
    pub listen: SocketAddr,
    /// The folder that holds the documents.
    pub data_dir: PathBuf,
    /// The folder with rule sets that are put in force at the start, if there is one.
    pub rules_dir: Option<PathBuf>,
    /// What is logged, in the words of `tracing`.
    pub log_filter: String,
    /// How a log line looks.
    pub log_format: LogFormat,
    /// Proxies whose word is taken for where a request comes from.
    pub trusted_proxies: Proxies,
    /// How people and programs say who they are.
    pub auth: AuthSettings,
    /// Every bound that can be set.
    pub limits: Limits,
    /// Where each value came from, in the order of the tables below.
    pub origins: Vec<Origin>,
}

/// One setting with its value as text, for `dovetail config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The setting's name, as in the file.
    pub name: &'static str,
    /// Its value, as it would be written in the file.
    pub toml: String,
    /// Who set it.
    pub source: Source,
}

/// Who set a value, and so who can mend it. Later ones win.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nobody: it is built in.
    Default,
    /// The file that `--config` names.
    File {
        /// Its path, as given.
        path: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// The command line.
    Flag {
        /// The flag, with its dashes.
        flag: String,
    },
}

/// What one source says of one setting.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// The setting's name.
    pub name: &'static str,
    /// Its value as it was written.
    pub text: String,
    /// Where.
    pub source: Source,
}

/// A setting as the tables below list it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name, as in the file.
    pub name: &'static str,
    /// Its value when nobody says anything.
    pub default: &'static str,
    /// What a value looks like, for a usage line.
    pub hint: &'static str,
    /// What it does and why the default is what it is: one line, or several.
    pub help: &'static [&'static str],
    /// Whether naming it without a value turns it on.
    pub switch: bool,
    /// Whether its value is nobody's business.
    pub secret: bool,
}

/// Why there is no [`Config`]: all faults, each with its source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(faults))]
pub struct ConfigError {
    /// At least one.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it was written; `None` when several settings do not fit together.
    pub source: Option<Source>,
    /// What is wrong and what to write instead.
    pub what: String,
}

/// Lists settings once and makes of the list: a struct of values, a table of
/// [`Setting`]s, and the function that reads the one from what was given.
macro_rules! settings {
    (
        $(#[$struct_doc:meta])* $vis:vis struct $Group:ident, table $TABLE:ident;
        $( $(#[doc = $doc:literal])+ $name:ident : $value:ty as $shape:ident = $default:literal; )+
    ) => {
        $(#[$struct_doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        $vis struct $Group { $( $(#[doc = $doc])+ pub $name: $value, )+ }

        const $TABLE: &[Setting] = &[$(
            Setting {
                name: stringify!($name),
                default: $default,
                hint: $shape::HINT,
                help: &[$($doc),+],
                switch: $shape::SWITCH,
                secret: $shape::SECRET,
            },
        )+];

        impl $Group {
            fn read(book: &mut Book) -> Self {
                Self { $( $name: book.read::<$shape>(stringify!($name), $default), )+ }
            }
        }
    };
}

settings! {
    struct Basics, table BASICS;

    /// Address and port to serve on. Port 0 takes any free one; the ready line says which.
    listen: SocketAddr as Address = "127.0.0.1:3000";

    /// The folder that holds the documents. Only one server at a time may use it.
    data_dir: PathBuf as Folder = "./dovetail-data";

    /// A folder with rule sets (*.toml, *.json), one for each kind of document. A file that has changed since
    /// the last start is put in force. Empty: none, only what is built in and what was put over HTTP.
    rules_dir: Option<PathBuf> as MaybeFolder = "";

    /// What is logged: error, warn, info, debug, trace, also by module (info,dovetail_server::hub=debug).
    log_filter: String as Filter = "info";

    /// How a log line looks: text for people, json for collectors.
    log_format: LogFormat as Format = "text";

    /// Serve on an address that others can reach although nobody is asked who they are:
    /// everybody who reaches the port may read, change and delete every document.
    danger_listen_without_authentication: bool as Switch = "false";

    /// Addresses and networks of the proxies before this server, as in 127.0.0.1,10.0.0.0/8. A request from one of
    /// them comes from the last address in X-Forwarded-For that is none of theirs; anybody else's header is not
    /// looked at. Empty: nobody's is, and all who come through a proxy share the limits of one address.
    trusted_proxies: Proxies as ProxyList = "";
}

settings! {
    /// How people and programs say who they are. Without a key nobody is asked. `docs/SECURITY.md` tells how
    /// these belong together.
    pub struct AuthSettings, table AUTH;

    /// The secret that tokens are signed with (HS256), 32 bytes at least; `dovetail token --new-secret` prints one.
    /// Others on the machine may see flags and the environment, so a file is better.
    jwt_secret: Option<Secret> as MaybeSecret = "";

    /// A file with such secrets, one a line. A token may be signed with any of them, new ones get the first.
    jwt_secret_file: Option<PathBuf> as MaybeFile = "";

    /// Files with public keys in PEM (RS256, ES256, EdDSA) of those who sign tokens, with commas between
    /// them; at most 8 keys. All files of keys are read again when they change.
    jwt_public_key_file: Vec<PathBuf> as Files = "";

    /// Where the public keys of those who sign tokens are fetched (JWKS). https, or http to this machine.
    jwks_url: Option<KeysUrl> as MaybeKeysUrl = "";

    /// The audience (aud) that tokens must name: this server. Required with any key, or tokens that
    /// were made for another service would do here.
    jwt_audience: Option<String> as MaybeText = "";

    /// Who must have made the tokens (iss). Required with any key.
    jwt_issuer: Option<String> as MaybeText = "";

    /// How far the clocks of those who make tokens may be from ours: so much longer a token holds. 5min at most.
    jwt_leeway: Duration as Span = "30s";

    /// The claim that lists somebody's groups; dots lead into objects, as in realm_access.roles.
    jwt_groups_claim: Option<String> as MaybeText = "groups";

    /// Groups whose members administer the server, with commas between them. Empty: nobody does.
    admin_groups: Vec<String> as Names = "";

    /// Groups whose members may make documents, with commas between them. Empty: everybody who is signed in.
    creator_groups: Vec<String> as Names = "";

    /// The cookie that holds a token, for pages that are served beside this server. Empty: no cookie is looked
    /// at, since browsers send cookies from foreign pages too.
    cookie_name: Option<String> as MaybeCookie = "";

    /// Origins of pages that may call this server, as in `https://app.example.com`, with commas between
    /// them. Empty: only pages that come from this server's own host.
    allowed_origins: Origins as OriginList = "";
}

settings! {
    /// Every bound that can be set. What happens at each is a rule in `docs/SPEC.md`.
    pub struct Limits, table LIMITS;

    /// Largest WebSocket message taken. A stock client sends all it has of a document in
    /// one message, so this bounds a document that is brought at once: 20 MiB with room.
    message_bytes_max: usize as Size = "64MiB";

    /// Documents one connection may have open. An open one costs a cursor of some hundred
    /// bytes; stock clients open what their page shows, tools open some thousands.
    documents_per_connection_max: usize as Count = "10000";

    /// Connections at one time, HTTP and WebSocket together. At 10 KiB for an idle one
    /// that is 100 MiB. More wait unaccepted in the kernel's queue.
    connections_max: usize as Count = "10000";

    /// Connections at one time from one address (IPv6: one /64): a fifth of connections_max, so that no address has all of
    /// them, and the pages of some hundred people behind one address fit. More are answered with 429 and closed. This
    /// machine and trusted_proxies have no such bound: name a proxy there, or all who come through it count as one.
    connections_per_address_max: Option<u32> as Rate = "2000";

    /// How long a new WebSocket may take to say who it is. Clients join at once; a slow
    /// phone takes a second or two.
    join_timeout: Duration as Span = "10s";

    /// How often an idle WebSocket is pinged. Common proxies cut a silent connection after
    /// 60 s, so two pings must fit into that.
    ping_interval: Duration as Span = "20s";

    /// A peer from which nothing came for so long is gone. Two missed pings, not one: a
    /// phone that changes network misses one without being gone. Whoever takes nothing of an answer for so long
    /// is gone as well.
    silence_max: Duration as Span = "40s";

    /// How long a request's head may take, and how long a kept connection may idle.
    header_timeout: Duration as Span = "10s";

    /// Largest head of a request. Browsers stay below 8 KiB, cookies of a shared domain included.
    header_bytes_max: usize as Size = "16KiB";

    /// Largest body of a request. The largest Grafana dashboards in use have 2 to 5 MiB.
    body_bytes_max: usize as Size = "16MiB";

    /// How long the body of a request may take: 16 MiB at 4 Mbit/s.
    body_timeout: Duration as Span = "30s";

    /// How many requests may have their bodies in memory at one time: with body_bytes_max
    /// this bounds what bodies can take, 512 MiB. More wait for their turn.
    bodies_max: usize as Count = "32";

    /// Free space on the disk of data_dir below which nothing is written: changes are refused with disk_low, reading
    /// goes on, and writing too once there is room. auto: 5 % of the disk, 256 MiB at least; off: none.
    disk_free_min: Floor as DiskFloor = "auto";

    /// Changes that a document may have. Each takes some 450 bytes in memory: a million are half of memory_budget_bytes, and some
    /// hundred hours of typing. At this, and at the next, a document is read and takes no more changes.
    document_changes_max: Option<u32> as Rate = "1000000";

    /// Bytes of changes that a document may have, as stored. Stock clients bring and are brought all of a document in one
    /// message, so this is message_bytes_max.
    document_bytes_max: Option<usize> as MaybeSize = "64MiB";

    /// Bytes that open documents may take, as measured. The longest unused leave first.
    memory_budget_bytes: usize as Size = "1GiB";

    /// How long a document nobody reads stays in memory: a page that is loaded again finds it there.
    document_idle: Duration as Span = "60s";

    /// How long open requests and WebSockets may take to end when the server stops. What
    /// stops a service (systemd, Kubernetes) kills after 10 s to 90 s: this and the last
    /// commits must fit into 10 s.
    drain_timeout: Duration as Span = "7s";

    /// Entries that the audit log keeps; the oldest give way. At some 200 bytes each that is
    /// 20 MB in the store and 3 MiB in memory: a month of a busy server.
    audit_entries_max: usize as Count = "100000";

    /// Bytes of refused changes that are kept aside, a tenth of that of one person. A refused
    /// change has some hundred bytes; this holds a day offline of a hundred people.
    quarantine_bytes_max: usize as Size = "64MiB";

    /// How long refused changes are kept aside: until somebody is back from a week off.
    quarantine_keep: Duration as Span = "7d";

    /// Messages that one person may send each second, over all connections. An editor that drags
    /// sends 60. Of this and of what follows five seconds' worth may come at once; what is over is slowed
    /// for up to 2 s before anything is cut. Off when nobody is asked who they are, as are all below.
    messages_per_second_max: Option<u32> as Rate = "1000";

    /// Bytes of messages that one person may send each second. A stock client brings a document
    /// in one message of up to 20 MiB.
    bytes_per_second_max: Option<usize> as MaybeSize = "32MiB";

    /// Changes that one person may make each second. Some thousand from a day offline come at once.
    changes_per_second_max: Option<u32> as Rate = "2000";

    /// Changes that one document takes each second, of all together: what one task applies with
    /// half of its time to spare.
    document_changes_per_second_max: Option<u32> as Rate = "5000";

    /// HTTP requests that one person may send each second. A page asks for some tens when it opens.
    requests_per_second_max: Option<u32> as Rate = "500";

    /// Connections that one person may open each second, or one address (IPv6: one /64) where nobody has
    /// signed in. A page opens one, and again when its network was away.
    joins_per_second_max: Option<u32> as Rate = "100";

    /// Tokens from one address that may be refused each minute, so many at once, because they are none or no key
    /// of ours signed them. Those that have ended do not count. Who guesses tries millions.
    failed_logins_per_minute_max: Option<u32> as Rate = "30";

    /// Documents that one person may own, deleted ones included. Nobody keeps track of more.
    documents_per_subject_max: Option<u32> as Rate = "10000";

    /// Bytes in the store that the documents of one person may take, deleted ones included: a thousand large
    /// ones with all of their history.
    bytes_per_subject_max: Option<usize> as MaybeSize = "10GiB";
}

/// The smallest message limit that lets a peer say anything: a join with two ids and a
/// sync message of some changes.
const MESSAGE_BYTES_MAX_LEAST: usize = 64 * 1024;

/// hyper's own least size of a connection's buffer.
const HEADER_BYTES_MAX_LEAST: usize = 8 * 1024;

/// Stopping takes `drain_timeout` and then the last commits, which get 2 s; promised are 10 s.
const DRAIN_TIMEOUT_MOST: Duration = Duration::from_secs(8);

/// Clocks that are set by the network differ by less than a second; one that is off by more than this is broken.
const JWT_LEEWAY_MOST: Duration = Duration::from_secs(5 * 60);

impl Config {
    /// Puts together what was given; what was not has its default.
    ///
    /// # Errors
    /// Names every value that cannot be read and every two that do not fit together.
    pub fn assemble(given: impl IntoIterator<Item = Given>) -> Result<Self, ConfigError> {
        let mut book = Book::new(given);
        let basics = Basics::read(&mut book);
        let auth = AuthSettings::read(&mut book);
        let limits = Limits::read(&mut book);
        if book.faults.is_empty() {
            book.faults.extend(limits.contradictions());
            book.faults.extend(auth.contradictions());
            book.faults.extend(basics.open_door(&auth, &book));
        }
        if !book.faults.is_empty() {
            return Err(ConfigError { faults: book.faults });
        }
        Ok(Self {
            listen: basics.listen,
            data_dir: basics.data_dir,
            rules_dir: basics.rules_dir,
            log_filter: basics.log_filter,
            log_format: basics.log_format,
            trusted_proxies: basics.trusted_proxies,
            auth,
            limits,
            origins: book.origins,
        })
    }

    /// What the server does when nobody sets anything.
    #[must_use]
    pub fn built_in() -> Self {
        Self::assemble([]).expect("a test reads every default")
    }
}

impl Default for Limits {
    fn default() -> Self {
        Config::built_in().limits
    }
}

impl Basics {
    /// As long as nobody is asked who they are only this machine may be served.
    fn open_door(&self, auth: &AuthSettings, book: &Book) -> Option<Fault> {
        if self.listen.ip().is_loopback() || auth.is_on() || self.danger_listen_without_authentication {
            return None;
        }
        Some(Fault {
            source: book.source_of("listen"),
            what: format!(
                "listen = {}: this address can be reached from other machines, and the server asks nobody \
                 who they are; set a key that tokens are signed with (docs/SECURITY.md), listen on 127.0.0.1 behind \
                 a proxy that asks, or accept that everybody may read, change and delete everything with \
                 --danger-listen-without-authentication",
                self.listen
            ),
        })
    }
}

impl AuthSettings {
    /// Whether people are asked who they are: there is a key to tell by.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.jwt_secret.is_some()
            || self.jwt_secret_file.is_some()
            || !self.jwt_public_key_file.is_empty()
            || self.jwks_url.is_some()
    }

    /// Values that are each sound and do not fit together.
    fn contradictions(&self) -> Vec<Fault> {
        let is_on = self.is_on();
        let needs_a_key = [
            ("jwt_audience", self.jwt_audience.is_some()),
            ("jwt_issuer", self.jwt_issuer.is_some()),
            ("admin_groups", !self.admin_groups.is_empty()),
            ("creator_groups", !self.creator_groups.is_empty()),
            ("cookie_name", self.cookie_name.is_some()),
        ];
        let idle = needs_a_key.into_iter().filter(|(_, set)| *set && !is_on).map(|(name, _)| {
            format!(
                "{name} says nothing as long as nobody is asked who they are; set jwt_secret_file, \
                 jwt_public_key_file or jwks_url as well"
            )
        });
        let rules = [
            (
                !is_on || self.jwt_audience.is_some(),
                "jwt_audience must be set with any key, or tokens that were made for another service would do here",
            ),
            (
                !is_on || self.jwt_issuer.is_some(),
                "jwt_issuer must be set with any key: the iss of the tokens that are meant",
            ),
            (
                self.jwt_secret.is_none() || self.jwt_secret_file.is_none(),
                "jwt_secret and jwt_secret_file are both set; keep the file, which nobody else sees",
            ),
            (
                self.jwt_leeway <= JWT_LEEWAY_MOST,
                "jwt_leeway must be at most 5min, or tokens that have ended would go on being good",
            ),
        ];
        let broken = rules.into_iter().filter(|(kept, _)| !kept).map(|(_, what)| what.to_owned());
        broken.chain(idle).map(|what| Fault { source: None, what }).collect()
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_secret = table().any(|setting| setting.secret && setting.name == self.name);
        let text = if is_secret { "(hidden)" } else { &self.text };
        f.debug_struct("Given")
            .field("name", &self.name)
            .field("text", &text)
            .field("source", &self.source)
            .finish()
    }
}

impl Limits {
    /// Values that are each sound and do not fit together.
    fn contradictions(&self) -> Vec<Fault> {
        let rules = [
            (
                self.silence_max >= 2 * self.ping_interval,
                "silence_max must be at least twice ping_interval, or one lost ping ends a session",
            ),
            (
                self.join_timeout <= self.silence_max,
                "join_timeout must not be longer than silence_max, or silence ends a session that may still join",
            ),
            (
                self.message_bytes_max >= MESSAGE_BYTES_MAX_LEAST,
                "message_bytes_max must be at least 64KiB, or ordinary sync messages do not fit",
            ),
            (
                self.memory_budget_bytes >= self.message_bytes_max,
                "memory_budget_bytes must be at least message_bytes_max, or a document that may be sent cannot be opened",
            ),
            (
                self.header_bytes_max >= HEADER_BYTES_MAX_LEAST,
                "header_bytes_max must be at least 8KiB, or browsers' requests do not fit",
            ),
            (
                self.drain_timeout <= DRAIN_TIMEOUT_MOST,
                "drain_timeout must be at most 8s, or the server cannot stop within 10 s",
            ),
        ];
        let broken = rules.into_iter().filter(|(kept, _)| !kept);
        broken.map(|(_, what)| Fault { source: None, what: what.to_owned() }).collect()
    }
}

/// All settings, in the order in which they are shown.
pub fn table() -> impl Iterator<Item = &'static Setting> {
    BASICS.iter().chain(AUTH).chain(LIMITS)
}

impl Setting {
    /// `ping_interval` as a flag: `ping-interval`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// `ping_interval` in the environment: `DOVETAIL_PING_INTERVAL`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("DOVETAIL_{}", self.name.to_uppercase())
    }
}

/// What the environment says. `lookup` is `std::env::var`, or a test's table.
pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Vec<Given> {
    let given = table().filter_map(|setting| {
        let variable = setting.variable();
        let text = lookup(&variable)?;
        Some(Given { name: setting.name, text, source: Source::Environment { variable } })
    });
    given.collect()
}

/// Names in the environment that look like settings and are none.
pub fn unknown_variables(names: impl IntoIterator<Item = String>) -> Vec<String> {
    // What the command line takes beside the settings.
    const OTHERS: [&str; 3] = ["DOVETAIL_CONFIG", "DOVETAIL_SERVER", "DOVETAIL_TOKEN"];
    let is_known = |name: &str| OTHERS.contains(&name) || table().any(|setting| setting.variable() == name);
    names.into_iter().filter(|name| name.starts_with("DOVETAIL_") && !is_known(name)).collect()
}

/// What a TOML file says. `path` is for the messages.
///
/// # Errors
/// When it is not TOML, has a key that is no setting, or a value that is a list or a table.
pub fn from_file(path: &str, toml: &str) -> Result<Vec<Given>, ConfigError> {
    use toml::de::{DeTable, DeValue};

    let at = |offset: usize| {
        let (line, column) = position(toml, offset);
        Source::File { path: path.to_owned(), line, column }
    };
    let file = DeTable::parse(toml).map_err(|error| {
        let source = error.span().map(|span| at(span.start));
        ConfigError { faults: vec![Fault { source, what: format!("not TOML: {}", error.message()) }] }
    })?;

    let (mut given, mut faults) = (Vec::new(), Vec::new());
    for (key, value) in file.get_ref() {
        let source = at(key.span().start);
        let Some(setting) = table().find(|setting| setting.name == key.get_ref().as_ref()) else {
            let what = format!("{} is no setting; `dovetail config` lists them", key.get_ref());
            faults.push(Fault { source: Some(source), what });
            continue;
        };
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Boolean(switch) => switch.to_string(),
            _ => {
                let what = format!(
                    "{} takes one value, as in {} = \"{}\"",
                    setting.name, setting.name, setting.default
                );
                faults.push(Fault { source: Some(source), what });
                continue;
            }
        };
        given.push(Given { name: setting.name, text, source });
    }
    if faults.is_empty() { Ok(given) } else { Err(ConfigError { faults }) }
}

/// Everything that was said, what has been read of it, and what was wrong.
struct Book {
    given: BTreeMap<&'static str, Given>,
    origins: Vec<Origin>,
    faults: Vec<Fault>,
}

impl Book {
    fn new(all: impl IntoIterator<Item = Given>) -> Self {
        let mut given: BTreeMap<&'static str, Given> = BTreeMap::new();
        for one in all {
            match given.get(one.name) {
                Some(other) if other.source > one.source => {}
                _ => drop(given.insert(one.name, one)),
            }
        }
        Self { given, origins: Vec::new(), faults: Vec::new() }
    }

    /// The value of one setting. A fault is noted and the default taken, so that the next
    /// settings are looked at as well.
    fn read<S: Shape>(&mut self, name: &'static str, default: &str) -> S::Value {
        let built_in = || S::read(default).expect("a test reads every default");
        let (value, source) = match self.given.get(name) {
            None => (built_in(), Source::Default),
            Some(given) => match S::read(&given.text) {
                Ok(value) => (value, given.source.clone()),
                Err(why) => {
                    let what = match S::SECRET {
                        true => format!("{name}: {why}"),
                        false => format!("{name} = {:?}: {why}", given.text),
                    };
                    self.faults.push(Fault { source: Some(given.source.clone()), what });
                    (built_in(), Source::Default)
                }
            },
        };
        self.origins.push(Origin { name, toml: S::toml(&value), source });
        value
    }

    fn source_of(&self, name: &str) -> Option<Source> {
        self.given.get(name).map(|given| given.source.clone())
    }
}

/// Line and column of a byte offset, both from 1.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Self::Environment { variable } => f.write_str(variable),
            Self::Flag { flag } => f.write_str(flag),
        }
    }
}

fn lines(faults: &[Fault]) -> String {
    let line = |fault: &Fault| match &fault.source {
        Some(source) => format!("{source}: {}", fault.what),
        None => fault.what.clone(),
    };
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
