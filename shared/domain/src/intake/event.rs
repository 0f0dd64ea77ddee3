//! The events of a delivery that could not be read.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::due::digest;
use crate::ids::{ExternalId, PartnerId};
use crate::intake::review::DeliveryReview;
use crate::review::Decision;

/// An event of a delivery. Its `type` is its name on the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum DeliveryEvent {
    /// A stored delivery cannot be read; its stream begins here.
    #[serde(rename = "delivery.unmappable")]
    Unmappable(Unmappable),
    /// The delivery, or a corrected copy of it, was read after all.
    #[serde(rename = "delivery.mapped")]
    Mapped(Mapped),
    /// The CRM shows that its order was not taken.
    #[serde(rename = "delivery.crm_updated")]
    CrmUpdated(RefusalShown),
    /// A person decided the review of the delivery.
    #[serde(rename = "delivery.review_decided")]
    ReviewDecided(Decision<DeliveryReview>),
}

/// A stored delivery cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unmappable {
    /// The sender.
    pub partner: PartnerId,
    /// The sender's id of the delivery, by which the raw bytes are stored.
    pub delivery: String,
    /// The sender's type of message, such as `order.created`.
    pub topic: String,
    /// The failure's code, such as `MSG-004`.
    pub code: String,
    /// The order's id at the sender, if it is a new order and the id can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<ExternalId>,
    /// What is wrong, and where; the first places of many.
    pub places: Vec<OffendingPlace>,
}

impl Unmappable {
    /// A digest of what is wrong, whichever copy has it.
    pub(super) fn digest(&self) -> String {
        digest(&(&self.topic, &self.code, &self.places))
    }
}

impl fmt::Display for Unmappable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} sent {} {}", self.code, self.partner, self.topic, self.delivery)?;
        if let Some(order) = &self.order {
            write!(f, " with the order {order}")?;
        }
        for (n, place) in self.places.iter().enumerate() {
            let (sign, OffendingPlace { pointer, detail }) = (if n == 0 { ':' } else { ';' }, place);
            if pointer.is_empty() {
                write!(f, "{sign} {detail}")?;
            } else {
                write!(f, "{sign} {pointer}: {detail}")?;
            }
        }
        Ok(())
    }
}

/// A mistake at one place of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OffendingPlace {
    /// A JSON pointer, such as `/data/lines/0/quantity`; empty for the whole body.
    pub pointer: String,
    /// What is wrong, as the end of a sentence about the place. Never the sender's text.
    pub detail: String,
}

/// The delivery, or a corrected copy, was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mapped {
    /// The sender's id of the delivery that was read; of the unreadable one, where a corrected copy was imported at the same instant.
    pub delivery: String,
}

/// The CRM shows that its order was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusalShown {
    /// The digest of what it was told.
    pub digest: String,
}
