//! One warehouse's fulfillment of an order: asked for, packed, under way, arrived.
//!
//! Everything that a warehouse reports is kept as a set or as a latest-wins register, so that reports in any order, any
//! number of times, end in the same state. Status is derived from them, never stored.

mod content;
mod decide;
mod effect;
mod event;
mod package;
mod progress;
mod request;
mod review;
#[cfg(test)]
mod tests;
mod watch;

pub use decide::{Fulfillment, FulfillmentCommand};
pub use effect::FulfillmentEffect;
pub use event::*;
pub use package::{Contents, Leg, Package, PackageStatus};
pub use request::{FulfillmentRequest, GoodsIssue, Inquiry, Withdrawal};
pub use review::FulfillmentReview;
pub use watch::Watch;
