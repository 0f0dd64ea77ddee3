//! What the core needs from outside, as traits: tests have doubles of them.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::operator::{AuditTable, Lease, OperatorQueues, QueueFacts, ReceivedMessage};
use engine::Failure;
use jiff::Timestamp;

use crate::dlq::letter::Look;

/// The queues of a deployment, named without its prefix.
pub(crate) trait Queues {
    /// The names of all queues, in order.
    async fn names(&self) -> Result<Vec<String>, Failure>;
    /// Approximate counts, and how long messages are kept.
    async fn facts(&self, queue: &str) -> Result<QueueFacts, Failure>;
    /// At most ten messages, which are held for `hold`.
    async fn receive(&self, queue: &str, hold: Duration) -> Result<Vec<ReceivedMessage>, Failure>;
    /// Holds received messages for `hold` from now on; zero gives them back.
    async fn hold(&self, queue: &str, receipts: &[String], hold: Duration) -> Result<(), Failure>;
    /// Sends a message.
    async fn send(&self, queue: &str, body: &str, attributes: &BTreeMap<String, String>) -> Result<(), Failure>;
    /// Deletes a received message.
    async fn delete(&self, queue: &str, receipt: &str) -> Result<(), Failure>;
}

/// The operators' audit records.
pub(crate) trait Audit {
    /// Writes a record; false if there is one of that name.
    async fn record(&self, subject: &str, entry: &str, document: &str) -> Result<bool, Failure>;
    /// The records of a subject, each with its name, in the order of their names.
    async fn records(&self, subject: &str) -> Result<Vec<(String, String)>, Failure>;
    /// Takes or renews a lease; returns another holder's, which keeps it.
    async fn lease(&self, lease: &Lease, now: Timestamp) -> Result<Option<Lease>, Failure>;
    /// Gives a lease up.
    async fn give_up(&self, lease: &Lease, now: Timestamp) -> Result<(), Failure>;
}

/// The journal's streams, as far as parked messages are about them.
pub(crate) trait Streams {
    /// How a stream is now.
    async fn look(&self, stream: &str) -> Result<Look, Failure>;
}

impl Queues for OperatorQueues {
    async fn names(&self) -> Result<Vec<String>, Failure> {
        self.names().await
    }
    async fn facts(&self, queue: &str) -> Result<QueueFacts, Failure> {
        self.facts(queue).await
    }
    async fn receive(&self, queue: &str, hold: Duration) -> Result<Vec<ReceivedMessage>, Failure> {
        self.receive(queue, hold).await
    }
    async fn hold(&self, queue: &str, receipts: &[String], hold: Duration) -> Result<(), Failure> {
        self.hold(queue, receipts, hold).await
    }
    async fn send(&self, queue: &str, body: &str, attributes: &BTreeMap<String, String>) -> Result<(), Failure> {
        self.send(queue, body, attributes).await
    }
    async fn delete(&self, queue: &str, receipt: &str) -> Result<(), Failure> {
        self.delete(queue, receipt).await
    }
}

impl Audit for AuditTable {
    async fn record(&self, subject: &str, entry: &str, document: &str) -> Result<bool, Failure> {
        self.record(subject, entry, document).await
    }
    async fn records(&self, subject: &str) -> Result<Vec<(String, String)>, Failure> {
        self.records(subject).await
    }
    async fn lease(&self, lease: &Lease, now: Timestamp) -> Result<Option<Lease>, Failure> {
        self.lease(lease, now).await
    }
    async fn give_up(&self, lease: &Lease, now: Timestamp) -> Result<(), Failure> {
        self.give_up(lease, now).await
    }
}
