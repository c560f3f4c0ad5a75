//! What is answered at which path.
use super::Gateway;
use super::reply;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

pub fn routes(_gateway: &Gateway) -> BoxedFilter<(Response,)> {
    warp::path!("health")
        .map(|| reply::json(warp::http::StatusCode::OK, &serde_json::json!({"status": "ok"})))
        .boxed()
}
