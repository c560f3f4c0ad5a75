//! The JSON WebSocket at `/api/realtime`: documents, presence and messages for clients without Automerge.
//!
//! Edit path: ← a typed JSON message, [`session`] says what it asks for, [`edit`] makes a change of an edit
//! at the heads its writer saw, → the [`hub`](crate::hub) answers when it is durable. And back: ← the feeds
//! of the documents that the session follows, → typed JSON messages.
//!
//! Always true: a document's state waits for a socket as the heads that were told last, never as a queue; all
//! else that waits is bounded, and of what somebody said in the moment the oldest gives way.

mod edit; // An edit, from its message to the acknowledgement.
mod message; // What clients may say, and how it is answered.
pub(crate) mod people; // Who is connected, by user.
pub(crate) mod session; // One connection's decisions, without its socket.
pub(crate) mod socket; // One connection's socket.

pub(super) use people::People;

use super::Gateway;
use super::door::{self, Entered};
use super::http::parameters::{self, Parameters};
use super::reply::Problem;
use super::upgrade::Request;
use std::sync::Arc;
use warp::reply::Response;

/// Largest message of a client. A patch of a dashboard has some kilobytes, and JSON takes up to sixteen
/// times its length while it is worked on; what is larger is better sent by PUT.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// The sub-protocols that a client may name beside its token.
const PROTOCOLS: &[&str] = &["dovetail.realtime.v1"];

/// The most bytes of a user id. E-mail addresses have at most 254.
const USER_BYTES_MAX: usize = 256;

/// GET /api/realtime with a WebSocket handshake.
pub(super) fn open(
    gateway: &Gateway,
    entered: Entered,
    request: Request,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let claimed = parameters.take::<String>("userId")?.filter(|user| !user.is_empty());
    parameters.finish()?;
    if claimed.as_ref().is_some_and(|user| user.len() > USER_BYTES_MAX) {
        return Err(parameters::problem("userId", &format!("userId has at most {USER_BYTES_MAX} bytes")));
    }
    // Where somebody was asked who they are, that counts, and not what they claim.
    let known = entered.as_ref().ok().and_then(|door| door.who().author());
    let user: Option<Arc<str>> = match known {
        Some(subject) => Some(subject.as_str().into()),
        None => claimed.map(Arc::from),
    };
    let clock = gateway.clock.clone();
    let entered = door::unless_banned(entered)?;
    request.open(MESSAGE_BYTES_MAX, PROTOCOLS, &gateway.drain, move |socket, address| async move {
        match door::joined(entered).await {
            Ok(door) => Box::pin(socket::serve(socket, address, user, door)).await,
            Err(problem) => socket::turn_away(socket, clock.now(), problem).await,
        }
    })
}

#[cfg(test)]
mod tests;
