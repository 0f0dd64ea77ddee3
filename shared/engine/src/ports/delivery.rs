//! A partner's delivery: the raw bytes, stored as evidence before the sender gets an answer.

use std::fmt;

use domain::PartnerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The part that a partner's system plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sends orders and change requests, and shows customers how their orders are doing.
    Crm,
    /// Owns prices, credit, stock and documents.
    Erp,
    /// Ships fulfillments: a 3PL.
    Warehouse,
}

impl Role {
    /// The word that events, stores and partner documents use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Erp => "erp",
            Self::Warehouse => "warehouse",
        }
    }
}

/// A verified delivery. `Debug` leaves the body out, because it may contain personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The sender.
    pub partner: PartnerId,
    /// The sender's role.
    pub role: Role,
    /// The sender's id of the delivery: the same whenever it is sent again.
    pub id: String,
    /// The sender's type of message, such as `package.packed`.
    pub topic: String,
    /// The bytes that the sender signed.
    pub body: Vec<u8>,
    /// The time of its arrival here.
    pub received_at: Timestamp,
    /// See [`crate::Context::correlation`].
    pub correlation: String,
    /// W3C trace context; `None` if the sender gave none.
    pub traceparent: Option<String>,
}

impl Delivery {
    /// SHA-256 of the body, in hex.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(&self.body))
    }

    /// The key in the store: `<partner>/<id>`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.partner, self.id)
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({} {} {} bytes)", self.key(), self.topic, self.body.len())
    }
}

/// The event that points to a stored delivery. It has no stream of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "delivery.received")]
pub struct DeliveryReceived {
    /// The sender.
    pub partner: PartnerId,
    /// The sender's role.
    pub role: Role,
    /// The sender's id of the delivery.
    pub delivery: String,
    /// The sender's type of message, such as `package.packed`.
    pub topic: String,
}

/// The outcome of storing a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreOutcome {
    /// It was written.
    New,
    /// The same bytes were stored before.
    Same {
        /// When they arrived.
        received_at: Timestamp,
    },
    /// Other bytes are stored under this id. They were not replaced.
    Conflict {
        /// The digest of the stored bytes, as [`Delivery::digest`].
        stored: String,
    },
}
