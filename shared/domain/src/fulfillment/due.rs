//! The due work of a fulfillment's steps. Each entry comes from the predicate that the step itself uses.

use std::collections::BTreeSet;

use crate::due::{DueWork, digest};
use crate::fulfillment::{Fulfillment, Watch};
use crate::shipment::PackageSummary;

impl Fulfillment {
    /// All due work.
    ///
    /// The request, the withdrawal, the deadlines and the CRM's update have another half in the order's stream; each half
    /// wakes the step whatever the other one says.
    pub(super) fn due_work(&self) -> BTreeSet<DueWork> {
        let is_watched = matches!(self.watch(), Watch::Until(..));
        let whole = [
            // Reports that came before the fulfillment wait for its stream.
            Some(DueWork::new("due-wake")),
            self.awaits_request().then(|| DueWork::new("fulfillment-request")),
            self.withdrawal().map(|_| DueWork::new("fulfillment-withdraw")),
            is_watched.then(|| watch("deadlines")),
            self.is_closed_unreported().then(|| watch("unreported")),
            Some(rollup(self.changed.version)),
            Some(crm_update(&self.package_summaries().collect::<Vec<_>>())),
        ];
        let issues = self.due_goods_issues();
        let issues = issues.map(|issue| DueWork::new("goods-issue-post").about("package", &issue.package));
        whole.into_iter().flatten().chain(issues).collect()
    }
}

/// What the fulfillment's order wakes for before the stream exists: the request, its withdrawal and its deadlines. Without a
/// report, the order takes for granted that nothing happened.
pub(super) fn before_opening() -> BTreeSet<DueWork> {
    let (request, withdrawal) = (DueWork::new("fulfillment-request"), DueWork::new("fulfillment-withdraw"));
    BTreeSet::from([request, withdrawal, watch("deadlines"), rollup(0), crm_update(&[])])
}

fn watch(what: &str) -> DueWork {
    DueWork::new("fulfillment-watch").with(&what)
}

/// The packages that the CRM shows are on the fulfillments' streams alone.
fn crm_update(packages: &[PackageSummary]) -> DueWork {
    DueWork::new("crm-update").with(&digest(&packages))
}

/// The report to the order, by the version at which its content last changed.
fn rollup(version: u64) -> DueWork {
    DueWork::new("fulfillment-rollup").with(&version)
}
