//! The pure domain of Crossdock: what an order and a fulfillment are, what may happen to them, and what follows.
//!
//! Everything here is a plain value or a plain function. There is no `async`, no clock, no environment and no random
//! number: what a decision must know arrives in its command. So the laws in `tests/` can try every permutation of an order's
//! facts in milliseconds.
//!
//! One module per workflow ([`order`], [`fulfillment`], [`returns`], [`intake`]) beside what all workflows have in common: [`workflow`] and [`review`],
//! identifiers, money, quantities, goods and parties. Partners' wire formats are in `partners`, storage is in `cloud`, retries and
//! the timing of claims are in `engine`.

mod core;
pub mod fulfillment;
pub mod intake;
pub mod order;
pub mod returnable;
pub mod returns;
#[cfg(test)]
mod samples;
pub mod shipment;

// The tests' words name this crate from outside, so that the laws in `tests/` can use them, too.
#[cfg(test)]
extern crate self as domain;

use crate::core::pairs;
pub use crate::core::{due, goods, ids, money, party, quantity, rejection, review, workflow};
pub use fulfillment::{Fulfillment, FulfillmentCommand, FulfillmentEffect, FulfillmentEvent};
pub use ids::{
    Carrier, CustomerId, DeliveryId, DocumentNumber, ExternalId, FulfillmentId, IdError, LineNo, Lot, OrderId,
    PackageId, PartnerId, PurchaseOrder, ReturnId, Serial, SiteCode, Sku, Tracking,
};
pub use money::{Currency, Money};
pub use order::{Order, OrderCommand, OrderEffect, OrderEvent, routing};
pub use quantity::{Conversion, Quantity, Uom};
pub use rejection::Rejection;
pub use returns::{Return, ReturnCommand, ReturnEffect, ReturnEvent};
pub use workflow::{EffectFailed, EffectRejected, EffectRequest, EffectStarted, OpenEffects, Timer, Workflow};
