//! What the operator's command line needs of AWS and no function does: dead-letter queues as a person handles them, and
//! the table of the operators' audit records.

mod audit;
mod queues;
mod streams;

pub use audit::{AuditTable, Lease};
pub use queues::{OperatorQueues, QueueFacts, ReceivedMessage};
