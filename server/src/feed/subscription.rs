//! One who follows a document: the heads that it was told last, and a place in the ring of what is said.
//!
//! Edit path: ← a feed's newest state, words of the moment, → [`Subscription::next`], which whoever writes
//! to a socket calls when the socket has taken what came before.

use super::event::Event;
use super::state::{Since, State, Update};
use super::{Ending, Feed, Frame};
use crate::hub::{Said, ViewError};
use automerge::ChangeHash;
use dovetail_core::document::{Heads, Verdict};
use dovetail_core::id::SessionId;
use dovetail_core::rules::{Mode, Report, Undecided, UndecidedReason};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

/// See the top of the file.
#[derive(Debug)]
pub struct Subscription {
    feed: Arc<Feed>,
    frames: watch::Receiver<Frame>,
    said: broadcast::Receiver<Arc<Said>>,
    /// What this session says itself is not told to it.
    me: Option<SessionId>,
    /// What it was told last; nothing before the first snapshot.
    told: Option<Heads>,
    /// Whether it was told anything of the document yet.
    is_greeted: bool,
    /// What it was told of the rules; nothing before the first word of them.
    judged: Option<Option<Arc<Verdict>>>,
    /// What became of conflicts since then.
    conflicts: VecDeque<Event>,
    /// Who was there when it came, or when it had missed something.
    present: VecDeque<Arc<Said>>,
    is_over: bool,
}

impl Subscription {
    /// Waits until the feed has seen the document.
    pub(super) async fn begin(
        feed: Arc<Feed>,
        mut frames: watch::Receiver<Frame>,
        from: Option<Vec<ChangeHash>>,
        me: Option<SessionId>,
    ) -> Result<Self, ViewError> {
        // In this order: who speaks between the two is told twice, which does no harm.
        let said = feed.watch.said();
        let seen = frames.wait_for(|frame| !matches!(frame, Frame::Looking)).await.map(|frame| frame.clone());
        let document = || feed.id.clone();
        match seen {
            Ok(Frame::Over(Ending::Lost(error))) => Err(error),
            Ok(Frame::Over(Ending::Deleted)) => Err(ViewError::Deleted { document: document() }),
            Ok(Frame::At(..) | Frame::Looking) => {
                frames.mark_changed();
                let present = feed.watch.present().into();
                let told = from.map(super::sorted);
                Ok(Self {
                    feed,
                    frames,
                    said,
                    me,
                    told,
                    is_greeted: false,
                    judged: None,
                    conflicts: VecDeque::new(),
                    present,
                    is_over: false,
                })
            }
            Err(_) => Err(ViewError::Busy { document: document() }),
        }
    }

    /// What there is to tell next; waits until there is something. Nothing follows [`Event::Deleted`] and
    /// [`Event::Lost`]. May be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> Option<Event> {
        while !self.is_over {
            let frame = self.frames.borrow_and_update().clone();
            match frame {
                Frame::Looking => {}
                Frame::Over(ending) => return Some(self.over(ending)),
                Frame::At(state, verdict) => {
                    match self.lacks(&state).await {
                        Ok(Some(event)) => return Some(event),
                        Ok(None) => self.judge(verdict),
                        Err(error) => return Some(self.over(error.into())),
                    }
                    if let Some(event) = self.conflicts.pop_front() {
                        return Some(event);
                    }
                }
            }
            if let Some(said) = self.next_present() {
                return Some(Event::Presence(said));
            }
            if let Some(event) = self.wait().await {
                return Some(event);
            }
        }
        None
    }

    /// Waits for a newer state, or for somebody who says something.
    async fn wait(&mut self) -> Option<Event> {
        tokio::select! {
            biased;
            changed = self.frames.changed() => {
                let gone = changed.is_err();
                gone.then(|| self.over(Ending::Lost(ViewError::Busy { document: self.feed.id.clone() })))
            }
            said = self.said.recv() => match said {
                Ok(said) => Some(said).filter(|said| Some(said.from) != self.me).map(Event::of_said),
                Err(RecvError::Lagged(missed)) => {
                    metrics::counter!(crate::metrics::EPHEMERALS_DROPPED).increment(missed);
                    // Among what was missed may have been where somebody is.
                    self.present = self.feed.watch.present().into();
                    None
                }
                // The document's task is gone: the feed says so in a moment.
                Err(RecvError::Closed) => {
                    let _told = self.frames.changed().await;
                    None
                }
            },
        }
    }

    /// What leads from what it was told to this state. The first time it is told something in any case: who
    /// has everything already gets an empty patch.
    async fn lacks(&mut self, state: &Arc<State>) -> Result<Option<Event>, ViewError> {
        let event = match &self.told {
            None => Event::Snapshot(state.clone()),
            Some(told) => match state.since(told) {
                Since::Nothing if self.is_greeted => return Ok(None),
                Since::Nothing => Event::Patch(Arc::new(Update::nothing(&state.heads))),
                Since::Update(update) => Event::Patch(update),
                Since::Forgotten => match self.feed.update_from(told.clone(), state.clone()).await? {
                    Some(update) => Event::Patch(Arc::new(update)),
                    None => Event::Snapshot(state.clone()),
                },
            },
        };
        self.told = Some(state.heads.clone());
        self.is_greeted = true;
        Ok(Some(event))
    }

    /// What became of conflicts since it was last told of them. All of them where that cannot be said: the first
    /// time, when the rules are others, and when others of them are undecided.
    fn judge(&mut self, verdict: Option<Arc<Verdict>>) {
        let rules = |verdict: &Verdict| (verdict.kind.clone(), verdict.version);
        match (&self.judged, &verdict) {
            (Some(Some(told)), Some(now)) if rules(told) == rules(now) => {
                let events = now.report.changes_from(&told.report).into_iter();
                let surfaced = events.filter(|event| event.conflict().mode == Mode::Surface);
                self.conflicts.extend(surfaced.map(|event| Event::Conflict(Arc::new(event))));
                if is_other_undecided(&told.report, &now.report) {
                    self.conflicts.push_back(Event::Conflicts(verdict.clone()));
                }
            }
            // There are no rules, or they have not been judged yet.
            (None | Some(None), None) => return,
            _ => self.conflicts.push_back(Event::Conflicts(verdict.clone())),
        }
        self.judged = Some(verdict);
    }

    fn next_present(&mut self) -> Option<Arc<Said>> {
        while let Some(said) = self.present.pop_front() {
            if Some(said.from) != self.me {
                return Some(said);
            }
        }
        None
    }

    fn over(&mut self, ending: Ending) -> Event {
        self.is_over = true;
        match ending {
            Ending::Deleted => Event::Deleted,
            Ending::Lost(error) => Event::Lost(error),
        }
    }
}

/// Whether other rules are undecided, or for other reasons. That one is being evaluated is over in a moment.
fn is_other_undecided(told: &Report, now: &Report) -> bool {
    let undecided = |report: &Report| -> Vec<Undecided> {
        let lasting = report.undecided.iter().filter(|rule| rule.reason != UndecidedReason::Pending);
        lasting.cloned().collect()
    };
    undecided(told) != undecided(now)
}
