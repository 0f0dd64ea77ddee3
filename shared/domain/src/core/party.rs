//! Who the goods go to. Personal data: it stands in the party store alone, everything else carries its reference.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, fingerprint};

/// One ship-to party of an order; the record itself is immutable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PartyRef {
    /// Whose party.
    pub order: OrderId,
    /// Which of the order's parties: another address is another number. See [`Party::number`].
    pub n: u32,
}

impl PartyRef {
    /// The store's key, `party/<order>`.
    pub fn key(&self) -> String {
        format!("party/{}", self.order)
    }
}

/// Where on earth, as far as routing and tax need it. Not personal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// State or province, in the sender's spelling; empty where the country has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
}

/// A name and an address. It has no `Display`, and its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// Who receives.
    pub name: String,
    /// Their company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Street and number.
    pub line1: String,
    /// Building, floor, care of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// City.
    pub city: String,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// For the carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// For the carrier's notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Party {
    /// The number of this party's record, made from its content: two submissions of one order with different addresses that
    /// arrive at once never find the other's address under their own reference.
    pub fn number(&self) -> u32 {
        let text = serde_json::to_string(self).unwrap_or_default();
        let [a, b, c, d, ..] = fingerprint(&[&text]);
        u32::from_be_bytes([a, b, c, d])
    }

    /// The part of the address that is not personal.
    pub fn destination(&self) -> Destination {
        Destination { country: self.country.clone(), region: self.region.clone().unwrap_or_default() }
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Party(redacted)")
    }
}
