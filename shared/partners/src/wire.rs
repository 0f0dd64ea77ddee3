//! Shapes that several resources of our REST protocol goods.

use domain::order::{LineQuantity, OrderLine};
use domain::party::Party;
use domain::{LineNo, Quantity};
use serde::{Deserialize, Serialize};

use crate::exact::Exact;
use crate::registry::Maps;

/// A line: whose, what, how much. Names are the partner's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) line: u32,
    pub(crate) sku: String,
    pub(crate) quantity: Exact,
    pub(crate) uom: String,
}

impl Line {
    pub(crate) fn of(line: LineNo, sku: &domain::Sku, quantity: Quantity, maps: &Maps) -> Self {
        Self {
            line: line.0.get(),
            sku: maps.their_sku(sku).to_owned(),
            quantity: Exact(quantity.amount()),
            uom: maps.their_unit(&quantity.uom()).to_owned(),
        }
    }

    pub(crate) fn line_quantity(goods: &LineQuantity, maps: &Maps) -> Self {
        Self::of(goods.line, &goods.sku, goods.quantity, maps)
    }

    pub(crate) fn ordered(line: &OrderLine, maps: &Maps) -> Self {
        Self::of(line.line, &line.sku, line.quantity, maps)
    }
}

/// Whether two lists of lines say the same, in whatever order.
pub(crate) fn same_lines(one: &[Line], other: &[Line]) -> bool {
    let key = |line: &&Line| (line.line, line.sku.clone(), line.quantity.0.normalize(), line.uom.clone());
    let sorted = |lines: &[Line]| {
        let mut keys: Vec<_> = lines.iter().map(|line| key(&line)).collect();
        keys.sort();
        keys
    };
    sorted(one) == sorted(other)
}

/// An address.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) company: Option<String>,
    pub(crate) line1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) line2: Option<String>,
    pub(crate) city: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    pub(crate) postal_code: String,
    pub(crate) country: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
}

impl From<&Party> for Address {
    fn from(party: &Party) -> Self {
        let Party { name, company, line1, line2, city, region, postal_code, country, phone, email } = party.clone();
        Self { name, company, line1, line2, city, region, postal_code, country, phone, email }
    }
}

/// Where on earth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) country: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) region: String,
}

/// What a look-up by reference answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
}
