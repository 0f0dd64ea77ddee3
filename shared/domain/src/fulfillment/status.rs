//! The status of the request, and what follows from it: whether the warehouse has the fulfillment, and which packages count.

use crate::fulfillment::package::Package;
use crate::fulfillment::{Fulfillment, FulfillmentEffect};
use crate::ids::{ExternalId, PackageId};
use crate::rejection::Rejection;
use crate::shipment::RequestStatus;

impl Fulfillment {
    /// The warehouse's answer to the request. A warehouse that ships has accepted, even if it answered otherwise.
    pub fn request_status(&self) -> RequestStatus {
        if self.live().next().is_some() {
            return RequestStatus::Accepted;
        }
        let accepted = self.references().next().is_some() || self.closed.is_some();
        match (self.is_withdrawn(), self.rejected.is_empty(), accepted) {
            (true, _, _) => RequestStatus::Withdrawn,
            (false, false, _) => RequestStatus::Rejected,
            (false, true, true) => RequestStatus::Accepted,
            (false, true, false) => RequestStatus::Requested,
        }
    }

    /// The warehouse's references that are not withdrawn. Two of them are two orders at the warehouse.
    pub fn references(&self) -> impl Iterator<Item = &ExternalId> {
        let is_withdrawn =
            |reference: &ExternalId| self.withdrawn.iter().any(|w| w.reference.as_ref() == Some(reference));
        self.accepted.iter().map(|accepted| &accepted.reference).filter(move |reference| !is_withdrawn(reference))
    }

    /// Whether the fulfillment was withdrawn, and the warehouse has it under no other reference.
    pub fn is_withdrawn(&self) -> bool {
        !self.withdrawn.is_empty() && self.references().next().is_none()
    }

    /// The packages that left or may still leave.
    pub fn live(&self) -> impl Iterator<Item = (&PackageId, &Package)> {
        let withdrawn = self.is_withdrawn();
        self.packages
            .iter()
            .map(|(id, package)| (id, package.as_ref()))
            .filter(move |(_, package)| package.is_live(withdrawn))
    }

    /// Whether the warehouse has the fulfillment, or may have it.
    pub(super) fn may_be_at_warehouse(&self) -> bool {
        self.references().next().is_some()
            || self.open_effects.contains(&FulfillmentEffect::Request)
            || (self.withdrawn.is_empty()
                && (!self.packages.is_empty() || self.closed.is_some() || self.is_request_in_doubt()))
    }

    /// Whether the request was certainly never sent or never accepted, and the warehouse reported nothing.
    pub(super) fn was_not_sent(&self) -> bool {
        !self.may_be_at_warehouse() && self.withdrawn.is_empty() && self.rejected.is_empty()
    }

    /// Whether the request ended without the warehouse's answer, and it may have the fulfillment all the same: the outcome
    /// is unknown, another document has our reference, or a person resolved it in the warehouse's system.
    fn is_request_in_doubt(&self) -> bool {
        let request = FulfillmentEffect::Request;
        self.rejected_effects.get(&request).is_some_and(Rejection::leaves_doubt) || self.is_resolved_manually(&request)
    }
}
