//! What orders and fulfilments both say of goods: how much of which line, and how fast it should travel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{LineNo, Sku};
use crate::quantity::Quantity;

/// How fast the goods should travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceLevel {
    /// The warehouse's usual.
    Standard,
    /// The faster one.
    Expedited,
}

/// A part of one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// Which line.
    pub line: LineNo,
    /// What.
    pub sku: Sku,
    /// How much, in the stock-keeping unit.
    pub quantity: Quantity,
}
