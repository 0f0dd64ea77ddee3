//! A partner's message to us, and every attempt to deliver it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::exchange::Webhook;

/// A message and all attempts at it.
#[derive(Debug, Clone)]
pub struct Message {
    /// The message.
    pub webhook: Webhook,
    /// When the partner had it, RFC 3339.
    pub at: String,
    /// The attempts so far.
    pub attempts: Vec<Attempt>,
    /// Whether a success was answered.
    pub delivered: bool,
    /// Whether the partner stopped trying.
    pub gave_up: bool,
    pub(crate) failures: u32,
    pub(crate) drop_first: Option<u64>,
}

/// One attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// When, RFC 3339.
    pub at: String,
    /// What was answered; `null` while it is under way or when nothing came back.
    pub status: Option<u16>,
    /// Why nothing came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether it is an extra copy that a fault or a test asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub copy: bool,
    /// The scripted fault of this attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

impl Message {
    /// The message as a ledger shows it; the body is not in it, since it carries personal data.
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
