//! The fulfillment's events: stored in the journal, published on the bus, and folded into the fulfillment's state.

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
use crate::rejection::Rejection;
use crate::review::Decision;
use crate::shipment::MilestoneKind;
use crate::workflow::{EffectFailed, EffectRejected, EffectStarted};

/// An event of a fulfillment. Its `type` is its name on the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum FulfillmentEvent {
    /// The fulfillment was opened; its stream begins here.
    #[serde(rename = "fulfillment.opened")]
    Opened(Opened),
    /// The warehouse will ship the fulfillment.
    #[serde(rename = "fulfillment.accepted")]
    Accepted(Accepted),
    /// The warehouse will not ship the fulfillment.
    #[serde(rename = "fulfillment.rejected")]
    Rejected(Rejected),
    /// The warehouse reported a package's content or label.
    #[serde(rename = "fulfillment.package_packed")]
    PackagePacked(Packed),
    /// The warehouse voided a package's label. The package does not count, unless it moves or gets another label.
    #[serde(rename = "fulfillment.package_voided")]
    PackageVoided(Voided),
    /// The warehouse or the carrier reported a package's milestone.
    #[serde(rename = "fulfillment.milestone_recorded")]
    MilestoneRecorded(Milestone),
    /// The warehouse closed the fulfillment: it will not ship what it has not packed.
    #[serde(rename = "fulfillment.closed")]
    Closed(Closed),
    /// The warehouse withdrew the fulfillment unshipped, or never had it.
    #[serde(rename = "fulfillment.withdrawn")]
    Withdrawn(Withdrawn),
    /// The warehouse refused a requested withdrawal.
    #[serde(rename = "fulfillment.withdrawal_refused")]
    WithdrawalRefused(Rejection),
    /// An expected report did not arrive in time.
    #[serde(rename = "fulfillment.late")]
    Late(Late),
    /// A person decided a review of the fulfillment.
    #[serde(rename = "fulfillment.review_decided")]
    ReviewDecided(Decision<FulfillmentReview>),
    /// A decision cannot be followed; its review, if there is one, stays as it is.
    #[serde(rename = "fulfillment.request_rejected")]
    RequestRejected(Rejection),
    /// The ERP posted a package's goods issue.
    #[serde(rename = "fulfillment.goods_issued")]
    GoodsIssued(GoodsIssued),
    /// A call that makes or changes something at a partner is about to be sent.
    #[serde(rename = "fulfillment.effect_started")]
    EffectStarted(EffectStarted<FulfillmentEffect>),
    /// A call ended without a usable answer.
    #[serde(rename = "fulfillment.effect_failed")]
    EffectFailed(EffectFailed<FulfillmentEffect>),
    /// A partner refused a call; nothing was done, unless the reason leaves doubt.
    #[serde(rename = "fulfillment.effect_rejected")]
    EffectRejected(EffectRejected<FulfillmentEffect>),
}

/// The fulfillment, as the order assigned it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    /// Our id of the fulfillment; also the reference that the warehouse gets.
    pub fulfillment: FulfillmentId,
    /// The order that the fulfillment belongs to.
    pub order: OrderId,
    /// The ERP's number of the sales order. Goods issues refer to it.
    pub sales_order: DocumentNumber,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The site of the 3PL that ships.
    pub site: SiteCode,
    /// The ordered speed of transport.
    pub service_level: ServiceLevel,
    /// The delivery date that the customer asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub requested_by: Option<jiff::civil::Date>,
    /// The receiver, as a reference to the party store.
    pub ship_to: PartyRef,
    /// In stock-keeping units.
    pub lines: Vec<LineQuantity>,
    /// Kits and traced goods, by line. Lines without special handling are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub handling: BTreeMap<LineNo, Handling>,
    /// When the warehouse should report. `None` in records of releases that did not watch fulfillments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadlines: Option<Deadlines>,
    /// When the customer ordered. `None` in records of releases that did not compare it with the journal's epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ordered_at: Option<Timestamp>,
}

/// The warehouse accepted the fulfillment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// The warehouse's own id of the fulfillment.
    pub reference: ExternalId,
}

/// The warehouse rejected the fulfillment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Rejected {
    /// The warehouse's words.
    pub reason: String,
}

/// A package's content and label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Packed {
    /// The warehouse's name of the package.
    pub package: PackageId,
    /// When the warehouse packed it. The report with the latest time counts.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// By order line. Empty in a report of the label, lots or serial numbers alone.
    pub lines: Vec<LineQuantity>,
    /// `None` until a label is printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carrier>,
    /// The carrier's tracking number; `None` until a label is printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    /// Lots and serial numbers, where the warehouse reported them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traced: Vec<TracedGoods>,
    /// Goods that the report names by SKU alone and that fit no line, or several lines, of the fulfillment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unassigned: Vec<UnassignedGoods>,
}

impl Packed {
    /// Whether the report has a content, of known lines or not.
    pub(super) fn has_content(&self) -> bool {
        !self.lines.is_empty() || !self.unassigned.is_empty()
    }
}

/// Goods of a package that a report names without their order line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct UnassignedGoods {
    /// The product, in the ERP's spelling.
    pub sku: Sku,
    /// `None` where the report has no quantity that could be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// The lot of the whole quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// One for each piece, where pieces have serial numbers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub serials: BTreeSet<Serial>,
}

/// The lot and the serial numbers of a part of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct TracedGoods {
    /// The order line.
    pub line: LineNo,
    /// The product, as it was packed.
    pub sku: Sku,
    /// The quantity that this entry describes.
    pub quantity: Quantity,
    /// The lot of the whole quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// One for each piece, where pieces have serial numbers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub serials: BTreeSet<Serial>,
}

/// The warehouse's report that it packs no more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Closed {
    /// When the warehouse closed the fulfillment.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// All packages of the fulfillment, where the report lists them. Without a list, nothing is counted as unfilled,
    /// because a package's own report may still be on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<BTreeSet<PackageId>>,
}

/// A fulfillment that was withdrawn unshipped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Withdrawn {
    /// The warehouse's own id of the fulfillment; `None` where the warehouse never had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ExternalId>,
}

/// A report that did not arrive in time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Late {
    /// The report that was expected.
    pub missing: Missing,
    /// When it should have arrived.
    #[schemars(with = "String")]
    pub due: Timestamp,
}

/// A report that is expected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "missing", rename_all = "snake_case")]
pub enum Missing {
    /// The warehouse accepts or rejects the fulfillment.
    Acknowledgement,
    /// All goods leave the warehouse.
    Departure,
    /// A package that left is reported again: a milestone on its way.
    News {
        /// The package, which has not arrived.
        package: PackageId,
    },
}

/// A package whose label was voided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Voided {
    /// The warehouse's name of the package.
    pub package: PackageId,
    /// When the label was voided.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// A step of a package on its way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Milestone {
    /// The warehouse's name of the package.
    pub package: PackageId,
    /// The step, in our words.
    pub milestone: MilestoneKind,
    /// When it happened. Never later than the time of its arrival here.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The sender's own code, where our word does not say all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether the sender's clock was ahead, so that the time of the report's arrival was taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clock_ahead: bool,
    /// The carrier, where the report names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carrier>,
    /// The carrier's tracking number, where the report names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
}

/// A package's goods issue in the ERP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct GoodsIssued {
    /// The warehouse's name of the package.
    pub package: PackageId,
    /// The ERP's number of the goods issue.
    pub document: DocumentNumber,
    /// The posted quantities; a later report of the package's content is compared with them. Empty in records of
    /// releases that did not store them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineQuantity>,
}
