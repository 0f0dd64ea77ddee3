//! The requests that a fulfillment sends to its warehouse and to the ERP.

use jiff::Timestamp;

use crate::fulfillment::{Fulfillment, FulfillmentEffect, Opened};
use crate::goods::{LineQuantity, ServiceLevel};
use crate::ids::{DocumentNumber, ExternalId, FulfillmentId, PackageId, PartnerId, SiteCode};
use crate::order::{Assignment, Order};
use crate::party::PartyRef;
use crate::rejection::Rejection;
use crate::shipment::RequestStatus;
use crate::workflow::{EffectRequest, key};

/// Requests a warehouse to ship a fulfillment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfillmentRequest {
    /// Our id of the fulfillment; also the reference that the warehouse gets.
    pub fulfillment: FulfillmentId,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The site of the 3PL that ships.
    pub site: SiteCode,
    /// The ordered speed of transport.
    pub service_level: ServiceLevel,
    /// The delivery date that the customer asks for.
    pub requested_by: Option<jiff::civil::Date>,
    /// The receiver. The address is read from the party store when the request is sent.
    pub ship_to: PartyRef,
    /// In stock-keeping units; a kit that the warehouse stocks in parts as its components.
    pub lines: Vec<LineQuantity>,
}

impl EffectRequest for FulfillmentRequest {
    type Effect = FulfillmentEffect;

    fn effect(&self) -> FulfillmentEffect {
        FulfillmentEffect::Request
    }

    fn key(&self) -> String {
        self.fulfillment.to_string()
    }

    fn warehouse(&self) -> Option<&PartnerId> {
        Some(&self.warehouse)
    }
}

/// Requests a warehouse to withdraw a fulfillment, also where it is not certain that the warehouse has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Our id of the fulfillment; also the reference that the warehouse gets.
    pub fulfillment: FulfillmentId,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The warehouse's own id of the fulfillment; `None` where it has not reported one.
    pub reference: Option<ExternalId>,
    /// The latest time at which a delivery may still send the request; `None` where the request is answered. A withdrawal
    /// must not overtake it.
    pub sent_until: Option<Timestamp>,
}

impl EffectRequest for Withdrawal {
    type Effect = FulfillmentEffect;

    fn effect(&self) -> FulfillmentEffect {
        FulfillmentEffect::Withdraw
    }

    fn key(&self) -> String {
        format!("withdraw/{}", self.fulfillment)
    }

    fn warehouse(&self) -> Option<&PartnerId> {
        Some(&self.warehouse)
    }

    fn not_before(&self) -> Option<Timestamp> {
        self.sent_until
    }
}

/// Asks a warehouse for the state of a fulfillment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// Our id of the fulfillment; also the reference that the warehouse gets.
    pub fulfillment: FulfillmentId,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The warehouse's own id of the fulfillment; `None` where it has not reported one.
    pub reference: Option<ExternalId>,
}

/// Requests the ERP to post the goods issue of a package that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodsIssue {
    /// The fulfillment that the package belongs to.
    pub fulfillment: FulfillmentId,
    /// The warehouse's name of the package.
    pub package: PackageId,
    /// The ERP's number of the sales order.
    pub sales_order: DocumentNumber,
    /// The site that shipped it; also the ERP's stock location.
    pub site: SiteCode,
    /// The quantities to post, in the units in which they were packed; kits as whole kits.
    pub lines: Vec<LineQuantity>,
}

impl EffectRequest for GoodsIssue {
    type Effect = FulfillmentEffect;

    fn effect(&self) -> FulfillmentEffect {
        FulfillmentEffect::PostGoodsIssue { package: self.package.clone() }
    }

    fn key(&self) -> String {
        key("goods-issue", self.fulfillment.order(), &self.reference())
    }
}

impl GoodsIssue {
    /// Our reference in the ERP, `<fulfillment>/<package>`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.fulfillment, self.package)
    }
}

impl Opened {
    /// The fulfillment `id` of `order`, as it was assigned; `None` if its warehouse should not (or no longer) ship it.
    pub fn of(order: &Order, id: &FulfillmentId) -> Option<Self> {
        Self::as_assigned(order, order.assignment(id)?)
    }

    /// The fulfillment `id` of `order` whose withdrawal is requested, as it was assigned.
    pub fn withdrawn(order: &Order, id: &FulfillmentId) -> Option<Self> {
        let (assignment, _) = order.withdrawal(id)?;
        Self::as_assigned(order, assignment)
    }

    /// The fulfillment `id` of `order`, as it was assigned, whether or not its warehouse should still ship it.
    pub fn assigned(order: &Order, id: &FulfillmentId) -> Option<Self> {
        Self::as_assigned(order, order.fulfillments.assignments.get(id)?)
    }

    fn as_assigned(order: &Order, assignment: &Assignment) -> Option<Self> {
        let submission = &order.terms.submission;
        Some(Self {
            fulfillment: assignment.fulfillment.clone(),
            order: order.id().clone(),
            sales_order: order.documents.last_sales_order()?.clone(),
            warehouse: assignment.warehouse.clone(),
            site: assignment.site.clone(),
            service_level: submission.service_level,
            requested_by: submission.requested_by,
            ship_to: submission.ship_to.clone(),
            lines: assignment.lines.clone(),
            handling: assignment.handling.clone(),
            deadlines: assignment.deadlines.clone(),
            ordered_at: Some(submission.ordered_at),
        })
    }
}

impl FulfillmentRequest {
    /// The request of `opened`, if it is due: until the warehouse answered, refused the call, or is requested to withdraw.
    pub fn due(fulfillment: Option<&Fulfillment>, opened: &Opened) -> Option<Self> {
        fulfillment.is_none_or(Fulfillment::awaits_request).then(|| Self {
            fulfillment: opened.fulfillment.clone(),
            warehouse: opened.warehouse.clone(),
            site: opened.site.clone(),
            service_level: opened.service_level,
            requested_by: opened.requested_by,
            ship_to: opened.ship_to.clone(),
            lines: opened.in_components(),
        })
    }
}

impl Fulfillment {
    pub(super) fn awaits_request(&self) -> bool {
        self.request_status() == RequestStatus::Requested
            && self.withdrawn.is_empty()
            && !self.open_effects.contains(&FulfillmentEffect::Withdraw)
            && !self.rejected_effects.contains_key(&FulfillmentEffect::Request)
    }

    /// The withdrawal, if the warehouse has or may have the fulfillment and nothing of it has shipped. `None` once the
    /// warehouse withdrew it or refused to, until it accepts it under another reference. The order decides whether to
    /// withdraw at all.
    ///
    /// An announced withdrawal is repeated until it is answered, even if a package left meanwhile: that does not tell
    /// whether the warehouse withdrew the rest.
    pub fn withdrawal(&self) -> Option<Withdrawal> {
        let answered = match self.request_status() {
            RequestStatus::Requested | RequestStatus::Accepted => !self.withdrawal_refused.is_empty(),
            RequestStatus::Rejected | RequestStatus::Withdrawn => true,
        };
        let rejected = self.rejected_effects.contains_key(&FulfillmentEffect::Withdraw);
        let pointless = answered || rejected || self.has_shipped() || !self.may_be_at_warehouse();
        if pointless && !self.open_effects.contains(&FulfillmentEffect::Withdraw) {
            return None;
        }
        Some(Withdrawal {
            fulfillment: self.opened.fulfillment.clone(),
            warehouse: self.opened.warehouse.clone(),
            reference: self.references().next().cloned(),
            sent_until: self.open_effects.get(&FulfillmentEffect::Request).map(|claim| claim.started().until),
        })
    }

    /// Why the fulfillment cannot be withdrawn, if it shipped before its warehouse was requested to. `None` after a
    /// request, or after it was withdrawn or rejected: then the warehouse's answer counts, or a refused call is reviewed.
    pub fn shipped_before_withdrawal(&self) -> Option<Rejection> {
        let has_shipped = match self.request_status() {
            RequestStatus::Requested | RequestStatus::Accepted => self.has_shipped(),
            RequestStatus::Rejected | RequestStatus::Withdrawn => false,
        };
        let withdraw = &FulfillmentEffect::Withdraw;
        let was_answered =
            !self.withdrawal_refused.is_empty() || !self.withdrawn.is_empty() || !self.rejected.is_empty();
        let was_requested =
            was_answered || self.open_effects.contains(withdraw) || self.rejected_effects.contains_key(withdraw);
        let why = || Rejection::new("ALREADY_SHIPPED", "it left before its withdrawal was requested");
        (has_shipped && !was_requested).then(why)
    }

    /// The inquiry about the fulfillment's state; `None` if the warehouse certainly does not have it.
    pub fn inquiry(&self) -> Option<Inquiry> {
        if !self.may_be_at_warehouse() {
            return None;
        }
        Some(Inquiry {
            fulfillment: self.opened.fulfillment.clone(),
            warehouse: self.opened.warehouse.clone(),
            reference: self.references().next().cloned(),
        })
    }

    /// The goods issue of `package`, if it is due: the package left, its content, lots and serial numbers are reported,
    /// nothing of it is posted, and it has lines to post. A repeat has the announced lines.
    pub fn goods_issue(&self, package: &PackageId) -> Option<GoodsIssue> {
        let effect = FulfillmentEffect::PostGoodsIssue { package: package.clone() };
        if self.goods_issues.contains_key(package) || self.rejected_effects.contains_key(&effect) {
            return None;
        }
        let reports = self.packages.get(package).filter(|reports| reports.has_left())?;
        let lines = match self.postings.get(package) {
            Some(announced) => announced.clone(),
            None if self.is_blocked(package, reports) => return None,
            None => self.lines_to_post(package),
        };
        (!lines.is_empty()).then(|| GoodsIssue {
            fulfillment: self.opened.fulfillment.clone(),
            package: package.clone(),
            sales_order: self.opened.sales_order.clone(),
            site: self.opened.site.clone(),
            lines,
        })
    }

    /// Every goods issue that is due.
    pub fn due_goods_issues(&self) -> impl Iterator<Item = GoodsIssue> {
        self.packages.keys().filter_map(|package| self.goods_issue(package))
    }
}
