//! The register that the order gets from its fulfillment, and the packages for those who show them.

use std::sync::Arc;

use jiff::Timestamp;

use crate::fulfillment::package::{Contents, Package};
use crate::fulfillment::{Fulfillment, FulfillmentEffect, FulfillmentEvent, Milestone, Packed, TracedGoods, Voided};
use crate::goods::LineQuantity;
use crate::ids::PackageId;
use crate::quantity::QuantityError;
use crate::shipment::{PackageSummary, Progress, RequestStatus};
use crate::workflow::{EffectFailed, EffectStarted};

impl Fulfillment {
    /// The register that the order should record. Kits are counted whole.
    ///
    /// # Errors
    /// A sum is out of range. (Two units in one line would be an error, too, but such goods do not count.)
    pub fn progress(&self) -> Result<Progress, QuantityError> {
        let request_status = self.request_status();
        let (unfilled, refused) = match request_status {
            RequestStatus::Accepted => (self.unfilled()?, self.withdrawal_refused.first()),
            RequestStatus::Requested => (Default::default(), self.withdrawal_refused.first()),
            // The warehouse ships nothing, so an earlier refusal to withdraw does not matter.
            RequestStatus::Rejected | RequestStatus::Withdrawn => (Default::default(), None),
        };
        let mut shipped = self.quantities_in(self.shipped_packages())?;
        let mut delivered =
            self.quantities_in(self.shipped_packages().filter(|(_, package)| package.is_delivered()))?;
        shipped.retain(|_, quantity| !quantity.is_zero());
        delivered.retain(|_, quantity| !quantity.is_zero());
        Ok(Progress {
            fulfillment: self.opened.fulfillment.clone(),
            as_of: self.changed.version,
            packages_as_of: self.changed.packages_reported,
            request_status,
            shipped,
            delivered,
            has_packages: self.live().next().is_some(),
            under_way: self.live().any(|(_, package)| package.status().is_under_way()),
            returned: self.live().any(|(_, package)| package.is_returned()),
            goods_issued: self.is_all_posted(),
            closed_short: !unfilled.is_empty(),
            unfilled,
            withdrawal_refused: refused.map(|why| why.reason.clone()),
        })
    }

    /// All packages that are not void, as the customer is shown them.
    pub fn package_summaries(&self) -> impl Iterator<Item = PackageSummary> {
        self.live().map(|(id, package)| summary(id, package))
    }

    /// The package as the customer is shown it; `None` if it is not shown.
    fn shown(&self, id: &PackageId) -> Option<PackageSummary> {
        let withdrawn = self.is_withdrawn();
        let package = self.packages.get(id).filter(|package| package.is_live(withdrawn))?;
        Some(summary(id, package))
    }

    /// Applies `event`, and marks whether the content of [`Fulfillment::progress`] or of [`Fulfillment::package_summaries`] changed.
    pub(super) fn apply_and_mark(&mut self, event: &FulfillmentEvent) {
        // Packages of a withdrawn fulfillment are not shown, whichever event says that it is or is no longer withdrawn.
        let was_withdrawn = self.is_withdrawn();
        self.apply_and_mark_one(event);
        self.changed.packages_pending |= self.is_withdrawn() != was_withdrawn;
    }

    fn apply_and_mark_one(&mut self, event: &FulfillmentEvent) {
        match event {
            FulfillmentEvent::PackagePacked(Packed { package, .. })
            | FulfillmentEvent::PackageVoided(Voided { package, .. })
            | FulfillmentEvent::MilestoneRecorded(Milestone { package, .. }) => {
                let before = (self.counted(package), self.shown(package));
                self.apply(event);
                self.changed.pending |= self.counted(package) != before.0;
                self.changed.packages_pending |= self.shown(package) != before.1;
            }
            FulfillmentEvent::Accepted(_)
            | FulfillmentEvent::Rejected(_)
            | FulfillmentEvent::Closed(_)
            | FulfillmentEvent::Withdrawn(_)
            | FulfillmentEvent::WithdrawalRefused(_)
            | FulfillmentEvent::ReviewDecided(_)
            | FulfillmentEvent::GoodsIssued(_)
            | FulfillmentEvent::EffectRejected(_) => {
                self.changed.pending = true;
                self.apply(event);
            }
            FulfillmentEvent::EffectStarted(EffectStarted { effect, .. })
            | FulfillmentEvent::EffectFailed(EffectFailed { effect, .. }) => {
                let announced = self.announced(effect).cloned();
                self.changed.pending |= self.rejected_effects.contains_key(effect);
                self.apply(event);
                // A package whose goods issue is announced keeps its lines. No other attempt changes anything: the order
                // answers each change with the work that waits for it, and an attempt that caused the next would not end.
                self.changed.pending |= self.has_shared_products && self.announced(effect) != announced.as_ref();
            }
            FulfillmentEvent::Opened(_) | FulfillmentEvent::RequestRejected(_) | FulfillmentEvent::Late(_) => {
                self.apply(event);
            }
        }
    }

    /// The lines of a goods issue that is announced and not answered.
    fn announced(&self, effect: &FulfillmentEffect) -> Option<&Vec<LineQuantity>> {
        let FulfillmentEffect::PostGoodsIssue { package } = effect else { return None };
        self.postings.get(package)
    }

    /// All that the register counts of one package.
    fn counted(&self, id: &PackageId) -> Counted {
        let package = self.packages.get(id).map(Arc::as_ref);
        let has_left = package.is_some_and(Package::has_left);
        // What one package holds may count for a line of which another one has left.
        let counts = has_left || self.closed.is_some() || self.has_shared_products;
        // Of a kit, a lot or serial number that is missing in one package may keep another one from being posted.
        let traced_kits = self.opened.handling.keys().any(|line| self.opened.is_kit(*line));
        Counted {
            any_live: self.live().next().is_some(),
            has_left,
            is_live: counts && package.is_some_and(|package| !package.is_void()),
            under_way: package.is_some_and(|package| package.status().is_under_way()),
            is_delivered: package.is_some_and(Package::is_delivered),
            is_returned: package.is_some_and(Package::is_returned),
            contents: package.filter(|_| counts).map(|package| package.contents.clone()),
            traced: package.filter(|_| traced_kits).and_then(|package| package.traced.clone()),
        }
    }
}

/// See [`Fulfillment::counted`].
#[derive(PartialEq)]
struct Counted {
    any_live: bool,
    has_left: bool,
    is_live: bool,
    under_way: bool,
    is_delivered: bool,
    is_returned: bool,
    contents: Option<Contents>,
    traced: Option<(Timestamp, Vec<TracedGoods>)>,
}

fn summary(id: &PackageId, package: &Package) -> PackageSummary {
    PackageSummary {
        package: id.clone(),
        carrier: package.leg().and_then(|leg| leg.carrier.clone()),
        tracking: package.leg().map(|leg| leg.tracking.clone()),
        status: package.status(),
    }
}
