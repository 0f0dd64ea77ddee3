//! Money: an exact decimal with its ISO 4217 currency, never a float.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
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

    /// Nothing, in `currency`.
    pub fn zero(currency: Currency) -> Self {
        Self { amount: Decimal::ZERO, currency }
    }

    /// This amount less `other`, which may be below zero; `None` if the currencies differ or the difference overflows.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.negated())
    }

    /// The same amount with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { amount: -self.amount, currency: self.currency }
    }

    /// Whether the amount is above, equal to or below zero.
    pub fn sign(self) -> Ordering {
        self.amount.cmp(&Decimal::ZERO)
    }

    /// The amount at the currency's decimal places; a half is rounded away from zero.
    #[must_use]
    pub fn rounded(self) -> Self {
        let rounding = RoundingStrategy::MidpointAwayFromZero;
        let amount = self.amount.round_dp_with_strategy(self.currency.minor_units(), rounding);
        Self { amount, currency: self.currency }
    }

    /// What `part` of `whole` equal units has of this amount, [rounded](Self::rounded); `None` if `whole` is not above zero or
    /// the product overflows.
    ///
    /// The units from `a` to `b` have `share(b) - share(a)`. Such differences of all units add up to the whole amount,
    /// whatever their number and order; shares that are rounded one by one do not.
    pub fn share(self, part: Decimal, whole: Decimal) -> Option<Self> {
        if whole <= Decimal::ZERO {
            return None;
        }
        let amount = self.amount.checked_mul(part)?.checked_div(whole)?;
        Some(Self { amount, currency: self.currency }.rounded())
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

    #[test]
    fn a_difference_has_a_sign_and_never_mixes_currencies() {
        assert_eq!(money("1.00", "EUR").minus(money("1.20", "EUR")), Some(money("-0.20", "EUR")));
        assert_eq!(money("1", "EUR").minus(money("1", "USD")), None);
        assert_eq!(money("-0.20", "EUR").negated(), money("0.20", "EUR"));
        let signs = ["0.01", "0.00", "-0.01"].map(|amount| money(amount, "EUR").sign());
        assert_eq!(signs, [Ordering::Greater, Ordering::Equal, Ordering::Less]);
    }

    #[test]
    fn a_half_minor_unit_is_rounded_away_from_zero_at_the_currencys_places() {
        for (amount, currency, rounded) in [
            ("0.005", "EUR", "0.01"),
            ("-0.005", "EUR", "-0.01"),
            ("0.015", "EUR", "0.02"),
            ("0.0149", "EUR", "0.01"),
            ("285.5", "JPY", "286"),
            ("-285.5", "JPY", "-286"),
            ("1.6665", "KWD", "1.667"),
        ] {
            assert_eq!(money(amount, currency).rounded(), money(rounded, currency), "{amount} {currency}");
        }
    }

    #[test]
    fn d14_shares_of_units_are_monotone_and_end_exactly_on_the_whole_in_every_partition() {
        for (currency, places) in [("EUR", 2), ("JPY", 0), ("KWD", 3)] {
            for total in (0..130).chain([9_999, 10_001, 99_999_999]) {
                for sign in [1, -1] {
                    let total =
                        Money { amount: Decimal::new(sign * total, places), currency: currency.parse().unwrap() };
                    for units in 1..=12_i64 {
                        let share = |n: i64| total.share(n.into(), units.into()).unwrap();
                        let parts = (0..units).map(|n| share(n + 1).minus(share(n)).unwrap());
                        assert_eq!(share(0), Money::zero(total.currency));
                        assert_eq!(share(units), total);
                        for part in parts.clone() {
                            assert!(
                                part.sign() != total.sign().reverse() || part.sign() == Ordering::Equal,
                                "{total}/{units}"
                            );
                        }
                        let sum = parts.fold(Money::zero(total.currency), |sum, part| sum.plus(part).unwrap());
                        assert_eq!(sum, total, "{total} in {units}");
                    }
                }
            }
        }
    }

    #[test]
    fn d14_the_parts_of_an_invoiced_line_are_differences_of_rounded_shares() {
        for (total, currency, units, parts, shares) in [
            ("100.00", "EUR", 3, vec![1, 1, 1], vec!["33.33", "33.34", "33.33"]),
            ("19.00", "EUR", 3, vec![1, 1, 1], vec!["6.33", "6.34", "6.33"]),
            ("1000", "JPY", 7, vec![2, 2, 3], vec!["286", "285", "429"]),
            ("100", "JPY", 7, vec![2, 2, 3], vec!["29", "28", "43"]),
            ("10.001", "KWD", 6, vec![1, 2, 3], vec!["1.667", "3.334", "5.000"]),
            ("0.500", "KWD", 6, vec![1, 2, 3], vec!["0.083", "0.167", "0.250"]),
            ("100.00", "EUR", 12, vec![5, 7], vec!["41.67", "58.33"]),
            ("5800", "JPY", 1, vec![1], vec!["5800"]),
        ] {
            let total = money(total, currency);
            let mut before = 0;
            for (part, expected) in parts.into_iter().zip(shares) {
                let share = |n: i64| total.share(n.into(), units.into()).unwrap();
                let difference = share(before + part).minus(share(before)).unwrap();
                assert_eq!(difference, money(expected, currency), "{total}, {part} after {before} of {units}");
                before += part;
            }
        }
    }

    #[test]
    fn a_share_of_nothing_or_beyond_the_range_is_none() {
        assert_eq!(money("1", "EUR").share(1.into(), 0.into()), None);
        assert_eq!(Money { amount: Decimal::MAX, ..money("1", "EUR") }.share(2.into(), 1.into()), None);
    }
}
