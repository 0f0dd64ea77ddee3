//! What orders and fulfillments both say of shipments: milestones, a package's status, and the progress that a fulfillment
//! reports to its order.

use std::collections::BTreeMap;
use std::ops::Not;

use schemars::JsonSchema;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{Carrier, FulfillmentId, LineNo, PackageId, Tracking};
use crate::quantity::Quantity;

/// What an order decides by of one fulfillment: sums by line and a few flags, nothing per package, so that the order's
/// stream does not grow with reports. The register with the highest `as_of` counts, in whatever order the registers arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// The fulfillment that reports.
    pub fulfillment: FulfillmentId,
    /// The version of the fulfillment's stream at which this content last changed.
    pub as_of: u64,
    /// The version at which packages changed last together with this content. The order tells the CRM of them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packages_as_of: u64,
    /// The warehouse's answer to the request.
    pub request_status: RequestStatus,
    /// The quantity that left the warehouse, by line; kits are counted whole. An event has only the lines whose sum differs
    /// from the register before it; a sum that is gone is zero.
    pub shipped: BTreeMap<LineNo, Quantity>,
    /// The quantity that arrived, by line; in an event as `shipped`.
    pub delivered: BTreeMap<LineNo, Quantity>,
    /// Whether a package left or may still leave: one that is not void.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub has_packages: bool,
    /// Whether a package has left and has neither arrived nor been returned.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub under_way: bool,
    /// Whether a package is on its way back to the sender, or has arrived there.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub returned: bool,
    /// Whether every package that left has its goods issue in the ERP.
    pub goods_issued: bool,
    /// The quantity that the warehouse was requested to ship and will not ship, by line; in an event as `shipped`. Empty
    /// until the warehouse closed the fulfillment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unfilled: BTreeMap<LineNo, Quantity>,
    /// Whether the register's `unfilled` has an entry. It is a field of its own because rules of the bus cannot test a map,
    /// and because an event has only changed lines.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub closed_short: bool,
    /// Why the warehouse refused a requested withdrawal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal_refused: Option<String>,
}

fn is_zero(version: &u64) -> bool {
    *version == 0
}

impl Progress {
    /// This register as an event after the register `known`: only the lines whose sums differ.
    pub(crate) fn since(mut self, known: Option<&Self>) -> Self {
        let Some(known) = known else { return self };
        self.shipped = changed(&self.shipped, &known.shipped);
        self.delivered = changed(&self.delivered, &known.delivered);
        self.unfilled = changed(&self.unfilled, &known.unfilled);
        self
    }

    /// The register after the event `self`, where `known` was the register before it.
    pub(crate) fn onto(mut self, known: Option<Self>) -> Self {
        let known = known.map(|known| (known.shipped, known.delivered, known.unfilled));
        let (shipped, delivered, unfilled) = known.unwrap_or_default();
        self.shipped = overlaid(shipped, self.shipped);
        self.delivered = overlaid(delivered, self.delivered);
        self.unfilled = overlaid(unfilled, self.unfilled);
        self
    }
}

/// A sum for each line.
type ByLine = BTreeMap<LineNo, Quantity>;

/// The sums of `now` that `known` has not, and a zero for each line that only `known` has.
fn changed(now: &ByLine, known: &ByLine) -> ByLine {
    let gone = known.iter().filter(|(line, _)| !now.contains_key(line));
    let gone = gone.map(|(line, sum)| (*line, Quantity::zero(sum.uom())));
    let differ = now.iter().filter(|(line, sum)| known.get(line) != Some(sum));
    gone.chain(differ.map(|(line, sum)| (*line, *sum))).collect()
}

/// The sums of `known`, replaced by those of `changed`.
fn overlaid(mut known: ByLine, changed: ByLine) -> ByLine {
    known.extend(changed);
    known.retain(|_, sum| !sum.is_zero());
    known
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
