//! The journal: streams of commits, each written by one conditional put.
//!
//! That put is the state change, the optimistic lock, the idempotency record, the outbox entry and the audit record in
//! one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::workflow::{decide, evolve};
use domain::{Rejection, Timer, Workflow};
use jiff::Timestamp;

use crate::cause::{Cause, RequestCause};
use crate::context::Context;
use crate::failure::{Code, Failure, Outcome, Wait};
use crate::folds::Slot;
pub use crate::run::commits::{Append, Commit, CreateOutcome, Freshness, Journal, NewStream, Takeover};
use crate::run::derived::{Derived, Next};
use crate::run::snapshot::{EVERY, Kept, NEWEST, Snapshot};
use crate::run::stored::check_size;
pub use crate::run::wake::{WAKES_WAITING, Wake};

/// The rejection of a decision about another version than the newest.
pub const CHANGED_SINCE: &str = "CHANGED_SINCE";

/// How often a commit is tried before the message goes back to its queue. Each lost race decides again.
const MAX_RACES: usize = 8;

/// A stream, loaded and folded.
#[derive(Debug, Clone)]
pub struct Stream<W: Workflow> {
    /// The id in the stream's name.
    pub id: W::Id,
    /// The state after the newest commit; `None` before the first.
    pub state: Option<W>,
    /// The newest commit's version; 0 before the first.
    pub version: u64,
    /// The first commit's time; `None` before it.
    pub began: Option<Timestamp>,
    /// The first commit's correlation id; `None` before it, and in snapshots of a release that did not keep it.
    pub correlation: Option<String>,
    /// The newest commit's time; `None` before the first.
    pub changed: Option<Timestamp>,
    /// The last commit that changed what lists show, with its time; `None` before the first.
    pub listed: Option<(u64, Timestamp)>,
    /// When each review was opened, also of those that are closed again: the last time.
    pub opened_reviews: BTreeMap<String, Timestamp>,
    /// What follows from the state, once it was derived.
    derived: Option<Arc<Derived>>,
    causes: BTreeSet<Cause>,
    /// The causes of commits of facts alone; of those that a snapshot has, only the newest.
    facts: BTreeSet<Cause>,
    /// Whether a snapshot of at most [`EVERY`] versions ago is stored, or none is needed.
    is_cached: bool,
    /// Whether it has all that was committed before the messages of this batch were received.
    is_newest: bool,
}

/// The stream's name in the journal: `<workflow>/<id>`.
pub fn stream_name<W: Workflow>(id: &W::Id) -> String {
    format!("{}/{id}", W::KIND)
}

/// Parses a commit's events.
///
/// # Errors
/// An event's type is unknown, because a newer release wrote it: deferred by a minute, until this release is replaced.
/// Otherwise: permanent.
pub fn events_of<W: Workflow>(commit: &Commit, now: Timestamp) -> Result<Vec<W::Event>, Failure> {
    serde_json::from_str(&commit.events).map_err(|e| {
        if e.to_string().starts_with("unknown variant") {
            let until = now.checked_add(std::time::Duration::from_secs(60)).unwrap_or(Timestamp::MAX);
            return Failure::Deferred { until, why: Wait::SchemaAhead };
        }
        let place = format!("{} version {}: {}", commit.stream, commit.version, crate::redact::json_error(&e));
        Failure::permanent(Code::JournalCorrupt, place)
    })
}

impl<W: Workflow> Stream<W> {
    /// Reads and folds the stream; within a batch, once for all of its messages.
    ///
    /// # Errors
    /// Failures of the store and of [`events_of`].
    pub async fn load(journal: &impl Journal, id: &W::Id, cx: &Context) -> Result<Self, Failure> {
        let name = stream_name::<W>(id);
        let slot = cx.folds.slot(&name);
        let mut slot = slot.lock().await;
        let freshness = cx.freshness(&name);
        Self::load_in(&mut slot, journal, id, freshness, cx).await
    }

    /// As [`Stream::load`], for a step that only claims or commits: what it finds may be behind, and claims and commits read what is
    /// newer before they find nothing to do.
    ///
    /// # Errors
    /// As [`Stream::load`].
    pub async fn load_to_commit(journal: &impl Journal, id: &W::Id, cx: &Context) -> Result<Self, Failure> {
        let name = stream_name::<W>(id);
        let freshness = match cx.freshness(&name) {
            announced @ Freshness::AtLeast(_) => announced,
            Freshness::Newest => Freshness::AtLeast(0),
        };
        let slot = cx.folds.slot(&name);
        let mut slot = slot.lock().await;
        Self::load_in(&mut slot, journal, id, freshness, cx).await
    }

    async fn load_in(
        slot: &mut Slot,
        journal: &impl Journal,
        id: &W::Id,
        freshness: Freshness,
        cx: &Context,
    ) -> Result<Self, Failure> {
        if let Some(stream) = slot.fold::<Self>()?.filter(|stream| stream.meets(freshness)) {
            return Ok(stream.clone());
        }
        let stream = Self::read(journal, id, freshness, cx).await.inspect_err(|failure| slot.fail(failure))?;
        stream.share(slot);
        Ok(stream)
    }

    fn meets(&self, freshness: Freshness) -> bool {
        self.is_newest || matches!(freshness, Freshness::AtLeast(version) if version <= self.version)
    }

    /// Takes what another message of the batch has committed, or reads what was committed meanwhile, unless the delivery may find
    /// nothing to do in what is known. Returns whether the state may be another.
    ///
    /// # Errors
    /// Failures of the store and of [`events_of`].
    pub(crate) async fn renew(&mut self, journal: &impl Journal, cx: &Context) -> Result<bool, Failure> {
        let slot = cx.folds.slot(&stream_name::<W>(&self.id));
        let mut slot = slot.lock().await;
        Ok(self.catch_up(&slot)? || self.refresh(&mut slot, journal, cx).await?)
    }

    /// As [`Stream::renew`], without looking at what other messages of the batch have committed.
    async fn refresh(&mut self, slot: &mut Slot, journal: &impl Journal, cx: &Context) -> Result<bool, Failure> {
        let name = stream_name::<W>(&self.id);
        if self.meets(cx.freshness(&name)) {
            return Ok(false);
        }
        self.read_on(&name, slot, journal, cx).await?;
        Ok(true)
    }

    /// Reads what is newer.
    async fn read_on(
        &mut self,
        name: &str,
        slot: &mut Slot,
        journal: &impl Journal,
        cx: &Context,
    ) -> Result<(), Failure> {
        let newer = journal.read_after(name, self.version).await.inspect_err(|failure| slot.fail(failure))?;
        self.extend(newer, cx.now)?;
        self.is_newest = true;
        self.share(slot);
        Ok(())
    }

    /// Reads and folds what follows the stream's snapshot, or all of it where there is none.
    async fn read(journal: &impl Journal, id: &W::Id, freshness: Freshness, cx: &Context) -> Result<Self, Failure> {
        let name = stream_name::<W>(id);
        let is_newest = freshness == Freshness::Newest;
        let newest = journal.read_newest(&name, 0, NEWEST, freshness).await?;
        if newest.first().is_none_or(|first| first.version == 1) {
            return Ok(Self { is_newest, ..Self::of(id, newest, cx.now)? });
        }
        if let Some(snapshot) = journal.snapshot(&name).await?
            && let Some(stream) = Self::continued(id, snapshot, newest, cx)?
        {
            return Ok(Self { is_newest, ..stream });
        }
        let stream = Self::of(id, journal.read(&name).await?, cx.now)?;
        Ok(Self { is_cached: false, ..stream })
    }

    /// Folds the stream from all of its commits.
    ///
    /// # Errors
    /// Failures of [`events_of`].
    pub fn of(id: &W::Id, commits: Vec<Commit>, now: Timestamp) -> Result<Self, Failure> {
        let mut stream = Self {
            id: id.clone(),
            state: None,
            version: 0,
            began: None,
            correlation: None,
            changed: None,
            listed: None,
            opened_reviews: BTreeMap::new(),
            derived: None,
            causes: BTreeSet::new(),
            facts: BTreeSet::new(),
            is_cached: true,
            is_newest: true,
        };
        stream.extend(commits, now)?;
        Ok(stream)
    }

    /// The stream `id` after its `newest` commits, which continue `snapshot`. `None` if the snapshot is of another fold or
    /// another epoch, does not end in one of them, or cannot be read.
    fn continued(id: &W::Id, snapshot: Snapshot, newest: Vec<Commit>, cx: &Context) -> Result<Option<Self>, Failure> {
        let is_last = |commit: &Commit| commit.version == snapshot.version && commit.digest() == snapshot.digest;
        let epoch = cx.epoch.number.to_string();
        if snapshot.fold != W::FOLD || snapshot.epoch != epoch || !newest.iter().any(is_last) {
            return Ok(None);
        }
        let Some(kept) = Kept::<W>::unpacked(&snapshot.state) else { return Ok(None) };
        let mut stream = Self {
            id: id.clone(),
            state: Some(kept.state),
            version: snapshot.version,
            began: Some(kept.began),
            correlation: kept.correlation,
            changed: Some(kept.changed),
            listed: kept.listed,
            opened_reviews: kept.opened_reviews,
            derived: None,
            causes: kept.causes.into_iter().map(Cause::stored).collect(),
            facts: BTreeSet::new(),
            is_cached: true,
            is_newest: true,
        };
        let (folded, newer): (Vec<Commit>, Vec<Commit>) =
            newest.into_iter().partition(|commit| commit.version <= snapshot.version);
        stream.facts.extend(folded.into_iter().map(|commit| commit.cause));
        stream.extend(newer, cx.now)?;
        Ok(Some(stream))
    }

    /// Folds the commits that follow the newest one.
    fn extend(&mut self, commits: Vec<Commit>, now: Timestamp) -> Result<(), Failure> {
        for commit in commits {
            let events = events_of::<W>(&commit, now)?;
            let state = events.iter().fold(self.state.take(), evolve);
            self.follow(commit, &events, Next::read(state));
        }
        Ok(())
    }

    /// The stream after `commit`, which has `events` and leads to `next`.
    fn follow(&mut self, commit: Commit, events: &[W::Event], next: Next<W>) {
        self.state = next.state;
        self.derived = next.derived;
        self.version = commit.version;
        self.began = self.began.or(Some(commit.at));
        if commit.version == 1 {
            self.correlation = Some(commit.correlation);
        }
        self.changed = Some(commit.at);
        if commit.listed {
            self.listed = Some((commit.version, commit.at));
        }
        if let Some(state) = &mut self.state {
            state.committed(commit.version);
        }
        self.opened_reviews.extend(commit.opened_reviews.into_iter().map(|review| (review, commit.at)));
        let causes = if events.iter().all(W::is_fact) { &mut self.facts } else { &mut self.causes };
        causes.insert(commit.cause);
    }

    /// The stream after `commit`, which was just written; stores a snapshot where one is due.
    async fn committed(&mut self, journal: &impl Journal, commit: Commit, events: &[W::Event], next: Next<W>) {
        if self.is_cached && !commit.version.is_multiple_of(EVERY) {
            return self.follow(commit, events, next);
        }
        self.follow(commit.clone(), events, next);
        let stored = match self.to_snapshot(&commit) {
            Ok(Some(snapshot)) => journal.store_snapshot(&snapshot).await,
            Ok(None) => Ok(()),
            Err(failure) => Err(failure),
        };
        self.is_cached = stored.is_ok();
        if let Err(failure) = stored {
            // The commit is written and counts; the next one tries again.
            tracing::warn!(stream = %commit.stream, ?failure, "{}: the snapshot was not stored", commit.stream);
        }
    }

    /// The snapshot of the stream, whose newest commit is `newest`.
    fn to_snapshot(&self, newest: &Commit) -> Result<Option<Snapshot>, Failure> {
        let Some(state) = &self.state else { return Ok(None) };
        let kept = Kept {
            state: state.clone(),
            began: self.began.unwrap_or(newest.at),
            correlation: self.correlation.clone(),
            changed: newest.at,
            listed: self.listed,
            opened_reviews: self.opened_reviews.clone(),
            causes: self.causes.iter().map(|cause| cause.as_str().to_owned()).collect(),
        };
        Ok(Some(Snapshot {
            stream: newest.stream.clone(),
            version: newest.version,
            fold: W::FOLD,
            epoch: newest.epoch.clone(),
            digest: newest.digest(),
            state: kept.packed()?,
        }))
    }

    /// Whether the stream has a commit with this cause.
    pub fn has(&self, cause: &Cause) -> bool {
        self.causes.contains(cause) || self.facts.contains(cause)
    }

    /// Whether the idempotency key of `request` was used with another payload.
    pub fn is_key_reused(&self, request: &RequestCause) -> bool {
        self.causes
            .range(request.first()..)
            .take_while(|cause| cause.as_str().starts_with(request.first().as_str()))
            .any(|cause| request.contradicts(cause))
    }

    /// The number of commits whose cause begins with `prefix`.
    pub(crate) fn how_often(&self, prefix: &Cause) -> u32 {
        let from = self.causes.range(prefix.clone()..);
        let count = from.take_while(|cause| cause.as_str().starts_with(prefix.as_str())).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Decides `command` and commits its events. If another commit was written first, reads what is newer and decides
    /// again. Messages of one batch commit to a stream one after another.
    ///
    /// Returns `AlreadyDone` if the stream has `cause`, `Ignored` if the command has no events, and `Rejected` if the
    /// domain rejects the command; then nothing is written.
    ///
    /// # Errors
    /// Failures of the store; STO-004 after too many lost races.
    pub async fn commit(
        &mut self,
        journal: &impl Journal,
        cx: &Context,
        cause: &Cause,
        command: W::Command,
    ) -> Result<Outcome, Failure> {
        let slot = cx.folds.slot(&stream_name::<W>(&self.id));
        let mut slot = slot.lock().await;
        self.commit_in(&mut slot, journal, cx, cause, None, command).await
    }

    /// As [`Stream::commit`] with its errors, of version `seen`: `Rejected` with [`CHANGED_SINCE`] if the stream has another.
    pub async fn commit_seen(
        &mut self,
        journal: &impl Journal,
        cx: &Context,
        cause: &Cause,
        seen: u64,
        command: W::Command,
    ) -> Result<Outcome, Failure> {
        let slot = cx.folds.slot(&stream_name::<W>(&self.id));
        let mut slot = slot.lock().await;
        self.commit_in(&mut slot, journal, cx, cause, Some(seen), command).await
    }

    /// As [`Stream::commit`], for a partner's answer: it is committed although the store has failed for another message
    /// of the batch, because otherwise the answer would be lost.
    pub(crate) async fn commit_answer(
        &mut self,
        journal: &impl Journal,
        cx: &Context,
        cause: &Cause,
        command: W::Command,
    ) -> Result<Outcome, Failure> {
        let slot = cx.folds.slot(&stream_name::<W>(&self.id));
        let mut locked = slot.lock().await;
        if matches!(*locked, Slot::Failed(_)) {
            drop(locked);
            return self.commit_in(&mut Slot::Alone, journal, cx, cause, None, command).await;
        }
        self.commit_in(&mut locked, journal, cx, cause, None, command).await
    }

    async fn commit_in(
        &mut self,
        slot: &mut Slot,
        journal: &impl Journal,
        cx: &Context,
        cause: &Cause,
        seen: Option<u64>,
        command: W::Command,
    ) -> Result<Outcome, Failure> {
        self.catch_up(slot)?;
        for _ in 0..MAX_RACES {
            if self.has(cause) {
                return Ok(Outcome::AlreadyDone);
            }
            if seen.is_some_and(|seen| seen != self.version) {
                return Ok(Outcome::Rejected(Rejection::new(CHANGED_SINCE, "it has changed since it was seen")));
            }
            let events = match decide(self.state.as_ref(), command.clone()) {
                Ok(events) if !events.is_empty() => events,
                Ok(_) | Err(_) if self.refresh(slot, journal, cx).await? => continue,
                Ok(_) => return Ok(Outcome::Ignored("nothing new")),
                Err(rejection) => return Ok(Outcome::Rejected(rejection)),
            };
            match self.append(slot, journal, cx, cause, &events).await? {
                Append::Raced => {}
                Append::Committed => return Ok(Outcome::Applied),
            }
        }
        Err(Failure::transient(Code::JournalRaced, "other steps committed first, several times in a row"))
    }

    /// Writes `events` as the next commit. After either answer the stream is up to date: if it raced, what is newer was
    /// read.
    pub(crate) async fn append(
        &mut self,
        slot: &mut Slot,
        journal: &impl Journal,
        cx: &Context,
        cause: &Cause,
        events: &[W::Event],
    ) -> Result<Append, Failure> {
        let next = self.after(events);
        let commit = self.commit_of(cx, cause, events, &next)?;
        let appended = journal.append(&commit).await.inspect_err(|failure| slot.fail(failure))?;
        match appended {
            Append::Committed => {
                self.committed(journal, commit, events, next).await;
                // The commit took the next version, so that nothing was missing before it.
                self.is_newest = true;
                self.measure(cx, events);
                self.share(slot);
            }
            Append::Raced => self.read_on(&commit.stream, slot, journal, cx).await?,
        }
        Ok(appended)
    }

    /// Measures the business times that `events`, which were just committed, have ended.
    fn measure(&self, cx: &Context, events: &[W::Event]) {
        let timers = self.state.iter().flat_map(|state| events.iter().flat_map(|event| state.timers(event)));
        for Timer { name, since } in timers {
            cx.measures.time(name, since.or(self.began).unwrap_or(cx.now), cx.now);
        }
    }

    /// Takes the batch's fold if another message of the batch has committed meanwhile. Returns whether one has.
    ///
    /// # Errors
    /// The failure of the store that another message met.
    pub(crate) fn catch_up(&mut self, slot: &Slot) -> Result<bool, Failure> {
        let newer = slot.fold::<Self>()?.filter(|fold| fold.version > self.version);
        let is_newer = newer.is_some();
        if let Some(newer) = newer {
            *self = newer.clone();
        }
        Ok(is_newer)
    }

    /// Lets the batch's other messages continue from here. A stream that does not exist is not shared, because a message
    /// that waits for it has to look again.
    fn share(&self, slot: &mut Slot) {
        if self.version > 0 {
            slot.store(self);
        }
    }

    /// The commit of `events` that follows the newest one, with the steps that it wakes. It is not written yet.
    ///
    /// # Errors
    /// The events cannot be written as JSON, or STO-006: permanent.
    pub fn next(&self, cx: &Context, cause: &Cause, events: &[W::Event]) -> Result<Commit, Failure> {
        self.commit_of(cx, cause, events, &self.after(events))
    }

    fn commit_of(&self, cx: &Context, cause: &Cause, events: &[W::Event], next: &Next<W>) -> Result<Commit, Failure> {
        let text = serde_json::to_string(events)
            .map_err(|e| Failure::permanent(Code::StateImpossible, crate::redact::json_error(&e)))?;
        check_size(events, &text)?;
        let correlation = self.correlation.as_ref().unwrap_or(&cx.correlation);
        Ok(Commit {
            stream: stream_name::<W>(&self.id),
            version: self.version + 1,
            cause: cause.clone(),
            correlation: correlation.clone(),
            caused_by: (*correlation != cx.correlation).then(|| cx.correlation.clone()),
            actor: cx.actor.clone().unwrap_or_else(|| cx.function.to_owned()),
            at: cx.now,
            traceparent: cx.traceparent.clone(),
            epoch: cx.epoch.number.to_string(),
            events: text,
            opened_reviews: next.opened_reviews.clone(),
            listed: next.listed,
            wakes: next.wakes.clone(),
        })
    }

    /// What follows if `events` are committed.
    fn after(&self, events: &[W::Event]) -> Next<W> {
        let derive = || Arc::new(Derived::of(self.state.as_ref(), &self.id));
        let before = self.derived.clone().unwrap_or_else(derive);
        Next::after(&self.id, self.version, self.state.clone(), &before, events)
    }
}

/// Loads the stream, decides `command` and commits its events: a whole step, if it needs nothing else.
///
/// # Errors
/// Failures of [`Stream::load`] and [`Stream::commit`].
pub async fn execute<W: Workflow>(
    journal: &impl Journal,
    id: &W::Id,
    cx: &Context,
    work_key: &str,
    command: W::Command,
) -> Result<Outcome, Failure> {
    let mut stream = Stream::<W>::load(journal, id, cx).await?;
    stream.commit(journal, cx, &cx.cause(work_key), command).await
}
