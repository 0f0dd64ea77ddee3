//! Keeps the read models: order summaries and worklists.
//!
//! - On: the journal table's stream.
//! - Does: folds each order that changed, once a batch, and writes its rows where they are newer than what is there, so that
//!   no order of records can leave an old row.
//! - Fails: an order that cannot be folded is passed over with its cause; a busy store stops the batch.

use std::collections::BTreeSet;

use domain::{Order, OrderId};
use engine::journal::stream_name;
use engine::stores::Views;
use engine::{Commit, Context, Failure, Journal, Stream, view};
use futures::future::join_all;

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<J, V> {
    /// Orders' streams.
    pub journal: J,
    /// The read models.
    pub views: V,
}

/// Projects the orders that `commits` belong to. Returns the streams that could not be projected, with the reason.
pub async fn handle(
    ports: &Ports<impl Journal, impl Views>,
    commits: &[Commit],
    cx: &Context,
) -> Vec<(String, Failure)> {
    let orders = commits.iter().filter_map(|commit| commit.stream.strip_prefix("order/")?.parse::<OrderId>().ok());
    let orders: BTreeSet<OrderId> = orders.collect();
    let all = join_all(orders.iter().map(async |id| (stream_name::<Order>(id), project(ports, id, cx).await))).await;
    all.into_iter().filter_map(|(stream, result)| result.err().map(|failure| (stream, failure))).collect()
}

async fn project(ports: &Ports<impl Journal, impl Views>, id: &OrderId, cx: &Context) -> Result<(), Failure> {
    let commits = ports.journal.read(&stream_name::<Order>(id)).await?;
    let Some(changed) = commits.last().map(|commit| commit.at) else { return Ok(()) };
    let order = Stream::<Order>::of(id, commits, cx.now)?;
    for row in view::rows(&order.state, order.version, changed) {
        ports.views.put(&row).await?;
    }
    Ok(())
}
