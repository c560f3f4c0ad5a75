//! STUB
use crate::time::Timestamp;
use automerge::*;
use serde_json::Value;
#[derive(Debug, thiserror::Error)]
#[error("not a Grafana dashboard")]
pub struct ImportError;
pub fn import(v: &Value, a: &ActorId, t: Timestamp) -> Result<Automerge, ImportError> {
    let _ = t;
    if v.get("panels").is_none() {
        return Err(ImportError);
    }
    Ok(crate::dashboard::first_dashboard().with_actor(a.clone()))
}
pub fn export(_d: &Automerge) -> Value {
    Value::Null
}
