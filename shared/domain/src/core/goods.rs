//! What both workflows say about goods: quantities by order line, how a warehouse handles them, and deadlines.

use std::num::NonZeroU32;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{LineNo, Sku};
use crate::quantity::Quantity;

/// The speed of transport that the customer ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceLevel {
    /// The warehouse's usual speed.
    Standard,
    /// A faster transport; the registry says which sites offer it.
    Expedited,
}

/// A quantity of one order line's product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LineQuantity {
    /// The order line.
    pub line: LineNo,
    /// The product, in the ERP's spelling.
    pub sku: Sku,
    /// In the stock-keeping unit, unless a warehouse reported another one.
    pub quantity: Quantity,
}

/// What a warehouse needs to know about a line's goods in addition to their SKU.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Handling {
    /// The components of one kit, where the line is a kit that the warehouse stocks in parts. Empty for other lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kit: Vec<Component>,
    /// What the warehouse has to report for each piece that ships; `None` where nothing is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traced: Option<Traced>,
}

/// A component of a kit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Component {
    /// The component's own SKU.
    pub sku: Sku,
    /// Pieces in one kit; at least 1.
    pub per_kit: NonZeroU32,
}

/// What a warehouse has to report for each piece that ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Traced {
    /// The lot that the piece belongs to.
    Lot,
    /// The piece's own serial number.
    Serial,
}

/// What happens to goods that a warehouse accepted and then cannot find.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShortPolicy {
    /// They wait for stock and ship later.
    #[default]
    Backorder,
    /// They are not shipped any more.
    Cancel,
}

impl ShortPolicy {
    /// Whether this is the default, which is left out of the JSON.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// The times by which a warehouse should report. They are computed when the fulfillment is routed, from what its
/// warehouse promises, in the site's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deadlines {
    /// When the warehouse should have accepted or rejected the fulfillment.
    #[schemars(with = "String")]
    pub acknowledge_by: Timestamp,
    /// When the last package should have left.
    #[schemars(with = "String")]
    pub depart_by: Timestamp,
    /// The longest time between two reports of a package under way, in hours.
    pub silence_hours: u32,
}
