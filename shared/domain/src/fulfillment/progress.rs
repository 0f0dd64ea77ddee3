//! The report that the order gets from its fulfillment.

use crate::fulfillment::Fulfillment;
use crate::fulfillment::package::Package;
use crate::ids::PackageId;
use crate::quantity::QuantityError;
use crate::shipment::{PackageSummary, Progress, RequestStatus};

impl Fulfillment {
    /// The state that the order should record, as of this stream's `version`. Kits are counted whole.
    ///
    /// # Errors
    /// A sum is out of range. (Two units in one line would be an error, too, but such goods do not count.)
    pub fn progress(&self, version: u64) -> Result<Progress, QuantityError> {
        let summary = |(id, package): (&PackageId, &Package)| PackageSummary {
            package: id.clone(),
            carrier: package.leg().and_then(|leg| leg.carrier.clone()),
            tracking: package.leg().map(|leg| leg.tracking.clone()),
            status: package.status(),
        };
        let request_status = self.request_status();
        let (unfilled, refused) = match request_status {
            RequestStatus::Accepted => (self.unfilled()?, self.withdrawal_refused.first()),
            RequestStatus::Requested => (Default::default(), self.withdrawal_refused.first()),
            // The warehouse ships nothing, so an earlier refusal to withdraw does not matter.
            RequestStatus::Rejected | RequestStatus::Withdrawn => (Default::default(), None),
        };
        Ok(Progress {
            fulfillment: self.opened.fulfillment.clone(),
            as_of: version,
            request_status,
            shipped: self.quantities_in(self.shipped_packages())?,
            delivered: self.quantities_in(self.shipped_packages().filter(|(_, package)| package.is_delivered()))?,
            packages: self.live().map(summary).collect(),
            goods_issued: self.is_all_posted(),
            closed_short: !unfilled.is_empty(),
            unfilled,
            withdrawal_refused: refused.map(|why| why.reason.clone()),
        })
    }
}
