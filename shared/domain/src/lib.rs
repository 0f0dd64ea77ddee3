//! The pure core of Crossdock: what an order and a fulfillment are, what may happen to them, and what follows.
//!
//! Everything here is a plain value or a plain function. There is no `async`, no clock, no environment and no random
//! number: whatever a decision must know arrives in its command. That is what lets the laws in `tests/` try every
//! permutation of an order's facts in milliseconds.
//!
//! Deliberately left out: partners' wire formats (`partners`), storage (`cloud`), retries and claims' timing (`engine`).

pub mod candidate;
pub mod fulfillment;
pub mod goods;
pub mod ids;
pub mod money;
pub mod order;
pub mod party;
pub mod quantity;
pub mod review;
pub mod routing;
#[cfg(test)]
mod samples;
pub mod workflow;

// The tests' words name this crate from outside, so that the laws in `tests/` can use them, too.
#[cfg(test)]
extern crate self as domain;

pub use fulfillment::{Fulfillment, FulfillmentCommand, FulfillmentEvent};
pub use ids::{
    Carrier, CustomerId, DocumentNumber, ExternalId, FulfillmentId, IdError, LineNo, Lot, OrderId, PackageId,
    PartnerId, PurchaseOrder, Serial, SiteCode, Sku, Tracking,
};
pub use money::{Currency, Money};
pub use order::{Order, OrderCommand, OrderEvent};
pub use quantity::{Conversion, Quantity, Uom};
pub use workflow::{
    Effect, EffectFailed, EffectRejected, EffectRequest, EffectStarted, OpenEffects, Rejection, Workflow,
};
