//! Exact decimals in JSON: written as texts, read from texts and numbers. A number is read from its digits in the reply and
//! never becomes a float.

use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::wire::fields::is_plain_decimal;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exact(pub(crate) Decimal);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        // A decimal has no characters that JSON escapes, so only the quotes have to be removed.
        let digits = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
        if !is_plain_decimal(digits) {
            return Err(D::Error::custom("not a decimal number"));
        }
        Decimal::from_str_exact(digits).map(Self).map_err(|_| D::Error::custom("a number with too many digits"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn b20_a_number_on_the_wire_is_read_digit_by_digit() {
        for (text, read) in [
            ("\"9.99\"", Some("9.99")),
            ("9.99", Some("9.99")),
            ("0.1", Some("0.1")),
            ("12345678901234567.89", Some("12345678901234567.89")),
            ("3", Some("3")),
            ("1e2", None),
            ("\"\"", None),
            ("\"1,5\"", None),
            ("null", None),
            ("0.00000000000000000000000000001", None),
        ] {
            let number = serde_json::from_str::<Exact>(text).ok().map(|exact| exact.0.to_string());
            assert_eq!(number.as_deref(), read, "{text}");
        }
        assert_eq!(serde_json::to_string(&Exact("1.50".parse().unwrap())).unwrap(), "\"1.50\"");
    }
}
