//! What a fulfillment makes or changes at its warehouse and at the ERP.

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
