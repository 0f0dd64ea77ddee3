//! How a step runs, and the ports that it may touch. Nothing here names a workflow's rules, AWS, or a partner's wire format.
//!
//! - [`run`]: the journal that a step commits to, the claim that it makes before it acts, how it ends and what happens to its
//!   message then.
//! - [`ports`]: what a step may touch. `cloud` implements the ports on AWS, `partners` over partners' HTTP, `testkit` in
//!   memory; one suite per port holds them to the same promises.
//! - [`http`]: requests and answers of the API.

pub mod http;
pub mod ports;
pub mod run;

pub use ports::{delivery, inbound, partner, partner_health, stores};
pub use run::cause::{Cause, RequestCause};
pub use run::context::{Clock, Context, EventEnvelope, Work};
pub use run::failure::{Code, Failure, Outcome, Wait};
pub use run::journal::{Commit, Journal, Stream};
pub use run::{batch, context, effect, failure, journal, redact, relay};
