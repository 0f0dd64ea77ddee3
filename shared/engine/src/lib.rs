//! How a step runs, and the ports through which it reaches stores and partners. This crate knows no rule of a workflow,
//! no AWS service and no partner's wire format.
//!
//! - [`run`]: the journal that a step commits to, the claim that it commits before it calls a partner, how a step ends,
//!   and what then happens to its message.
//! - [`ports`]: traits for stores and partners. `cloud` implements them on AWS, `partners` over HTTP, `testkit` in
//!   memory; one test suite per port checks all its implementations.
//! - [`http`]: requests and answers of the API.
//! - [`json`]: documents from outside, within bounds.
//! - [`context`], [`cause`], [`failure`], [`measures`], [`redact`]: what all of these need.

pub mod cause;
pub mod context;
pub mod failure;
pub mod folds;
pub mod http;
pub mod json;
pub mod measures;
pub mod ports;
pub mod redact;
pub mod run;

pub use cause::{Cause, RequestCause};
pub use context::{Clock, Context, Epoch, EventEnvelope, Work};
pub use failure::{Code, Failure, Outcome, Wait};
pub use measures::Measures;
pub use ports::{delivery, inbound, partner, partner_health, returns, sessions, stores};
pub use run::journal::{Commit, Journal, Stream};
pub use run::{batch, effect, journal, recent, relay, snapshot, stored};
