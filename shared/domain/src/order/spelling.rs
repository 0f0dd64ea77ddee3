//! Spellings of purchase order numbers.

use crate::ids::PurchaseOrder;

/// Which spellings of a customer's purchase order number are the same number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Spelling {
    /// None: `PO-X` and `po-x` are two numbers.
    #[default]
    Exact,
    /// Those that differ in capitals only: `PO-X` and `po-x`.
    IgnoreCase,
    /// Those that have the same letters and digits, in either case: `PO-X`, `po x` and `POX`.
    LettersAndDigits,
}

impl Spelling {
    /// The one spelling of all that are the same as `number`.
    pub fn canonical(self, number: &PurchaseOrder) -> String {
        let number = number.as_str();
        let upper = number.to_ascii_uppercase();
        match self {
            Self::Exact => number.to_owned(),
            Self::IgnoreCase => upper,
            Self::LettersAndDigits => {
                let plain: String = upper.chars().filter(char::is_ascii_alphanumeric).collect();
                // A number of signs alone is no number at all: it stays as it is.
                if plain.is_empty() { upper } else { plain }
            }
        }
    }
}
