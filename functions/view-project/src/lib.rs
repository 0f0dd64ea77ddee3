//! Keeps the read models: order summaries and worklists.
//!
//! - On: the journal table's stream.
//! - Does: folds each order and each share that changed, once a batch, and writes its rows where they are newer than what is
//!   there, so that no order of records can leave an old row.
//! - Fails: a stream that cannot be folded is passed over with its cause; a busy store stops the batch.

use std::collections::BTreeSet;
use std::str::FromStr;

use domain::{Fulfillment, Order, Workflow};
use engine::journal::{events_of, stream_name};
use engine::stores::{ViewRow, Views};
use engine::{Commit, Context, Failure, Journal, view};
use futures::future::join_all;
use jiff::Timestamp;

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<J, V> {
    /// Orders' streams.
    pub journal: J,
    /// The read models.
    pub views: V,
}

/// Projects the orders and shares that `commits` belong to. Returns the streams that could not be projected, with the
/// reason.
pub async fn handle(
    ports: &Ports<impl Journal, impl Views>,
    commits: &[Commit],
    cx: &Context,
) -> Vec<(String, Failure)> {
    let orders = changed::<Order>(commits);
    let orders = join_all(orders.iter().map(|id| project(ports, id, cx, view::rows))).await;
    let shares = changed::<Fulfillment>(commits);
    let shares = join_all(shares.iter().map(|id| project(ports, id, cx, view::share_rows))).await;
    orders.into_iter().chain(shares).filter_map(Result::err).collect()
}

/// The streams of one kind that `commits` belong to, each once.
fn changed<W: Workflow<Id: FromStr + Ord>>(commits: &[Commit]) -> BTreeSet<W::Id> {
    let id = |commit: &Commit| commit.stream.strip_prefix(W::KIND)?.strip_prefix('/')?.parse().ok();
    commits.iter().filter_map(id).collect()
}

/// Folds one stream and writes its rows. An empty worklist row is written only where an earlier one was not: most orders
/// never need a decision, and a row that says so would be written at each of their commits.
async fn project<W: Workflow>(
    ports: &Ports<impl Journal, impl Views>,
    id: &W::Id,
    cx: &Context,
    rows: impl Fn(&W, u64, Timestamp) -> Vec<ViewRow>,
) -> Result<(), (String, Failure)> {
    let name = stream_name::<W>(id);
    let write = async {
        let (mut state, mut newest, mut waited) = (W::default(), Vec::new(), false);
        for commit in ports.journal.read(&name).await? {
            state = events_of::<W>(&commit, cx.now)?.iter().fold(state, W::evolve);
            newest = rows(&state, commit.version, commit.at);
            waited |= newest.iter().any(waits);
        }
        for row in newest.iter().filter(|row| waited || row.part != view::REVIEWS) {
            ports.views.put(row).await?;
        }
        Ok(())
    };
    write.await.map_err(|failure| (name.clone(), failure))
}

fn waits(row: &ViewRow) -> bool {
    row.part == view::REVIEWS && !row.list.is_empty()
}
