//! How a step runs: the ports that it may touch, the journal that it commits to, the claim that it makes before it acts,
//! and what becomes of a message when the step is done or is not.
//!
//! Nothing here names AWS or a partner's wire format. `cloud` implements the ports on AWS, `partners` on partners' HTTP,
//! `testkit` in memory; one suite per port holds them to the same promises.

pub mod batch;
pub mod context;
pub mod delivery;
pub mod effect;
pub mod failure;
pub mod http;
pub mod inbound;
pub mod intake;
pub mod journal;
pub mod partner;
pub mod partner_health;
pub mod redact;
pub mod relay;
pub mod requests;
pub mod stores;
pub mod view;

pub use context::{Clock, Context, EventEnvelope, Work};
pub use failure::{Code, Failure, Outcome, Wait};
pub use journal::{Commit, Journal, Stream};
