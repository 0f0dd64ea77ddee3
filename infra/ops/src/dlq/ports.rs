//! What the core needs from outside, as traits: tests have doubles of them.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::operator::{OperatorQueues, QueueFacts, ReceivedMessage};
use engine::Failure;
use jiff::Timestamp;

use crate::dlq::letter::{DeadLetter, Look};

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

/// Why work is lost that is still due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss<'a> {
    /// The operator.
    pub(crate) who: &'a str,
    /// The operator's words.
    pub(crate) why: &'a str,
    /// When the queue loses its message; `None` if the operator discards it.
    pub(crate) at: Option<Timestamp>,
}

/// The journal's streams, as far as parked messages are about them.
pub(crate) trait Streams {
    /// How a stream is now.
    async fn look(&self, stream: &str) -> Result<Look, Failure>;
    /// Commits a review to the order that `letter` is about, although its work is due. `key` names it, so that it is committed
    /// once.
    async fn review(&self, letter: &DeadLetter, key: &str, loss: &Loss<'_>) -> Result<(), Failure>;
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
