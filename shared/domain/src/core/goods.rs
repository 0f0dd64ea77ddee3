//! What orders and fulfillments both say of goods: how much of which line, and how fast it should travel.

use std::num::NonZeroU32;

use jiff::Timestamp;
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
pub struct LineQuantity {
    /// Which line.
    pub line: LineNo,
    /// What.
    pub sku: Sku,
    /// How much, in the stock-keeping unit.
    pub quantity: Quantity,
}

/// What has to be known of a line's goods beside what they are called.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Handling {
    /// What the warehouse knows the line as, where the line is a kit and the warehouse has its parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kit: Vec<Component>,
    /// What has to be told of each piece that ships.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traced: Option<Traced>,
}

/// A part of a kit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Component {
    /// What.
    pub sku: Sku,
    /// How many pieces in each kit.
    pub per_kit: NonZeroU32,
}

/// What has to be told of each piece that ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Traced {
    /// The lot that it is of.
    Lot,
    /// Its own number.
    Serial,
}

/// What becomes of goods that a warehouse took on and does not find.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShortPolicy {
    /// They wait for stock.
    #[default]
    Backorder,
    /// They are not shipped any more.
    Cancel,
}

impl ShortPolicy {
    /// Whether it is the usual one, which is not written down.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// When a fulfillment should have come how far: worked out when it is routed, from what its warehouse promises at its site's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deadlines {
    /// The warehouse's yes or no.
    #[schemars(with = "String")]
    pub acknowledge_by: Timestamp,
    /// The last package's departure.
    #[schemars(with = "String")]
    pub depart_by: Timestamp,
    /// The longest time, in hours, that nothing may be heard of a package under way.
    pub silence_hours: u32,
}
