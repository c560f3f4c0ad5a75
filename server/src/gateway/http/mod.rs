//! What is answered at which path.
//!
//! Routes say where, the functions in the modules below say what. A route never rejects
//! once its path and method fit: ids, parameters and bodies are judged by the function,
//! which answers a [`Problem`]. So the last route of a path can
//! answer 405, and the last of all 404.

mod body; // A request's body, bounded in bytes and in time.
mod documents; // Documents through the JSON door.
mod operation; // For those who run the server: health, figures, statistics.
mod page; // What a browser shows at /.
mod parameters; // What stands behind the `?`.
mod points; // Points for a widget data document.
mod sync; // Sync without a WebSocket.

use super::Gateway;
use super::reply::{Problem, only};
use crate::metrics;
use parameters::Parameters;
use std::time::Instant;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

/// Every path but `/sync`.
pub(super) fn routes(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let all = [
        page(gateway),
        health(gateway),
        ready(gateway),
        metrics(gateway),
        realtime(gateway),
        documents(gateway),
        document(gateway),
        automerge(gateway),
        grafana(gateway),
        undelete(gateway),
        points(gateway),
        sync_open(gateway),
        sync_session(gateway),
    ];
    let [first, rest @ ..] = all;
    rest.into_iter().fold(first, |above, below| above.or(below).unify().boxed())
}

fn page(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let show = get(gateway).then(|gateway| answer("/", "GET", async move { Ok(page::page(&gateway)) }));
    let path = warp::path::end();
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn health(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let show = get(gateway).then(|_| answer("/health", "GET", async { Ok(operation::health()) }));
    let path = warp::path!("health");
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn ready(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let show =
        get(gateway).then(|gateway| answer("/ready", "GET", async move { operation::ready(&gateway) }));
    let path = warp::path!("ready");
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn metrics(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let show = get(gateway)
        .then(|gateway| answer("/metrics", "GET", async move { Ok(operation::metrics(&gateway)) }));
    let path = warp::path!("metrics");
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn realtime(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    let show = get(gateway)
        .then(|gateway| answer("/api/realtime", "GET", async move { Ok(operation::realtime(&gateway)) }));
    let path = warp::path!("api" / "realtime");
    path.and(show).or(path.map(only("GET, HEAD"))).unify().boxed()
}

fn documents(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs";
    let path = warp::path!("api" / "docs");
    let list = get(gateway)
        .and(parameters())
        .then(|gateway, parameters| answer(ROUTE, "GET", documents::list(gateway, parameters)));
    let create = warp::post().and(with(gateway)).and(parameters()).and(body::read(gateway)).then(
        |gateway, parameters, body| answer(ROUTE, "POST", documents::create(gateway, parameters, body)),
    );
    let allowed = path.map(only("GET, HEAD, POST"));
    path.and(list).or(path.and(create)).unify().or(allowed).unify().boxed()
}

fn document(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}";
    let path = warp::path!("api" / "docs" / String);
    let show = path
        .and(get(gateway))
        .and(warp::header::headers_cloned())
        .then(|id, gateway, headers| answer(ROUTE, "GET", documents::show_json(gateway, id, headers)));
    let delete = path
        .and(warp::delete())
        .and(with(gateway))
        .then(|id, gateway| answer(ROUTE, "DELETE", documents::delete(gateway, id)));
    let allowed = path.map(|_| only("GET, HEAD, DELETE")());
    show.or(delete).unify().or(allowed).unify().boxed()
}

fn automerge(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/automerge";
    let path = warp::path!("api" / "docs" / String / "automerge");
    let show = path
        .and(get(gateway))
        .and(warp::header::headers_cloned())
        .then(|id, gateway, headers| answer(ROUTE, "GET", documents::show_automerge(gateway, id, headers)));
    show.or(path.map(|_| only("GET, HEAD")())).unify().boxed()
}

fn grafana(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/grafana";
    let path = warp::path!("api" / "docs" / String / "grafana");
    let show = path
        .and(get(gateway))
        .and(warp::header::headers_cloned())
        .then(|id, gateway, headers| answer(ROUTE, "GET", documents::show_grafana(gateway, id, headers)));
    show.or(path.map(|_| only("GET, HEAD")())).unify().boxed()
}

fn undelete(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/undelete";
    let path = warp::path!("api" / "docs" / String / "undelete");
    let undelete = path
        .and(warp::post())
        .and(with(gateway))
        .then(|id, gateway| answer(ROUTE, "POST", documents::undelete(gateway, id)));
    undelete.or(path.map(|_| only("POST")())).unify().boxed()
}

fn points(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/docs/{id}/points";
    let path = warp::path!("api" / "docs" / String / "points");
    let add = path
        .and(warp::post())
        .and(with(gateway))
        .and(warp::header::headers_cloned())
        .and(body::read(gateway))
        .then(|id, gateway, headers, body| answer(ROUTE, "POST", points::add(gateway, id, headers, body)));
    add.or(path.map(|_| only("POST")())).unify().boxed()
}

fn sync_open(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/realtime/sync";
    let path = warp::path!("api" / "realtime" / "sync");
    let open = warp::post().and(with(gateway)).then(|gateway| answer(ROUTE, "POST", sync::open(gateway)));
    path.and(open).or(path.map(only("POST"))).unify().boxed()
}

fn sync_session(gateway: &Gateway) -> BoxedFilter<(Response,)> {
    const ROUTE: &str = "/api/realtime/sync/{session}";
    let path = warp::path!("api" / "realtime" / "sync" / String);
    // No HEAD here: it would take frames and show none of them.
    let poll = path
        .and(warp::get())
        .and(with(gateway))
        .and(parameters())
        .then(|token, gateway, parameters| answer(ROUTE, "GET", sync::poll(gateway, token, parameters)));
    let post = path
        .and(warp::post())
        .and(with(gateway))
        .and(warp::header::headers_cloned())
        .and(parameters())
        .and(body::read(gateway))
        .then(|token, gateway, headers, parameters, body| {
            answer(ROUTE, "POST", sync::post(gateway, token, headers, parameters, body))
        });
    let end = path
        .and(warp::delete())
        .and(with(gateway))
        .then(|token, gateway| answer(ROUTE, "DELETE", sync::end(gateway, token)));
    let allowed = path.map(|_: String| only("GET, POST, DELETE")());
    poll.or(post).unify().or(end).unify().or(allowed).unify().boxed()
}

/// GET, and HEAD: hyper sends the head of what GET would answer.
fn get(gateway: &Gateway) -> impl Filter<Extract = (Gateway,), Error = Rejection> + Clone + use<> {
    warp::get().or(warp::head()).unify().and(with(gateway))
}

fn with(
    gateway: &Gateway,
) -> impl Filter<Extract = (Gateway,), Error = std::convert::Infallible> + Clone + use<> {
    let gateway = gateway.clone();
    warp::any().map(move || gateway.clone())
}

fn parameters() -> impl Filter<Extract = (Parameters,), Error = std::convert::Infallible> + Clone {
    let none = warp::any().map(String::new);
    warp::query::raw().or(none).unify().map(Parameters::from)
}

/// Runs what answers a request, counts it, and turns a problem into its response.
async fn answer(
    route: &'static str,
    method: &'static str,
    answering: impl Future<Output = Result<Response, Problem>>,
) -> Response {
    let began = Instant::now();
    let response = answering.await.unwrap_or_else(|problem| {
        tracing::debug!(route, method, code = problem.code.as_str(), "refused");
        problem.into_response()
    });
    let status = response.status().as_u16().to_string();
    ::metrics::counter!(metrics::REQUESTS, "route" => route, "method" => method, "status" => status)
        .increment(1);
    ::metrics::histogram!(metrics::REQUEST_SECONDS, "route" => route).record(began.elapsed());
    response
}

#[cfg(test)]
mod tests;
