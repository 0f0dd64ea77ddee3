//! Crossdock on AWS: the engine's ports on DynamoDB, SQS, EventBridge and Secrets Manager, and the loops that feed
//! handlers.
//!
//! A function's `main.rs` names its step, its ports and its handler; it needs no AWS type:
//!
//! ```no_run
//! # mod fulfillment_rollup {
//! #     use engine::{Context, Failure, Journal, Outcome};
//! #     use usecases::work::FulfillmentWork;
//! #     pub struct Ports<J> { pub journal: J }
//! #     pub async fn handle(_: &Ports<impl Journal>, _: FulfillmentWork, _: &Context) -> Result<Outcome, Failure> {
//! #         Ok(Outcome::Applied)
//! #     }
//! # }
//! use cloud::Exit;
//! use fulfillment_rollup::{Ports, handle};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Exit {
//!     cloud::step("fulfillment-rollup", async |start| Ok(Ports { journal: start.journal()? }), handle).await
//! }
//! ```
//!
//! This is the only crate that depends on AWS crates, and its public types do not expose them. It does not interpret
//! messages: the engine decides about retries and parking, the functions about the work.

mod authorizer;
mod aws;
mod bus;
#[cfg(test)]
mod canned;
mod deliveries;
mod due;
mod errors;
mod http;
mod items;
mod journal;
mod logs;
mod metrics;
pub mod operator;
mod parties;
mod partner_health;
mod queues;
mod registry;
mod runtime;
mod schedule;
mod secrets;
mod sessions;
mod settings;
mod snapshots;
mod sqs;
mod start;
mod stream;
mod views;

pub use authorizer::{Caller, authorizer};
pub use bus::EventBus;
pub use deliveries::DeliveriesTable;
pub use due::DueTable;
pub use http::http;
pub use journal::JournalTable;
pub use parties::PartiesTable;
pub use partner_health::PartnerHealthTable;
pub use queues::{OwnQueue, StepQueues};
pub use registry::RegistryTable;
pub use runtime::Exit;
pub use schedule::schedule;
pub use secrets::SecretStore;
pub use sessions::SessionsTable;
pub use sqs::step;
pub use start::{Start, StartError, SystemClock};
pub use stream::{BatchResult, Image, stream};
pub use views::ViewsTable;
