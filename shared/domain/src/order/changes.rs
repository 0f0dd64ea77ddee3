//! Sub-machine: change requests. What is desired of the order, and the amendment that waits for its warehouses.
//!
//! A request always commits, also where it changes nothing or is refused: a redelivery of it finds it answered.

use crate::order::Order;
use crate::order::event::{
    AmendRejected, Amendment, CancelRequested, Held, HoldReleased, OrderEvent, Template, WithdrawalReason,
};
use crate::order::fulfillments::Fulfillments;
use crate::order::line_quantities::LineQuantities;
use crate::order::pricing::Stage;
use crate::rejection::Rejection;

/// What is requested of the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The state that is desired.
    pub desired: Desired,
    /// The amendment that waits for warehouses to withdraw their fulfillments.
    pub amending: Option<Amendment>,
}

/// The state that is desired of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// It is to be fulfilled.
    Active,
    /// Nothing more may be started for it.
    OnHold(Held),
    /// It is to be cancelled, or the part of it that has not shipped.
    Cancelled(CancelRequested),
}

impl Changes {
    pub(super) const NONE: Self = Self { desired: Desired::Active, amending: None };
}

impl Order {
    /// Whether the order is to go on as it is: not held, not cancelled, not being amended.
    pub fn is_active(&self) -> bool {
        self.is_desired() && self.changes.amending.is_none()
    }

    /// Whether the order is to be fulfilled, also after a pending amendment.
    pub(super) fn is_desired(&self) -> bool {
        matches!(self.changes.desired, Desired::Active)
    }

    /// Whether it is to be cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.changes.desired, Desired::Cancelled(_))
    }

    pub(super) fn cancel(&self, request: CancelRequested) -> Vec<OrderEvent> {
        if self.is_cancelled() {
            return vec![rejected("ALREADY_CANCELLED", "the order is being cancelled, or is")];
        }
        if self.stage.invoice().is_some() {
            return vec![
                rejected("ORDER_CLOSED", "the order is delivered and invoiced"),
                OrderEvent::notice(Template::CancelRejected),
            ];
        }
        if self.has_all_shipped() {
            let why = "all of it has left the warehouse; a return can be offered";
            return vec![rejected("ALREADY_SHIPPED", why), OrderEvent::notice(Template::CancelRejected)];
        }
        // Request a withdrawal also where one was requested or refused for another reason: a fulfillment that ships from now
        // on ships although the order is cancelled.
        let unshipped = self.fulfillments.assignments.keys().filter(|id| !self.fulfillments.has_shipped(id));
        let withdrawals = Fulfillments::withdraw(unshipped, WithdrawalReason::Cancelled);
        std::iter::once(OrderEvent::CancelRequested(request)).chain(withdrawals).collect()
    }

    /// Whether something has left a warehouse and nothing waits.
    fn has_all_shipped(&self) -> bool {
        let lines = self.line_quantities();
        lines.iter().any(|line| !line.shipped.is_zero()) && !lines.iter().any(LineQuantities::is_waiting)
    }

    pub(super) fn hold(&self, request: Held) -> Vec<OrderEvent> {
        match &self.changes.desired {
            Desired::OnHold(_) => vec![rejected("ALREADY_HELD", "the order is held already")],
            Desired::Cancelled(_) => vec![rejected("ORDER_CANCELLED", "the order is being cancelled, or is")],
            Desired::Active if self.stage.invoice().is_some() => {
                vec![rejected("ORDER_CLOSED", "the order is delivered and invoiced")]
            }
            Desired::Active => self.with_withdrawals(OrderEvent::Held(request), WithdrawalReason::Held),
        }
    }

    pub(super) fn release_hold(&self, request: HoldReleased) -> Vec<OrderEvent> {
        match &self.changes.desired {
            Desired::OnHold(_) => vec![OrderEvent::HoldReleased(request)],
            Desired::Active | Desired::Cancelled(_) => vec![rejected("NOT_HELD", "the order is not held")],
        }
    }

    /// Amends at once if no warehouse has a fulfillment. Otherwise all fulfillments are withdrawn first, so that all
    /// fulfillments of an order use the same revision.
    pub(super) fn amend(&self, amendment: Amendment) -> Vec<OrderEvent> {
        let amendment = Amendment { revision: self.terms.revision + 1, ..amendment };
        let problem = match (&self.changes.desired, &self.stage, &self.changes.amending) {
            (Desired::Cancelled(_), _, _) => Some(("ORDER_CANCELLED", "the order is being cancelled, or is")),
            (_, Stage::Invoiced(..), _) => Some(("ORDER_CLOSED", "the order is delivered and invoiced")),
            (_, _, Some(_)) => Some(("AMENDMENT_PENDING", "another amendment waits for the warehouses")),
            (_, _, None) if self.fulfillments.any_shipped() => {
                Some(("ALREADY_SHIPPED", "a part of it has left the warehouse"))
            }
            (_, _, None) if self.terms.says(&amendment) => Some(("NOTHING_TO_CHANGE", "the order says that already")),
            (Desired::Active | Desired::OnHold(_), _, None) => None,
        };
        if let Some((code, why)) = problem {
            return vec![rejected(code, why)];
        }
        if self.fulfillments.withdrawable().next().is_none() {
            return vec![OrderEvent::Amended(amendment), OrderEvent::notice(Template::Amended)];
        }
        self.with_withdrawals(OrderEvent::AmendRequested(amendment), WithdrawalReason::Amended)
    }

    /// A request, and the withdrawal of every fulfillment of which nothing has left.
    fn with_withdrawals(&self, request: OrderEvent, why: WithdrawalReason) -> Vec<OrderEvent> {
        std::iter::once(request).chain(self.fulfillments.withdrawals_for(why)).collect()
    }

    /// The pending amendment takes effect once every fulfillment is withdrawn, and is rejected if one stays.
    pub(super) fn conclude_amendment(&self) -> Vec<OrderEvent> {
        let Some(amendment) = &self.changes.amending else { return vec![] };
        if let Some(fulfillment) = self.fulfillments.one_that_ships_anyway() {
            let revision = amendment.revision;
            let rejection = Rejection::new("ALREADY_PICKED", format!("{fulfillment} is being picked, or has left"));
            let rejected = OrderEvent::AmendRejected(AmendRejected { revision, rejection });
            return vec![rejected, OrderEvent::notice(Template::AmendRejected)];
        }
        if self.fulfillments.withdrawable().next().is_some() {
            return vec![];
        }
        vec![OrderEvent::Amended(amendment.clone()), OrderEvent::notice(Template::Amended)]
    }

    /// The order has another content and starts from the beginning; what the ERP has for it is deallocated or changed.
    pub(super) fn apply_amendment(&mut self, amendment: &Amendment) {
        self.changes.amending = None;
        self.terms.amend(amendment);
        self.overrides = Default::default();
        let requested: Vec<_> = self.documents.allocations_under_way().map(|(no, _)| no).collect();
        self.stock.drop_all(requested);
        self.fulfillments.superseded.extend(self.fulfillments.assignments.keys().cloned());
        self.fulfillments.unroutable = None;
        self.documents.rejected.clear();
        self.stage = Stage::Submitted;
    }
}

/// The answer to a request that the order cannot meet.
pub(super) fn rejected(code: &str, why: &str) -> OrderEvent {
    OrderEvent::RequestRejected(Rejection::new(code, why))
}
