//! `dovetail watch ID`: a document as it changes, a line for each state.
//!
//! ```text
//!  the server ──sync──▶ client ──▶ states ──▶ a line on standard output
//!                          └──▶ whether there is a connection ──▶ standard error
//! ```
//!
//! Always true: whoever reads slowly is told fewer states, and the newest one; nothing piles up. It ends with 0 when it is told to, or
//! nobody reads any more, and with 1 when nothing can come any more.

use super::documents::{POINTER, id, id_of, pointer};
use super::place::{self, Named};
use super::pointer::Pointer;
use super::{Failure, explained, on_runtime, say_line, tell};
use crate::shutdown;
use clap::{ArgMatches, Command};
use dovetail_client::status::{Answer, Connection};
use dovetail_client::{Client, DocumentId, Json};
use futures_util::StreamExt;
use serde_json::Value;
use std::ops::ControlFlow;
use std::thread;
use tokio::sync::oneshot;

pub(super) fn command() -> Command {
    Command::new("watch")
        .about("Follows a document: prints it as JSON on one line now, and again whenever it is another one")
        .arg(id())
        .arg(pointer())
        .args(place::server_arguments())
        .after_help(
            "It goes on when the connection is lost and says so on standard error. SIGINT, SIGTERM and a reader who \
             has gone end it with exit code 0. At a POINTER, null stands where there is nothing.",
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let named = Named::of(matches);
    let (id, pointer) = (id_of(matches), matches.get_one::<Pointer>(POINTER));
    let api = named.api()?;
    on_runtime(async {
        let stop = shutdown::signal();
        let stop = stop.map_err(|error| Failure::Failed(format!("cannot listen to signals: {error}")))?;
        let following = async {
            // Asked first: the server says at once, and in its own words, why there is nothing to follow.
            api.heads(id).await?;
            let client = named.client().await?;
            let end = follow(&client, id, pointer).await;
            client.close().await;
            end
        };
        tokio::select! {
            end = following => end,
            () = stop => Ok(()),
            () = nobody_reads() => Ok(()),
        }
    })
}

async fn follow(client: &Client, id: &DocumentId, pointer: Option<&Pointer>) -> Result<(), Failure> {
    let document = client.open::<Json>(id).await.map_err(|error| Failure::Failed(explained(&error)))?;
    let (mut states, mut statuses) = (document.states(), document.statuses());
    let mut connections = client.connections();
    let (mut last, mut is_away) = (String::new(), false);
    loop {
        tokio::select! {
            Some(Ok(Json(state))) = states.next() => {
                let line = pointer.map_or(Some(&state), |pointer| pointer.of(&state)).unwrap_or(&Value::Null).to_string();
                if line != last && on_own_thread(line.clone()).await?.is_break() {
                    return Ok(());
                }
                last = line;
            }
            Some(status) = statuses.next() => {
                if status.server == Answer::Missing {
                    return Err(Failure::Failed(format!("the server has no document {id} for us any more")));
                }
            }
            Some(status) = connections.next() => is_away = told(&status.connection, is_away)?,
            else => return Err(Failure::Failed(format!("{id} is followed no more"))),
        }
    }
}

/// Says when a connection is lost, and when there is one again. Gives whether there is none.
fn told(connection: &Connection, is_away: bool) -> Result<bool, Failure> {
    match connection {
        Connection::Online if is_away => tell(format_args!("connected again")),
        Connection::Offline { reason, .. } if !is_away => {
            tell(format_args!("the connection is lost, and tried again: {reason}"));
        }
        Connection::Refused { code, reason } => {
            return Err(Failure::Failed(format!("the server does not let us in: {reason} ({code})")));
        }
        _ => {}
    }
    Ok(match connection {
        Connection::Online => false,
        Connection::Offline { .. } => true,
        _ => is_away,
    })
}

/// Writes where that holds nothing up: whoever reads may take as long as they like. No thread of the runtime does it, since that would be
/// waited for when a signal ends us.
async fn on_own_thread(line: String) -> Result<ControlFlow<()>, Failure> {
    let (tell, told) = oneshot::channel();
    thread::spawn(move || tell.send(say_line(&line)));
    told.await.unwrap_or(Ok(ControlFlow::Break(()))) // It always answers.
}

/// Resolves when whoever reads our output has gone, where the system tells: otherwise the next line would be the first to notice.
#[cfg(unix)]
async fn nobody_reads() {
    use std::os::fd::AsFd;
    use tokio::io::Interest;
    use tokio::net::unix::pipe::Sender;

    // Nothing is sent by this one, so it may be what it is not, and block. A file has no readers, and cannot be waited for.
    let out = std::io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd_unchecked);
    if let Ok(out) = out
        && out.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

#[cfg(not(unix))]
async fn nobody_reads() {
    std::future::pending::<()>().await;
}
