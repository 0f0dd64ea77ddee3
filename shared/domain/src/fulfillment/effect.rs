//! What a fulfillment makes or changes at its warehouse and at the ERP.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::PackageId;

/// A fulfillment's effect at a partner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum FulfillmentEffect {
    /// The warehouse is requested to ship.
    #[serde(rename = "request_fulfillment")]
    Request,
    /// The warehouse is requested to withdraw the fulfillment unshipped.
    #[serde(rename = "withdraw_fulfillment")]
    Withdraw,
    /// A package's goods issue is posted at the ERP.
    PostGoodsIssue {
        /// The package that left.
        package: PackageId,
    },
}

/// For people, as the verb after "to".
impl fmt::Display for FulfillmentEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request shipment from the warehouse"),
            Self::Withdraw => f.write_str("request the withdrawal from the warehouse"),
            Self::PostGoodsIssue { package } => write!(f, "post the goods issue of package {package}"),
        }
    }
}
