//! What can happen to a fulfillment.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fulfillment::effect::FulfillmentEffect;
use crate::fulfillment::review::FulfillmentReview;
use crate::goods::{Deadlines, Handling, LineQuantity, ServiceLevel};
use crate::ids::{
    Carrier, DocumentNumber, ExternalId, FulfillmentId, LineNo, Lot, OrderId, PackageId, PartnerId, Serial, SiteCode,
    Sku, Tracking,
};
use crate::party::PartyRef;
use crate::quantity::Quantity;
use crate::review::Decision;
use crate::workflow::{EffectFailed, EffectRejected, EffectStarted, Rejection};

/// A fulfillment's event. The name in `type` is the name on the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum FulfillmentEvent {
    /// The fulfillment exists.
    #[serde(rename = "fulfillment.opened")]
    Opened(Opened),
    /// The warehouse said that it will ship.
    #[serde(rename = "fulfillment.accepted")]
    Accepted(Accepted),
    /// The warehouse said that it will not.
    #[serde(rename = "fulfillment.rejected")]
    Rejected(Rejected),
    /// What is in a package, and who carries it.
    #[serde(rename = "fulfillment.package_packed")]
    PackagePacked(Packed),
    /// A label was voided: the package never was.
    #[serde(rename = "fulfillment.package_voided")]
    PackageVoided(Voided),
    /// A package came further.
    #[serde(rename = "fulfillment.milestone_recorded")]
    MilestoneRecorded(Milestone),
    /// The warehouse is done with the fulfillment: what it has not packed by then, it will not ship.
    #[serde(rename = "fulfillment.closed")]
    Closed(Closed),
    /// The warehouse gave the fulfillment back, or never had it.
    #[serde(rename = "fulfillment.withdrawn")]
    Withdrawn(Withdrawn),
    /// The warehouse did not give the fulfillment back.
    #[serde(rename = "fulfillment.withdrawal_refused")]
    WithdrawalRefused(Rejection),
    /// Something should have been heard by now.
    #[serde(rename = "fulfillment.late")]
    Late(Late),
    /// Somebody decided what the fulfillment left to people.
    #[serde(rename = "fulfillment.review_decided")]
    ReviewDecided(Decision<FulfillmentReview>),
    /// The ERP knows that the package left.
    #[serde(rename = "fulfillment.goods_issued")]
    GoodsIssued(GoodsIssued),
    /// An effect is about to happen.
    #[serde(rename = "fulfillment.effect_started")]
    EffectStarted(EffectStarted<FulfillmentEffect>),
    /// A call ended without a usable answer.
    #[serde(rename = "fulfillment.effect_failed")]
    EffectFailed(EffectFailed<FulfillmentEffect>),
    /// A partner understood and said no.
    #[serde(rename = "fulfillment.effect_rejected")]
    EffectRejected(EffectRejected<FulfillmentEffect>),
}

/// The fulfillment, as it was assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    /// Which fulfillment.
    pub fulfillment: FulfillmentId,
    /// Whose.
    pub order: OrderId,
    /// The ERP's number of the order: a goods issue refers to it.
    pub sales_order: DocumentNumber,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// Which of its sites.
    pub site: SiteCode,
    /// How fast.
    pub service_level: ServiceLevel,
    /// Who receives.
    pub ship_to: PartyRef,
    /// What, in stock-keeping units.
    pub lines: Vec<LineQuantity>,
    /// What has to be known of a line's goods, where it is more than their name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub handling: BTreeMap<LineNo, Handling>,
    /// When it should have come how far; a release that did not say was not watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadlines: Option<Deadlines>,
}

/// The warehouse's yes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// What the warehouse calls the fulfillment.
    pub reference: ExternalId,
}

/// The warehouse's no.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Rejected {
    /// Its reason.
    pub reason: String,
}

/// A package's content and label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Packed {
    /// The warehouse's name for it.
    pub package: PackageId,
    /// When; of two reports on one package the later counts.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What is in it, by line.
    pub lines: Vec<LineQuantity>,
    /// Who carries it, where a label is made already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carrier>,
    /// The carrier's number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    /// Lots and serial numbers, where the warehouse told them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traced: Vec<TracedGoods>,
}

/// Which lots and pieces a package holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct TracedGoods {
    /// Of which line.
    pub line: LineNo,
    /// The product, as it was packed.
    pub sku: Sku,
    /// How much of it is told of here.
    pub quantity: Quantity,
    /// The lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// The pieces' own numbers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub serials: BTreeSet<Serial>,
}

/// The warehouse's last word on what it packs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Closed {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What it packed, where the report names it. One that does not says nothing of what is missing: a package's own message
    /// may still be on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<BTreeSet<PackageId>>,
}

/// A fulfillment that came back unshipped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Withdrawn {
    /// What the warehouse called it; `None` where it never had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ExternalId>,
}

/// Something that did not come in its time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Late {
    /// What.
    pub missing: Missing,
    /// When it should have come.
    #[schemars(with = "String")]
    pub due: Timestamp,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "missing", rename_all = "snake_case")]
pub enum Missing {
    /// The warehouse's yes or no.
    Acknowledgement,
    /// The goods' departure.
    Departure,
    /// News of a package that left and did not arrive.
    News {
        /// Which one.
        package: PackageId,
    },
}

/// A package that never was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Voided {
    /// Which one.
    pub package: PackageId,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// A step of a package on its way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Milestone {
    /// Which package.
    pub package: PackageId,
    /// Which step.
    pub milestone: MilestoneKind,
    /// When it happened, never later than when we heard of it.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The sender's own code, where ours does not say it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether the sender's clock was ahead of ours and its time was cut to ours.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clock_ahead: bool,
    /// Who carries it, where the report says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carrier>,
    /// The carrier's number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
}

/// The canonical steps of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MilestoneKind {
    /// A code that the registry does not map; never guessed.
    Unknown,
    /// A label is printed: nothing has moved.
    LabelCreated,
    /// Held before it left, or on its way.
    OnHold,
    /// The carrier has it.
    PickedUp,
    /// Moving.
    InTransit,
    /// Later than promised.
    DeliveryDelayed,
    /// On the van.
    OutForDelivery,
    /// The receiver may fetch it.
    ReadyForPickup,
    /// Tried in vain.
    DeliveryFailed,
    /// There.
    Delivered,
    /// On its way back.
    ReturnToSender,
    /// The shipment was cancelled by whoever ships.
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

/// The ERP's word that a package's goods issue is posted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct GoodsIssued {
    /// Which package.
    pub package: PackageId,
    /// The ERP's number for it.
    pub document: DocumentNumber,
    /// What was posted: a later word on the package's content is compared with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineQuantity>,
}
