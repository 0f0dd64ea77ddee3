//! What a call costs: read and write units of a store, processor time and memory of this process.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use engine::journal::{Append, CreateOutcome, Freshness, Journal, NewStream};
use engine::snapshot::Snapshot;
use engine::stores::{Page, ViewRow, Views};
use engine::{Commit, Failure};
use testkit::memory::{MemoryJournal, MemoryViews, item_bytes};

/// Write units, and half read units: an eventually consistent read takes half of one for each 4 KB.
#[derive(Debug, Clone, Default)]
pub(crate) struct Units {
    pub(crate) half_read: Rc<Cell<usize>>,
    /// By what was written.
    pub(crate) write: Rc<RefCell<BTreeMap<&'static str, usize>>>,
    pub(crate) loads: Rc<Cell<usize>>,
}

impl Units {
    fn add_read(&self, bytes: usize, is_consistent: bool) {
        let halves = if is_consistent { 2 } else { 1 };
        self.half_read.set(self.half_read.get() + halves * bytes.div_ceil(4_096).max(1));
        self.loads.set(self.loads.get() + 1);
    }

    /// The commits of a consistent read.
    fn count(&self, commits: Vec<Commit>) -> Vec<Commit> {
        self.add_read(commits.iter().map(item_bytes).sum(), true);
        commits
    }

    /// One write unit for each KB of an item.
    pub(crate) fn add_write(&self, kind: &'static str, bytes: usize) {
        *self.write.borrow_mut().entry(kind).or_default() += bytes.div_ceil(1_024);
    }
}

/// A store whose calls are counted.
#[derive(Debug, Clone)]
pub(crate) struct Counted<S>(pub(crate) S, pub(crate) Units);

impl Journal for Counted<MemoryJournal> {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        Ok(self.1.count(self.0.read(stream).await?))
    }

    async fn read_after(&self, stream: &str, version: u64) -> Result<Vec<Commit>, Failure> {
        Ok(self.1.count(self.0.read_after(stream, version).await?))
    }

    async fn read_newest(
        &self,
        stream: &str,
        after: u64,
        limit: u32,
        freshness: Freshness,
    ) -> Result<Vec<Commit>, Failure> {
        let commits = self.0.read_newest(stream, after, limit, freshness).await?;
        self.1.add_read(commits.iter().map(item_bytes).sum(), freshness == Freshness::Newest);
        Ok(commits)
    }

    async fn snapshot(&self, stream: &str) -> Result<Option<Snapshot>, Failure> {
        let snapshot = self.0.snapshot(stream).await?;
        self.1.add_read(snapshot.as_ref().map_or(0, |snapshot| snapshot.state.len() + 200), false);
        Ok(snapshot)
    }

    async fn store_snapshot(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        self.1.add_write("snapshots", snapshot.state.len() + 200);
        self.0.store_snapshot(snapshot).await
    }

    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        let appended = self.0.append(commit).await?;
        self.1.add_write("commits", item_bytes(commit));
        Ok(appended)
    }

    async fn append_all(&self, commits: &[Commit]) -> Result<Append, Failure> {
        self.0.append_all(commits).await
    }

    async fn create(&self, new_stream: &NewStream) -> Result<CreateOutcome, Failure> {
        self.0.create(new_stream).await
    }
}

impl Views for Counted<MemoryViews> {
    async fn put(&self, row: &ViewRow) -> Result<bool, Failure> {
        // The row, and the entry of the index by list.
        let bytes = row.key.len() + row.part.len() + row.list.len() + row.rank.len() + row.document.len() + 60;
        self.1.add_write("rows", bytes);
        let list = self.0.get(&row.key, &row.part).await?.map(|old| (old.list, old.rank));
        if list != Some((row.list.clone(), row.rank.clone())) || row.list.is_empty() {
            self.1.add_write("rows", bytes);
        }
        self.0.put(row).await
    }

    async fn put_all(&self, rows: &[ViewRow]) -> Result<(), Failure> {
        for row in rows {
            self.1.add_write("rows", row.key.len() + row.part.len() + row.document.len() + 60);
        }
        self.0.put_all(rows).await
    }

    async fn rows(&self, key: &str, limit: u32) -> Result<Vec<ViewRow>, Failure> {
        self.0.rows(key, limit).await
    }

    async fn get(&self, key: &str, part: &str) -> Result<Option<ViewRow>, Failure> {
        self.0.get(key, part).await
    }

    async fn list(&self, list: &str, limit: u32, cursor: Option<&str>) -> Result<Page, Failure> {
        self.0.list(list, limit, cursor).await
    }
}

/// The processor time of this process in microseconds, as `getrusage` has it, from a file that needs no unsafe code.
pub(crate) fn processor_micros() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or_default() / 1_000
}

/// Kilobytes of this process in memory: now, and at most since [`forget_peak`].
pub(crate) fn memory() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or_default()
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Begins a new peak.
pub(crate) fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap_or_default();
}
