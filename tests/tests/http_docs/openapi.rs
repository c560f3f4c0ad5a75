//! What `docs/openapi.json` says of a request and its answer.

use super::relay::Exchange;
use dovetail_tests::schema;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// What a path item has besides its operations.
const NO_METHODS: [&str; 5] = ["parameters", "summary", "description", "servers", "x-websocket"];

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap());

/// Method and path of everything that the document has.
pub(crate) fn operations() -> BTreeSet<(String, String)> {
    let of_path = |(path, item): (&String, &Value)| {
        let methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        let path = path.clone();
        methods
            .into_iter()
            .filter(|name| !NO_METHODS.contains(&name.as_str()))
            .map(move |method| (method.to_ascii_uppercase(), path.clone()))
    };
    paths().iter().flat_map(of_path).collect()
}

/// The same without those that cannot be shown on a server that is started without settings; the document says why.
pub(crate) fn operations_with_examples() -> BTreeSet<(String, String)> {
    let has_example = |(method, path): &(String, String)| {
        paths()[path][method.to_ascii_lowercase()].get("x-no-example").is_none()
    };
    operations().into_iter().filter(has_example).collect()
}

/// Method and path as the document has them, of what was asked. HEAD is asked for what GET shows.
pub(crate) fn operation(exchange: &Exchange) -> (String, String) {
    let path = paths().keys().filter(|path| matches(path, exchange.path()));
    let path = path.min_by_key(|path| path.matches('{').count());
    let path = path.unwrap_or_else(|| panic!("docs/openapi.json has no path {}", exchange.path()));
    let method = if exchange.method == "HEAD" { "GET" } else { &exchange.method };
    (method.to_owned(), path.clone())
}

/// What is wrong with a request that succeeded, or with any answer.
pub(crate) fn faults(exchange: &Exchange) -> Vec<String> {
    let (method, path) = operation(exchange);
    let operation = &paths()[&path][method.to_ascii_lowercase()];
    let status = exchange.status();
    let documented = &operation["responses"][status.to_string()];
    if !documented.is_object() {
        return vec![format!("{method} {path} → {status} is not documented")];
    }
    let mut faults = Vec::new();
    if let Some((media_type, body)) = &exchange.sent
        && status < 400
    {
        faults.extend(in_content("the request", &operation["requestBody"], media_type, body));
    }
    let media_type = exchange.response.header("content-type");
    if let Some(media_type) = media_type.filter(|_| exchange.method != "HEAD" && status != 304) {
        faults.extend(in_content("the answer", documented, media_type, &exchange.response.body));
    }
    faults
}

/// A body, held to the schema for its media type.
fn in_content(what: &str, owner: &Value, media_type: &str, body: &[u8]) -> Vec<String> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let Some(content) = owner["content"].get(essence) else {
        return vec![format!("{what} is {essence}, which is not documented")];
    };
    let Some(wanted) = content.get("schema").filter(|_| is_json(essence)) else { return Vec::new() };
    match serde_json::from_slice(body) {
        Ok(value) => schema::faults(&DOCUMENT, wanted, &value),
        Err(error) => vec![format!("{what} is no JSON: {error}")],
    }
}

/// `application/json` and `application/problem+json`, not JSON lines.
fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence.ends_with("+json")
}

fn paths() -> &'static Map<String, Value> {
    DOCUMENT["paths"].as_object().unwrap()
}

/// Whether a path is one of this form.
fn matches(form: &str, path: &str) -> bool {
    let (form, path): (Vec<&str>, Vec<&str>) = (form.split('/').collect(), path.split('/').collect());
    form.len() == path.len() && form.iter().zip(path).all(|(form, one)| form.starts_with('{') || *form == one)
}
