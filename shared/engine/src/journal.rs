//! The journal: streams of commits, each written by one conditional put.
//!
//! That put is at once the state change, the optimistic lock, the idempotency record, the outbox entry and the audit record.

use std::collections::BTreeSet;

use domain::Workflow;
use domain::workflow::fold;
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::{Code, Failure, Outcome, Wait};
use crate::stores::DueItem;

/// The events that one step decided, with all that an audit asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// `order/…`, `fulfillment/…`.
    pub stream: String,
    /// 1 for the first.
    pub version: u64,
    /// `<function>/<work key>`: unique in its stream.
    pub cause: String,
    /// From the first byte to the last partner call.
    pub correlation: String,
    /// Who decided: a function, a client of the API, a person.
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The journal's epoch when it was written.
    pub epoch: String,
    /// The events, as a JSON array.
    pub events: String,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// It is written.
    Committed,
    /// Somebody else wrote that version first.
    Raced,
}

/// A stream's first commit, with all that has to exist exactly when the stream does.
#[derive(Debug, Clone)]
pub struct NewStream {
    /// Version 1.
    pub commit: Commit,
    /// Natural keys that no other stream may have, such as `po/<hash>`.
    pub unique: Vec<String>,
    /// The overall deadline: noticed by something that does not depend on the relay.
    pub deadline: DueItem,
}

/// What became of a founding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateOutcome {
    /// The stream exists now.
    Committed,
    /// The stream existed before.
    Exists,
    /// Another stream has one of the natural keys.
    Taken {
        /// Which key, as in [`NewStream::unique`].
        key: String,
        /// That stream.
        owner: String,
    },
}

/// Where commits are kept.
pub trait Journal {
    /// A stream's commits in order, consistently read, all pages.
    fn read(&self, stream: &str) -> impl Future<Output = Result<Vec<Commit>, Failure>>;

    /// Writes `commit` if its version is free.
    fn append(&self, commit: &Commit) -> impl Future<Output = Result<Append, Failure>>;

    /// Writes a stream's first commit, its natural keys and its deadline: all of them or none.
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

/// How often a commit is decided anew because another came first, before the message goes back to its queue.
const RACES: usize = 8;

/// One stream, folded.
#[derive(Debug, Clone)]
pub struct Stream<W: Workflow> {
    /// Which one.
    pub id: W::Id,
    /// What it is.
    pub state: W,
    /// How many commits it has.
    pub version: u64,
    causes: BTreeSet<String>,
}

/// The journal's name of a stream.
pub fn stream_name<W: Workflow>(id: &W::Id) -> String {
    format!("{}/{id}", W::KIND)
}

/// A commit's events.
///
/// # Errors
/// An event of a later release: deferred until this one is replaced. Anything else unreadable: permanent.
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
    /// The store's, and [`events_of`]'s.
    pub async fn load(journal: &impl Journal, id: &W::Id, cx: &Context) -> Result<Self, Failure> {
        let commits = journal.read(&stream_name::<W>(id)).await?;
        Self::of(id, commits, cx.now)
    }

    /// Folds commits that were read already.
    ///
    /// # Errors
    /// [`events_of`]'s.
    pub fn of(id: &W::Id, commits: Vec<Commit>, now: Timestamp) -> Result<Self, Failure> {
        let mut stream = Self { id: id.clone(), state: W::default(), version: 0, causes: BTreeSet::new() };
        for commit in commits {
            let events = events_of::<W>(&commit, now)?;
            stream.state = events.iter().fold(stream.state, W::evolve);
            stream.version = commit.version;
            stream.causes.insert(commit.cause);
        }
        Ok(stream)
    }

    /// Whether the work with this cause is in the stream.
    pub fn has(&self, cause: &str) -> bool {
        self.causes.contains(cause)
    }

    /// Whether other work than `cause` has a cause that begins so and is as long.
    pub(crate) fn has_besides(&self, beginning: &str, cause: &str) -> bool {
        let mut with = self.causes.range(beginning.to_owned()..).take_while(|known| known.starts_with(beginning));
        with.any(|known| known != cause && known.len() == cause.len())
    }

    /// How much work has a cause that begins so.
    pub(crate) fn how_often(&self, beginning: &str) -> u32 {
        let with = self.causes.range(beginning.to_owned()..).take_while(|cause| cause.starts_with(beginning));
        u32::try_from(with.count()).unwrap_or(u32::MAX)
    }

    /// Decides `command` and commits what follows; decides again where another commit came first.
    ///
    /// Returns `AlreadyDone` where `cause` is in the stream, `Ignored` where nothing follows.
    ///
    /// # Errors
    /// The store's; raced too often; a command that the stream refuses (as `Ok(Rejected)`).
    pub async fn commit(
        &mut self,
        journal: &impl Journal,
        cx: &Context,
        cause: &str,
        command: W::Command,
    ) -> Result<Outcome, Failure> {
        for _ in 0..RACES {
            if self.has(cause) {
                return Ok(Outcome::AlreadyDone);
            }
            let events = match self.state.decide(command.clone()) {
                Ok(events) if events.is_empty() => return Ok(Outcome::Ignored("nothing new")),
                Ok(events) => events,
                Err(rejection) => return Ok(Outcome::Rejected(rejection.to_string())),
            };
            let commit = self.next(cx, cause, &events)?;
            match journal.append(&commit).await? {
                Append::Raced => *self = Self::load(journal, &self.id, cx).await?,
                Append::Committed => {
                    self.version = commit.version;
                    self.state = events.iter().fold(std::mem::take(&mut self.state), W::evolve);
                    self.causes.insert(commit.cause);
                    return Ok(Outcome::Applied);
                }
            }
        }
        Err(Failure::transient(Code::JournalRaced, "other commits came first, several times in a row"))
    }

    /// The commit that would follow the stream as it is.
    ///
    /// # Errors
    /// Events that cannot be written as JSON: a fault of ours.
    pub fn next(&self, cx: &Context, cause: &str, events: &[W::Event]) -> Result<Commit, Failure> {
        let text = serde_json::to_string(events)
            .map_err(|e| Failure::permanent(Code::StateImpossible, crate::redact::json_error(&e)))?;
        Ok(Commit {
            stream: stream_name::<W>(&self.id),
            version: self.version + 1,
            cause: cause.to_owned(),
            correlation: cx.correlation.clone(),
            actor: cx.function.to_owned(),
            at: cx.now,
            traceparent: cx.traceparent.clone(),
            epoch: cx.epoch.clone(),
            events: text,
        })
    }
}

impl<W: Workflow> Default for Stream<W>
where
    W::Id: Default,
{
    fn default() -> Self {
        Self { id: W::Id::default(), state: fold([]), version: 0, causes: BTreeSet::new() }
    }
}

/// Loads, decides and commits: the whole of a step that touches nothing but its stream.
///
/// # Errors
/// [`Stream::load`]'s and [`Stream::commit`]'s.
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
