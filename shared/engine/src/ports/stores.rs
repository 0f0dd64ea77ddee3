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

    /// Makes the store's stream carry the stored delivery with this [`Delivery::key`] once more.
    fn announce_again(&self, key: &str) -> impl Future<Output = Result<(), Failure>>;

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

/// The number of partitions over which the due items are spread that wait for no partner.
pub const DUE_SHARDS: u32 = 8;

impl DueItem {
    /// The item's partition: one of its partner's, so that the work of a partner that is down does not stand before other
    /// work, or else one of [`DUE_SHARDS`].
    pub fn partition(&self) -> String {
        match &self.partner {
            Some(partner) => partner_partition(partner, takes_back(&self.function)),
            None => (u32::from(domain::ids::fingerprint(&[&self.id])[0]) % DUE_SHARDS).to_string(),
        }
    }

    /// The item's key in its partition: `<RFC 3339, UTC, milliseconds>/<id>`, so that items sort by their due time.
    pub fn sort_key(&self) -> String {
        format!("{}/{}", sortable(self.due), self.id)
    }
}

/// The partition of the due items that wait for `partner`: of those that take something back, or of the others. What is
/// taken back goes first, before more is asked for.
pub fn partner_partition(partner: &PartnerId, takes_back: bool) -> String {
    format!("partner/{partner}/{}", if takes_back { "back" } else { "ahead" })
}

/// Whether the function's verb takes something back at a partner.
fn takes_back(function: &str) -> bool {
    function.rsplit('-').next().is_some_and(|verb| ["withdraw", "cancel", "deallocate", "hold"].contains(&verb))
}

/// A partner that has due items, or had some until recently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingPartner {
    /// The partner.
    pub partner: PartnerId,
    /// When work was last known to begin to wait.
    pub since: Timestamp,
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

    /// At most `limit` items of a [`DueItem::partition`] that are due at `now`, earliest first, after the sort key `after`.
    fn ready(
        &self,
        partition: &str,
        now: Timestamp,
        limit: u32,
        after: Option<&str>,
    ) -> impl Future<Output = Result<DuePage, Failure>>;

    /// At most `limit` items that wait for the stream `parent` to be created.
    fn waiting(&self, parent: &str, limit: u32) -> impl Future<Output = Result<Vec<DueItem>, Failure>>;

    /// Deletes `item`, after it was sent to its queue.
    fn done(&self, item: &DueItem) -> impl Future<Output = Result<(), Failure>>;

    /// Deletes `items`, at most ten, by as few calls as possible.
    fn all_done(&self, items: &[DueItem]) -> impl Future<Output = Result<(), Failure>>;

    /// Every partner that has items. One that has none may be among them.
    fn partners(&self) -> impl Future<Output = Result<Vec<WaitingPartner>, Failure>>;

    /// Takes a partner without items off [`Due::partners`], unless work has begun to wait since it was read there.
    fn forget(&self, partner: &WaitingPartner) -> impl Future<Output = Result<(), Failure>>;
}

/// The queues of all steps.
pub trait Queues {
    /// Sends `bodies` to the queue of `function`. Returns the indices of those that the queue did not accept.
    fn send(&self, function: &str, bodies: &[String]) -> impl Future<Output = Result<Vec<usize>, Failure>>;
}

/// A row of a read model. It is derived from the journal and can be written again from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRow {
    /// The stream's name, such as `order/ord_…`; of a cross reference, `reference/` and the name.
    pub key: String,
    /// Distinguishes the rows of one key, such as `summary` and `reviews`.
    pub part: String,
    /// The [rank](crate::Epoch::rank) of the stream's version that the row was folded from.
    pub version: u64,
    /// The number of the fold that made the row. It rises with releases that show something else for the same version.
    pub fold: u32,
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
    /// Writes `row` unless the stored one has a newer version, or the same version and no lower [`ViewRow::fold`]. Returns
    /// whether it was written.
    fn put(&self, row: &ViewRow) -> impl Future<Output = Result<bool, Failure>>;

    /// Writes rows that never change, by as few calls as possible.
    fn put_all(&self, rows: &[ViewRow]) -> impl Future<Output = Result<(), Failure>>;

    /// At most `limit` rows of a key.
    fn rows(&self, key: &str, limit: u32) -> impl Future<Output = Result<Vec<ViewRow>, Failure>>;

    /// The row of a stream and part; `None` if there is none.
    fn get(&self, key: &str, part: &str) -> impl Future<Output = Result<Option<ViewRow>, Failure>>;

    /// At most `limit` rows of a list, highest rank first, from `cursor` on.
    ///
    /// # Errors
    /// The cursor is malformed: permanent; failures of the store.
    fn list(&self, list: &str, limit: u32, cursor: Option<&str>) -> impl Future<Output = Result<Page, Failure>>;
}
