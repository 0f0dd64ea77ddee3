//! What lists show of an order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::ids::{CustomerId, ExternalId, OrderId, PartnerId, PurchaseOrder};
use crate::money::Money;
use crate::order::Order;
use crate::order::names::Alias;
use crate::order::status::Status;

/// All that an order's row in lists shows, but the time of its last change. The row is written when this changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing<'a> {
    /// Crossdock's id of the order.
    pub id: &'a OrderId,
    /// As people read it.
    pub status: Status,
    /// The system that submitted the order.
    pub source: &'a PartnerId,
    /// The order's id in that system.
    pub external_id: &'a ExternalId,
    /// What other submissions called it.
    pub aliases: &'a BTreeMap<OrderId, Alias>,
    /// The sold-to customer's number.
    pub customer: &'a CustomerId,
    /// The customer's purchase order number.
    pub customer_po: &'a PurchaseOrder,
    /// The order's total, tax included; `None` until it is priced.
    pub total: Option<Money>,
    /// When the customer ordered, by the sender's clock.
    pub ordered_at: Timestamp,
    /// The number of its own open reviews, without those of its fulfillments.
    pub reviews: usize,
}

impl Order {
    /// What lists show of the order.
    pub fn listing(&self) -> Listing<'_> {
        let submission = &self.terms.submission;
        Listing {
            id: self.id(),
            status: self.status(),
            source: &submission.source,
            external_id: &submission.external_id,
            aliases: &self.names.aliases,
            customer: &submission.customer,
            customer_po: &submission.customer_po,
            total: self.stage.price().map(|price| price.total),
            ordered_at: submission.ordered_at,
            reviews: self.reviews().len(),
        }
    }
}
