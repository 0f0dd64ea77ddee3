//! The status that people read: a pure function of the facts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::order::changes::Desired;
use crate::order::line_quantities::LineQuantities;
use crate::order::pricing::{Credit, Stage};

/// The status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Received; the ERP has not priced it.
    Submitted,
    /// The ERP cannot price it; a person has to decide.
    Unpriceable,
    /// Priced; credit and stock are requested.
    Priced,
    /// The ERP refused credit; a person has to decide.
    CreditRefused,
    /// It waits for stock before its release.
    Backordered,
    /// On hold: nothing new is started until the hold is released.
    OnHold,
    /// The ERP has the sales order; warehouses may ship.
    Released,
    /// No warehouse may or can ship it; a person has to decide.
    Unroutable,
    /// Warehouses are chosen; not all of them have accepted.
    Routed,
    /// Every warehouse accepted its fulfillment.
    Accepted,
    /// A part of it left.
    PartiallyShipped,
    /// All of it left.
    Shipped,
    /// All of it arrived.
    Delivered,
    /// Delivered and invoiced; nothing more follows.
    Invoiced,
    /// A cancellation was requested; not every partner has carried it out.
    Cancelling,
    /// Cancelled at every partner; nothing more follows.
    Cancelled,
}

impl Status {
    /// The status as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Unpriceable => "unpriceable",
            Self::Priced => "priced",
            Self::CreditRefused => "credit_refused",
            Self::Backordered => "backordered",
            Self::OnHold => "on_hold",
            Self::Released => "released",
            Self::Unroutable => "unroutable",
            Self::Routed => "routed",
            Self::Accepted => "accepted",
            Self::PartiallyShipped => "partially_shipped",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Invoiced => "invoiced",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }

    /// Every status, in the order of a run without exceptions.
    pub const ALL: [Self; 16] = [
        Self::Submitted,
        Self::Unpriceable,
        Self::Priced,
        Self::CreditRefused,
        Self::Backordered,
        Self::OnHold,
        Self::Released,
        Self::Unroutable,
        Self::Routed,
        Self::Accepted,
        Self::PartiallyShipped,
        Self::Shipped,
        Self::Delivered,
        Self::Invoiced,
        Self::Cancelling,
        Self::Cancelled,
    ];

    /// Whether nothing more happens without a new request.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Invoiced | Self::Cancelled)
    }
}

impl Order {
    /// The order's status.
    pub fn status(&self) -> Status {
        let lines = self.line_quantities();
        let shipped = lines.iter().any(|line| !line.shipped.is_zero());
        // Goods that left before a cancellation or a hold, or in spite of it, continue; the request covers the rest.
        match &self.changes.desired {
            Desired::Cancelled(_) if !shipped && self.fulfillments.one_that_ships_anyway().is_none() => {
                return if self.is_undone() { Status::Cancelled } else { Status::Cancelling };
            }
            Desired::OnHold(_) if !shipped => return Status::OnHold,
            Desired::Cancelled(_) | Desired::OnHold(_) | Desired::Active => {}
        }
        match &self.stage {
            Stage::Submitted => Status::Submitted,
            Stage::Unpriceable(_) => Status::Unpriceable,
            Stage::Priced(_, Credit::Refused(_)) => Status::CreditRefused,
            Stage::Priced(..) if !self.stock.allocations.is_empty() && !self.stock_suffices() => Status::Backordered,
            Stage::Priced(..) => Status::Priced,
            Stage::Invoiced(..) => Status::Invoiced,
            Stage::Released(_) | Stage::Unroutable(..) | Stage::Routed(_) if shipped => {
                if self.all_delivered(&lines) {
                    Status::Delivered
                } else if lines.iter().any(LineQuantities::is_waiting) {
                    Status::PartiallyShipped
                } else {
                    Status::Shipped
                }
            }
            Stage::Released(_) => Status::Released,
            Stage::Unroutable(..) => Status::Unroutable,
            Stage::Routed(_) if self.fulfillments.all_accepted() => Status::Accepted,
            Stage::Routed(_) => Status::Routed,
        }
    }

    /// Whether no partner has, or may have, anything of a cancelled order.
    fn is_undone(&self) -> bool {
        self.nothing_will_ship()
            && self.documents.sales_order().is_none()
            && self.stock.allocations.is_empty()
            && self.stock.to_deallocate.is_empty()
            && self.documents.open_effects.is_empty()
    }
}
