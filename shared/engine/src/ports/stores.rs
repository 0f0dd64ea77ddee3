//! The other stores' ports: deliveries, parties, due work, views.

use std::fmt;

use domain::PartnerId;
use domain::party::{Party, PartyRef};
use jiff::Timestamp;

use crate::delivery::{Delivery, StoreOutcome};
use crate::failure::Failure;

/// Raw deliveries.
pub trait Deliveries {
    /// Keeps `delivery` unless its id is taken: one conditional write.
    fn store(&self, delivery: &Delivery) -> impl Future<Output = Result<StoreOutcome, Failure>>;

    /// The delivery that `partner` calls `id`; `None` once it expired.
    fn fetch(&self, partner: &PartnerId, id: &str) -> impl Future<Output = Result<Option<Delivery>, Failure>>;
}

/// Personal data.
pub trait Parties {
    /// Keeps an immutable record; the first one stands.
    fn store(&self, reference: &PartyRef, party: &Party) -> impl Future<Output = Result<(), Failure>>;

    /// Reads it; `None` once it was erased.
    fn fetch(&self, reference: &PartyRef) -> impl Future<Output = Result<Option<Party>, Failure>>;
}

/// Work that waits outside its queue.
#[derive(Clone, PartialEq, Eq)]
pub struct DueItem {
    /// When it is due.
    pub due: Timestamp,
    /// Makes it unique; the same work deferred twice to one time is one item.
    pub id: String,
    /// Whose queue it goes back to.
    pub function: String,
    /// The message, as it came.
    pub body: String,
    /// What it waits for, in a word.
    pub why: String,
    /// Whose turn it is, where it is a partner's.
    pub partner: Option<PartnerId>,
    /// The stream whose beginning ends the wait before its time, where one does.
    pub parent: Option<String>,
}

impl fmt::Debug for DueItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DueItem({} {} {} {})", self.due, self.function, self.why, self.id)
    }
}

/// Over how many partitions due items are spread.
pub const DUE_SHARDS: u32 = 8;

impl DueItem {
    /// Its partition.
    pub fn shard(&self) -> u32 {
        u32::from(domain::ids::fingerprint(&[&self.id])[0]) % DUE_SHARDS
    }

    /// Its place in the partition: `<RFC 3339, UTC, milliseconds>/<id>`, so that the text sorts as the time does.
    pub fn sort_key(&self) -> String {
        format!("{}/{}", sortable(self.due), self.id)
    }
}

/// A time whose text sorts as the time does.
pub fn sortable(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Some of what is due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuePage {
    /// Those that can be read.
    pub items: Vec<DueItem>,
    /// Where the next ones begin, if there are more: the last one's [`DueItem::sort_key`].
    pub next: Option<String>,
}

/// Work that waits, by time.
pub trait Due {
    /// Keeps `item`.
    fn defer(&self, item: &DueItem) -> impl Future<Output = Result<(), Failure>>;

    /// At most `limit` items of `shard` that are due at `now`, oldest first, from the place `after` on.
    fn ready(
        &self,
        shard: u32,
        now: Timestamp,
        limit: u32,
        after: Option<&str>,
    ) -> impl Future<Output = Result<DuePage, Failure>>;

    /// What waits for the stream `parent` to begin, at most `limit` items.
    fn waiting(&self, parent: &str, limit: u32) -> impl Future<Output = Result<Vec<DueItem>, Failure>>;

    /// Forgets `item`, once it is in its queue again.
    fn done(&self, item: &DueItem) -> impl Future<Output = Result<(), Failure>>;
}

/// The queues of all steps, by function.
pub trait Queues {
    /// Puts `bodies` into the queue of `function`. Returns the places of those that were not taken.
    fn send(&self, function: &str, bodies: &[String]) -> impl Future<Output = Result<Vec<usize>, Failure>>;
}

/// A row of a read model: derived, replaceable, never the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRow {
    /// Such as `order/ord_…`.
    pub key: String,
    /// Such as `summary`; one key may have several rows.
    pub part: String,
    /// The stream's version that it was folded from. An older one never replaces a newer one.
    pub version: u64,
    /// What lists find it by, such as `order/shipped`; empty where no list shows it.
    pub list: String,
    /// Its place in the list: newest last.
    pub rank: String,
    /// The row, as JSON.
    pub document: String,
}

/// A part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// At most as many as were asked for.
    pub rows: Vec<ViewRow>,
    /// Where the next part begins; opaque.
    pub next: Option<String>,
}

/// Read models.
pub trait Views {
    /// Writes `row` unless a newer one is there. Returns whether it was written.
    fn put(&self, row: &ViewRow) -> impl Future<Output = Result<bool, Failure>>;

    /// Reads a row.
    fn get(&self, key: &str, part: &str) -> impl Future<Output = Result<Option<ViewRow>, Failure>>;

    /// A list's rows, newest first, from `cursor` on.
    ///
    /// # Errors
    /// A cursor that is not one of ours: permanent.
    fn list(&self, list: &str, limit: u32, cursor: Option<&str>) -> impl Future<Output = Result<Page, Failure>>;
}
