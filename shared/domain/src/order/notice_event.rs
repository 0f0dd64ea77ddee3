//! The notices for an order's customer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A notice for the customer. It names the template only; the system that writes to customers has the text and the
/// address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerNotice {
    /// Which notice to send.
    pub template: Template,
}

/// The notices that a customer may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// A part of the order waits for stock.
    Backordered,
    /// The order is on hold.
    OnHold,
    /// The order was amended as requested.
    Amended,
    /// The order could not be amended.
    AmendRejected,
    /// The order is cancelled.
    Cancelled,
    /// The order could not be cancelled any more; a return is offered.
    CancelRejected,
    /// The order will arrive later than promised.
    Delayed,
    /// A part of the order will not be shipped.
    PartlyCancelled,
    /// A package comes back undelivered.
    ReturnedToSender,
}
