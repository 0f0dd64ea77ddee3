//! Budgets of steps that open each other's work again: without one, two steps that never agree would go round for ever.

use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::order::event::Allocation;
use crate::order::review::OrderReview;
use crate::review::Review;
use crate::shipment::RequestStatus;

/// So often credit may expire between its approval and the release before a person decides.
const CREDIT: u32 = 5;

/// So many allocations and fulfillments may come to nothing before a person decides. The ERP's stock is checked every quarter of
/// an hour, so this takes three hours at least.
const STOCK: u32 = 12;

/// The rounds of one pair of steps since the order was priced or a person decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditRounds(u32);

impl CreditRounds {
    /// Whether another round would be one too many.
    pub(super) fn is_used_up_by_another(self) -> bool {
        self.0.saturating_add(1) >= CREDIT
    }

    pub(super) fn count(&mut self) {
        self.0 = self.0.saturating_add(1);
    }
}

impl Order {
    /// Whether the ERP and the warehouses showed stock too often that was not there, as far as no person decided to go on.
    pub(super) fn is_stock_in_doubt(&self) -> bool {
        self.fruitless_rounds() >= self.stock.fruitless_accepted.saturating_add(STOCK)
    }

    /// The allocations without any stock, and the fulfillments of which a warehouse found nothing. It is a function of the
    /// facts, so that their order does not matter.
    pub(super) fn fruitless_rounds(&self) -> u32 {
        let is_empty = |allocation: &&Allocation| allocation.lines.iter().all(|line| line.sources.is_empty());
        let allocations = self.stock.allocations.values().filter(is_empty).count();
        let fulfillments = &self.fulfillments;
        let reports = fulfillments.progress.iter().filter(|(id, progress)| {
            progress.request_status == RequestStatus::Accepted
                && fulfillments.will_not_ship(id)
                && !fulfillments.superseded.contains(*id)
        });
        u32::try_from(allocations + reports.count()).unwrap_or(u32::MAX)
    }

    /// The review of stock that is shown and cannot be had.
    pub(super) fn stock_in_doubt(&self) -> Option<Review<OrderReview>> {
        let rounds = self.fruitless_rounds();
        let reason = || format!("the ERP shows stock, and {rounds} times there was none to allocate or to ship");
        let waits = || self.is_short() && self.stage.invoice().is_none();
        (self.is_stock_in_doubt() && waits()).then(|| Review { kind: OrderReview::StockNotAllocated, reason: reason() })
    }
}
