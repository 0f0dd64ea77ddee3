//! The due work of a fulfillment's steps. Each entry comes from the predicate that the step itself uses.

use std::collections::BTreeSet;

use crate::due::DueWork;
use crate::fulfillment::{Fulfillment, Watch};

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
            Some(crm_update(self.changed.packages_alone)),
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
    BTreeSet::from([request, withdrawal, watch("deadlines"), rollup(0), crm_update(0)])
}

fn watch(what: &str) -> DueWork {
    DueWork::new("fulfillment-watch").with(&what)
}

/// The packages that the CRM shows, by the version at which they last changed without the register. Where the register changed, too, the
/// order wakes the step once it has the register, so that the CRM is told of packages and status at once.
fn crm_update(version: u64) -> DueWork {
    DueWork::new("crm-update").with(&version)
}

/// The report to the order, by the version at which its content last changed.
fn rollup(version: u64) -> DueWork {
    DueWork::new("fulfillment-rollup").with(&version)
}
