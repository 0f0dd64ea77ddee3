//! The journal as a warm function has it: what it read last is kept, and what it reads is counted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use engine::journal::{Append, CreateOutcome, Freshness, NewStream};
use engine::recent::Recent;
use engine::snapshot::Snapshot;
use engine::{Commit, Failure, Journal};
use testkit::memory::{MemoryJournal, item_bytes};

use crate::mutants::Mistaken;

/// Half read units by function and by the workflow of the stream: a read that may be behind takes half of one for each 4 KB.
pub type ReadUnits = Rc<RefCell<BTreeMap<(String, String), usize>>>;

/// The journal of a function's instance.
pub(super) type WarmJournal = Recent<Billed<Mistaken<MemoryJournal>>>;

/// The journal of a function's new instance, which adds what it reads to `units`.
pub(super) fn cold(journal: Mistaken<MemoryJournal>, function: &str, units: &ReadUnits) -> WarmJournal {
    Recent::new(Billed { journal, function: function.to_owned(), units: Rc::clone(units) })
}

/// A journal whose reads are counted.
#[derive(Debug, Clone)]
pub(super) struct Billed<J> {
    journal: J,
    function: String,
    units: ReadUnits,
}

impl<J> Billed<J> {
    fn bill(&self, stream: &str, halves: usize, bytes: usize) {
        let workflow = stream.split('/').next().unwrap_or_default().to_owned();
        let mut units = self.units.borrow_mut();
        *units.entry((self.function.clone(), workflow)).or_default() += halves * bytes.div_ceil(4_096).max(1);
    }

    fn billed(&self, stream: &str, halves: usize, commits: Vec<Commit>) -> Vec<Commit> {
        self.bill(stream, halves, commits.iter().map(item_bytes).sum());
        commits
    }
}

impl<J: Journal> Journal for Billed<J> {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        Ok(self.billed(stream, 2, self.journal.read(stream).await?))
    }

    async fn read_after(&self, stream: &str, version: u64) -> Result<Vec<Commit>, Failure> {
        Ok(self.billed(stream, 2, self.journal.read_after(stream, version).await?))
    }

    async fn read_newest(
        &self,
        stream: &str,
        after: u64,
        limit: u32,
        freshness: Freshness,
    ) -> Result<Vec<Commit>, Failure> {
        let commits = self.journal.read_newest(stream, after, limit, freshness).await?;
        Ok(self.billed(stream, if freshness == Freshness::Newest { 2 } else { 1 }, commits))
    }

    async fn snapshot(&self, stream: &str) -> Result<Option<Snapshot>, Failure> {
        let snapshot = self.journal.snapshot(stream).await?;
        self.bill(stream, 1, snapshot.as_ref().map_or(0, |snapshot| snapshot.state.len()));
        Ok(snapshot)
    }

    async fn store_snapshot(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        self.journal.store_snapshot(snapshot).await
    }

    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        self.journal.append(commit).await
    }

    async fn append_all(&self, commits: &[Commit]) -> Result<Append, Failure> {
        self.journal.append_all(commits).await
    }

    async fn create(&self, new_stream: &NewStream) -> Result<CreateOutcome, Failure> {
        self.journal.create(new_stream).await
    }
}
