//! A partner's delivery: the raw bytes, kept as evidence before the sender is answered.

use std::fmt;

use domain::PartnerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a partner is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The customer's commitment comes from it.
    Crm,
    /// It owns prices, credit, stock and documents.
    Erp,
    /// It ships.
    Warehouse,
}

impl Role {
    /// As written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Erp => "erp",
            Self::Warehouse => "warehouse",
        }
    }
}

/// A delivery as it came in. Its body may hold personal data: `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Who sent it.
    pub partner: PartnerId,
    /// What the sender is to us.
    pub role: Role,
    /// The sender's id for it: the same when it sends again.
    pub id: String,
    /// What it is about, in the sender's words.
    pub topic: String,
    /// The bytes that were signed.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
    /// See [`crate::Context::correlation`].
    pub correlation: String,
    /// W3C trace context, where the sender gave one.
    pub traceparent: Option<String>,
}

impl Delivery {
    /// SHA-256 of the body, in hex.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(&self.body))
    }

    /// The store's key: `<partner>/<id>`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.partner, self.id)
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({} {} {} bytes)", self.key(), self.topic, self.body.len())
    }
}

/// The event that carries a delivery's pointer on. It has no stream of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "delivery.received")]
pub struct DeliveryReceived {
    /// Who sent it.
    pub partner: PartnerId,
    /// What the sender is to us.
    pub role: Role,
    /// The sender's id for it.
    pub delivery: String,
    /// What it is about, in the sender's words.
    pub topic: String,
}

/// What became of a delivery that was to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreOutcome {
    /// It is new, and kept.
    New,
    /// The same bytes were kept before.
    Same,
    /// Other bytes were kept under this id; the first ones stand.
    Conflict {
        /// The digest of what was kept.
        stored: String,
    },
}
