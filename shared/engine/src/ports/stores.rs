//! The ports of the stores beside the journal: deliveries, parties, due items, queues, views.

use std::fmt;

use domain::PartnerId;
use domain::party::{Party, PartyRef};
use jiff::Timestamp;

use crate::delivery::{Delivery, StoreOutcome};
use crate::failure::Failure;

/// The store of raw deliveries.
pub trait Deliveries {
    /// Writes `delivery` unless one with its [`Delivery::key`] is stored: one conditional write.
    fn store(&self, delivery: &Delivery) -> impl Future<Output = Result<StoreOutcome, Failure>>;

    /// The delivery with the sender's `id`; `None` after it expired.
    fn fetch(&self, partner: &PartnerId, id: &str) -> impl Future<Output = Result<Option<Delivery>, Failure>>;
}

/// The store of personal data.
pub trait Parties {
    /// Writes a record unless one is stored under `reference`. Records never change.
    fn store(&self, reference: &PartyRef, party: &Party) -> impl Future<Output = Result<(), Failure>>;

    /// The record under `reference`; `None` after it was erased.
    fn fetch(&self, reference: &PartyRef) -> impl Future<Output = Result<Option<Party>, Failure>>;
}

/// A message that waits outside its queue.
#[derive(Clone, PartialEq, Eq)]
pub struct DueItem {
    /// When it goes back to its queue, to the millisecond.
    pub due: Timestamp,
    /// Unique among the items of one due time.
    pub id: String,
    /// The function whose queue it goes back to.
    pub function: String,
    /// The message's body.
    pub body: String,
    /// The reason for the wait, as [`Wait::as_str`](crate::Wait::as_str), or `deadline`.
    pub why: String,
    /// The partner that the work waits for; `None` for other waits.
    pub partner: Option<PartnerId>,
    /// The stream whose creation ends the wait early; `None` for other waits.
    pub parent: Option<String>,
}

impl fmt::Debug for DueItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DueItem({} {} {} {})", self.due, self.function, self.why, self.id)
    }
}

/// The number of partitions over which due items are spread.
pub const DUE_SHARDS: u32 = 8;

impl DueItem {
    /// The item's partition, in `0..DUE_SHARDS`.
    pub fn shard(&self) -> u32 {
        u32::from(domain::ids::fingerprint(&[&self.id])[0]) % DUE_SHARDS
    }

    /// The item's key in its partition: `<RFC 3339, UTC, milliseconds>/<id>`, so that items sort by their due time.
    pub fn sort_key(&self) -> String {
        format!("{}/{}", sortable(self.due), self.id)
    }
}

/// `at` in RFC 3339, UTC, with milliseconds. Such texts sort by time.
pub fn sortable(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// One page of due items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuePage {
    /// The page's items without those that cannot be parsed.
    pub items: Vec<DueItem>,
    /// The last item's [`DueItem::sort_key`] if there are more pages.
    pub next: Option<String>,
}

/// The store of due items.
pub trait Due {
    /// Writes `item`, or replaces the one with its due time and id.
    fn defer(&self, item: &DueItem) -> impl Future<Output = Result<(), Failure>>;

    /// At most `limit` items of `shard` that are due at `now`, earliest first, after the sort key `after`.
    fn ready(
        &self,
        shard: u32,
        now: Timestamp,
        limit: u32,
        after: Option<&str>,
    ) -> impl Future<Output = Result<DuePage, Failure>>;

    /// At most `limit` items that wait for the stream `parent` to be created.
    fn waiting(&self, parent: &str, limit: u32) -> impl Future<Output = Result<Vec<DueItem>, Failure>>;

    /// Deletes `item`, after it was sent to its queue.
    fn done(&self, item: &DueItem) -> impl Future<Output = Result<(), Failure>>;
}

/// The queues of all steps.
pub trait Queues {
    /// Sends `bodies` to the queue of `function`. Returns the indices of those that the queue did not accept.
    fn send(&self, function: &str, bodies: &[String]) -> impl Future<Output = Result<Vec<usize>, Failure>>;
}

/// A row of a read model. It is derived from the journal and can be written again from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRow {
    /// The stream's name, such as `order/ord_…`.
    pub key: String,
    /// Distinguishes the rows of one stream, such as `summary` and `reviews`.
    pub part: String,
    /// The [rank](crate::Epoch::rank) of the stream's version that the row was folded from.
    pub version: u64,
    /// The list that shows the row, such as `order/shipped`; empty if no list does.
    pub list: String,
    /// The sort key within the list. Lists show the highest first.
    pub rank: String,
    /// The row's content, as JSON.
    pub document: String,
}

/// One page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// At most as many rows as the limit.
    pub rows: Vec<ViewRow>,
    /// The cursor of the next page; `None` at the end. Opaque to callers.
    pub next: Option<String>,
}

/// The store of read models.
pub trait Views {
    /// Writes `row` unless the stored one has the same version or a newer one. Returns whether it was written.
    fn put(&self, row: &ViewRow) -> impl Future<Output = Result<bool, Failure>>;

    /// The row of a stream and part; `None` if there is none.
    fn get(&self, key: &str, part: &str) -> impl Future<Output = Result<Option<ViewRow>, Failure>>;

    /// At most `limit` rows of a list, highest rank first, from `cursor` on.
    ///
    /// # Errors
    /// The cursor is malformed: permanent; failures of the store.
    fn list(&self, list: &str, limit: u32, cursor: Option<&str>) -> impl Future<Output = Result<Page, Failure>>;
}
