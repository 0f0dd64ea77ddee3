//! Updates the read models: order summaries, the worklist of reviews, and cross references.
//!
//! - On: the stream of the journal table.
//! - Does: folds each order, fulfillment, return and delivery that the batch changed, once per batch, and writes its rows unless the
//!   stored ones are newer. The order of the records therefore does not matter. References are written as the commits have them.
//! - Then: `order-list` and `review-list` show the rows.
//! - Fails: a stream that cannot be folded is parked; if a store is busy, the stream delivers the batch again.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use domain::intake::Delivery;
use domain::{Fulfillment, Order, Return, Workflow};
use engine::context::Place;
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
    // Most folds then need no read.
    ports.journal.keep(commits);
    let orders = changed::<Order>(commits);
    let orders = join_all(orders.iter().map(|of| project(ports, of, cx, |_, fold| views::order::rows(fold)))).await;
    let fulfillments = changed::<Fulfillment>(commits);
    let fulfillments =
        join_all(fulfillments.iter().map(|of| project(ports, of, cx, |_, fold| views::fulfillment::rows(fold)))).await;
    let deliveries = changed::<Delivery>(commits);
    let deliveries = join_all(deliveries.iter().map(|of| project(ports, of, cx, views::intake::rows))).await;
    let returns = changed::<Return>(commits);
    let returns = join_all(returns.iter().map(|of| project(ports, of, cx, |_, fold| views::returns::rows(fold)))).await;
    let references = refer(ports, commits, cx).await;
    let projected = orders.into_iter().chain(fulfillments).chain(deliveries).chain(returns).filter_map(Result::err);
    // A stream that fails is repeated or parked as a whole, once.
    let failed: BTreeMap<String, Failure> = projected.chain(references).collect();
    failed.into_iter().collect()
}

/// Writes the references of all commits. Returns the streams of which none was written, with the reason.
async fn refer(ports: &Ports<impl Journal, impl Views>, commits: &[Commit], cx: &Context) -> Vec<(String, Failure)> {
    let (mut rows, mut streams, mut failed) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    for commit in commits {
        match views::names::of_commit(commit, cx.now) {
            Ok(of_commit) if of_commit.is_empty() => {}
            Ok(of_commit) => {
                streams.insert(commit.stream.clone());
                let ranked = |row: ViewRow| ViewRow { version: cx.epoch.rank(row.version), ..row };
                rows.extend(of_commit.into_iter().map(ranked).map(|row| ((row.key.clone(), row.part.clone()), row)));
            }
            Err(failure) => failed.push((commit.stream.clone(), failure)),
        }
    }
    let rows: Vec<ViewRow> = rows.into_values().collect();
    if rows.is_empty() {
        return failed;
    }
    if let Err(failure) = ports.views.put_all(&rows).await {
        failed.extend(streams.into_iter().map(|stream| (stream, failure.clone())));
    }
    failed
}

/// The ids of one workflow's streams of which `commits` change what lists show, each with the version of the last commit that does.
fn changed<W: Workflow<Id: FromStr + Ord>>(commits: &[Commit]) -> BTreeMap<W::Id, u64> {
    let id = |commit: &Commit| commit.stream.strip_prefix(W::KIND)?.strip_prefix('/')?.parse().ok();
    let listed = commits.iter().filter(|commit| commit.listed);
    listed.filter_map(|commit| Some((id(commit)?, commit.version))).collect()
}

/// Folds one stream and writes its rows.
async fn project<W: Workflow>(
    ports: &Ports<impl Journal, impl Views>,
    (id, version): (&W::Id, &u64),
    cx: &Context,
    rows: impl Fn(&W::Id, &TimedFold<W>) -> Vec<ViewRow>,
) -> Result<(), (String, Failure)> {
    let name = stream_name::<W>(id);
    let cx = Context { woken_by: Some(Place { stream: name.clone(), version: *version }), ..cx.clone() };
    let write = async {
        let fold = TimedFold::of(Stream::<W>::load(&ports.journal, id, &cx).await?);
        for mut row in fold.as_ref().map(|fold| rows(id, fold)).unwrap_or_default() {
            // A row of the time that a restored journal lost may have a higher version.
            row.version = cx.epoch.rank(row.version);
            ports.views.put(&row).await?;
        }
        Ok(())
    };
    write.await.map_err(|failure| (name.clone(), failure))
}
