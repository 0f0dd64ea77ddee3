//! What the operator's command line needs of AWS and no function does: dead-letter queues as a person handles them, the
//! table of the operators' audit records, and secrets that are written.

mod audit;
mod queues;
mod secrets;
mod streams;

pub use audit::{AuditTable, Lease};
pub use queues::{OperatorQueues, QueueFacts, ReceivedMessage};
pub use secrets::OperatorSecret;
