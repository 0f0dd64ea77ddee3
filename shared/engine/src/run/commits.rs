//! The journal's port: commits, the store that writes each by one conditional put, and what is written with a stream's first one.

use domain::party::{Party, PartyRef};
use jiff::Timestamp;

use crate::cause::Cause;
pub use crate::context::Freshness;
use crate::failure::Failure;
use crate::run::snapshot::Snapshot;
use crate::run::wake::Wake;
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
    /// The correlation id of the stream's first commit: all of an order has one, also what a warehouse's message caused.
    pub correlation: String,
    /// The correlation id of the delivery or request that caused it, where that is another one.
    pub caused_by: Option<String>,
    /// Who wanted it: `client/<name>`, `partner/<id>`, or the function by itself. The cause begins with the function in
    /// each case.
    pub actor: String,
    /// The writer's time.
    pub at: Timestamp,
    /// W3C trace context; `None` if the sender gave none.
    pub traceparent: Option<String>,
    /// The number of its [`Context::epoch`](crate::Context::epoch).
    pub epoch: String,
    /// The events, as a JSON array.
    pub events: String,
    /// The keys of the reviews that it opened: open after it, and not before. Readers take their `since` from here, so that
    /// a fold does not derive all reviews anew after each commit.
    pub opened_reviews: Vec<String>,
    /// Whether lists show something else of the stream after it than before it. The rows of lists are written after such
    /// commits alone.
    pub listed: bool,
    /// The steps that have work after this commit which they did not have before it.
    pub wakes: Vec<Wake>,
}

impl Commit {
    /// A digest of all that makes it what it is.
    pub(super) fn digest(&self) -> String {
        let place = format!("{}/{}/{}", self.epoch, self.stream, self.version);
        domain::ids::base32(&domain::ids::fingerprint(&[&place, self.cause.as_str(), &self.events]), 26)
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
    /// The stream's personal data. A stream that is not created leaves none behind.
    pub party: Option<(PartyRef, Party)>,
    /// A natural key that another stream gives up for this one.
    pub takeover: Option<Takeover>,
}

/// A natural key that moves from one stream to another.
#[derive(Debug, Clone)]
pub struct Takeover {
    /// The key. Its owner is the stream of `last`.
    pub key: String,
    /// The commit by which the owner gives the key up. Its version follows the one that was read, so an owner that has
    /// changed since keeps the key.
    pub last: Commit,
}

/// The outcome of creating a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateOutcome {
    /// The stream was created.
    Committed,
    /// The stream existed already; nothing was written.
    Exists,
    /// The stream that was to give its key up has changed, or no longer has the key; nothing was written.
    Raced,
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

    /// The commits of a stream after `version`, likewise. A store overrides it, so that it reads no others.
    fn read_after(&self, stream: &str, version: u64) -> impl Future<Output = Result<Vec<Commit>, Failure>> {
        async move {
            let commits = self.read(stream).await?;
            Ok(commits.into_iter().filter(|commit| commit.version > version).collect())
        }
    }

    /// The newest commits of a stream after the version `after`, at most `limit`, in order.
    fn read_newest(
        &self,
        stream: &str,
        after: u64,
        limit: u32,
        freshness: Freshness,
    ) -> impl Future<Output = Result<Vec<Commit>, Failure>>;

    /// Tells a journal that keeps what it reads of `commits` that came in another way.
    fn keep(&self, _commits: &[Commit]) {}

    /// The snapshot of a stream, if one is stored. The read need not be consistent.
    fn snapshot(&self, stream: &str) -> impl Future<Output = Result<Option<Snapshot>, Failure>>;

    /// Stores a snapshot in place of the earlier one. One that is too large for the store is left out.
    fn store_snapshot(&self, snapshot: &Snapshot) -> impl Future<Output = Result<(), Failure>>;

    /// Writes `commit` unless its stream has a commit of that version.
    fn append(&self, commit: &Commit) -> impl Future<Output = Result<Append, Failure>>;

    /// Writes `commits`, each of another stream, in one transaction, unless one of the streams has a commit of that
    /// version.
    fn append_all(&self, commits: &[Commit]) -> impl Future<Output = Result<Append, Failure>>;

    /// Writes a stream's first commit and everything else in `new_stream` in one transaction.
    fn create(&self, new_stream: &NewStream) -> impl Future<Output = Result<CreateOutcome, Failure>>;
}

impl<J: Journal> Journal for &J {
    fn read(&self, stream: &str) -> impl Future<Output = Result<Vec<Commit>, Failure>> {
        (**self).read(stream)
    }
    fn read_after(&self, stream: &str, version: u64) -> impl Future<Output = Result<Vec<Commit>, Failure>> {
        (**self).read_after(stream, version)
    }
    fn read_newest(
        &self,
        stream: &str,
        after: u64,
        limit: u32,
        freshness: Freshness,
    ) -> impl Future<Output = Result<Vec<Commit>, Failure>> {
        (**self).read_newest(stream, after, limit, freshness)
    }
    fn keep(&self, commits: &[Commit]) {
        (**self).keep(commits);
    }
    fn snapshot(&self, stream: &str) -> impl Future<Output = Result<Option<Snapshot>, Failure>> {
        (**self).snapshot(stream)
    }
    fn store_snapshot(&self, snapshot: &Snapshot) -> impl Future<Output = Result<(), Failure>> {
        (**self).store_snapshot(snapshot)
    }
    fn append(&self, commit: &Commit) -> impl Future<Output = Result<Append, Failure>> {
        (**self).append(commit)
    }
    fn append_all(&self, commits: &[Commit]) -> impl Future<Output = Result<Append, Failure>> {
        (**self).append_all(commits)
    }
    fn create(&self, new_stream: &NewStream) -> impl Future<Output = Result<CreateOutcome, Failure>> {
        (**self).create(new_stream)
    }
}
