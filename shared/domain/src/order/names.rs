//! Sub-machine: the order's names. A second id of the order is an alias. The purchase order number of a cancelled order may go
//! to a new order; what the cancelled order ships all the same is then reviewed on both.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{ExternalId, FulfillmentId, OrderId, PartnerId};
use crate::order::event::{
    AliasAdded, OrderEvent, PredecessorShipped, PurchaseOrderMoved, PurchaseOrderTaken, Submission,
};
use crate::order::{Order, Status};

/// What the order is called.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Names {
    /// The ids under which it was submitted, too.
    pub aliases: BTreeMap<OrderId, Alias>,
    /// The cancelled order that had its purchase order number before.
    pub taken: Option<PurchaseOrderTaken>,
    /// The order that took its purchase order number over.
    pub moved_to: Option<OrderId>,
    /// The fulfillments of the cancelled order that left their warehouses.
    pub predecessor_shipped: BTreeSet<FulfillmentId>,
}

/// What another source, or the same one, calls the order, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The system that submitted it under the alias.
    pub source: PartnerId,
    /// The order's id in that system.
    pub external_id: ExternalId,
}

/// What a submission under the purchase order number of an order is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurchaseOrderUse {
    /// The same order by another way.
    SameOrder,
    /// A new order, if the cancellation is carried out: only then is it certain that nothing of the old one ships.
    NewAfterCancellation,
    /// A new order, which takes the number over.
    NewOrder {
        /// The last event of the old order before the takeover.
        moved: PurchaseOrderMoved,
        /// The new order's second event.
        taken: PurchaseOrderTaken,
    },
}

impl Names {
    pub(super) fn record_predecessor_shipped(&self, shipped: PredecessorShipped) -> Vec<OrderEvent> {
        let is_known = self.taken.is_none() || self.predecessor_shipped.contains(&shipped.fulfillment);
        if is_known { vec![] } else { vec![OrderEvent::PredecessorShipped(shipped)] }
    }
}

impl Order {
    /// A submission of the order that exists. Under a new id it adds the alias.
    pub(super) fn submit_again(&self, again: Submission) -> Vec<OrderEvent> {
        let alias = &again.ship_to.order;
        if alias == self.id() || self.names.aliases.contains_key(alias) {
            return self.terms.compare(again, false).into_iter().collect();
        }
        let (alias, source, external_id) = (alias.clone(), again.source.clone(), again.external_id.clone());
        let added = OrderEvent::AliasAdded(AliasAdded { alias, source, external_id });
        std::iter::once(added).chain(self.terms.compare(again, self.is_cancelled())).collect()
    }

    /// The order's id and external id by which `source` knows it; `None` if that source did not submit it.
    pub fn name_by(&self, source: &str) -> Option<(&OrderId, &ExternalId)> {
        let submission = &self.terms.submission;
        if submission.source.as_str() == source {
            return Some((self.id(), &submission.external_id));
        }
        let mut aliases = self.names.aliases.iter();
        aliases.find(|(_, alias)| alias.source.as_str() == source).map(|(id, alias)| (id, &alias.external_id))
    }

    /// What `new`, which has the order's purchase order number, is. `cancelled_at` is when the order's cancellation was
    /// requested. A submission that was ordered before that is the same order by another way, however late it arrives.
    pub fn purchase_order_use(&self, new: &Submission, cancelled_at: Option<Timestamp>) -> PurchaseOrderUse {
        let Some(cancelled_at) = cancelled_at.filter(|cancelled_at| new.ordered_at > *cancelled_at) else {
            return PurchaseOrderUse::SameOrder;
        };
        match self.status() {
            Status::Cancelling => PurchaseOrderUse::NewAfterCancellation,
            Status::Cancelled => PurchaseOrderUse::NewOrder {
                moved: PurchaseOrderMoved { to: new.ship_to.order.clone() },
                taken: PurchaseOrderTaken { from: self.id().clone(), cancelled_at },
            },
            // A part of it ships in spite of the cancellation, or all of it has: a person decides.
            Status::Submitted
            | Status::Unpriceable
            | Status::Priced
            | Status::CreditRefused
            | Status::Backordered
            | Status::OnHold
            | Status::Released
            | Status::Unroutable
            | Status::Routed
            | Status::Accepted
            | Status::PartiallyShipped
            | Status::Shipped
            | Status::Delivered
            | Status::Invoiced => PurchaseOrderUse::SameOrder,
        }
    }

    /// The order that has to be told that `fulfillment` of this cancelled one left its warehouse.
    pub fn successor_to_tell(&self, fulfillment: &FulfillmentId) -> Option<&OrderId> {
        self.names.moved_to.as_ref().filter(|_| self.fulfillments.has_shipped(fulfillment))
    }
}
