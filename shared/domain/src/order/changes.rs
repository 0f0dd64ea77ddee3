//! Sub-machine: change requests. What is desired of the order, and the amendment that waits for its warehouses.
//!
//! A request always commits, also where it changes nothing or is refused: a redelivery of it finds it answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::order::event::{
    AmendRejected, Amendment, CancelRequested, Held, HoldReleased, OrderEvent, Template, WithdrawalReason,
};
use crate::order::fulfillments::Fulfillments;
use crate::order::line_quantities::LineQuantities;
use crate::order::pricing::Stage;
use crate::rejection::Rejection;

/// What is requested of the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// The state that is desired.
    pub desired: Desired,
    /// The amendment that waits for warehouses to withdraw their fulfillments.
    pub amending: Option<Amendment>,
    /// The newest request of each party that ever held the order. Its other requests may still arrive.
    pub holds: BTreeMap<String, Hold>,
    /// The sender's time of the newest amendment of each sender.
    pub amended_at: BTreeMap<String, Timestamp>,
}

/// A party's newest request to hold the order or to release it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// By the party's own clock; `None` where it gave no time.
    pub asked_at: Option<Timestamp>,
    /// The hold; `None` if the party released it.
    pub held: Option<Held>,
}

/// The state that is desired of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Desired {
    /// It is to be fulfilled.
    Active,
    /// Nothing more may be started for it.
    OnHold(Held),
    /// It is to be cancelled, or the part of it that has not shipped.
    Cancelled(CancelRequested),
}

impl Changes {
    pub(super) const NONE: Self =
        Self { desired: Desired::Active, amending: None, holds: BTreeMap::new(), amended_at: BTreeMap::new() };

    /// The holds in effect.
    pub fn held(&self) -> impl Iterator<Item = &Held> {
        self.holds.values().filter_map(|hold| hold.held.as_ref())
    }

    /// Whether the party asked something later than `asked_at` before. Requests without a time count by their commits.
    fn is_overtaken(&self, holder: &str, asked_at: Option<Timestamp>) -> bool {
        let known = self.holds.get(holder).and_then(|hold| hold.asked_at);
        known.zip(asked_at).is_some_and(|(known, asked)| asked < known)
    }

    pub(super) fn apply_held(&mut self, held: &Held) {
        let hold = Hold { asked_at: held.asked_at, held: Some(held.clone()) };
        self.holds.insert(held.holder.clone().unwrap_or_default(), hold);
        self.follow_holds();
    }

    pub(super) fn apply_hold_released(&mut self, released: &HoldReleased) {
        for (holder, hold) in &mut self.holds {
            // A hold of an earlier release has no holder; anyone's release ends it.
            if released.holder.is_none() || released.overrides || holder.is_empty() {
                hold.held = None;
            }
        }
        if let Some(holder) = &released.holder {
            self.holds.insert(holder.clone(), Hold { asked_at: released.asked_at, held: None });
        }
        self.follow_holds();
    }

    fn follow_holds(&mut self) {
        let first = self.held().next().cloned();
        match (&self.desired, first) {
            (Desired::Cancelled(_), _) => {}
            (Desired::Active | Desired::OnHold(_), Some(held)) => self.desired = Desired::OnHold(held),
            (Desired::Active | Desired::OnHold(_), None) => self.desired = Desired::Active,
        }
    }

    /// Notes the sender's time of an amendment.
    pub(super) fn note_amendment(&mut self, amendment: &Amendment) {
        if let (Some(sender), Some(at)) = (&amendment.asked_by, amendment.asked_at) {
            let newest = self.amended_at.entry(sender.clone()).or_insert(at);
            *newest = (*newest).max(at);
        }
    }

    fn is_amendment_overtaken(&self, amendment: &Amendment) -> bool {
        let known = amendment.asked_by.as_ref().and_then(|sender| self.amended_at.get(sender));
        known.zip(amendment.asked_at).is_some_and(|(known, asked)| asked < *known)
    }
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

    /// Each party has its own hold, so that one party's release does not end another's.
    pub(super) fn hold(&self, request: Held) -> Vec<OrderEvent> {
        let holder = request.holder.as_deref().unwrap_or_default();
        let known = self.changes.holds.get(holder);
        if matches!(self.changes.desired, Desired::Cancelled(_)) {
            return vec![rejected("ORDER_CANCELLED", "the order is being cancelled, or is")];
        }
        if self.stage.invoice().is_some() {
            return vec![rejected("ORDER_CLOSED", "the order is delivered and invoiced")];
        }
        if self.changes.is_overtaken(holder, request.asked_at) {
            return vec![rejected("OVERTAKEN", "a later request of the same sender counts")];
        }
        let repeats = known.is_some_and(|hold| hold.held.is_some() && request.asked_at <= hold.asked_at);
        if repeats {
            return vec![rejected("ALREADY_HELD", "the same party holds the order already")];
        }
        self.with_withdrawals(OrderEvent::Held(request), WithdrawalReason::Held)
    }

    /// A release with a time of its own is recorded also where its party holds nothing: the hold that it ends may arrive later.
    pub(super) fn release_hold(&self, request: HoldReleased) -> Vec<OrderEvent> {
        let holder = request.holder.as_deref().unwrap_or_default();
        if self.is_cancelled() {
            return vec![rejected("NOT_HELD", "the order is not held")];
        }
        if self.changes.is_overtaken(holder, request.asked_at) {
            return vec![rejected("OVERTAKEN", "a later request of the same sender counts")];
        }
        let holders: Vec<&str> = self.changes.held().map(|held| held.holder.as_deref().unwrap_or_default()).collect();
        let ends_one =
            request.holder.is_none() || request.overrides || holders.iter().any(|by| by.is_empty() || *by == holder);
        if holders.is_empty() && request.asked_at.is_none() {
            return vec![rejected("NOT_HELD", "the order is not held")];
        }
        if !ends_one && request.asked_at.is_none() {
            return vec![rejected("HELD_BY_OTHERS", "others hold the order, and only a holder releases its hold")];
        }
        vec![OrderEvent::HoldReleased(request)]
    }

    /// Amends at once if no warehouse has a fulfillment. Otherwise all fulfillments are withdrawn first, so that all
    /// fulfillments of an order use the same revision. A newer amendment replaces one that still waits for that.
    pub(super) fn amend(&self, amendment: Amendment) -> Vec<OrderEvent> {
        let amendment = Amendment { revision: self.terms.revision + 1, ..amendment };
        let problem = match (&self.changes.desired, &self.stage, &self.changes.amending) {
            (Desired::Cancelled(_), _, _) => Some(("ORDER_CANCELLED", "the order is being cancelled, or is")),
            (_, Stage::Invoiced(..), _) => Some(("ORDER_CLOSED", "the order is delivered and invoiced")),
            (_, _, _) if self.changes.is_amendment_overtaken(&amendment) => {
                Some(("OVERTAKEN", "a later amendment of the same sender counts"))
            }
            (_, _, _) if self.fulfillments.any_shipped() => {
                Some(("ALREADY_SHIPPED", "a part of it has left the warehouse"))
            }
            (_, _, Some(pending)) if pending.has_content_of(&amendment) => {
                Some(("NOTHING_TO_CHANGE", "the pending amendment says that already"))
            }
            // The digest is over all members: another one means that a member differs which an amendment does not change.
            (_, _, None) if self.terms.says(&amendment) && self.terms.digest != amendment.digest => {
                Some(("CANNOT_AMEND", "nothing else differs, and requested_by cannot be amended"))
            }
            (_, _, None) if self.terms.says(&amendment) => Some(("NOTHING_TO_CHANGE", "the order says that already")),
            (Desired::Active | Desired::OnHold(_), _, Some(_) | None) => None,
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
        self.changes.note_amendment(amendment);
        self.terms.amend(amendment);
        self.overrides = Default::default();
        self.drop_allocations();
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
