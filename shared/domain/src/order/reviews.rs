//! The decisions that people have to take about an order, derived from all sub-machines, and what follows from a decision.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::DocumentNumber;
use crate::order::Order;
use crate::order::changes::rejected;
use crate::order::effect::OrderEffect;
use crate::order::event::{CancelRequested, CreditApproved, OrderEvent, WithdrawalReason};
use crate::order::line_quantities::LineQuantities;
use crate::order::pricing::{Credit, Stage};
use crate::order::review::{OrderReview, WorkDiscarded};
use crate::order::rounds::CreditRounds;
use crate::review::{Choice, Decision, Review, allowed, open};

/// What was approved beyond the order's own content. An amendment revokes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// The ERP's price counts, even if the customer was promised another one.
    pub price: bool,
    /// The order may ship in parts although it asks for one shipment.
    pub parts: bool,
}

impl Order {
    /// The decisions that wait for a person: derived from the facts, less those that were decided.
    pub fn reviews(&self) -> Vec<Review<OrderReview>> {
        let mut reviews = Vec::new();
        let lines = self.line_quantities();
        let shipped = lines.iter().any(|line| !line.shipped.is_zero());
        // An obstacle needs a decision only while the order is to go on.
        if self.is_desired() {
            reviews.extend(self.obstacles());
        }
        reviews.extend(self.unwithdrawn(shipped));
        let missed = self.documents.rejected.iter().filter(|(effect, _)| self.is_missed(effect, shipped));
        reviews.extend(missed.map(|(effect, why)| Review::of_refusal(effect, why)));
        reviews.extend(self.duplicate_documents());
        reviews.extend(self.disputed_invoice());
        for conflict in &self.terms.conflicts {
            let (source, id) = (&conflict.source, &conflict.external_id);
            let how = if conflict.after_cancel { "after it was cancelled" } else { "with other content" };
            let reason = format!("{source} sent it again as {id}, {how}");
            reviews.push(Review { kind: OrderReview::ConflictingSubmission, reason });
        }
        for fulfillment in &self.names.predecessor_shipped {
            let reason = format!("{fulfillment} of the cancelled order with the same purchase order left all the same");
            reviews.push(Review { kind: OrderReview::PredecessorShipped, reason });
        }
        reviews.extend(lines.iter().filter(|line| !line.over.is_zero()).map(over_shipped));
        let mismatch = |reason| Review { kind: OrderReview::ContentMismatch, reason };
        reviews.extend(self.uncounted().into_iter().map(mismatch));
        if self.overdue && !self.status().is_final() {
            let reason = format!("still {} after {}", self.status().as_str(), self.terms.submission.deadline);
            reviews.push(Review { kind: OrderReview::Overdue, reason });
        }
        reviews.extend(self.discarded.iter().map(WorkDiscarded::review));
        open(reviews, &self.decisions)
    }

    /// What keeps the order from going on.
    fn obstacles(&self) -> Vec<Review<OrderReview>> {
        let mut reviews = Vec::new();
        let mut raise = |kind: OrderReview, reason: String| reviews.push(Review { kind, reason });
        if !self.overrides.price
            && let Some(disagreement) = self.price_disagreement()
        {
            raise(OrderReview::PriceDisagrees, disagreement);
        }
        match &self.stage {
            Stage::Unpriceable(why) => raise(OrderReview::Unpriceable, why.to_string()),
            Stage::Priced(_, Credit::Refused(refused)) => raise(OrderReview::CreditRefused, refused.reason.clone()),
            Stage::Priced(_, Credit::Expired(expired)) => {
                let reason = format!("the ERP's approval ended at {}, before the release", expired.valid_until);
                raise(OrderReview::CreditExpired, reason);
            }
            Stage::Priced(_, Credit::Approved(_)) if !self.stock.allocations.is_empty() && !self.stock_suffices() => {
                let short = "stock is short and the order may not go in parts";
                let why = if self.stock.has_any() { short } else { "there is no stock of anything in the order" };
                raise(OrderReview::StockShort, why.to_owned());
            }
            Stage::Unroutable(_, routed) => {
                raise(OrderReview::Unroutable, super::routing::explain(&routed.candidates));
                for fulfillment in self.fulfillments.refusals() {
                    raise(OrderReview::FulfillmentRejected, format!("the warehouse refused {fulfillment}"));
                }
            }
            Stage::Submitted | Stage::Priced(..) | Stage::Released(_) | Stage::Routed(_) | Stage::Invoiced(..) => {}
        }
        reviews.extend(self.stock_in_doubt());
        reviews
    }

    /// Fulfillments that ship although they were withdrawn.
    fn unwithdrawn(&self, shipped: bool) -> Vec<Review<OrderReview>> {
        let mut reviews = Vec::new();
        let mut raise = |kind: OrderReview, reason: String| reviews.push(Review { kind, reason });
        let fulfillments = &self.fulfillments;
        for (id, why) in &fulfillments.withdrawals {
            let refused = fulfillments.progress.get(id).and_then(|progress| progress.withdrawal_refused.as_ref());
            if self.is_cancelled() && fulfillments.has_shipped(id) && *why == WithdrawalReason::Cancelled {
                raise(OrderReview::ShippedAfterCancel, format!("{id} left although the order was cancelled"));
            } else if let (Some(refused), true) = (refused, fulfillments.ships_anyway(id)) {
                raise(OrderReview::WithdrawalRefused, format!("{id} was not withdrawn: {refused}"));
            }
        }
        if self.is_cancelled() && shipped {
            for id in fulfillments.progress.keys().filter(|id| !fulfillments.assignments.contains_key(*id)) {
                raise(OrderReview::ShippedAfterCancel, format!("{id} left although the order was cancelled"));
            }
        }
        reviews
    }

    /// Whether a refused effect is still needed: no other attempt had it, and the order needs its document.
    fn is_missed(&self, effect: &OrderEffect, shipped: bool) -> bool {
        let needed = !self.is_cancelled() || shipped;
        match effect {
            OrderEffect::Deallocate { .. } | OrderEffect::CancelSalesOrder => true,
            // An amended order has a sales order already, with the earlier content.
            OrderEffect::CreateSalesOrder => needed && !self.stage.is_released(),
            OrderEffect::Allocate { .. } | OrderEffect::Invoice => needed && self.document(effect).is_none(),
        }
    }

    fn duplicate_documents(&self) -> impl Iterator<Item = Review<OrderReview>> {
        self.documents.duplicates.iter().filter_map(|(effect, duplicates)| {
            let used = self.document(effect);
            if !duplicates.iter().any(|document| Some(document) != used) {
                return None;
            }
            let all: BTreeSet<&DocumentNumber> = duplicates.iter().chain(used).collect();
            let names: Vec<&str> = all.into_iter().map(DocumentNumber::as_str).collect();
            let reason = format!("{effect} made more than the order asked for: {}", names.join(", "));
            Some(Review { kind: OrderReview::DuplicateDocument, reason })
        })
    }

    /// What was decided of a review.
    pub(super) fn decided(&self, review: &Review<OrderReview>) -> Option<Choice> {
        self.decisions.get(&review.key()).map(|decision| decision.choice)
    }

    /// A decision, and what follows from it. One that cannot be followed decides nothing: the review stays open.
    pub(super) fn decide_review(&self, decision: Decision<OrderReview>) -> Vec<OrderEvent> {
        if let Err(rejection) = allowed(&self.reviews(), &decision) {
            return vec![rejected(&rejection.code, &rejection.reason)];
        }
        let follows = if decision.choice == Choice::Cancel {
            self.cancel(CancelRequested { reason: format!("decided by {}", decision.by), asked_at: None })
        } else if decision.kind == OrderReview::InvoiceDisagrees {
            self.invoice_decided(&decision)
        } else if decision.choice == Choice::ResolvedManually {
            self.resolved_manually(&decision)
        } else {
            vec![]
        };
        if let Some(OrderEvent::RequestRejected(_)) = follows.first() {
            return follows;
        }
        std::iter::once(OrderEvent::ReviewDecided(decision)).chain(follows).collect()
    }

    /// What a decision changes in the state. A step that may now continue reads that from the state.
    pub(super) fn apply_decision(&mut self, decision: &Decision<OrderReview>) {
        match (decision.kind, decision.choice) {
            (OrderReview::Unpriceable, Choice::Retry) => self.stage = Stage::Submitted,
            (OrderReview::CreditRefused | OrderReview::CreditExpired, Choice::Retry) => {
                self.credit_rounds = CreditRounds::default();
                self.stage.set_credit(Credit::Pending);
            }
            (OrderReview::StockNotAllocated, Choice::Retry) => {
                self.stock.fruitless_accepted = self.fruitless_rounds();
            }
            (OrderReview::CreditRefused | OrderReview::CreditExpired, Choice::Approve) => {
                if let Stage::Priced(price, credit) = &mut self.stage {
                    *credit = Credit::Approved(CreditApproved { amount: price.total, valid_until: None });
                }
            }
            (OrderReview::PriceDisagrees, Choice::Approve) => self.overrides.price = true,
            (OrderReview::StockShort, Choice::ShipAvailable) => self.overrides.parts = true,
            (OrderReview::Unroutable | OrderReview::FulfillmentRejected, Choice::RouteAgain) => {
                self.fulfillments.retry_allowed = self.fulfillments.assignments.keys().cloned().collect();
                self.fulfillments.unroutable = None;
                if let Stage::Unroutable(price, _) = &self.stage {
                    self.stage = Stage::Released(price.clone());
                }
            }
            (OrderReview::PartnerRefused | OrderReview::OutcomeUnknown, Choice::Retry) => {
                self.documents.retry(&decision.review);
            }
            (_, _) => {}
        }
        self.decisions.insert(decision.review.clone(), decision.clone());
    }

    /// A repeated rejection invalidates the earlier decision.
    pub(super) fn forget_decisions(&mut self, kind: OrderReview) {
        self.decisions.retain(|_, decision| decision.kind != kind);
    }
}

/// The review of a line of which more is on its way than was ordered.
pub(super) fn over_shipped(line: &LineQuantities) -> Review<OrderReview> {
    let reason = format!("line {}: {} more than ordered", line.line, line.over);
    Review { kind: OrderReview::OverShipped, reason }
}
