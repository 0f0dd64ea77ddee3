//! A partner's message to us, with its delivery attempts.

use serde::Serialize;
use serde_json::{Value, json};

use crate::exchange::Webhook;

/// A message and its delivery attempts.
#[derive(Debug, Clone)]
pub struct Message {
    /// The message.
    pub webhook: Webhook,
    /// When the partner queued it, RFC 3339.
    pub at: String,
    /// The attempts so far.
    pub attempts: Vec<Attempt>,
    /// Whether we answered with success.
    pub delivered: bool,
    /// Whether the partner made its last attempt.
    pub gave_up: bool,
    pub(crate) failures: u32,
    pub(crate) drop_first: Option<u64>,
}

/// One attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// RFC 3339.
    pub at: String,
    /// `null` before the answer, and where there was none.
    pub status: Option<u16>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether it is an extra copy, by a fault or on request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub copy: bool,
    /// The scripted fault of this attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

impl Message {
    /// The message as a ledger shows it, without the body, which has personal data.
    #[must_use]
    pub fn listed(&self) -> Value {
        json!({
            "id": self.webhook.id,
            "type": self.webhook.topic,
            "reference": self.webhook.reference,
            "at": self.at,
            "delivered": self.delivered,
            "gave_up": self.gave_up,
            "attempts": self.attempts,
        })
    }
}
