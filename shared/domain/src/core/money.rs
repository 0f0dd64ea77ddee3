//! Money: an exact decimal with its ISO 4217 currency, never a float.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Currency(iso_currency::Currency);

/// The text is not an ISO 4217 currency code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("currency is not an ISO 4217 code")]
pub struct NoCurrency;

impl Currency {
    /// Decimal places of an amount in this currency (ISO 4217 minor units). 2 where the standard names none.
    pub fn minor_units(self) -> u32 {
        self.0.exponent().map_or(2, u32::from)
    }
}

impl FromStr for Currency {
    type Err = NoCurrency;
    fn from_str(code: &str) -> Result<Self, NoCurrency> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(NoCurrency)
    }
}

impl TryFrom<String> for Currency {
    type Error = NoCurrency;
    fn try_from(code: String) -> Result<Self, NoCurrency> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.0.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code())
    }
}

/// An amount in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// Exact decimal, written as a JSON string.
    #[schemars(with = "String")]
    pub amount: Decimal,
    /// ISO 4217 code.
    pub currency: Currency,
}

impl Money {
    /// Whether the amount has no more decimals than its currency.
    pub fn is_whole_minor_units(self) -> bool {
        self.amount.normalize().scale() <= self.currency.minor_units()
    }

    /// The sum; `None` if the currencies differ or the sum overflows.
    pub fn plus(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        Some(Self { amount: self.amount.checked_add(other.amount)?, currency: self.currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money { amount: amount.parse().unwrap(), currency: currency.parse().unwrap() }
    }

    #[test]
    fn b20_amounts_stay_exact_and_never_mix_currencies() {
        assert_eq!(money("0.10", "EUR").plus(money("0.20", "EUR")), Some(money("0.30", "EUR")));
        assert_eq!(money("1", "EUR").plus(money("1", "USD")), None);
        let json = serde_json::to_string(&money("0.1", "JPY")).unwrap();
        assert_eq!(json, r#"{"amount":"0.1","currency":"JPY"}"#);
        assert_eq!(money("1", "JPY").currency.minor_units(), 0);
        assert!("XYZ".parse::<Currency>().is_err());
    }

    #[test]
    fn b38_an_amount_has_no_more_decimals_than_its_currency() {
        for (amount, currency, fits) in [
            ("1.50", "USD", true),
            ("1.500", "USD", true),
            ("1.505", "USD", false),
            ("21", "JPY", true),
            ("21.50", "JPY", false),
            ("10.501", "KWD", true),
            ("10.5011", "KWD", false),
        ] {
            assert_eq!(money(amount, currency).is_whole_minor_units(), fits, "{amount} {currency}");
        }
    }
}
