//! Identifiers. Each is validated once, when it is parsed at the edge; the code inside relies on it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Why a text is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {problem}")]
pub struct IdError {
    /// The kind of identifier, such as `sku`.
    pub kind: &'static str,
    /// What is wrong with the text. It never repeats the text, which may be personal data.
    pub problem: &'static str,
}

/// Accepts printable ASCII without blanks at its ends, 1 to `max` characters: every partner can store and return that.
fn check(kind: &'static str, text: &str, max: usize) -> Result<(), IdError> {
    let problem = if text.is_empty() {
        "is empty"
    } else if text.len() > max {
        "is too long"
    } else if text.starts_with(' ') || text.ends_with(' ') {
        "begins or ends with a blank"
    } else if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        "has a character outside printable ASCII"
    } else {
        return Ok(());
    };
    Err(IdError { kind, problem })
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text as it is written on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                check($kind, text, $max)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                check($kind, &text, $max)?;
                Ok(Self(text.into()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A stock-keeping unit, in the ERP's spelling.
    Sku, "sku", 64
);
text_id!(
    /// The sold-to customer, in the ERP's spelling.
    CustomerId, "customer id", 64
);
text_id!(
    /// The customer's own purchase order number.
    PurchaseOrder, "customer purchase order", 64
);
text_id!(
    /// The id that a partner gave to one of its own records.
    ExternalId, "external id", 128
);
text_id!(
    /// The number of a document in the ERP: a sales order, goods issue, invoice or allocation.
    DocumentNumber, "document number", 64
);
text_id!(
    /// A partner's name in the registry.
    PartnerId, "partner id", 48
);
text_id!(
    /// A site that ships: a warehouse's site and the ERP's stock location of the same name.
    SiteCode, "site code", 32
);
text_id!(
    /// The warehouse's name of a package; unique within its fulfillment.
    PackageId, "package id", 64
);
text_id!(
    /// A carrier, in our spelling; the registry maps each partner's spelling to it.
    Carrier, "carrier", 48
);
text_id!(
    /// A carrier's tracking number.
    Tracking, "tracking number", 64
);
text_id!(
    /// The lot (batch) in which goods were made.
    Lot, "lot", 64
);
text_id!(
    /// The serial number of one piece.
    Serial, "serial number", 64
);

macro_rules! derived_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// 130 bits of SHA-256 over all `parts`. Each part is prefixed with its length, so that no two lists have the same
            /// input.
            fn of(parts: &[&str]) -> Self {
                Self(format!("{}{}", $prefix, base32(&fingerprint(parts), DIGITS)))
            }

            /// The text as it is written on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = text.strip_prefix($prefix).unwrap_or("");
                if digits.len() == DIGITS && digits.bytes().all(|b| BASE32.contains(&b)) {
                    return Ok(Self(text.to_owned()));
                }
                Err(IdError { kind: $kind, problem: concat!("is not `", $prefix, "` and 26 digits") })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

const DIGITS: usize = 26;

derived_id!(
    /// The id of an order. It is derived from the order's source and external id, so the same order always gets the same
    /// id.
    OrderId, "order id", "ord_"
);
derived_id!(
    /// The id of the stream of a delivery that could not be read.
    DeliveryId, "delivery id", "dlv_"
);
derived_id!(
    /// The id of a return. It is derived from the return's source and external id, so the same return always gets the same
    /// id.
    ReturnId, "return id", "ret_"
);

impl ReturnId {
    /// Derives the id of the return that `source` calls `external`.
    pub fn derive(source: &PartnerId, external: &ExternalId) -> Self {
        Self::of(&[source.as_str(), external.as_str()])
    }
}

impl OrderId {
    /// Derives the id of the order that `source` calls `external`.
    pub fn derive(source: &PartnerId, external: &ExternalId) -> Self {
        Self::of(&[source.as_str(), external.as_str()])
    }

    /// The id of the order's `n`th fulfillment; `n` begins at 1.
    pub fn fulfillment(&self, n: u32) -> FulfillmentId {
        FulfillmentId { order: self.clone(), n }
    }
}

impl DeliveryId {
    /// The id for all copies of the new order that `partner` calls `order`.
    pub fn of_order(partner: &PartnerId, order: &ExternalId) -> Self {
        Self::of(&["order", partner.as_str(), order.as_str()])
    }

    /// The id for all messages of a topic that `partner`'s protocol does not know.
    pub fn of_topic(partner: &PartnerId, topic: &str) -> Self {
        Self::of(&["topic", partner.as_str(), topic])
    }

    /// The id for one delivery that is no new order, or whose order's id cannot be read.
    pub fn of_delivery(partner: &PartnerId, delivery: &str) -> Self {
        Self::of(&["delivery", partner.as_str(), delivery])
    }
}

/// The id of one warehouse's fulfillment of an order, `<order>-<n>`. The warehouse gets it as our reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct FulfillmentId {
    order: OrderId,
    n: u32,
}

impl FulfillmentId {
    /// The order that the fulfillment belongs to.
    pub fn order(&self) -> &OrderId {
        &self.order
    }
}

impl FromStr for FulfillmentId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = IdError { kind: "fulfillment id", problem: "is not an order id, `-` and a number" };
        let (order, n) = text.rsplit_once('-').ok_or_else(|| bad.clone())?;
        let n: u32 = n.parse().ok().filter(|n| *n > 0).ok_or_else(|| bad.clone())?;
        let id = Self { order: order.parse().map_err(|_: IdError| bad.clone())?, n };
        // `-07` would be a second spelling of fulfillment 7.
        if id.to_string() == text { Ok(id) } else { Err(bad) }
    }
}

impl TryFrom<String> for FulfillmentId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<FulfillmentId> for String {
    fn from(id: FulfillmentId) -> String {
        id.to_string()
    }
}

impl fmt::Display for FulfillmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.order, self.n)
    }
}

/// The number of a line within its order; begins at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct LineNo(pub std::num::NonZeroU32);

/// Reads a number, or its text. JSON has only text as a map's key, and within an event serde buffers the map until it
/// has read the `type`, so that the key arrives as text here.
impl<'de> Deserialize<'de> for LineNo {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl serde::de::Visitor<'_> for Number {
            type Value = LineNo;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a line number")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<LineNo, E> {
                let line = u32::try_from(number).ok().and_then(LineNo::new);
                line.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<LineNo, E> {
                let line = text.parse().ok().map(LineNo).filter(|line| line.to_string() == text);
                line.ok_or_else(|| E::invalid_type(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Number)
    }
}

impl LineNo {
    /// Line `n`; `None` for 0.
    pub fn new(n: u32) -> Option<Self> {
        std::num::NonZeroU32::new(n).map(Self)
    }
}

impl fmt::Display for LineNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// SHA-256 over `parts`, each prefixed with its length.
pub fn fingerprint(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Crockford's alphabet in lower case. It leaves out the letters that look like digits.
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The first `digits` base-32 digits of `bytes`.
pub fn base32(bytes: &[u8], digits: usize) -> String {
    let bit = |i: usize| bytes.get(i / 8).map_or(0, |b| (b >> (7 - i % 8)) & 1);
    (0..digits)
        .map(|d| {
            let value = (0..5).fold(0u8, |v, k| (v << 1) | bit(d * 5 + k));
            char::from(BASE32[usize::from(value)])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_same_order_has_the_same_id_and_similar_orders_have_different_ids() {
        let id = |s: &str, e: &str| OrderId::derive(&s.parse().unwrap(), &e.parse().unwrap());
        assert_eq!(id("crm", "1"), id("crm", "1"));
        assert_ne!(id("crm", "11"), id("crm1", "1"));
        assert_eq!(id("crm", "1").to_string().parse::<OrderId>().unwrap(), id("crm", "1"));
    }

    #[test]
    fn a_fulfillment_id_reads_back_and_a_second_spelling_is_refused() {
        let id = OrderId::derive(&"crm".parse().unwrap(), &"1".parse().unwrap()).fulfillment(7);
        assert_eq!(id.to_string().parse::<FulfillmentId>().unwrap(), id);
        assert!(format!("{}-07", id.order()).parse::<FulfillmentId>().is_err());
        assert!(format!("{}-0", id.order()).parse::<FulfillmentId>().is_err());
        assert!("-1".parse::<FulfillmentId>().is_err());
    }

    #[test]
    fn a_text_that_a_partner_could_not_store_unchanged_is_no_identifier() {
        for bad in ["", " x", "x ", "a\nb", "ü", &"x".repeat(65)] {
            assert!(bad.parse::<Sku>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_line_number_reads_back_as_a_value_and_as_a_map_key_within_an_event() {
        let line = LineNo::new(7).unwrap();
        assert_eq!(serde_json::from_str::<LineNo>("7").unwrap(), line);
        let text = serde_json::to_string(&std::collections::BTreeMap::from([(line, ())])).unwrap();
        assert_eq!(text, r#"{"7":null}"#);
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(tag = "type")]
        enum Tagged {
            Map { map: std::collections::BTreeMap<LineNo, ()> },
        }
        let read = serde_json::from_str::<Tagged>(r#"{"type":"Map","map":{"7":null}}"#).unwrap();
        assert_eq!(read, Tagged::Map { map: std::collections::BTreeMap::from([(line, ())]) });
        for bad in ["0", "-1", "1.5", "\"07\"", "\"0\"", "\"x\"", "4294967296"] {
            assert!(serde_json::from_str::<LineNo>(bad).is_err(), "{bad}");
        }
    }
}
