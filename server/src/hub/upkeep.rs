//! What the hub does by itself from time to time: documents leave memory, and rights that end are asked for again.
//!
//! Edit path: no edit comes by here. ← Time has passed, → a word to the tasks that it is about.
//!
//! Always true: a task is asked, and decides itself: one that has a commit under way, or no room, hears of it again the next time.

use super::mailbox::{Call, Mailbox};
use super::shared::Shared;
use dovetail_core::document::Input;
use std::sync::Weak;
use std::sync::atomic::Ordering;

/// Goes on for as long as there is a hub.
pub(super) async fn keep(hub: Weak<Shared>) {
    let Some(look_every) = hub.upgrade().map(|hub| hub.limits.look_every) else { return };
    let mut every = tokio::time::interval(look_every);
    loop {
        every.tick().await;
        let Some(hub) = hub.upgrade() else { return };
        for mailbox in due_for_rest(&hub) {
            let _full = mailbox.calls.try_send(Call::Input(Input::Rest));
        }
        let now_ms = hub.clock.now().as_millis();
        for mailbox in hub.documents().values() {
            if mailbox.vitals.asks_again_at_ms.load(Ordering::Relaxed) <= now_ms {
                mailbox.judge(Input::AskAgain);
            }
        }
    }
}

/// Documents that nobody has read for a while and, over the budget, those that were not used for longest.
fn due_for_rest(hub: &Shared) -> Vec<Mailbox> {
    let now_ms = hub.clock.now().as_millis();
    let idle_ms = u64::try_from(hub.limits.document_idle.as_millis()).unwrap_or(u64::MAX);
    let mut due = Vec::new();
    let mut others = Vec::new();
    let mut resident = 0;
    for mailbox in hub.documents().values() {
        let vitals = &mailbox.vitals;
        let used_at = vitals.used_at_ms.load(Ordering::Relaxed);
        let bytes = vitals.resident_bytes.load(Ordering::Relaxed);
        resident += bytes;
        let is_unread = vitals.readers.load(Ordering::Relaxed) == 0 && mailbox.desk.watchers() == 0;
        if is_unread && now_ms.saturating_sub(used_at) >= idle_ms {
            due.push(mailbox.clone());
        } else if bytes > 0 {
            others.push((used_at, bytes, mailbox.clone()));
        }
    }
    metrics::gauge!(crate::metrics::RESIDENT_BYTES).set(resident as f64);
    if resident > hub.limits.memory_budget_bytes {
        others.sort_unstable_by_key(|(used_at, ..)| *used_at);
        for (_, bytes, mailbox) in others {
            if resident <= hub.limits.memory_budget_bytes {
                break;
            }
            resident = resident.saturating_sub(bytes);
            due.push(mailbox);
        }
    }
    due
}
