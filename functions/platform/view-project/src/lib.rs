//! Updates the read models: order summaries and the worklist of reviews.
//!
//! - On: the stream of the journal table.
//! - Does: folds each order, fulfillment, return and delivery that the batch changed, once per batch, and writes its rows unless the
//!   stored ones are newer. The order of the records therefore does not matter.
//! - Then: `order-list` and `review-list` show the rows.
//! - Fails: a stream that cannot be folded is parked; if a store is busy, the stream delivers the batch again.

use std::collections::BTreeSet;
use std::str::FromStr;

use domain::intake::Delivery;
use domain::{Fulfillment, Order, Return, Workflow};
use engine::journal::stream_name;
use engine::stores::{ViewRow, Views};
use engine::{Commit, Context, Failure, Journal, Stream};
use futures::future::join_all;
use views::TimedFold;

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<J, V> {
    /// Streams of orders, fulfillments, returns, and deliveries that cannot be read.
    pub journal: J,
    /// The read models.
    pub views: V,
}

/// Updates the rows of all streams of which `commits` change what lists show. Returns the streams that failed, with the reason.
pub async fn handle(
    ports: &Ports<impl Journal, impl Views>,
    commits: &[Commit],
    cx: &Context,
) -> Vec<(String, Failure)> {
    let orders = changed::<Order>(commits);
    let orders = join_all(orders.iter().map(|id| project(ports, id, cx, |_, fold| views::order::rows(fold)))).await;
    let fulfillments = changed::<Fulfillment>(commits);
    let fulfillments =
        join_all(fulfillments.iter().map(|id| project(ports, id, cx, |_, fold| views::fulfillment::rows(fold)))).await;
    let deliveries = changed::<Delivery>(commits);
    let deliveries = join_all(deliveries.iter().map(|id| project(ports, id, cx, views::intake::rows))).await;
    let returns = changed::<Return>(commits);
    let returns = join_all(returns.iter().map(|id| project(ports, id, cx, |_, fold| views::returns::rows(fold)))).await;
    let projected = orders.into_iter().chain(fulfillments).chain(deliveries).chain(returns);
    projected.filter_map(Result::err).collect()
}

/// The ids of one workflow's streams of which `commits` change what lists show, each once.
fn changed<W: Workflow<Id: FromStr + Ord>>(commits: &[Commit]) -> BTreeSet<W::Id> {
    let id = |commit: &Commit| commit.stream.strip_prefix(W::KIND)?.strip_prefix('/')?.parse().ok();
    commits.iter().filter(|commit| commit.listed).filter_map(id).collect()
}

/// Folds one stream and writes its rows.
async fn project<W: Workflow>(
    ports: &Ports<impl Journal, impl Views>,
    id: &W::Id,
    cx: &Context,
    rows: impl Fn(&W::Id, &TimedFold<W>) -> Vec<ViewRow>,
) -> Result<(), (String, Failure)> {
    let name = stream_name::<W>(id);
    let write = async {
        let fold = TimedFold::of(Stream::<W>::load(&ports.journal, id, cx).await?);
        for mut row in fold.as_ref().map(|fold| rows(id, fold)).unwrap_or_default() {
            // A row of the time that a restored journal lost may have a higher version.
            row.version = cx.epoch.rank(row.version);
            ports.views.put(&row).await?;
        }
        Ok(())
    };
    write.await.map_err(|failure| (name.clone(), failure))
}
