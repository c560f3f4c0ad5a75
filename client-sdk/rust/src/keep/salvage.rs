//! A store that is damaged: it is moved aside as it is, and what can be read of it goes on in a new one.
//!
//! Always true: nothing is written into what was moved aside, but what opening it does; nothing of it is deleted.

use super::{FREE_BYTES_LEFT, MovedAside, PAGE, StoreError, on_a_thread};
use dovetail_core::document::chunk::Batch;
use dovetail_core::id::DocumentId;
use dovetail_store::{Floor, SledStore, Space, Store};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Moves the store in `dir` aside, and opens a new one with what can be read of it.
pub(super) async fn aside(dir: &Path, what: String) -> Result<(SledStore, MovedAside), StoreError> {
    let unusable = |why: String| StoreError::Unusable { dir: dir.to_owned(), why };
    let to = free_name(dir);
    tracing::error!(store = %dir.display(), aside = %to.display(), what, "the store of this device is damaged: it is moved aside");
    std::fs::rename(dir, &to)
        .map_err(|error| unusable(format!("it is damaged ({what}), and cannot be moved aside: {error}")))?;
    let opened = on_a_thread(dir, |dir| SledStore::open(&dir, Floor::Bytes(FREE_BYTES_LEFT))).await?;
    let new = opened.map_err(|error| unusable(error.to_string()))?;
    let old = on_a_thread(&to, |to| SledStore::open_as_it_is(&to)).await?;
    let mut moved = MovedAside { what, to, documents: 0, unread: 0 };
    match old {
        Ok((old, _)) => {
            take_over(&old, &new, &mut moved).await.map_err(unusable)?;
            old.close().await;
        }
        Err(error) => tracing::error!(%error, "nothing can be read of the store that was moved aside"),
    }
    Ok((new, moved))
}

/// What the disk does not take now would be lost to the new store: that is an error. What cannot be read is not.
async fn take_over(old: &SledStore, new: &SledStore, moved: &mut MovedAside) -> Result<(), String> {
    let mut after: Option<DocumentId> = None;
    while let Ok(page) = old.list(after.as_ref(), PAGE).await {
        let is_last = page.len() < PAGE;
        after = page.last().map(|(id, _)| id.clone());
        for (id, _) in page {
            match old.load(&id).await {
                Ok(Some(stored)) => {
                    let batch = Batch {
                        document: id,
                        put: stored.chunks,
                        delete: Vec::new(),
                        manifest: stored.manifest,
                    };
                    new.commit(batch).await.map_err(|error| error.to_string())?;
                    moved.documents += 1;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(document = %id, %error, "a document of the damaged store cannot be read");
                    moved.unread += 1;
                }
            }
        }
        if is_last {
            break;
        }
    }
    for space in Space::ALL {
        let mut after: Option<String> = None;
        while let Ok(page) = old.records(space, after.as_deref(), PAGE).await {
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let writes = page.into_iter().map(|(name, value)| (name, Some(value))).collect();
            new.write_records(space, writes).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// Beside the directory, with the time in its name.
fn free_name(dir: &Path) -> PathBuf {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let name = |nth: u64| {
        let mut name = dir.as_os_str().to_owned();
        name.push(format!(".damaged-{}", seconds + nth));
        PathBuf::from(name)
    };
    (0..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0))
}
