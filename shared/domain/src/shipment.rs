//! What orders and fulfillments both say of shipments: milestones, a package's status, and the progress that a fulfillment
//! reports to its order.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{Carrier, FulfillmentId, LineNo, PackageId, Tracking};
use crate::quantity::Quantity;

/// The state of one fulfillment, as its own stream reported it. The report with the highest `as_of` counts, in whatever
/// order the reports arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// The fulfillment that reports.
    pub fulfillment: FulfillmentId,
    /// The version of the fulfillment's stream that the report was computed from.
    pub as_of: u64,
    /// The warehouse's answer to the request.
    pub request_status: RequestStatus,
    /// The quantity that left the warehouse, by line; kits are counted whole.
    pub shipped: BTreeMap<LineNo, Quantity>,
    /// The quantity that arrived, by line.
    pub delivered: BTreeMap<LineNo, Quantity>,
    /// All packages that are not void.
    pub packages: Vec<PackageSummary>,
    /// Whether every package that left has its goods issue in the ERP.
    pub goods_issued: bool,
    /// The quantity that the warehouse was requested to ship and will not ship, by line. Empty until it closed the
    /// fulfillment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unfilled: BTreeMap<LineNo, Quantity>,
    /// Whether `unfilled` has an entry. It is a field of its own because rules of the bus cannot test a map.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed_short: bool,
    /// Why the warehouse refused a requested withdrawal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal_refused: Option<String>,
}

/// The warehouse's answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// The warehouse has not answered.
    Requested,
    /// The warehouse will ship.
    Accepted,
    /// The warehouse will not ship.
    Rejected,
    /// The warehouse withdrew the fulfillment unshipped, or never had it.
    Withdrawn,
}

/// What the customer can be shown about a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackageSummary {
    /// The warehouse's name of the package.
    pub package: PackageId,
    /// `None` until a label is printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carrier>,
    /// The carrier's tracking number; `None` until a label is printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    /// Computed from the package's reports.
    pub status: PackageStatus,
}

/// The status of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PackageStatus {
    /// The warehouse packed it, and nothing more is known.
    Packed,
    /// Its label was voided.
    Voided,
    /// The milestone that is furthest along the way; of the same phase, the latest one.
    #[serde(untagged)]
    At(MilestoneKind),
}

/// Written by hand. With an untagged variant serde's derived error would be "no variant matched", and a reader could
/// not tell a status of a later release from a broken record.
impl<'de> Deserialize<'de> for PackageStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        match word.as_str() {
            "packed" => Ok(Self::Packed),
            "voided" => Ok(Self::Voided),
            kind => MilestoneKind::deserialize(IntoDeserializer::<D::Error>::into_deserializer(kind)).map(Self::At),
        }
    }
}

impl PackageStatus {
    /// The name as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packed => "packed",
            Self::Voided => "voided",
            Self::At(kind) => kind.as_str(),
        }
    }

    /// Whether the package has left the warehouse and has neither arrived nor been returned.
    pub fn is_under_way(self) -> bool {
        match self {
            Self::Packed | Self::Voided => false,
            Self::At(kind) => kind.phase() == UNDER_WAY,
        }
    }
}

/// The phase between leaving the warehouse and arriving.
const UNDER_WAY: u8 = 2;

/// The steps of a package, in the words that all partners' codes are mapped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MilestoneKind {
    /// A code that the registry does not map. It is never guessed; a person looks at it.
    Unknown,
    /// A label is printed; nothing has moved.
    LabelCreated,
    /// The package is held: in the warehouse, or on its way.
    OnHold,
    /// The carrier took the package.
    PickedUp,
    /// The package is moving.
    InTransit,
    /// It will arrive later than promised.
    DeliveryDelayed,
    /// It is in the delivery vehicle.
    OutForDelivery,
    /// The receiver can collect it.
    ReadyForPickup,
    /// The carrier tried to deliver and failed.
    DeliveryFailed,
    /// The receiver has it.
    Delivered,
    /// It is on its way back to the sender.
    ReturnToSender,
    /// The shipper cancelled the shipment.
    Cancelled,
}

impl MilestoneKind {
    /// The name as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::LabelCreated => "label_created",
            Self::OnHold => "on_hold",
            Self::PickedUp => "picked_up",
            Self::InTransit => "in_transit",
            Self::DeliveryDelayed => "delivery_delayed",
            Self::OutForDelivery => "out_for_delivery",
            Self::ReadyForPickup => "ready_for_pickup",
            Self::DeliveryFailed => "delivery_failed",
            Self::Delivered => "delivered",
            Self::ReturnToSender => "return_to_sender",
            Self::Cancelled => "cancelled",
        }
    }

    /// How far along the way it is. A later phase wins even with an earlier time; within one phase, the later time wins. So a
    /// report that arrives late never moves a package backwards.
    pub(crate) fn phase(self) -> u8 {
        match self {
            Self::Unknown | Self::Cancelled => 0,
            Self::LabelCreated | Self::OnHold => 1,
            Self::PickedUp
            | Self::InTransit
            | Self::DeliveryDelayed
            | Self::OutForDelivery
            | Self::ReadyForPickup
            | Self::DeliveryFailed => UNDER_WAY,
            Self::Delivered => 3,
            Self::ReturnToSender => 4,
        }
    }

    /// Whether a package with this milestone has left the warehouse.
    pub fn means_left(self) -> bool {
        match self {
            Self::PickedUp
            | Self::InTransit
            | Self::OutForDelivery
            | Self::ReadyForPickup
            | Self::DeliveryFailed
            | Self::Delivered
            | Self::ReturnToSender => true,
            Self::Unknown | Self::LabelCreated | Self::OnHold | Self::DeliveryDelayed | Self::Cancelled => false,
        }
    }
}
