//! Logs: to standard error, as the configuration says. Standard output belongs to what a
//! command was asked for (the ready line, a URL, an export).
//!
//! Always true: no content of a document and no token is ever logged. What goes wrong for
//! a caller is logged with the same `code` that the caller got.

use crate::config::{Config, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// These log what goes through them, contents and tokens, below `info`, whatever the settings say.
const TALKATIVE: &str = "tungstenite=info,tokio_tungstenite=info,sled=info,hyper=info";

/// Starts logging. Called once, by the binary; a second call changes nothing.
pub fn start(config: &Config) {
    // Automerge opens a span for every chunk it reads; formatting them took a tenth of the server's
    // time. Whoever wants to see them names `automerge` in the filter: later words win.
    let filter = EnvFilter::new(format!("automerge=warn,{},{TALKATIVE}", config.log_filter));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A failure means that somebody set a subscriber before: theirs stays.
    let _ = match config.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().with_current_span(true).try_init(),
    };
}
