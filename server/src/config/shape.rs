//! How a setting is written and read: one shape per kind of value.
//!
//! Always true: `read(text)` of what [`Shape::toml`] writes gives the same value back, so
//! the output of `dovetail config` is a configuration file.

use crate::auth::{KeysUrl, Origins, Proxies, Secret};
use crate::store::Floor;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How one kind of value is written.
pub(super) trait Shape {
    type Value;
    /// What a value looks like, for a usage line.
    const HINT: &'static str;
    /// Whether the flag alone, without a value, means something.
    const SWITCH: bool = false;
    /// Whether its value is nobody's business: it is in no output and no error.
    const SECRET: bool = false;
    /// The value, or what to write instead.
    fn read(text: &str) -> Result<Self::Value, String>;
    /// As it stands in a TOML file.
    fn toml(value: &Self::Value) -> String;
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For collectors.
    Json,
}

pub(super) struct Address;

impl Shape for Address {
    type Value = SocketAddr;
    const HINT: &'static str = "ADDR:PORT";

    fn read(text: &str) -> Result<SocketAddr, String> {
        let hint = "not an address and a port; write 127.0.0.1:3000 or [::1]:3000";
        text.parse().map_err(|_| hint.to_owned())
    }

    fn toml(value: &SocketAddr) -> String {
        quoted(&value.to_string())
    }
}

pub(super) struct Folder;

impl Shape for Folder {
    type Value = PathBuf;
    const HINT: &'static str = "DIR";

    fn read(text: &str) -> Result<PathBuf, String> {
        if text.is_empty() { Err("a folder has a name".to_owned()) } else { Ok(text.into()) }
    }

    fn toml(value: &PathBuf) -> String {
        quoted(&value.to_string_lossy())
    }
}

/// A folder, or none.
pub(super) struct MaybeFolder;

impl Shape for MaybeFolder {
    type Value = Option<PathBuf>;
    const HINT: &'static str = "DIR";

    fn read(text: &str) -> Result<Option<PathBuf>, String> {
        Ok(Some(text).filter(|text| !text.is_empty()).map(PathBuf::from))
    }

    fn toml(value: &Option<PathBuf>) -> String {
        quoted(&value.as_deref().unwrap_or(Path::new("")).to_string_lossy())
    }
}

/// A file, or none.
pub(super) struct MaybeFile;

impl Shape for MaybeFile {
    type Value = Option<PathBuf>;
    const HINT: &'static str = "FILE";

    fn read(text: &str) -> Result<Option<PathBuf>, String> {
        MaybeFolder::read(text)
    }

    fn toml(value: &Option<PathBuf>) -> String {
        MaybeFolder::toml(value)
    }
}

/// Files, with commas between them.
pub(super) struct Files;

impl Shape for Files {
    type Value = Vec<PathBuf>;
    const HINT: &'static str = "FILE[,FILE]";

    fn read(text: &str) -> Result<Vec<PathBuf>, String> {
        Ok(Names::read(text)?.into_iter().map(PathBuf::from).collect())
    }

    fn toml(value: &Vec<PathBuf>) -> String {
        let files: Vec<_> = value.iter().map(|file| file.to_string_lossy()).collect();
        quoted(&files.join(","))
    }
}

/// Names, with commas between them.
pub(super) struct Names;

/// No list is longer: each name is compared with for every token.
const NAMES_MOST: usize = 64;

impl Shape for Names {
    type Value = Vec<String>;
    const HINT: &'static str = "NAME[,NAME]";

    fn read(text: &str) -> Result<Vec<String>, String> {
        let names: Vec<_> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.len() > NAMES_MOST {
            return Err(format!("write {NAMES_MOST} names at most"));
        }
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn toml(value: &Vec<String>) -> String {
        quoted(&value.join(","))
    }
}

/// A text, or none.
pub(super) struct MaybeText;

impl Shape for MaybeText {
    type Value = Option<String>;
    const HINT: &'static str = "TEXT";

    fn read(text: &str) -> Result<Option<String>, String> {
        Ok(Some(text).filter(|text| !text.is_empty()).map(str::to_owned))
    }

    fn toml(value: &Option<String>) -> String {
        quoted(value.as_deref().unwrap_or(""))
    }
}

/// The name of a cookie, or none.
pub(super) struct MaybeCookie;

impl Shape for MaybeCookie {
    type Value = Option<String>;
    const HINT: &'static str = "NAME";

    fn read(text: &str) -> Result<Option<String>, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !text.bytes().all(plain) {
            return Err("write a cookie's name in letters, digits, -, _ and .".to_owned());
        }
        MaybeText::read(text)
    }

    fn toml(value: &Option<String>) -> String {
        MaybeText::toml(value)
    }
}

/// A secret that tokens are signed with, or none.
pub(super) struct MaybeSecret;

/// What is shown in the place of a secret. It is too short to be one.
const HIDDEN: &str = "(hidden)";

impl Shape for MaybeSecret {
    type Value = Option<Secret>;
    const HINT: &'static str = "SECRET";
    const SECRET: bool = true;

    fn read(text: &str) -> Result<Option<Secret>, String> {
        match text {
            "" => Ok(None),
            HIDDEN => {
                Err("this is what is shown in the place of the secret; write the secret itself".to_owned())
            }
            _ => Secret::for_signing(text).map(Some).map_err(of_error),
        }
    }

    fn toml(value: &Option<Secret>) -> String {
        quoted(if value.is_some() { HIDDEN } else { "" })
    }
}

/// Where keys are fetched from, or nothing.
pub(super) struct MaybeKeysUrl;

impl Shape for MaybeKeysUrl {
    type Value = Option<KeysUrl>;
    const HINT: &'static str = "URL";

    fn read(text: &str) -> Result<Option<KeysUrl>, String> {
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(of_error) }
    }

    fn toml(value: &Option<KeysUrl>) -> String {
        quoted(value.as_ref().map_or("", KeysUrl::as_str))
    }
}

/// Origins, with commas between them.
pub(super) struct OriginList;

impl Shape for OriginList {
    type Value = Origins;
    const HINT: &'static str = "ORIGIN[,ORIGIN]";

    fn read(text: &str) -> Result<Origins, String> {
        text.parse().map_err(of_error)
    }

    fn toml(value: &Origins) -> String {
        quoted(&value.to_string())
    }
}

/// Proxies, with commas between them.
pub(super) struct ProxyList;

impl Shape for ProxyList {
    type Value = Proxies;
    const HINT: &'static str = "NETWORK[,NETWORK]";

    fn read(text: &str) -> Result<Proxies, String> {
        text.parse().map_err(of_error)
    }

    fn toml(value: &Proxies) -> String {
        quoted(&value.to_string())
    }
}

fn of_error(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(super) struct Filter;

impl Shape for Filter {
    type Value = String;
    const HINT: &'static str = "FILTER";

    fn read(text: &str) -> Result<String, String> {
        let parsed = text.parse::<tracing_subscriber::filter::Targets>();
        parsed
            .map(|_| text.to_owned())
            .map_err(|why| format!("not a log filter ({why}); write info or info,dovetail_server::hub=debug"))
    }

    fn toml(value: &String) -> String {
        quoted(value)
    }
}

pub(super) struct Format;

impl Shape for Format {
    type Value = LogFormat;
    const HINT: &'static str = "text|json";

    fn read(text: &str) -> Result<LogFormat, String> {
        match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("write text or json".to_owned()),
        }
    }

    fn toml(value: &LogFormat) -> String {
        quoted(match value {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        })
    }
}

pub(super) struct Switch;

impl Shape for Switch {
    type Value = bool;
    const HINT: &'static str = "true|false";
    const SWITCH: bool = true;

    fn read(text: &str) -> Result<bool, String> {
        text.parse().map_err(|_| "write true or false".to_owned())
    }

    fn toml(value: &bool) -> String {
        value.to_string()
    }
}

/// A number of things, one at least: none would switch off what it bounds, or everything.
pub(super) struct Count;

/// No count is larger: what is counted lives in memory.
const COUNT_MOST: usize = 10_000_000;

impl Shape for Count {
    type Value = usize;
    const HINT: &'static str = "NUMBER";

    fn read(text: &str) -> Result<usize, String> {
        match text.parse() {
            Ok(count) if (1..=COUNT_MOST).contains(&count) => Ok(count),
            _ => Err(format!("write a whole number from 1 to {COUNT_MOST}")),
        }
    }

    fn toml(value: &usize) -> String {
        value.to_string()
    }
}

/// How many of something, or `off`: then there is no bound. A number that means something else than a number would be
/// read as one.
pub(super) struct Rate;

const OFF: &str = "off";

/// A burst of it and more are counted in 32 bits.
const RATE_MOST: u32 = 10_000_000;

impl Shape for Rate {
    type Value = Option<u32>;
    const HINT: &'static str = "NUMBER|off";

    fn read(text: &str) -> Result<Option<u32>, String> {
        match text.parse() {
            Ok(rate) if (1..=RATE_MOST).contains(&rate) => Ok(Some(rate)),
            _ if text == OFF => Ok(None),
            _ => Err(format!("write a whole number from 1 to {RATE_MOST}, or off")),
        }
    }

    fn toml(value: &Option<u32>) -> String {
        value.map_or_else(|| quoted(OFF), |rate| rate.to_string())
    }
}

/// Bytes, or `off`.
pub(super) struct MaybeSize;

impl Shape for MaybeSize {
    type Value = Option<usize>;
    const HINT: &'static str = "BYTES|off";

    fn read(text: &str) -> Result<Option<usize>, String> {
        if text == OFF { Ok(None) } else { Size::read(text).map(Some) }
    }

    fn toml(value: &Option<usize>) -> String {
        value.as_ref().map_or_else(|| quoted(OFF), Size::toml)
    }
}

/// Room on a disk: as much as its size suggests, or so much.
pub(super) struct DiskFloor;

const AUTO: &str = "auto";

impl Shape for DiskFloor {
    type Value = Floor;
    const HINT: &'static str = "BYTES|auto|off";

    fn read(text: &str) -> Result<Floor, String> {
        match text {
            AUTO => Ok(Floor::Share),
            OFF => Ok(Floor::Bytes(0)),
            size => Size::read(size).map(|bytes| Floor::Bytes(bytes as u64)),
        }
    }

    fn toml(value: &Floor) -> String {
        match value {
            Floor::Share => quoted(AUTO),
            Floor::Bytes(0) => quoted(OFF),
            Floor::Bytes(bytes) => Size::toml(&usize::try_from(*bytes).unwrap_or(SIZE_MOST)),
        }
    }
}

/// Bytes: `64MiB`, `512KiB`, `1GiB`, or a plain number.
pub(super) struct Size;

const SIZE_UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// More than any machine has; keeps sums of sizes far from overflow.
const SIZE_MOST: usize = 1 << 50;

impl Shape for Size {
    type Value = usize;
    const HINT: &'static str = "BYTES";

    fn read(text: &str) -> Result<usize, String> {
        let unit = SIZE_UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
        let (number, bytes) = unit.unwrap_or((text, 1));
        let size = number.trim().parse::<usize>().ok().and_then(|number| number.checked_mul(bytes));
        match size {
            Some(size) if (1..=SIZE_MOST).contains(&size) => Ok(size),
            _ => Err("not a size; write 64MiB, 512KiB, 1GiB or a number of bytes".to_owned()),
        }
    }

    fn toml(value: &usize) -> String {
        match SIZE_UNITS.iter().find(|(_, bytes)| value.is_multiple_of(*bytes)) {
            Some((unit, bytes)) => quoted(&format!("{}{unit}", value / bytes)),
            None => value.to_string(),
        }
    }
}

/// A stretch of time: `20s`, `500ms`, `5min`, `12h`, `7d`.
pub(super) struct Span;

/// `min` and `ms` stand before the letters they end or begin with.
const SPAN_UNITS: [(&str, u64); 5] =
    [("min", 60_000), ("ms", 1), ("s", 1_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A year: longer than anything is kept that is thrown away by itself, and no sum of them overflows.
const SPAN_MS_MOST: u64 = 365 * 86_400_000;

impl Shape for Span {
    type Value = Duration;
    const HINT: &'static str = "TIME";

    fn read(text: &str) -> Result<Duration, String> {
        let unit = SPAN_UNITS.iter().find_map(|(unit, ms)| Some((text.strip_suffix(unit)?, *ms)));
        let ms = unit.and_then(|(number, ms)| number.trim().parse::<u64>().ok()?.checked_mul(ms));
        match ms {
            Some(ms) if (1..=SPAN_MS_MOST).contains(&ms) => Ok(Duration::from_millis(ms)),
            _ => Err("not a time from 1ms to 365d; write 20s, 500ms, 5min, 12h or 7d".to_owned()),
        }
    }

    fn toml(value: &Duration) -> String {
        let ms = value.as_millis();
        quoted(&match ms {
            ms if ms.is_multiple_of(86_400_000) => format!("{}d", ms / 86_400_000),
            ms if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
            ms => format!("{ms}ms"),
        })
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
