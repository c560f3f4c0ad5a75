//! STUB
use dovetail_store::{LoadError, Store};
use std::sync::Arc;
#[derive(Debug, Clone)]
pub struct StoreKey([u8; 32]);
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("w")]
    WrongKey,
    #[error("n")]
    NotSealed,
    #[error("l")]
    Load(LoadError),
}
pub(crate) struct SealedStore;
impl SealedStore {
    pub(crate) async fn open(
        inner: Arc<dyn Store>,
        _key: StoreKey,
    ) -> Result<dovetail_store::MemoryStore, KeyError> {
        drop(inner);
        Ok(dovetail_store::MemoryStore::new())
    }
}
pub(crate) async fn needs_key(_: &dyn Store) -> Result<bool, LoadError> {
    Ok(false)
}
