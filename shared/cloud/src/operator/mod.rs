//! What the operator's command line needs of AWS and no function does: dead-letter queues as a person handles them, the
//! table of the operators' audit records, and secrets and documents that are written.

mod audit;
mod documents;
mod queues;
mod secrets;
mod streams;

pub use audit::{AuditTable, Lease};
pub use documents::{OperatorDocuments, StoredDocument};
pub use queues::{OperatorQueues, QueueFacts, ReceivedMessage};
pub use secrets::OperatorSecret;
