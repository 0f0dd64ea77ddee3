//! Quantities: exact decimals with their unit of measure.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::IdError;

/// A unit of measure: one to three upper-case letters or digits (X12 element 355, UN/CEFACT Recommendation 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Uom([u8; 3]);

impl Uom {
    /// Each: a single piece.
    pub const EACH: Self = Self(*b"EA ");

    /// The code, such as `EA`.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|b| *b == b' ').unwrap_or(3);
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }

    /// Whether a fraction of the unit is possible: only of units of weight, volume or length.
    pub fn divisible(self) -> bool {
        const MEASURED: [&str; 16] =
            ["KG", "GR", "LB", "OZ", "TN", "LT", "ML", "GA", "MR", "CM", "FT", "IN", "MTR", "KGM", "GRM", "LTR"];
        MEASURED.contains(&self.as_str())
    }
}

impl FromStr for Uom {
    type Err = IdError;
    fn from_str(code: &str) -> Result<Self, IdError> {
        let bytes = code.as_bytes();
        if !(1..=3).contains(&bytes.len()) || !bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return Err(IdError { kind: "unit of measure", problem: "is not one to three capital letters or digits" });
        }
        let mut code = [b' '; 3];
        code[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(code))
    }
}

impl TryFrom<String> for Uom {
    type Error = IdError;
    fn try_from(code: String) -> Result<Self, IdError> {
        code.parse()
    }
}

impl From<Uom> for String {
    fn from(uom: Uom) -> String {
        uom.as_str().to_owned()
    }
}

impl fmt::Display for Uom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in a unit of measure: never negative, and a whole number unless the unit is [divisible](Uom::divisible).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "WireQuantity", into = "WireQuantity")]
#[schemars(with = "WireQuantity")]
pub struct Quantity {
    amount: Decimal,
    uom: Uom,
}

/// A quantity in JSON; the amount is a string.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Quantity")]
struct WireQuantity {
    #[schemars(with = "String")]
    amount: Decimal,
    uom: Uom,
}

/// Why a number is not a quantity, or why two quantities cannot be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The amount is below zero.
    #[error("a quantity is negative")]
    Negative,
    /// The amount has a fraction, and the unit is not [divisible](Uom::divisible).
    #[error("a quantity is a fraction of a whole unit")]
    Fraction,
    /// The amount is above 10^12 or has more than six decimal places.
    #[error("a quantity is out of range")]
    Range,
    /// The units of measure differ.
    #[error("quantities have different units of measure")]
    Unit,
}

const MAX_AMOUNT: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0); // 10^12

impl Quantity {
    /// A quantity of `amount` `uom`.
    ///
    /// # Errors
    /// The amount is negative, out of range, or a fraction of a unit that is not divisible.
    pub fn new(amount: Decimal, uom: Uom) -> Result<Self, QuantityError> {
        let amount = amount.normalize();
        if amount.is_sign_negative() && !amount.is_zero() {
            return Err(QuantityError::Negative);
        }
        if amount > MAX_AMOUNT || amount.scale() > 6 {
            return Err(QuantityError::Range);
        }
        if !uom.divisible() && amount.scale() > 0 {
            return Err(QuantityError::Fraction);
        }
        Ok(Self { amount, uom })
    }

    /// 0 in `uom`.
    pub fn zero(uom: Uom) -> Self {
        Self { amount: Decimal::ZERO, uom }
    }

    /// In [`Self::uom`].
    pub fn amount(self) -> Decimal {
        self.amount
    }

    /// The unit of measure.
    pub fn uom(self) -> Uom {
        self.uom
    }

    /// Whether the amount is 0.
    pub fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    /// The sum of both.
    ///
    /// # Errors
    /// The units differ, or the sum is out of range.
    pub fn plus(self, other: Self) -> Result<Self, QuantityError> {
        self.same_unit(other)?;
        Self::new(self.amount.checked_add(other.amount).ok_or(QuantityError::Range)?, self.uom)
    }

    /// This quantity minus `other`, and 0 where `other` is larger.
    ///
    /// # Errors
    /// The units differ.
    pub fn less(self, other: Self) -> Result<Self, QuantityError> {
        self.same_unit(other)?;
        Self::new((self.amount - other.amount).max(Decimal::ZERO), self.uom)
    }

    /// The smaller of both.
    ///
    /// # Errors
    /// The units differ.
    pub fn at_most(self, other: Self) -> Result<Self, QuantityError> {
        self.same_unit(other)?;
        Ok(if other.amount < self.amount { other } else { self })
    }

    fn same_unit(self, other: Self) -> Result<(), QuantityError> {
        if self.uom == other.uom { Ok(()) } else { Err(QuantityError::Unit) }
    }
}

impl TryFrom<WireQuantity> for Quantity {
    type Error = QuantityError;
    fn try_from(wire: WireQuantity) -> Result<Self, QuantityError> {
        Self::new(wire.amount, wire.uom)
    }
}

impl From<Quantity> for WireQuantity {
    fn from(quantity: Quantity) -> Self {
        Self { amount: quantity.amount, uom: quantity.uom }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.uom)
    }
}

/// An exact ratio between two units of one product: one `from` is `numerator / denominator` of `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conversion {
    /// The unit before the conversion.
    pub from: Uom,
    /// The unit after the conversion.
    pub to: Uom,
    /// At least 1.
    pub numerator: std::num::NonZeroU32,
    /// At least 1.
    pub denominator: std::num::NonZeroU32,
}

impl Conversion {
    /// `quantity` in the unit `to`. The result is exact: it is never rounded, and a fraction of an indivisible unit is
    /// refused.
    ///
    /// # Errors
    /// The quantity is not in `from`, or the result is a fraction or out of range.
    pub fn apply(&self, quantity: Quantity) -> Result<Quantity, QuantityError> {
        if quantity.uom != self.from {
            return Err(QuantityError::Unit);
        }
        let denominator = Decimal::from(self.denominator.get());
        let product = quantity.amount.checked_mul(Decimal::from(self.numerator.get())).ok_or(QuantityError::Range)?;
        // Check the remainder, in millionths because a quantity has at most six decimal places. Dividing first would
        // round an infinite fraction, and multiplying the result back could hide that.
        let millionths = product.checked_mul(Decimal::from(1_000_000)).ok_or(QuantityError::Range)?;
        if !(millionths % denominator).is_zero() {
            return Err(QuantityError::Fraction);
        }
        let quotient = product / denominator;
        Quantity::new(quotient, self.to)
    }

    /// The conversion from `to` to `from`.
    pub fn inverse(&self) -> Self {
        Self { from: self.to, to: self.from, numerator: self.denominator, denominator: self.numerator }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::num::NonZeroU32;

    use super::*;

    fn q(amount: &str, uom: &str) -> Quantity {
        Quantity::new(amount.parse().unwrap(), uom.parse().unwrap()).unwrap()
    }

    fn conversion(numerator: u32, denominator: u32) -> Conversion {
        Conversion {
            from: "CS".parse().unwrap(),
            to: Uom::EACH,
            numerator: NonZeroU32::new(numerator).unwrap(),
            denominator: NonZeroU32::new(denominator).unwrap(),
        }
    }

    #[test]
    fn b16_cases_convert_exactly_to_pieces_and_a_fraction_is_refused() {
        assert_eq!(conversion(12, 1).apply(q("3", "CS")), Ok(q("36", "EA")));
        assert_eq!(conversion(12, 1).inverse().apply(q("36", "EA")), Ok(q("3", "CS")));
        assert_eq!(conversion(12, 1).inverse().apply(q("35", "EA")), Err(QuantityError::Fraction));
        assert_eq!(conversion(25, 2).apply(q("1", "CS")), Err(QuantityError::Fraction));
        assert_eq!(conversion(25, 2).apply(q("2", "CS")), Ok(q("25", "EA")));
        assert_eq!(conversion(1, 3).apply(q("1", "CS")), Err(QuantityError::Fraction));
        assert_eq!(conversion(12, 1).apply(q("3", "EA")), Err(QuantityError::Unit));
    }

    #[test]
    fn a_quantity_is_whole_pieces_or_a_fraction_of_a_weight_and_in_range() {
        assert_eq!(Quantity::new("1.5".parse().unwrap(), Uom::EACH), Err(QuantityError::Fraction));
        assert_eq!(q("1.50", "KG"), q("1.5", "KG"));
        assert_eq!(Quantity::new("-1".parse().unwrap(), Uom::EACH), Err(QuantityError::Negative));
        assert_eq!(Quantity::new("1000000000001".parse().unwrap(), Uom::EACH), Err(QuantityError::Range));
        assert!(Quantity::new("1000000000000".parse().unwrap(), Uom::EACH).is_ok());
    }

    #[test]
    fn a_quantity_reads_back_as_written_and_its_amount_is_text() {
        let text = serde_json::to_string(&q("3", "CS")).unwrap();
        assert_eq!(text, r#"{"amount":"3","uom":"CS"}"#);
        assert_eq!(serde_json::from_str::<Quantity>(&text).unwrap(), q("3", "CS"));
        assert!(serde_json::from_str::<Quantity>(r#"{"amount":"-3","uom":"CS"}"#).is_err());
    }
}
