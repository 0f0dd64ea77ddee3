//! The ship-to party. It is personal data and is stored only in the party store; everything else refers to it by
//! [`PartyRef`].

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, fingerprint};

/// A reference to one ship-to party of an order. The party's record never changes; another address is another record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PartyRef {
    /// The order that the party belongs to.
    pub order: OrderId,
    /// Which of the order's parties; computed from its content by [`Party::number`].
    pub n: u32,
}

impl PartyRef {
    /// The key in the party store, `party/<order>`.
    pub fn key(&self) -> String {
        format!("party/{}", self.order)
    }
}

/// The part of an address that routing and tax need. It is not personal data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// State or province: its code in ISO 3166-2 without the country, where we know the country's codes. Empty where the sender
    /// named none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
}

/// A name and an address. To keep them out of logs there is no `Display`, and `Debug` prints no content.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// The receiver.
    pub name: String,
    /// The receiver's company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Street and number.
    pub line1: String,
    /// Building, floor, care of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// City.
    pub city: String,
    /// State or province, as in [`Destination::region`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// In the country's own format; `None` in a country without postal codes, if the sender named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// The carrier may call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The carrier sends its notices here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Party {
    /// The number of this party's record, computed from its content. Two submissions of one order with different
    /// addresses may arrive at the same time; each then finds its own address under its own reference.
    pub fn number(&self) -> u32 {
        let text = serde_json::to_string(self).unwrap_or_default();
        let [a, b, c, d, ..] = fingerprint(&[&text]);
        u32::from_be_bytes([a, b, c, d])
    }

    /// The part of the address that is not personal data.
    pub fn destination(&self) -> Destination {
        Destination { country: self.country.clone(), region: self.region.clone().unwrap_or_default() }
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Party(redacted)")
    }
}
