//! What lists show, compared with the streams that they show it of.

use domain::{Fulfillment, Order, Workflow};
use engine::Stream;
use engine::stores::{ViewRow, Views as _};
use futures::FutureExt as _;
use views::TimedFold;

use crate::deployment::Deployment;

/// Every row that does not show what its stream says, in words.
pub(crate) fn stale_rows(deployment: &Deployment) -> Vec<String> {
    let mut stale = Vec::new();
    for id in deployment.orders() {
        let Some(order) = fold::<Order>(deployment, &id) else { continue };
        let mut rows = views::order::rows(&order);
        let fulfillments = order.state.fulfillments.ids().filter_map(|id| fold::<Fulfillment>(deployment, id));
        rows.extend(fulfillments.flat_map(|fulfillment| views::fulfillment::rows(&fulfillment)));
        let streams = std::iter::once(order.state.id().to_string()).map(|id| format!("order/{id}"));
        let streams = streams.chain(order.state.fulfillments.ids().map(|id| format!("fulfillment/{id}")));
        let commits = streams.flat_map(|stream| deployment.journal.commits(&stream));
        rows.extend(commits.flat_map(|commit| views::names::of_commit(&commit, commit.at).unwrap_or_default()));
        for row in rows {
            let stored = deployment.views.get(&row.key, &row.part).now_or_never().and_then(Result::ok).flatten();
            let shows = |row: &ViewRow| (row.list.clone(), row.rank.clone(), row.document.clone());
            if stored.as_ref().map(shows) != Some(shows(&row)) {
                stale.push(format!("{}'s {} should show {row:?}, and shows {stored:?}", row.key, row.part));
            }
        }
    }
    stale
}

fn fold<W: Workflow>(deployment: &Deployment, id: &W::Id) -> Option<TimedFold<W>> {
    let loaded = Stream::<W>::load(&deployment.journal, id, &deployment.context("test")).now_or_never();
    loaded.and_then(Result::ok).and_then(TimedFold::of)
}
