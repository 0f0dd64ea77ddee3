//! A journal that keeps the newest commits of the streams that it read last. A warm function then reads only a few commits
//! of a stream again, however long the stream is.
//!
//! A commit never changes, so what is kept is never wrong: a load reads the commits from the last one that is kept on, and takes from
//! here what lies before them. Where the two do not meet, it reads as if nothing were kept. A load that needs no newer commit than
//! those that are kept reads nothing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::failure::Failure;
use crate::run::journal::{Append, Commit, CreateOutcome, Freshness, Journal, NewStream};
use crate::run::snapshot::{NEWEST, Snapshot};

/// The most bytes that are kept.
const MAX_BYTES: usize = 2 << 20;

/// The bytes of a kept commit beside its events and its cause, about.
const OVERHEAD: usize = 400;

/// A journal whose streams' newest commits are kept.
#[derive(Debug, Clone)]
pub struct Recent<J> {
    journal: J,
    /// The stream that was read last is the last.
    tails: Rc<RefCell<VecDeque<Tail>>>,
}

/// The end of a stream, as it was when it was read.
#[derive(Debug)]
struct Tail {
    stream: String,
    /// In order and without gaps.
    commits: Vec<Commit>,
    snapshot: Option<Snapshot>,
}

impl Tail {
    fn bytes(&self) -> usize {
        let commits = self.commits.iter();
        let commits = commits.map(|commit| commit.events.len() + commit.cause.as_str().len() + OVERHEAD).sum::<usize>();
        commits + self.snapshot.as_ref().map_or(0, |snapshot| snapshot.state.len())
    }

    /// The version of the newest commit that is kept.
    fn version(&self) -> u64 {
        self.commits.last().map_or(0, |last| last.version)
    }

    /// Adds `newer` commits, which begin with the last one that is kept. Returns whether they do.
    fn is_continued_by(&mut self, newer: &[Commit], limit: usize) -> bool {
        if newer.first() != self.commits.last() {
            return false;
        }
        self.commits.extend_from_slice(newer.get(1..).unwrap_or_default());
        let surplus = self.commits.len().saturating_sub(limit);
        self.commits.drain(..surplus);
        true
    }

    /// Whether what is kept is all that a read of the `limit` newest commits returns.
    fn is_enough(&self, limit: usize) -> bool {
        self.commits.len() >= limit || self.commits.first().is_some_and(|first| first.version == 1)
    }
}

impl<J: Journal> Recent<J> {
    /// Nothing is kept yet.
    pub fn new(journal: J) -> Self {
        Self { journal, tails: Rc::default() }
    }

    fn take(&self, stream: &str) -> Option<Tail> {
        let mut tails = self.tails.borrow_mut();
        let place = tails.iter().position(|tail| tail.stream == stream)?;
        tails.remove(place)
    }

    /// Keeps `tail`, and gives up what was read longest ago.
    fn keep_tail(&self, tail: Tail) {
        let mut tails = self.tails.borrow_mut();
        tails.retain(|other| other.stream != tail.stream);
        tails.push_back(tail);
        let mut bytes: usize = tails.iter().map(Tail::bytes).sum();
        while bytes > MAX_BYTES {
            let Some(oldest) = tails.pop_front() else { break };
            bytes -= oldest.bytes();
        }
    }
}

impl<J: Journal> Journal for Recent<J> {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        self.journal.read(stream).await
    }

    async fn read_after(&self, stream: &str, version: u64) -> Result<Vec<Commit>, Failure> {
        self.journal.read_after(stream, version).await
    }

    async fn read_newest(
        &self,
        stream: &str,
        after: u64,
        limit: u32,
        freshness: Freshness,
    ) -> Result<Vec<Commit>, Failure> {
        if after > 0 {
            return self.journal.read_newest(stream, after, limit, freshness).await;
        }
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut snapshot = None;
        if let Some(mut tail) = self.take(stream).filter(|tail| tail.is_enough(most)) {
            if let Freshness::AtLeast(version @ 1..) = freshness
                && version <= tail.version()
            {
                let commits = tail.commits.clone();
                self.keep_tail(tail);
                return Ok(commits);
            }
            // With the last one that is kept, so that another history is noticed.
            let newer = self.journal.read_newest(stream, tail.version() - 1, limit, freshness).await?;
            // Nothing says how new a read from any version on has to be, so it may lack the last one that is kept.
            let is_behind = newer.is_empty() && freshness == Freshness::AtLeast(0);
            if is_behind || tail.is_continued_by(&newer, most) {
                let commits = tail.commits.clone();
                self.keep_tail(tail);
                return Ok(commits);
            }
            snapshot = tail.snapshot;
        }
        let commits = self.journal.read_newest(stream, 0, limit, freshness).await?;
        if !commits.is_empty() {
            self.keep_tail(Tail { stream: stream.to_owned(), commits: commits.clone(), snapshot });
        }
        Ok(commits)
    }

    fn keep(&self, commits: &[Commit]) {
        self.journal.keep(commits);
        for commit in commits {
            let known = self.take(&commit.stream);
            match known {
                Some(mut tail) => {
                    if commit.version == tail.version() + 1 {
                        tail.commits.push(commit.clone());
                        let surplus = tail.commits.len().saturating_sub(NEWEST as usize);
                        tail.commits.drain(..surplus);
                    }
                    self.keep_tail(tail);
                }
                None if commit.version == 1 => {
                    let (stream, commits) = (commit.stream.clone(), vec![commit.clone()]);
                    self.keep_tail(Tail { stream, commits, snapshot: None });
                }
                None => {}
            }
        }
    }

    async fn snapshot(&self, stream: &str) -> Result<Option<Snapshot>, Failure> {
        // A snapshot before the kept commits continues into none of them, so there should be a newer one.
        let fits = |tail: &Tail, snapshot: &Snapshot| {
            tail.commits.first().is_some_and(|first| first.version <= snapshot.version)
        };
        let tail = self.take(stream);
        if let Some(tail) = tail {
            let kept = tail.snapshot.clone().filter(|snapshot| fits(&tail, snapshot));
            self.keep_tail(tail);
            if kept.is_some() {
                return Ok(kept);
            }
        }
        let snapshot = self.journal.snapshot(stream).await?;
        if let Some(tail) = self.take(stream) {
            self.keep_tail(Tail { snapshot: snapshot.clone(), ..tail });
        }
        Ok(snapshot)
    }

    async fn store_snapshot(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        self.journal.store_snapshot(snapshot).await?;
        if let Some(tail) = self.take(&snapshot.stream) {
            self.keep_tail(Tail { snapshot: Some(snapshot.clone()), ..tail });
        }
        Ok(())
    }

    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        let appended = self.journal.append(commit).await?;
        if appended == Append::Committed {
            self.keep(std::slice::from_ref(commit));
        }
        Ok(appended)
    }

    async fn append_all(&self, commits: &[Commit]) -> Result<Append, Failure> {
        self.journal.append_all(commits).await
    }

    async fn create(&self, new_stream: &NewStream) -> Result<CreateOutcome, Failure> {
        self.journal.create(new_stream).await
    }
}
