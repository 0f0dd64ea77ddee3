//! What orders and returns both say of reserved units: for which units of an order's line a return may be credited.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{LineNo, ReturnId};
use crate::quantity::Quantity;

/// A return asks its order for units. It names all that it needs, not the difference: fewer than before gives units back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationRequest {
    /// The return that asks.
    pub return_id: ReturnId,
    /// Numbers the return's requests, from 1. An earlier one that arrives late changes nothing.
    pub round: u32,
    /// By line, in the line's ordered or stock-keeping unit. Lines that are left out need nothing.
    pub lines: BTreeMap<LineNo, Quantity>,
}

/// What a return has reserved of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reservation {
    /// The return that the units are reserved for.
    #[serde(rename = "return")]
    pub return_id: ReturnId,
    /// The order's line.
    pub line: LineNo,
    /// Numbers the order's reservations in the order in which they were first asked for. A lower number goes first.
    pub number: u32,
    /// The request of the return that it answers.
    pub round: u32,
    /// What the return asked for, in the line's stock-keeping unit.
    pub asked: Quantity,
    /// The units that are reserved. No unit of a line is reserved for two returns.
    pub units: Vec<Units>,
    /// What is asked for, has not left a warehouse as far as is known, and may still do so. The rest of what was asked for and
    /// is neither reserved nor waiting will not ship.
    pub waiting: Quantity,
}

impl Reservation {
    /// How many units are reserved.
    pub fn reserved(&self) -> Decimal {
        self.units.iter().map(Units::count).sum()
    }
}

/// Some units of an order's line: those after the first `from` of the line, up to the first `to`. Which pieces they are has no
/// meaning; a place within the line decides how the parts of an amount are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Units {
    /// The number of units of the line before them.
    #[schemars(with = "String")]
    pub from: Decimal,
    /// The same with them; more than `from`.
    #[schemars(with = "String")]
    pub to: Decimal,
}

impl Units {
    /// How many they are.
    pub fn count(&self) -> Decimal {
        self.to - self.from
    }
}

/// The first `count` of `units`, in the order in which the return got them.
pub(crate) fn first(units: &[Units], count: Decimal) -> Vec<Units> {
    let mut left = count;
    let mut first = Vec::new();
    for Units { from, to } in units {
        let used = (*to - *from).min(left);
        if used > Decimal::ZERO {
            first.push(Units { from: *from, to: *from + used });
            left -= used;
        }
    }
    first
}
