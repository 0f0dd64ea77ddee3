//! The journal: streams of commits, each written by one conditional put.
//!
//! That put is the state change, the optimistic lock, the idempotency record, the outbox entry and the audit record in
//! one.

use std::collections::{BTreeMap, BTreeSet};

use domain::Workflow;
use domain::due::{DueWork, newly_due};
use domain::workflow::{decide, evolve};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cause::{Cause, RequestCause};
use crate::context::Context;
use crate::failure::{Code, Failure, Outcome, Wait};
use crate::stores::DueItem;

/// The events that one step decided, with the data that an audit needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The stream's name: `order/<id>`, `fulfillment/<id>`.
    pub stream: String,
    /// The commit's place in its stream, from 1 without gaps.
    pub version: u64,
    /// Unique in its stream.
    pub cause: Cause,
    /// See [`Context::correlation`].
    pub correlation: String,
    /// The function that wrote it.
    pub actor: String,
    /// The writer's time.
    pub at: Timestamp,
    /// W3C trace context; `None` if the sender gave none.
    pub traceparent: Option<String>,
    /// See [`Context::epoch`].
    pub epoch: String,
    /// The events, as a JSON array.
    pub events: String,
    /// The steps that have work after this commit which they did not have before it.
    pub wakes: Vec<Wake>,
}

/// A step that a commit wakes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wake {
    /// The step's name, such as `order-price`.
    pub step: String,
    /// The part of the stream that its work is about, as members of an event's payload; empty for the whole stream.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub about: BTreeMap<String, String>,
}

impl From<DueWork> for Wake {
    fn from(DueWork { step, about, digest: _ }: DueWork) -> Self {
        let about = about.into_iter().map(|(member, id)| (member.to_owned(), id));
        Self { step: step.to_owned(), about: about.collect() }
    }
}

/// The outcome of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// The commit is written.
    Committed,
    /// Another commit with that version was written first.
    Raced,
}

/// A stream's first commit, and the items that are written in the same transaction.
#[derive(Debug, Clone)]
pub struct NewStream {
    /// Its version is 1.
    pub commit: Commit,
    /// Natural keys that no other stream may have, such as `po/<hash>`.
    pub unique: Vec<String>,
    /// Raises the stream if it has not ended by its deadline, even if the relay never publishes its events.
    pub deadline: DueItem,
}

/// The outcome of creating a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateOutcome {
    /// The stream was created.
    Committed,
    /// The stream existed already; nothing was written.
    Exists,
    /// Another stream has one of the natural keys; nothing was written.
    Taken {
        /// The key, as in [`NewStream::unique`].
        key: String,
        /// The name of the stream that has it.
        owner: String,
    },
}

/// The store of commits.
pub trait Journal {
    /// All commits of a stream, in order, by a consistent read; empty if there is no such stream.
    fn read(&self, stream: &str) -> impl Future<Output = Result<Vec<Commit>, Failure>>;

    /// Writes `commit` unless its stream has a commit of that version.
    fn append(&self, commit: &Commit) -> impl Future<Output = Result<Append, Failure>>;

    /// Writes a stream's first commit, its natural keys and its deadline in one transaction.
    fn create(&self, new_stream: &NewStream) -> impl Future<Output = Result<CreateOutcome, Failure>>;
}

impl<J: Journal> Journal for &J {
    fn read(&self, stream: &str) -> impl Future<Output = Result<Vec<Commit>, Failure>> {
        (**self).read(stream)
    }
    fn append(&self, commit: &Commit) -> impl Future<Output = Result<Append, Failure>> {
        (**self).append(commit)
    }
    fn create(&self, new_stream: &NewStream) -> impl Future<Output = Result<CreateOutcome, Failure>> {
        (**self).create(new_stream)
    }
}

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
    causes: BTreeSet<Cause>,
    /// The version of the newest commit that woke each step.
    woken: BTreeMap<String, u64>,
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
    /// Reads and folds the stream.
    ///
    /// # Errors
    /// Failures of the store and of [`events_of`].
    pub async fn load(journal: &impl Journal, id: &W::Id, cx: &Context) -> Result<Self, Failure> {
        let commits = journal.read(&stream_name::<W>(id)).await?;
        Self::of(id, commits, cx.now)
    }

    /// Folds the stream from all of its commits.
    ///
    /// # Errors
    /// Failures of [`events_of`].
    pub fn of(id: &W::Id, commits: Vec<Commit>, now: Timestamp) -> Result<Self, Failure> {
        let mut stream =
            Self { id: id.clone(), state: None, version: 0, causes: BTreeSet::new(), woken: BTreeMap::new() };
        for commit in commits {
            let events = events_of::<W>(&commit, now)?;
            stream.apply(commit, &events);
        }
        Ok(stream)
    }

    /// Applies a commit that follows the newest one.
    pub(crate) fn apply(&mut self, commit: Commit, events: &[W::Event]) {
        self.state = events.iter().fold(self.state.take(), evolve);
        self.version = commit.version;
        self.causes.insert(commit.cause);
        self.woken.extend(commit.wakes.into_iter().map(|wake| (wake.step, commit.version)));
    }

    /// The version of the newest commit that woke `step`: since then, what the step works on has not changed.
    pub fn last_woken(&self, step: &str) -> Option<u64> {
        self.woken.get(step).copied()
    }

    /// Whether the stream has a commit with this cause.
    pub fn has(&self, cause: &Cause) -> bool {
        self.causes.contains(cause)
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

    /// Decides `command` and commits its events. If another commit was written first, loads the stream and decides
    /// again.
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
        for _ in 0..MAX_RACES {
            if self.has(cause) {
                return Ok(Outcome::AlreadyDone);
            }
            let events = match decide(self.state.as_ref(), command.clone()) {
                Ok(events) if events.is_empty() => return Ok(Outcome::Ignored("nothing new")),
                Ok(events) => events,
                Err(rejection) => return Ok(Outcome::Rejected(rejection)),
            };
            let commit = self.next(cx, cause, &events)?;
            match journal.append(&commit).await? {
                Append::Raced => *self = Self::load(journal, &self.id, cx).await?,
                Append::Committed => {
                    self.apply(commit, &events);
                    return Ok(Outcome::Applied);
                }
            }
        }
        Err(Failure::transient(Code::JournalRaced, "other steps committed first, several times in a row"))
    }

    /// The commit of `events` that follows the newest one, with the steps that it wakes. It is not written yet.
    ///
    /// # Errors
    /// The events cannot be written as JSON: permanent.
    pub fn next(&self, cx: &Context, cause: &Cause, events: &[W::Event]) -> Result<Commit, Failure> {
        let text = serde_json::to_string(events)
            .map_err(|e| Failure::permanent(Code::StateImpossible, crate::redact::json_error(&e)))?;
        let before = W::due(self.state.as_ref(), &self.id);
        let state = events.iter().fold(self.state.clone(), evolve);
        // A step is woken once for two pieces of work on the same part.
        let wakes: BTreeSet<Wake> = newly_due(&before, W::due(state.as_ref(), &self.id)).map(Wake::from).collect();
        Ok(Commit {
            stream: stream_name::<W>(&self.id),
            version: self.version + 1,
            cause: cause.clone(),
            correlation: cx.correlation.clone(),
            actor: cx.function.to_owned(),
            at: cx.now,
            traceparent: cx.traceparent.clone(),
            epoch: cx.epoch.clone(),
            events: text,
            wakes: wakes.into_iter().collect(),
        })
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
