//! The parts of our REST protocol (`docs/partners/rest.md`) that CRMs, ERPs and warehouses have in common.

use domain::order::{LineQuantity, OrderLine};
use domain::{LineNo, Quantity};
use engine::http::Request;
use serde::{Deserialize, Serialize};

use crate::registry::Maps;
use crate::wire::exact::Exact;
use crate::wire::fields;

/// A line of any document: product and unit in the partner's words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) line: u32,
    pub(crate) sku: String,
    pub(crate) quantity: Exact,
    pub(crate) uom: String,
}

impl Line {
    pub(crate) fn new(line: LineNo, sku: &domain::Sku, quantity: Quantity, maps: &Maps) -> Self {
        Self {
            line: line.0.get(),
            sku: maps.their_sku(sku).to_owned(),
            quantity: Exact(quantity.amount()),
            uom: maps.their_unit(&quantity.uom()).to_owned(),
        }
    }

    pub(crate) fn from_quantity(line: &LineQuantity, maps: &Maps) -> Self {
        Self::new(line.line, &line.sku, line.quantity, maps)
    }

    pub(crate) fn from_order_line(line: &OrderLine, maps: &Maps) -> Self {
        Self::new(line.line, &line.sku, line.quantity, maps)
    }
}

/// Whether two lists have the same lines, in any order and with any number of trailing zeros.
pub(crate) fn same_lines(one: &[Line], other: &[Line]) -> bool {
    let key = |line: &Line| (line.line, line.sku.clone(), line.quantity.0.normalize(), line.uom.clone());
    let sorted = |lines: &[Line]| {
        let mut keys: Vec<_> = lines.iter().map(key).collect();
        keys.sort();
        keys
    };
    sorted(one) == sorted(other)
}

/// What a look-up by our reference answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
}

/// A webhook's topic: the body's `type`.
pub(crate) fn topic(request: &Request) -> String {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "type")]
        topic: String,
    }
    let plain = crate::wire::gzip::plain(&request.body).unwrap_or_default();
    let body = engine::json::typed::<Body>(&plain);
    fields::topic(body.as_ref().map_or("unnamed", |body| &body.topic))
}
