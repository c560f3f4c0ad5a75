//! What is answered at which path.
//!
//! Routes say where, the functions in the modules below say what. A route never rejects
//! once its path and method fit: ids, parameters and bodies are judged by the function,
//! which answers a [`Problem`]. So the last route of a path can
//! answer 405, and the last of all 404.

mod access; // Who may do what.
mod admin; // What was done and refused, for administrators of the server.
pub(super) mod body; // A request's body, bounded in bytes and in time.
mod conflicts; // What the rules say, and what people decide about it.
mod documents; // Documents through the JSON door.
mod events; // A document as server-sent events.
mod heads; // States of documents in headers and parameters.
mod history; // What was, and the difference of two states.
pub(crate) mod idempotency; // Requests that may come twice.
mod openapi; // All of this, for programs.
mod operation; // For those who run the server: health, figures, statistics.
mod page; // What a browser shows: the app.
pub(super) mod parameters; // What stands behind the `?`.
mod points; // Points for a widget data document.
mod rules; // Which rules are in force.
mod segment; // One piece of a path.
mod stored; // What is stored, checked while it serves.
mod streamed; // An answer that is made while it is read.
pub(crate) mod sync; // Sync without a WebSocket.
mod turns; // Turns for writers who would rather be refused than merged.
mod versions; // States that somebody named.
pub(super) mod write; // Plain JSON that merges.

pub(in crate::gateway) use idempotency::Answers;
pub(in crate::gateway) use turns::Turns;

use super::door::{self, Door, Entered};
use super::reply::{self, Code, Problem, only};
use super::{Gateway, realtime, upgrade};
use crate::metrics;
use parameters::Parameters;
use segment::Segment;
use std::convert::Infallible;
use std::time::{Duration, Instant};
use warp::filters::BoxedFilter;
use warp::http::HeaderMap;
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};

/// An answer that there is no such document leaves at the next full step of this, counted from its request. To find that
/// out takes some 10 µs less or more, depending on whether it is there and hidden.
const HIDDEN_EVERY: Duration = Duration::from_millis(10);

/// Every path but `/sync`.
pub(super) fn routes(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let all = [
        page(gateway),
        openapi(gateway),
        health(gateway),
        ready(gateway),
        metrics(gateway),
        realtime(gateway),
        documents(gateway),
        document(gateway),
        audit(gateway),
        quarantine(gateway),
        verify(gateway),
        backup(gateway),
        kept_item(gateway),
        accept(gateway),
        access(gateway),
        policy(gateway),
        automerge(gateway),
        events(gateway),
        grafana(gateway),
        undelete(gateway),
        conflicts(gateway),
        conflict(gateway),
        decide(gateway),
        inbox(gateway),
        all_rules(gateway),
        rules(gateway),
        rules_history(gateway),
        dry_run(gateway),
        restore(gateway),
        history(gateway),
        diff(gateway),
        versions(gateway),
        version(gateway),
        points(gateway),
        sync_open(gateway),
        sync_session(gateway),
        // What no other route takes: the last one.
        app(),
    ];
    let [first, rest @ ..] = all;
    rest.into_iter().fold(first, |above, below| above.or(below).unify().boxed())
}

fn page(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let show = get_openly(gateway).and(warp::header::headers_cloned()).then(|gateway, headers| {
        answer_anybody("/", "GET", async move { Ok(page::page(&gateway, &headers)) })
    });
    let path = warp::path::end();
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

/// The files of the app, and its page for addresses of its own. What it does not have is for whoever comes next.
fn app() -> BoxedFilter<(Response,)> {
    let find = |path: FullPath, headers: HeaderMap| async move {
        let began = Instant::now();
        let file = page::file(&path, &headers).ok_or_else(warp::reject::not_found)?;
        count("/{file}", "GET", &file, began);
        Ok::<_, Rejection>(file)
    };
    let reading = warp::get().or(warp::head()).unify();
    reading.and(warp::path::full()).and(warp::header::headers_cloned()).and_then(find).boxed()
}

fn openapi(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let show = get_openly(gateway)
        .then(|_| answer_anybody("/openapi.json", "GET", async { Ok(openapi::openapi()) }));
    let path = warp::path!("openapi.json");
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn health(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let show =
        get_openly(gateway).then(|_| answer_anybody("/health", "GET", async { Ok(operation::health()) }));
    let path = warp::path!("health");
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn ready(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let show = get_openly(gateway)
        .then(|gateway| answer_anybody("/ready", "GET", async move { operation::ready(&gateway) }));
    let path = warp::path!("ready");
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn metrics(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let show = get(gateway)
        .then(|door| answer("/metrics", "GET", door, |door| async move { operation::metrics(&door) }));
    let path = warp::path!("metrics");
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

/// A WebSocket for who asks for one; else the status.
fn realtime(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let gateway = gateway.clone();
    let show = get(&gateway).and(upgrade::request()).and(parameters()).then(
        move |entered: Entered, request: upgrade::Request, parameters| {
            let gateway = gateway.clone();
            answer_anybody("/api/realtime", "GET", async move {
                if request.asks_for_websocket() {
                    return realtime::open(&gateway, entered, request, parameters);
                }
                operation::realtime(&entered?)
            })
        },
    );
    let path = warp::path!("api" / "realtime");
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn documents(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs";
    let path = warp::path!("api" / "docs");
    let list = get(gateway)
        .and(parameters())
        .then(|door, parameters| answer(ROUTE, "GET", door, |door| documents::list(door, parameters)));
    let create = warp::post().and(written(gateway)).then(|door, parameters, headers, body| {
        answer(ROUTE, "POST", door, |door| documents::create(door, parameters, headers, body))
    });
    let allowed = path.map(only("GET, HEAD, POST"));
    path.and(list).or(path.and(create)).unify().or(allowed).unify().boxed()
}

fn document(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}";
    let path = warp::path!("api" / "docs" / Segment);
    let show = path.and(get(gateway)).and(parameters()).and(warp::header::headers_cloned()).then(
        |id, door, parameters, headers| {
            answer(ROUTE, "GET", door, |door| documents::show_json(door, id, parameters, headers))
        },
    );
    let put = path.and(warp::put()).and(written(gateway)).then(|id, door, parameters, headers, body| {
        answer(ROUTE, "PUT", door, |door| write::put(door, id, parameters, headers, body))
    });
    let patch = path.and(warp::patch()).and(written(gateway)).then(|id, door, parameters, headers, body| {
        answer(ROUTE, "PATCH", door, |door| write::patch(door, id, parameters, headers, body))
    });
    let delete =
        path.and(warp::delete()).and(with(gateway)).and(parameters()).then(|id, door, parameters| {
            plain(ROUTE, "DELETE", parameters, door, |door| documents::delete(door, id))
        });
    let allowed = path.map(|_| only("GET, HEAD, PUT, PATCH, DELETE")());
    show.or(put).unify().or(patch).unify().or(delete).unify().or(allowed).unify().boxed()
}

fn audit(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/admin/audit";
    let path = warp::path!("api" / "admin" / "audit");
    let show = get(gateway)
        .and(parameters())
        .then(|door, parameters| answer(ROUTE, "GET", door, |door| admin::audit(door, parameters)));
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn quarantine(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/admin/quarantine";
    let path = warp::path!("api" / "admin" / "quarantine");
    let list = get(gateway)
        .and(parameters())
        .then(|door, parameters| answer(ROUTE, "GET", door, |door| admin::quarantine(door, parameters)));
    path.and(list).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn kept_item(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/admin/quarantine/{item}";
    let path = warp::path!("api" / "admin" / "quarantine" / Segment);
    let show = path
        .and(get(gateway))
        .and(parameters())
        .then(|item, door, parameters| plain(ROUTE, "GET", parameters, door, |door| admin::item(door, item)));
    let discard =
        path.and(warp::delete()).and(with(gateway)).and(parameters()).then(|item, door, parameters| {
            plain(ROUTE, "DELETE", parameters, door, |door| admin::discard(door, item))
        });
    show.or(discard).unify().or(path.map(|_| only("GET, HEAD, DELETE")())).unify().boxed()
}

fn verify(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/admin/verify";
    let path = warp::path!("api" / "admin" / "verify");
    let check = get(gateway)
        .and(parameters())
        .then(|door, parameters| plain(ROUTE, "GET", parameters, door, stored::check));
    path.and(check).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn backup(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/admin/backup";
    let path = warp::path!("api" / "admin" / "backup");
    let copy = get(gateway)
        .and(parameters())
        .then(|door, parameters| plain(ROUTE, "GET", parameters, door, stored::copy));
    path.and(copy).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn accept(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/admin/quarantine/{item}/accept";
    let path = warp::path!("api" / "admin" / "quarantine" / Segment / "accept");
    let accept =
        path.and(warp::post()).and(with(gateway)).and(parameters()).then(|item, door, parameters| {
            answer(ROUTE, "POST", door, |door| admin::accept(door, item, parameters))
        });
    accept.or(path.map(|_| only("POST")())).unify().boxed()
}

fn access(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/access";
    let path = warp::path!("api" / "docs" / Segment / "access");
    let show = path
        .and(get(gateway))
        .and(parameters())
        .then(|id, door, parameters| plain(ROUTE, "GET", parameters, door, |door| access::show(door, id)));
    let put = path.and(warp::put()).and(written(gateway)).then(|id, door, parameters, headers, body| {
        plain(ROUTE, "PUT", parameters, door, |door| access::replace(door, id, headers, body))
    });
    show.or(put).unify().or(path.map(|_| only("GET, HEAD, PUT")())).unify().boxed()
}

fn policy(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/access";
    let path = warp::path!("api" / "access");
    let show = get(gateway)
        .and(parameters())
        .then(|door, parameters| plain(ROUTE, "GET", parameters, door, access::show_policy));
    let put = warp::put().and(with(gateway)).and(parameters()).and(body::sending()).then(
        |door, parameters, body| {
            plain(ROUTE, "PUT", parameters, door, |door| access::replace_policy(door, body))
        },
    );
    let allowed = path.map(only("GET, HEAD, PUT"));
    path.and(show).or(path.and(put)).unify().or(allowed).unify().boxed()
}

fn automerge(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/automerge";
    let path = warp::path!("api" / "docs" / Segment / "automerge");
    let show = path.and(get(gateway)).and(parameters()).and(warp::header::headers_cloned()).then(
        |id, door, parameters, headers| {
            plain(ROUTE, "GET", parameters, door, |door| documents::show_automerge(door, id, headers))
        },
    );
    show.or(path.map(|_| only("GET, HEAD")())).unify().boxed()
}

fn events(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/events";
    let path = warp::path!("api" / "docs" / Segment / "events");
    let follow = path.and(get(gateway)).and(parameters()).and(warp::header::headers_cloned()).then(
        |id, door, parameters, headers| {
            answer(ROUTE, "GET", door, |door| events::follow(door, id, parameters, headers))
        },
    );
    follow.or(path.map(|_| only("GET, HEAD")())).unify().boxed()
}

fn grafana(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/grafana";
    let path = warp::path!("api" / "docs" / Segment / "grafana");
    let show = path.and(get(gateway)).and(parameters()).and(warp::header::headers_cloned()).then(
        |id, door, parameters, headers| {
            plain(ROUTE, "GET", parameters, door, |door| documents::show_grafana(door, id, headers))
        },
    );
    show.or(path.map(|_| only("GET, HEAD")())).unify().boxed()
}

fn undelete(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/undelete";
    let path = warp::path!("api" / "docs" / Segment / "undelete");
    let undelete =
        path.and(warp::post()).and(with(gateway)).and(parameters()).then(|id, door, parameters| {
            plain(ROUTE, "POST", parameters, door, |door| documents::undelete(door, id))
        });
    undelete.or(path.map(|_| only("POST")())).unify().boxed()
}

fn conflicts(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/conflicts";
    let path = warp::path!("api" / "docs" / Segment / "conflicts");
    let show = path.and(get(gateway)).and(parameters()).then(|id, door, parameters| {
        answer(ROUTE, "GET", door, |door| conflicts::of_document(door, id, parameters))
    });
    show.or(path.map(|_| only("GET, HEAD")())).unify().boxed()
}

fn conflict(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/conflicts/{conflict}";
    let path = warp::path!("api" / "docs" / Segment / "conflicts" / Segment);
    let show = path.and(get(gateway)).and(parameters()).then(|id, conflict, door, parameters| {
        plain(ROUTE, "GET", parameters, door, |door| conflicts::one(door, id, conflict))
    });
    show.or(path.map(|_, _| only("GET, HEAD")())).unify().boxed()
}

fn decide(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const SETTLE: &str = "/api/docs/{id}/conflicts/{conflict}/settle";
    const WAIVE: &str = "/api/docs/{id}/conflicts/{conflict}/waive";
    const UNWAIVE: &str = "/api/docs/{id}/conflicts/{conflict}/unwaive";
    let post = || warp::post().and(with(gateway)).and(parameters()).and(body::sending());
    let path = warp::path!("api" / "docs" / Segment / "conflicts" / Segment / "settle");
    let settle = path.and(post()).then(|id, conflict, door, parameters, body| {
        plain(SETTLE, "POST", parameters, door, |door| conflicts::settle(door, id, conflict, body))
    });
    let settle = settle.or(path.map(|_, _| only("POST")())).unify().boxed();
    let path = warp::path!("api" / "docs" / Segment / "conflicts" / Segment / "waive");
    let waive = path.and(post()).then(|id, conflict, door, parameters, body| {
        plain(WAIVE, "POST", parameters, door, |door| conflicts::waive(door, id, conflict, body))
    });
    let waive = waive.or(path.map(|_, _| only("POST")())).unify().boxed();
    let path = warp::path!("api" / "docs" / Segment / "conflicts" / Segment / "unwaive");
    let unwaive = path.and(post()).then(|id, conflict, door, parameters, body| {
        plain(UNWAIVE, "POST", parameters, door, |door| conflicts::unwaive(door, id, conflict, body))
    });
    let unwaive = unwaive.or(path.map(|_, _| only("POST")())).unify().boxed();
    settle.or(waive).unify().or(unwaive).unify().boxed()
}

fn inbox(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/conflicts";
    let path = warp::path!("api" / "conflicts");
    let list = get(gateway)
        .and(parameters())
        .then(|door, parameters| answer(ROUTE, "GET", door, |door| conflicts::inbox(door, parameters)));
    path.and(list).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn all_rules(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let path = warp::path!("api" / "rules");
    let list = get(gateway)
        .and(parameters())
        .then(|door, parameters| plain("/api/rules", "GET", parameters, door, rules::list));
    path.and(list).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn rules(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/rules/{kind}";
    let path = warp::path!("api" / "rules" / Segment);
    let show = path.and(get(gateway)).and(parameters()).then(|kind, door, parameters| {
        answer(ROUTE, "GET", door, |door| rules::show(door, kind, parameters))
    });
    let replace =
        path.and(warp::put()).and(written(gateway)).then(|kind, door, parameters, headers, body| {
            plain(ROUTE, "PUT", parameters, door, |door| rules::replace(door, kind, headers, body))
        });
    show.or(replace).unify().or(path.map(|_| only("GET, HEAD, PUT")())).unify().boxed()
}

fn rules_history(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/rules/{kind}/history";
    let path = warp::path!("api" / "rules" / Segment / "history");
    let list = path.and(get(gateway)).and(parameters()).then(|kind, door, parameters| {
        plain(ROUTE, "GET", parameters, door, |door| rules::history(door, kind))
    });
    list.or(path.map(|_| only("GET, HEAD")())).unify().boxed()
}

fn dry_run(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/rules/{kind}/dry-run";
    let path = warp::path!("api" / "rules" / Segment / "dry-run");
    let try_out = path.and(warp::post()).and(with(gateway)).and(parameters()).and(body::sending()).then(
        |kind, door, parameters, body| {
            plain(ROUTE, "POST", parameters, door, |door| rules::dry_run(door, kind, body))
        },
    );
    try_out.or(path.map(|_| only("POST")())).unify().boxed()
}

fn restore(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/restore";
    let path = warp::path!("api" / "docs" / Segment / "restore");
    let restore = path.and(warp::post()).and(written(gateway)).then(|id, door, parameters, headers, body| {
        answer(ROUTE, "POST", door, |door| write::restore(door, id, parameters, headers, body))
    });
    restore.or(path.map(|_| only("POST")())).unify().boxed()
}

fn history(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/history";
    let path = warp::path!("api" / "docs" / Segment / "history");
    let show = path.and(get(gateway)).and(parameters()).then(|id, door, parameters| {
        answer(ROUTE, "GET", door, |door| history::history(door, id, parameters))
    });
    show.or(path.map(|_| only("GET, HEAD")())).unify().boxed()
}

fn diff(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/diff";
    let path = warp::path!("api" / "docs" / Segment / "diff");
    let show = path
        .and(get(gateway))
        .and(parameters())
        .then(|id, door, parameters| answer(ROUTE, "GET", door, |door| history::diff(door, id, parameters)));
    show.or(path.map(|_| only("GET, HEAD")())).unify().boxed()
}

fn versions(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/versions";
    let path = warp::path!("api" / "docs" / Segment / "versions");
    let list = path
        .and(get(gateway))
        .and(parameters())
        .then(|id, door, parameters| plain(ROUTE, "GET", parameters, door, |door| versions::list(door, id)));
    list.or(path.map(|_| only("GET, HEAD")())).unify().boxed()
}

fn version(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/versions/{name}";
    let path = warp::path!("api" / "docs" / Segment / "versions" / Segment);
    let show = path.and(get(gateway)).and(parameters()).then(|id, name, door, parameters| {
        plain(ROUTE, "GET", parameters, door, |door| versions::show(door, id, name))
    });
    let put = path.and(warp::put()).and(with(gateway)).and(parameters()).and(body::sending()).then(
        |id, name, door, parameters, body| {
            plain(ROUTE, "PUT", parameters, door, |door| versions::put(door, id, name, body))
        },
    );
    let delete =
        path.and(warp::delete()).and(with(gateway)).and(parameters()).then(|id, name, door, parameters| {
            plain(ROUTE, "DELETE", parameters, door, |door| versions::delete(door, id, name))
        });
    let allowed = path.map(|_, _| only("GET, HEAD, PUT, DELETE")());
    show.or(put).unify().or(delete).unify().or(allowed).unify().boxed()
}

/// All that a request with a body brings.
fn written(
    gateway: &Gateway,
) -> impl Filter<Extract = (Entered, Parameters, HeaderMap, body::Sending), Error = Rejection> + Clone + use<>
{
    with(gateway).and(parameters()).and(warp::header::headers_cloned()).and(body::sending())
}

fn points(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/points";
    let path = warp::path!("api" / "docs" / Segment / "points");
    let add = path.and(warp::post()).and(written(gateway)).then(|id, door, parameters, headers, body| {
        plain(ROUTE, "POST", parameters, door, |door| points::add(door, id, headers, body))
    });
    add.or(path.map(|_| only("POST")())).unify().boxed()
}

fn sync_open(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/realtime/sync";
    let path = warp::path!("api" / "realtime" / "sync");
    let open = warp::post().and(with(gateway)).then(|door| answer(ROUTE, "POST", door, sync::open));
    path.and(open).or(path.map(only("POST"))).unify().boxed()
}

fn sync_session(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/realtime/sync/{session}";
    let path = warp::path!("api" / "realtime" / "sync" / Segment);
    // No HEAD here: it would take frames and show none of them.
    let poll =
        path.and(warp::get()).and(openly(gateway)).and(parameters()).then(|token, gateway, parameters| {
            answer_anybody(ROUTE, "GET", sync::poll(gateway, token, parameters))
        });
    let post = path
        .and(warp::post())
        .and(openly(gateway))
        .and(warp::header::headers_cloned())
        .and(parameters())
        .and(body::sending())
        .then(|token, gateway, headers, parameters, body| {
            answer_anybody(ROUTE, "POST", sync::post(gateway, token, headers, parameters, body))
        });
    let end = path
        .and(warp::delete())
        .and(openly(gateway))
        .then(|token, gateway| answer_anybody(ROUTE, "DELETE", sync::end(gateway, token)));
    let allowed = path.map(|_: Segment| only("GET, POST, DELETE")());
    poll.or(post).unify().or(end).unify().or(allowed).unify().boxed()
}

/// GET, and HEAD: hyper sends the head of what GET would answer.
fn get(gateway: &Gateway) -> impl Filter<Extract = (Entered,), Error = Rejection> + Clone + use<> {
    warp::get().or(warp::head()).unify().and(with(gateway))
}

/// The same for what is shown to whoever asks.
fn get_openly(gateway: &Gateway) -> impl Filter<Extract = (Gateway,), Error = Rejection> + Clone + use<> {
    warp::get().or(warp::head()).unify().and(openly(gateway))
}

/// Who asks, in a form in which nothing but a door can come of it.
fn with(gateway: &Gateway) -> impl Filter<Extract = (Entered,), Error = Infallible> + Clone + use<> {
    door::caller(gateway)
}

fn openly(gateway: &Gateway) -> impl Filter<Extract = (Gateway,), Error = Infallible> + Clone + use<> {
    let gateway = gateway.clone();
    warp::any().map(move || gateway.clone())
}

fn parameters() -> impl Filter<Extract = (Parameters,), Error = std::convert::Infallible> + Clone {
    let none = warp::any().map(String::new);
    warp::query::raw().or(none).unify().map(Parameters::from)
}

/// [`answer`] for a route without parameters: who sends one is refused before anything is done.
async fn plain<F: Future<Output = Result<Response, Problem>> + Send + 'static>(
    route: &'static str,
    method: &'static str,
    parameters: Parameters,
    entered: Entered,
    answering: impl FnOnce(Door) -> F + Send + 'static,
) -> Response {
    let answering = |door| async move {
        parameters.finish()?;
        answering(door).await
    };
    answer(route, method, entered, answering).await
}

/// Lets in who may come in, and answers them. Anybody else is told why not. What changes something is done to its end,
/// and written down, also when whoever wanted it has gone.
async fn answer<F: Future<Output = Result<Response, Problem>> + Send + 'static>(
    route: &'static str,
    method: &'static str,
    entered: Entered,
    answering: impl FnOnce(Door) -> F,
) -> Response {
    let began = Instant::now();
    let hides = entered.as_ref().is_ok_and(|door| door.gateway.asks());
    let answering = async {
        let door = entered?;
        let caller = door.clone();
        let answered =
            if method == "GET" { answering(door).await } else { to_its_end(answering(door)).await };
        if let Err(problem) = &answered {
            caller.note_refused(problem.document().as_ref(), problem.code.as_str());
        }
        if let (true, Err(Problem { code: Code::DocumentNotFound, .. })) = (hides, &answered) {
            let took = began.elapsed().as_millis() / HIDDEN_EVERY.as_millis() + 1;
            let until = began + HIDDEN_EVERY * u32::try_from(took).unwrap_or(1);
            tokio::time::sleep_until(until.into()).await;
        }
        answered
    };
    answer_anybody(route, method, answering).await
}

/// A request whose connection is closed is dropped wherever it stands; a task is not.
async fn to_its_end(
    answering: impl Future<Output = Result<Response, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    tokio::spawn(answering).await.unwrap_or_else(|error| Err(reply::of_panic(&error)))
}

/// Runs what answers a request, counts it, and turns a problem into its response.
pub(super) async fn answer_anybody(
    route: &'static str,
    method: &'static str,
    answering: impl Future<Output = Result<Response, Problem>>,
) -> Response {
    let began = Instant::now();
    let response = answering.await.unwrap_or_else(|problem| {
        tracing::debug!(route, method, code = problem.code.as_str(), "refused");
        problem.into_response()
    });
    #[cfg(test)]
    let response = openapi::held::checked(route, method, response).await;
    count(route, method, &response, began);
    response
}

fn count(route: &'static str, method: &'static str, response: &Response, began: Instant) {
    let status = response.status().as_u16().to_string();
    ::metrics::counter!(metrics::REQUESTS, "route" => route, "method" => method, "status" => status)
        .increment(1);
    ::metrics::histogram!(metrics::REQUEST_SECONDS, "route" => route).record(began.elapsed());
}

#[cfg(test)]
mod tests;
